"""Describe a label in sentences: :func:`describe`."""

from collections.abc import Callable, Iterable, Sequence
from typing import Literal, get_args

from mmvoxceleb.errors import ConfigError
from mmvoxceleb.processing.text.grammar import describe_natural, describe_original, random_of
from mmvoxceleb.processing.text.grammar.basics import Draw
from mmvoxceleb.schema import ATTRIBUTES

__all__ = ["STYLES", "TextStyle", "check_label", "describe"]

TextStyle = Literal["original", "natural"]
STYLES: tuple[TextStyle, ...] = get_args(TextStyle)
"""``original`` is MMVID's grammar, with its quirks. ``natural`` is this project's, with correct English and more
variety."""

_VALUES = frozenset({-1, 0, 1})

_GRAMMARS: dict[str, Callable[[Sequence[int], int, Draw], list[str]]] = {
    "original": describe_original,
    "natural": describe_natural,
}


def describe(
    label: Iterable[int], n: int = 20, seed: int = 0, clip_id: str = "", style: TextStyle = "original"
) -> list[str]:
    """Describe a person by the attributes of a label.

    The lines depend only on the arguments. A clip gets the same lines alone or among thousands, in any order, on any
    machine.

    Args:
        label: 40 values in CelebA order: 1 (present), 0 (absent), or -1 for an attribute that is not mentioned.
        n: Number of lines. The original has 20 per clip.
        seed: A different seed gives different lines.
        clip_id: Id of the clip, so that clips with the same label get different lines.
        style: The grammar. ``original`` is MMVID's, with its quirks. ``natural`` is this project's, with correct
            English and more variety.

    Returns:
        ``n`` lines of one or more sentences. In the original style, the lines are empty if the label has nothing that
        this grammar mentions: only No_Beard, alone or with Male or Mouth_Slightly_Open.

    Raises:
        ConfigError: The label does not have 40 values, or has a value other than -1, 0 and 1; ``n`` is negative; or
            the style is unknown.
    """
    grammar = _GRAMMARS.get(style)
    if grammar is None:
        raise ConfigError(f"unknown style {style!r}; the known ones are {', '.join(STYLES)}")
    if n < 0:
        raise ConfigError(f"n must not be negative, got {n}")
    return grammar(check_label(label), n, random_of("mmvoxceleb.text", style, seed, clip_id))


def check_label(label: Iterable[int]) -> list[int]:
    """Return a label as a list of 40 integers.

    Raises:
        ConfigError: The label does not have 40 values, or has a value other than -1, 0 and 1.
    """
    tolist = getattr(label, "tolist", None)
    values = list(tolist() if tolist else label)
    if len(values) != len(ATTRIBUTES):
        raise ConfigError(f"a label has {len(ATTRIBUTES)} values in CelebA order, got {len(values)}")
    if not _VALUES.issuperset(values):
        name, value = next(
            (name, value) for name, value in zip(ATTRIBUTES, values, strict=True) if value not in _VALUES
        )
        raise ConfigError(f"the label's value for {name} is {value!r}; it can be 0, 1, or -1 for unknown")
    return [int(value) for value in values]
