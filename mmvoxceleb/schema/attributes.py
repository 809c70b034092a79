"""The 40 facial attributes, in CelebA's order (Liu et al., Deep Learning Face Attributes in the Wild, ICCV 2015)."""

from collections.abc import Iterable, Sequence

from mmvoxceleb.errors import ConfigError
from mmvoxceleb.files.quoting import quoted

__all__ = ["ATTRIBUTES", "ATTRIBUTE_INDEX", "SENSITIVE_ATTRIBUTES", "attribute_index", "drop_sensitive", "present"]

ATTRIBUTES: tuple[str, ...] = (
    "5_o_Clock_Shadow", "Arched_Eyebrows", "Attractive", "Bags_Under_Eyes", "Bald",
    "Bangs", "Big_Lips", "Big_Nose", "Black_Hair", "Blond_Hair",
    "Blurry", "Brown_Hair", "Bushy_Eyebrows", "Chubby", "Double_Chin",
    "Eyeglasses", "Goatee", "Gray_Hair", "Heavy_Makeup", "High_Cheekbones",
    "Male", "Mouth_Slightly_Open", "Mustache", "Narrow_Eyes", "No_Beard",
    "Oval_Face", "Pale_Skin", "Pointy_Nose", "Receding_Hairline", "Rosy_Cheeks",
    "Sideburns", "Smiling", "Straight_Hair", "Wavy_Hair", "Wearing_Earrings",
    "Wearing_Hat", "Wearing_Lipstick", "Wearing_Necklace", "Wearing_Necktie", "Young",
)  # fmt: skip
"""Names of the 40 attributes; the position is the column of a label."""

ATTRIBUTE_INDEX: dict[str, int] = {name: index for index, name in enumerate(ATTRIBUTES)}

SENSITIVE_ATTRIBUTES: frozenset[str] = frozenset(
    {
        "Attractive", "Bags_Under_Eyes", "Bald", "Big_Lips", "Big_Nose", "Chubby",
        "Double_Chin", "Male", "Narrow_Eyes", "Pale_Skin", "Pointy_Nose", "Young",
    }
)  # fmt: skip
"""Attributes that are perceived, culturally loaded or protected; ``drop_sensitive`` leaves them out."""

_LOOSE_INDEX = {"".join(filter(str.isalnum, name.lower())): index for name, index in ATTRIBUTE_INDEX.items()}


def attribute_index(name: str) -> int:
    """Find an attribute by name, regardless of case, spaces, underscores and punctuation.

    Args:
        name: For example ``"Wearing_Hat"``, ``"wearing hat"`` or ``"5 o'clock shadow"``.

    Returns:
        Its position in :data:`ATTRIBUTES`, 0 to 39.

    Raises:
        ConfigError: No attribute has that name; the message lists the known ones.
    """
    index = ATTRIBUTE_INDEX.get(name)  # which is quick, for tables name each one in every line
    if index is None:
        index = _LOOSE_INDEX.get("".join(filter(str.isalnum, name.lower())))
    if index is None:
        raise ConfigError(f"{quoted(name)} is not a CelebA attribute; the 40 known ones are: {', '.join(ATTRIBUTES)}")
    return index


def drop_sensitive(label: Sequence[int]) -> list[int]:
    """Replace the values of :data:`SENSITIVE_ATTRIBUTES` in a label by -1.

    Args:
        label: 40 values in the order of CelebA, each -1, 0 or 1.

    Returns:
        A new list of 40 values, each -1, 0 or 1.

    Raises:
        ValueError: ``label`` does not have 40 values.
    """
    return [-1 if name in SENSITIVE_ATTRIBUTES else int(value) for name, value in zip(ATTRIBUTES, label, strict=True)]


def present(label: Iterable[int]) -> list[int]:
    """List the positions of the attributes whose value in ``label`` is 1."""
    return [index for index, value in enumerate(label) if value == 1]
