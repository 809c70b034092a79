"""The natural grammar: correct English, every line with a structure of its own, and nothing that the label denies.

A line says everything that holds: what stands before the noun ("a young man"), what is had, worn and done, and
"The picture is blurry." The clauses of a line are drawn again: which attributes share one, their order, the
synonyms, and how clauses are tied together ("..., who is wearing a hat", "Wearing a hat, he has ..."). ``-1`` is
not said; with ``-1`` for ``Male`` the words are "person" and "they". Beards and their absence are not said of women: a
label without No_Beard means there that nobody filled it in. "No beard" is said of men only, and not beside a goatee.
"""

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

from mmvoxceleb.processing.text.grammar.basics import Draw, enumerate_words, shuffle
from mmvoxceleb.processing.text.grammar.lexicon import (
    ADJECTIVES,
    BLURRY,
    MOUTH_OPEN,
    PERSONS,
    PICTURE,
    SMILING,
    WORN,
    Person,
    Phrase,
    choose,
    features_of,
)
from mmvoxceleb.schema import ATTRIBUTE_INDEX

__all__ = ["compose", "describe_natural"]

_MALE = ATTRIBUTE_INDEX["Male"]
_LARGEST_GROUP = 3
_LEADING = 2

Kind = Literal["has", "wears", "is", "smiles"]


class _Clause(NamedTuple):
    """One verb and what it takes: "a goatee and black hair", "a hat", "young"; after "smiles" perhaps nothing."""

    kind: Kind
    words: str
    states: tuple[tuple[int, int], ...]
    plain: bool
    """Whether ``words`` holds no "and", "with" or "that", so that more can follow without confusion."""


def describe_natural(label: Sequence[int], n: int, draw: Draw) -> list[str]:
    """Write ``n`` lines of natural English about a label.

    Args:
        label: 40 values in CelebA order, each -1 (not said), 0 or 1.
        n: Number of lines.
        draw: The clip's stream of random numbers.
    """
    return [" ".join([sentence.text for sentence in compose(label, draw)]) for _ in range(n)]


def compose(label: Sequence[int], draw: Draw) -> list[Phrase]:
    """Compose the sentences of one line, each with the attribute values that it states."""
    person = PERSONS[label[_MALE]]
    sex = () if label[_MALE] == -1 else ((_MALE, label[_MALE]),)
    leading, adjectives = _adjectives(label, draw)
    clauses = _clauses(label, person, adjectives, draw)
    noun = _noun_phrase(leading, choose(person.nouns, draw))
    states = (*sex, *_join_states(leading))
    sentences = [_opening(noun, states, clauses, draw)]
    while clauses:
        sentences.append(_later(person, sex, clauses, draw))
    if label[BLURRY] == 1:
        picture = Phrase(choose(PICTURE, draw), ((BLURRY, 1),))
        sentences.insert(0 if draw() < 0.3 else len(sentences), picture)
    return sentences


def _adjectives(label: Sequence[int], draw: Draw) -> tuple[list[Phrase], list[Phrase]]:
    """Draw which adjectives stand before the noun, at most two, and which follow "is"."""
    leading: list[Phrase] = []
    rest: list[Phrase] = []
    for index, options in ADJECTIVES.items():
        if label[index] == 1:
            phrase = Phrase(choose(options, draw), ((index, 1),))
            (leading if len(leading) < _LEADING and draw() < 0.55 else rest).append(phrase)
    return leading, rest


def _noun_phrase(leading: Sequence[Phrase], noun: str) -> str:
    """Put adjectives before a noun: "young man", "attractive, plump woman"."""
    return " ".join([", ".join([phrase.text for phrase in leading]), noun]).strip()


def _clauses(label: Sequence[int], person: Person, adjectives: list[Phrase], draw: Draw) -> list[_Clause]:
    worn = [Phrase(choose(options, draw), ((index, 1),)) for index, options in WORN.items() if label[index] == 1]
    clauses = [
        *_groups("has", features_of(label, person.possessive, draw), draw),
        *_groups("wears", worn, draw),
        *_groups("is", adjectives, draw),
    ]
    mouth = Phrase(f"{person.possessive} mouth slightly open", ((MOUTH_OPEN, 1),)) if label[MOUTH_OPEN] == 1 else None
    if label[SMILING] == 1 and mouth and draw() < 0.5:
        clauses.append(_Clause("smiles", f" with {mouth.text}", ((SMILING, 1), *mouth.states), False))
    else:
        if label[SMILING] == 1:
            clauses.append(_Clause("smiles", "", ((SMILING, 1),), True))
        if mouth:
            clauses.append(_Clause("has", mouth.text, mouth.states, False))
    shuffle(clauses, draw)
    return clauses


def _groups(kind: Kind, phrases: list[Phrase], draw: Draw) -> Iterable[_Clause]:
    """Shuffle phrases and share them out among clauses of one to three."""
    shuffle(phrases, draw)
    start = 0
    while start < len(phrases):
        size = 1 + int(draw() * _LARGEST_GROUP)
        group = sorted(phrases[start : start + size], key=_is_long)
        start += size
        words = enumerate_words([phrase.text for phrase in group])
        yield _Clause(kind, words, _join_states(group), len(group) == 1 and not _is_long(group[0]))


def _is_long(phrase: Phrase) -> bool:
    """Return whether a phrase would seem to take in what follows it in a list: "black hair that is wavy"."""
    return " that is " in phrase.text or " with " in phrase.text


def _verb_phrase(clause: _Clause, plural: bool, draw: Draw) -> str:
    be = "are" if plural else "is"
    if clause.kind == "has":
        return f"{'have' if plural else 'has'} {clause.words}"
    if clause.kind == "is":
        return f"{be} {clause.words}"
    if draw() < 0.6:
        return f"{be} {_predicate(clause)}"
    verb = clause.kind[:-1] if plural else clause.kind
    return f"{verb} {clause.words}" if clause.kind == "wears" else f"{verb}{clause.words}"


def _predicate(clause: _Clause) -> str:
    """Say what follows "is": "young", "wearing a hat", "smiling"."""
    if clause.kind == "is":
        return clause.words
    return f"wearing {clause.words}" if clause.kind == "wears" else f"smiling{clause.words}"


def _opening(noun: str, states: tuple[tuple[int, int], ...], clauses: list[_Clause], draw: Draw) -> Phrase:
    """Introduce the person, and use up the first clause or two."""
    article = _article(noun)
    if not clauses:
        forms = (
            f"This is {article} {noun}.",
            f"The person here is {article} {noun}.",
            f"Here we see {article} {noun}.",
        )
        return Phrase(choose(forms, draw), states)
    first = clauses.pop()
    states = (*states, *first.states)
    form = draw()
    attached = _attached(first)
    if attached and form < 0.2:
        start = choose(("This is", "Here is", "The clip shows", "We see", "There is"), draw)
        return Phrase(f"{start} {article} {noun} {attached}.", states)
    subject = choose((f"{article.capitalize()} {noun}", f"This {noun}", f"The {noun}"), draw)
    if attached and clauses and form < 0.6:
        second = clauses.pop()
        return Phrase(f"{subject} {attached} {_verb_phrase(second, False, draw)}.", (*states, *second.states))
    if first.kind in ("wears", "smiles") and clauses and form < 0.75:
        second = clauses.pop()
        text = f"{_predicate(first)}, {_lower(subject)} {_verb_phrase(second, False, draw)}."
        return Phrase(text[0].upper() + text[1:], (*states, *second.states))
    return Phrase(f"{subject} {_verb_phrase(first, False, draw)}.", states)


def _attached(clause: _Clause) -> str:
    """Turn a clause into what can follow a noun: "with black hair", "wearing a hat"; "" where none fits."""
    if clause.kind == "has":
        return "" if " with " in clause.words or " that is " in clause.words else f"with {clause.words}"
    return f"wearing {clause.words}" if clause.kind == "wears" else f"who is {_predicate(clause)}"


def _later(person: Person, sex: tuple[tuple[int, int], ...], clauses: list[_Clause], draw: Draw) -> Phrase:
    """Say the next clause or two of a person who was introduced."""
    plural, subject, said = person.plural, person.pronoun.capitalize(), sex
    if draw() < 0.2:
        plural, subject = False, f"{choose(('This', 'The'), draw)} {choose((*person.nouns, 'person'), draw)}"
    first = clauses.pop()
    form = draw()
    if not clauses or form < 0.4:
        also = " also" if first.kind == "has" and draw() < 0.2 else ""
        return Phrase(f"{subject}{also} {_verb_phrase(first, plural, draw)}.", (*said, *first.states))
    second = clauses.pop()
    states = (*said, *first.states, *second.states)
    if first.kind in ("wears", "smiles") and form < 0.55:
        start = _predicate(first)
        return Phrase(f"{start.capitalize()}, {_lower(subject)} {_verb_phrase(second, plural, draw)}.", states)
    verbs = _verb_phrase(first, plural, draw), _verb_phrase(second, plural, draw)
    if first.plain and second.plain and form < 0.85:
        return Phrase(f"{subject} {verbs[0]} and {verbs[1]}.", states)
    pronoun_verb = _verb_phrase(second, person.plural, draw)
    return Phrase(f"{subject} {verbs[0]}, and {person.pronoun} {pronoun_verb}.", states)


def _lower(subject: str) -> str:
    return subject[0].lower() + subject[1:]


def _article(noun: str) -> str:
    return "an" if noun[0] in "aeiou" else "a"


def _join_states(phrases: Iterable[Phrase]) -> tuple[tuple[int, int], ...]:
    return tuple(state for phrase in phrases for state in phrase.states)
