"""The record: what one row of the dataset holds, as ``datasets`` features."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mmvoxceleb.schema.attributes import ATTRIBUTES
from mmvoxceleb.schema.modalities import DEFAULT_STYLE, MODALITIES, check_modalities

if TYPE_CHECKING:
    from datasets import Features

__all__ = ["IDENTITY_FIELDS", "drawing_columns", "record_features"]

IDENTITY_FIELDS: tuple[str, ...] = ("clip_id", "person_id", "video_id", "utterance", "chunk", "num_frames")
"""Fields of every config."""


def drawing_columns(styles: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Name the two columns of each drawing style.

    Args:
        styles: Styles asked for.

    Returns:
        ``{style: (pictures, indices)}``: ``drawings`` and ``drawing_indices`` for one style, and
        ``drawings_style1``, ``drawing_indices_style1``, ... for several.
    """
    if len(styles) == 1:
        return {styles[0]: ("drawings", "drawing_indices")}
    return {style: (f"drawings_{style}", f"drawing_indices_{style}") for style in styles}


def record_features(modalities: Sequence[str] = MODALITIES, styles: Sequence[str] = (DEFAULT_STYLE,)) -> "Features":
    """Declare the columns of a record.

    Args:
        modalities: Names of :data:`mmvoxceleb.schema.MODALITIES`.
        styles: Drawing styles, for the drawing modality.

    Raises:
        ConfigError: A modality is unknown.
    """
    from datasets import ClassLabel, Features, Image, List, Value

    columns = {
        "clip_id": Value("string"),
        "person_id": Value("string"),
        "video_id": Value("string"),
        "utterance": Value("string"),
        "chunk": Value("int32"),
        "num_frames": Value("int32"),
    }
    for modality in check_modalities(modalities):
        if modality == "video":
            columns |= {"frames": List(Image()), "frame_indices": List(Value("int32"))}
        elif modality == "mask":
            columns |= {"masks": List(Image()), "mask_indices": List(Value("int32"))}
        elif modality == "drawing":
            for pictures, indices in drawing_columns(styles).values():
                columns |= {pictures: List(Image()), indices: List(Value("int32"))}
        elif modality == "text":
            columns["text"] = List(Value("string"))
        else:
            columns["label"] = List(Value("int8"), length=len(ATTRIBUTES))
            columns["attributes"] = List(ClassLabel(names=list(ATTRIBUTES)))
            columns["label_source"] = Value("string")
    return Features(columns)
