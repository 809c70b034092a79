"""What both grammars need: random numbers of a clip, the same on every machine and in any order, and lists of words."""

import hashlib
import random
from collections.abc import Callable, MutableSequence, Sequence
from typing import TypeVar

__all__ = ["Draw", "enumerate_words", "random_of", "shuffle"]

Draw = Callable[[], float]
"""Gives the next number of a stream, uniform in [0, 1)."""

_T = TypeVar("_T")


def random_of(*parts: object) -> Draw:
    """Start the stream of random numbers that belongs to ``parts``.

    Python promises that ``random.Random(integer).random()`` gives the same sequence for ever; its ``shuffle``,
    ``choice`` and seeding by strings carry no such promise and are not used. The integer is the SHA-256 of the
    parts, so neighbouring seeds and similar clip ids give unrelated streams.

    Args:
        *parts: For example the style, the seed and the clip id. Each is taken as ``str(part)``.

    Returns:
        A function that gives the next number.
    """
    key = "\0".join(map(str, parts)).encode("utf-8", "surrogateescape")
    return random.Random(int.from_bytes(hashlib.sha256(key).digest(), "big")).random


def shuffle(items: MutableSequence[_T], draw: Draw) -> None:
    """Shuffle ``items`` in place (Fisher and Yates)."""
    for last in range(len(items) - 1, 0, -1):
        other = int(draw() * (last + 1))
        items[last], items[other] = items[other], items[last]


def enumerate_words(words: Sequence[str]) -> str:
    """Write a list: "a", "a and b", "a, b and c"; "" for none."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
