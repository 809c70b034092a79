"""What a clip can have: one object in one file for each modality, and the table of them all.

``loading``, ``hub``, ``validation``, ``preview`` and ``sampling`` go over the table. A modality from outside joins it
by :func:`register_modality`, or by an entry point of the group ``mmvoxceleb.modalities``.
"""

from mmvoxceleb.modalities.audio import AUDIO
from mmvoxceleb.modalities.base import DEFAULT_STYLE, MODALITIES, Modality, RecordOptions
from mmvoxceleb.modalities.drawings import DRAWINGS, STYLES
from mmvoxceleb.modalities.figures import Figure, figures, register_figure, unregister_figure
from mmvoxceleb.modalities.file_modality import FileModality, SampleContext
from mmvoxceleb.modalities.frame_modality import FrameModality, PictureForm
from mmvoxceleb.modalities.label import LABEL
from mmvoxceleb.modalities.landmarks import LANDMARKS
from mmvoxceleb.modalities.masks import MASKS
from mmvoxceleb.modalities.meta import META
from mmvoxceleb.modalities.registry import IDENTITY_FIELDS, Folder, register_modality, unregister_modality
from mmvoxceleb.modalities.scores import SCORES, ClipScores
from mmvoxceleb.modalities.table import (
    ORIGINAL_STRIDE,
    check_modalities,
    file_modalities,
    folders_of,
    frame_modalities,
    modalities,
    record_features,
    styles_in,
)
from mmvoxceleb.modalities.text import TEXT
from mmvoxceleb.modalities.video import VIDEO

__all__ = [
    "AUDIO",
    "DEFAULT_STYLE",
    "DRAWINGS",
    "IDENTITY_FIELDS",
    "LABEL",
    "LANDMARKS",
    "MASKS",
    "META",
    "MODALITIES",
    "ORIGINAL_STRIDE",
    "SCORES",
    "STYLES",
    "TEXT",
    "VIDEO",
    "ClipScores",
    "Figure",
    "FileModality",
    "Folder",
    "FrameModality",
    "Modality",
    "PictureForm",
    "RecordOptions",
    "SampleContext",
    "check_modalities",
    "figures",
    "file_modalities",
    "folders_of",
    "frame_modalities",
    "modalities",
    "record_features",
    "register_figure",
    "register_modality",
    "styles_in",
    "unregister_figure",
    "unregister_modality",
]
