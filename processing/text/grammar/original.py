"""The grammar of the original dataset (MMVID ``pcfg.py``), kept with its quirks.

The structure (which attributes share a clause, and in what order) is drawn once per clip; the ``n`` lines differ
in subjects and in "wears" / "is wearing" alone, so lines can repeat. ``No_Beard`` is turned round: "beard" is said
whenever it is 0, of women too. Spoken names have no articles. ``Male`` chooses the words for the person and
``Mouth_Slightly_Open`` is never said. A clip with nothing left to say gets empty lines.

One draw chooses the subject and the verb of a clause together, from a table of their joint probabilities. That
gives the same distribution as the original's chain of draws.
"""

from bisect import bisect
from collections.abc import Sequence
from fractions import Fraction
from itertools import accumulate
from typing import Literal

from mmvoxceleb.processing.text.grammar.basics import Draw, enumerate_words, shuffle
from mmvoxceleb.schema import ATTRIBUTE_INDEX, ATTRIBUTES

__all__ = ["KINDS", "SPOKEN", "describe_original"]

Kind = Literal["wear", "has", "is"]
Gender = Literal["male", "female", "unknown"]

_WEAR = frozenset(
    {
        "Eyeglasses", "Goatee", "Wearing_Earrings", "Wearing_Hat", "Wearing_Lipstick",
        "Wearing_Necklace", "Wearing_Necktie",
    }
)  # fmt: skip
_IS = frozenset({"Attractive", "Bald", "Blurry", "Chubby", "Smiling", "Young"})

MALE = ATTRIBUTE_INDEX["Male"]
NO_BEARD = ATTRIBUTE_INDEX["No_Beard"]
_UNSPOKEN = frozenset({MALE, ATTRIBUTE_INDEX["Mouth_Slightly_Open"]})


def _spoken(name: str) -> str:
    if name == "5_o_Clock_Shadow":
        return "5 o'clock shadow"
    return name.replace("No_", "").replace("Wearing_", "").replace("_", " ").lower()


SPOKEN: tuple[str, ...] = tuple(_spoken(name) for name in ATTRIBUTES)
"""What the original says for each attribute."""

KINDS: tuple[Kind, ...] = tuple("wear" if name in _WEAR else "is" if name in _IS else "has" for name in ATTRIBUTES)
"""The verb of each attribute."""

_NOUNS: dict[Gender, tuple[str, ...]] = {"male": ("male", "man"), "female": ("female", "woman"), "unknown": ()}
_PRONOUNS: dict[Gender, str] = {"male": "He", "female": "She", "unknown": ""}
_VERBS: dict[Kind, tuple[str, ...]] = {"wear": ("wears", "is wearing"), "has": ("has",), "is": ("is",)}


def _openings(gender: Gender, kind: Kind, pronoun: Fraction) -> tuple[list[float], list[str]]:
    """List the openings of a clause ("This man is wearing "), and the upper ends of their shares of [0, 1).

    Args:
        gender: Chooses pronoun and nouns. The original knows two; with the third nobody's sex is said.
        kind: Chooses the verb.
        pronoun: Probability of the pronoun; otherwise a determiner with a noun.
    """
    subjects = {_PRONOUNS[gender]: pronoun} if _PRONOUNS[gender] else {}
    noun = 1 - sum(subjects.values(), Fraction(0))
    gendered = Fraction(3, 4) if _NOUNS[gender] else Fraction(0)
    for determiner in ("A", "This"):
        for word in _NOUNS[gender]:
            subjects[f"{determiner} {word}"] = noun / 2 * gendered / len(_NOUNS[gender])
        subjects[f"{determiner} person"] = noun / 2 * (1 - gendered)
    verbs = _VERBS[kind]
    shares = [share / len(verbs) for share in subjects.values() for _ in verbs]
    assert sum(shares) == 1, (gender, kind, shares)
    return [float(end) for end in accumulate(shares)], [f"{who} {verb} " for who in subjects for verb in verbs]


_FIRST = {(gender, kind): _openings(gender, kind, Fraction(1, 2)) for gender in _NOUNS for kind in _VERBS}
_LATER = {(gender, kind): _openings(gender, kind, Fraction(17, 20)) for gender in _NOUNS for kind in _VERBS}


def describe_original(label: Sequence[int], n: int, draw: Draw) -> list[str]:
    """Write ``n`` lines about a label as the original grammar does.

    Args:
        label: 40 values in CelebA order. -1 is not said; with -1 for ``Male`` the subject is always a "person".
        n: Number of lines.
        draw: The clip's stream of random numbers.

    Returns:
        ``n`` lines, all empty where no attribute is left to say.
    """
    spoken = [
        index
        for index, value in enumerate(label)
        if (value == 0 if index == NO_BEARD else value == 1) and index not in _UNSPOKEN
    ]
    gender: Gender = "male" if label[MALE] == 1 else "female" if label[MALE] == 0 else "unknown"
    table = _FIRST
    columns = []
    for kind, group in _structure(spoken, draw):
        ends, openings = table[gender, kind]
        rest = enumerate_words([SPOKEN[index] for index in group]) + "."
        phrases = [opening + rest for opening in openings]
        columns.append([phrases[bisect(ends, draw())] for _ in range(n)])
        table = _LATER
    return list(map(" ".join, zip(*columns, strict=True))) if columns else [""] * n


def _structure(spoken: list[int], draw: Draw) -> list[tuple[Kind, list[int]]]:
    """Draw which attributes share a clause, and the order of clauses."""
    shuffle(spoken, draw)
    queues: dict[Kind, list[int]] = {"wear": [], "has": [], "is": []}
    for index in spoken:
        queues[KINDS[index]].append(index)
    clauses: list[tuple[Kind, list[int]]] = []
    left = len(spoken)
    while left:
        kind = _kind_at(int(draw() * left), queues)
        queue = queues[kind]
        group = [queue.pop()]
        if queue and draw() < 0.9:
            group.append(queue.pop())
        if queue and draw() < 0.85:
            group.append(queue.pop())
        left -= len(group)
        clauses.append((kind, group))
    return clauses


def _kind_at(place: int, queues: dict[Kind, list[int]]) -> Kind:
    """Find the queue that holds ``place`` when all are laid end to end."""
    wear = len(queues["wear"])
    if place < wear:
        return "wear"
    return "has" if place < wear + len(queues["has"]) else "is"
