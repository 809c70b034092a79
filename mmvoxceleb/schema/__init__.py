"""What a clip is: its key, its modalities, the 19 mask classes, the 40 attributes, the splits and the record."""

from mmvoxceleb.schema.attributes import (
    ATTRIBUTE_INDEX,
    ATTRIBUTES,
    SENSITIVE_ATTRIBUTES,
    attribute_index,
    drop_sensitive,
    present,
)
from mmvoxceleb.schema.classes import CLASSES, NUM_CLASSES, PALETTE, PALETTE_BYTES, SIDE_PAIRS, colours_of
from mmvoxceleb.schema.clip_id import ClipId
from mmvoxceleb.schema.features import IDENTITY_FIELDS, drawing_columns, record_features
from mmvoxceleb.schema.modalities import (
    DEFAULT_STYLE,
    MODALITIES,
    ORIGINAL_STRIDE,
    STYLES,
    Folder,
    check_modalities,
    folders_of,
)
from mmvoxceleb.schema.splits import SPLITS, TEST_PERSONS, split_of

__all__ = [
    "ATTRIBUTES",
    "ATTRIBUTE_INDEX",
    "CLASSES",
    "DEFAULT_STYLE",
    "IDENTITY_FIELDS",
    "MODALITIES",
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
    "drawing_columns",
    "drop_sensitive",
    "folders_of",
    "present",
    "record_features",
    "split_of",
]
