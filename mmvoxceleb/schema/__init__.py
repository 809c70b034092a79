"""What a clip is: its key, the 19 mask classes, the 40 attributes and the splits.

What is about modalities is in :mod:`mmvoxceleb.modalities`, and found here as well.
"""

from typing import TYPE_CHECKING, Any

from mmvoxceleb.schema.attributes import (
    ATTRIBUTE_INDEX,
    ATTRIBUTES,
    SENSITIVE_ATTRIBUTES,
    attribute_index,
    drop_sensitive,
    present,
)
from mmvoxceleb.schema.classes import CLASSES, NO_MASK, NUM_CLASSES, PALETTE, PALETTE_BYTES, SIDE_PAIRS, colours_of
from mmvoxceleb.schema.clip_id import ClipId
from mmvoxceleb.schema.splits import SPLITS, TEST_PERSONS, split_of

if TYPE_CHECKING:
    from mmvoxceleb.modalities import (
        DEFAULT_STYLE,
        IDENTITY_FIELDS,
        MODALITIES,
        ORIGINAL_STRIDE,
        STYLES,
        Folder,
        check_modalities,
        folders_of,
        record_features,
    )

__all__ = [
    "ATTRIBUTES",
    "ATTRIBUTE_INDEX",
    "CLASSES",
    "DEFAULT_STYLE",
    "IDENTITY_FIELDS",
    "MODALITIES",
    "NO_MASK",
    "NUM_CLASSES",
    "ORIGINAL_STRIDE",
    "PALETTE",
    "PALETTE_BYTES",
    "SENSITIVE_ATTRIBUTES",
    "SIDE_PAIRS",
    "SPLITS",
    "STYLES",
    "TEST_PERSONS",
    "ClipId",
    "Folder",
    "attribute_index",
    "check_modalities",
    "colours_of",
    "drop_sensitive",
    "folders_of",
    "present",
    "record_features",
    "split_of",
]


if not TYPE_CHECKING:  # else a type checker would take any name

    def __getattr__(name: str) -> Any:
        if name in __all__:
            from mmvoxceleb import modalities

            return getattr(modalities, name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
