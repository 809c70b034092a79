"""The words of the natural grammar: for each attribute, or group of attributes, the phrases that state it.

Every phrase carries what it states, as ``(attribute, value)`` pairs, so that a test can check each against the
label. ``{their}`` stands for the possessive pronoun.
"""

from collections.abc import Sequence
from typing import NamedTuple

from mmvoxceleb.processing.text.grammar.basics import Draw, enumerate_words
from mmvoxceleb.schema import ATTRIBUTE_INDEX

__all__ = [
    "ADJECTIVES",
    "BLURRY",
    "MOUTH_OPEN",
    "PERSONS",
    "PICTURE",
    "SMILING",
    "WORN",
    "Person",
    "Phrase",
    "choose",
    "features_of",
]


class Phrase(NamedTuple):
    """Words, and the attribute values that they state.

    Args:
        text: The words.
        states: ``(position of the attribute, value in the label)``.
    """

    text: str
    states: tuple[tuple[int, int], ...]


class Person(NamedTuple):
    """How to speak of a person.

    Args:
        nouns: Nouns that name the sex, or "person".
        pronoun: "he", "she" or "they".
        possessive: "his", "her" or "their".
        plural: Whether the pronoun takes plural verbs.
    """

    nouns: tuple[str, ...]
    pronoun: str
    possessive: str
    plural: bool


PERSONS: dict[int, Person] = {
    1: Person(("man", "guy"), "he", "his", False),
    0: Person(("woman", "lady"), "she", "her", False),
    -1: Person(("person",), "they", "their", True),
}
"""By the label's value of Male."""


def _named(options: dict[str, tuple[str, ...]]) -> dict[int, tuple[str, ...]]:
    return {ATTRIBUTE_INDEX[name]: phrases for name, phrases in options.items()}


ADJECTIVES = _named(
    {
        "Attractive": ("attractive", "good-looking"),
        "Chubby": ("chubby", "plump"),
        "Young": ("young", "youthful"),
        "Bald": ("bald", "bald-headed"),
    }
)
"""Said before the noun or after "is"; in the order in which English puts several before a noun."""

WORN = _named(
    {
        "Eyeglasses": ("eyeglasses", "glasses", "a pair of glasses"),
        "Heavy_Makeup": ("heavy makeup", "a lot of makeup"),
        "Wearing_Earrings": ("earrings", "a pair of earrings"),
        "Wearing_Hat": ("a hat",),
        "Wearing_Lipstick": ("lipstick",),
        "Wearing_Necklace": ("a necklace",),
        "Wearing_Necktie": ("a necktie", "a tie"),
    }
)
"""Said after "is wearing"."""

_SINGLE = _named(
    {
        "5_o_Clock_Shadow": ("a five o'clock shadow", "a 5 o'clock shadow"),
        "Bags_Under_Eyes": ("bags under {their} eyes", "eye bags"),
        "Big_Lips": ("big lips", "full lips"),
        "Double_Chin": ("a double chin",),
        "Goatee": ("a goatee",),
        "High_Cheekbones": ("high cheekbones", "prominent cheekbones"),
        "Mustache": ("a mustache", "a moustache"),
        "Narrow_Eyes": ("narrow eyes",),
        "Oval_Face": ("an oval face", "an oval-shaped face"),
        "Pale_Skin": ("pale skin", "a pale complexion"),
        "Receding_Hairline": ("a receding hairline",),
        "Rosy_Cheeks": ("rosy cheeks", "pink cheeks"),
        "Sideburns": ("sideburns",),
    }
)

_COLOURS = _named(
    {"Black_Hair": ("black",), "Blond_Hair": ("blond",), "Brown_Hair": ("brown",), "Gray_Hair": ("gray",)}
)
_TEXTURES = _named({"Straight_Hair": ("straight",), "Wavy_Hair": ("wavy",)})
_BROWS = _named({"Arched_Eyebrows": ("arched",), "Bushy_Eyebrows": ("bushy", "thick")})
_NOSE = _named({"Big_Nose": ("big", "large"), "Pointy_Nose": ("pointy", "pointed")})
_BANGS = ATTRIBUTE_INDEX["Bangs"]
_NO_BEARD = ATTRIBUTE_INDEX["No_Beard"]
_MALE = ATTRIBUTE_INDEX["Male"]
_GOATEE = ATTRIBUTE_INDEX["Goatee"]
_SHAVEN = tuple(ATTRIBUTE_INDEX[name] for name in ("5_o_Clock_Shadow", "Goatee", "Mustache", "Sideburns"))

SMILING = ATTRIBUTE_INDEX["Smiling"]
MOUTH_OPEN = ATTRIBUTE_INDEX["Mouth_Slightly_Open"]
BLURRY = ATTRIBUTE_INDEX["Blurry"]

PICTURE: tuple[str, ...] = (
    "The picture is blurry.", "The image is blurry.", "The picture is not sharp.", "The view is blurred.",
    "The footage is blurry.",
)  # fmt: skip
"""Sentences for Blurry, which is about the picture and not the person."""


def choose(options: Sequence[str], draw: Draw) -> str:
    """Draw one of ``options``, all equally likely."""
    return options[int(draw() * len(options))] if len(options) > 1 else options[0]


def _several(table: dict[int, tuple[str, ...]], label: Sequence[int], draw: Draw) -> tuple[list[str], list[int]]:
    found = [index for index in table if label[index] == 1]
    if len(found) > 1 and draw() < 0.5:
        found.reverse()
    return [choose(table[index], draw) for index in found], found


def _true(indices: Sequence[int]) -> tuple[tuple[int, int], ...]:
    return tuple((index, 1) for index in indices)


def features_of(label: Sequence[int], possessive: str, draw: Draw) -> list[Phrase]:
    """Draw a noun phrase, to follow "has" or "with", for everything in ``label`` that a person can have.

    Args:
        label: 40 values in CelebA order.
        possessive: "his", "her" or "their".
        draw: The clip's stream of random numbers.
    """
    phrases = [
        Phrase(choose(options, draw).replace("{their}", possessive), ((index, 1),))
        for index, options in _SINGLE.items()
        if label[index] == 1
    ]
    phrases += _hair(label, draw)
    words, found = _several(_BROWS, label, draw)
    if words:
        phrases.append(Phrase(f"{' '.join(words)} {choose(('eyebrows', 'brows'), draw)}", _true(found)))
    words, found = _several(_NOSE, label, draw)
    if words:
        phrases.append(Phrase(f"a {' '.join(words)} nose", _true(found)))
    if label[_NO_BEARD] == 0 and label[_MALE] != 0:
        phrases.append(Phrase("a beard", ((_NO_BEARD, 0),)))
    elif label[_NO_BEARD] == 1 and label[_MALE] == 1 and label[_GOATEE] != 1:
        phrases.append(_beardless(label, draw))
    return phrases


def _hair(label: Sequence[int], draw: Draw) -> list[Phrase]:
    colours, colour_indices = _several(_COLOURS, label, draw)
    textures, texture_indices = _several(_TEXTURES, label, draw)
    bangs = label[_BANGS] == 1
    if not colours and not textures:
        return [Phrase("bangs", ((_BANGS, 1),))] if bangs else []
    colour, texture = enumerate_words(colours), enumerate_words(textures)
    if colour and texture:
        plain = len(colours) + len(textures) == 2
        forms = [f"{colour} hair that is {texture}", f"{texture} hair that is {colour}"]
        if plain:
            forms += [f"{texture} {colour} hair"] * 4
        text = choose(forms, draw)
    else:
        text = f"{colour or texture} hair"
    states = _true(colour_indices + texture_indices)
    if not bangs:
        return [Phrase(text, states)]
    if draw() < 0.5 and "that is" not in text:
        return [Phrase(f"{text} with bangs", (*states, (_BANGS, 1)))]
    return [Phrase(text, states), Phrase("bangs", ((_BANGS, 1),))]


def _beardless(label: Sequence[int], draw: Draw) -> Phrase:
    """Say that a man has no beard; "clean-shaven" only where the label denies all other facial hair, too."""
    states = ((_NO_BEARD, 1), (_MALE, 1))
    if all(label[index] == 0 for index in _SHAVEN) and draw() < 0.6:
        return Phrase("a clean-shaven face", (*states, *((index, 0) for index in _SHAVEN)))
    return Phrase("no beard", states)
