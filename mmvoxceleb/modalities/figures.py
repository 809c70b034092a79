"""The figures by which clips are judged: the table of what each is, in which unit and range, and by which formula."""

import logging
import re
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from mmvoxceleb.errors import ConfigError
from mmvoxceleb.files.quoting import shortened

__all__ = ["ENTRY_POINTS", "Figure", "figures", "register_figure", "scorers_outside", "unregister_figure"]

ENTRY_POINTS = "mmvoxceleb.scores"
"""Group of the entry points that name a class with ``figures``, which measures them: see ``processing/scores``."""

_NAME = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True)
class Figure:
    """Definition of a figure: one number that describes a clip, such as the size of its face.

    Args:
        name: Name of its column, of lower-case letters, digits and ``_``: ``face_px``.
        meaning: What the number measures and by which formula, in words.
        unit: Unit of the number: ``px``, ``degrees``, ``share`` (0 to 1), ``ratio``.
        low: Smallest possible value; None if there is no limit.
        high: Largest possible value; None if there is no limit.
        source: Paper, book or code that defines the formula; empty if this project does.
        needs: The parts of a clip that it is computed from: ``frames``, ``landmarks``, ``masks``, ``audio``,
            ``provenance``.
        version: Version of the formula, from 1. A number that was computed by another version is out of date.

    Raises:
        ConfigError: The name is not a valid name of a column, or the version is less than 1.
    """

    name: str
    meaning: str
    unit: str
    low: float | None = 0.0
    high: float | None = None
    source: str = ""
    needs: tuple[str, ...] = ("frames",)
    version: int = 1

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ConfigError(f"figure {self.name!r}: expected a name of lower-case letters, digits and _")
        if self.version < 1:
            raise ConfigError(f"figure {self.name}: its version is {self.version}; it counts from 1")


_RESERVED = ("clip_id", "num_frames", "versions")
_JPEG = "the two means that it compares are those of Wang, Sheikh and Bovik, ICIP 2002"

_SYNCNET = "Chung and Zisserman, Out of time, ACCV 2016 workshops; joonson/syncnet_python"
_LIPS = ("frames", "landmarks", "audio")

_BUILT_IN = (
    Figure("face_px", "longer side of the face's box in the source video, median over the frames where the crop found "
           "it", "px", needs=("provenance",)),
    Figure("face_frame_px", "longer side of the box around the landmarks in the clip's own frames, median", "px",
           needs=("landmarks",)),
    Figure("sharpness", "variance of the Laplacian of the grey frame, median over frames", "grey levels²",
           source="Pech-Pacheco et al., ICPR 2000"),
    Figure("face_sharpness", "the same for the box around the landmarks, resized to 128 x 128 px so that faces of "
           "all sizes are comparable; median", "grey levels²", source="Pech-Pacheco et al., ICPR 2000",
           needs=("frames", "landmarks")),
    Figure("face_brightness", "mean grey level inside the outline of the landmarks, median over frames",
           "grey levels", high=255.0, needs=("frames", "landmarks")),
    Figure("face_black_share", "share of the pixels inside the outline whose grey level is 0 to 2, mean over frames",
           "share", high=1.0, needs=("frames", "landmarks")),
    Figure("face_white_share", "share of the pixels inside the outline whose grey level is 253 to 255, mean over "
           "frames", "share", high=1.0, needs=("frames", "landmarks")),
    Figure("motion", "mean absolute difference of the grey levels of a frame and the next, mean over frames",
           "grey levels", high=255.0),
    Figure("cuts", "number of frames that begin a new scene, as the crop finds them (docs/crop.md)", "frames",
           version=2),
    Figure("blockiness", "mean absolute difference across the borders of blocks of 8 px, divided by that inside "
           "blocks, at the position of the grid where it is largest; mean of both directions; 1 without blocks. "
           "Scaling after compression hides it", "ratio", source=_JPEG),
    Figure("face_share", "frames in which the landmarks have a face, divided by all frames looked at", "share",
           high=1.0, needs=("landmarks",)),
    Figure("one_face_share", "frames in which YuNet finds exactly one face, divided by the frames looked at: up to "
           "16, evenly spread", "share", high=1.0, source="YuNet: Wu et al., MIR 2023"),
    Figure("yaw", "how far the head is turned to the right in the picture, median over frames", "degrees", -180.0,
           180.0, needs=("landmarks",)),
    Figure("pitch", "how far the head is turned up, median over frames", "degrees", -180.0, 180.0,
           needs=("landmarks",)),
    Figure("roll", "how far the head is turned clockwise, median over frames", "degrees", -180.0, 180.0,
           needs=("landmarks",)),
    Figure("yaw_range", "95th minus 5th percentile of yaw over the frames", "degrees", high=360.0,
           needs=("landmarks",)),
    Figure("pitch_range", "95th minus 5th percentile of pitch over the frames", "degrees", high=360.0,
           needs=("landmarks",)),
    Figure("rotation_speed", "angle between the head's rotations in a frame and the next, times 25, mean over frames",
           "degrees/s", high=4500.0, needs=("landmarks",)),
    Figure("head_speed", "distance that the centre of the landmarks moves from a frame to the next, times 25, in "
           "face sizes (longer side of the face's box, median), mean over frames", "face sizes/s",
           needs=("landmarks",)),
    Figure("drift_px", "distance of the centre of the landmarks from its mean over the clip, root mean square: how "
           "far the face wanders in the crop", "px", needs=("landmarks",)),
    Figure("jitter_px", "length of the second difference of the centre of the landmarks over three consecutive "
           "frames, mean: how much the crop shakes", "px", needs=("landmarks",)),
    Figure("scale_spread", "standard deviation of the longer side of the landmarks' box over the frames, divided by "
           "its mean", "ratio", needs=("landmarks",)),
    Figure("mask_flicker", "share of pixels whose class differs in the clip's next mask, mean; real motion counts, "
           "and masks that are farther apart give more", "share", high=1.0, needs=("masks",)),
    Figure("loudness", "integrated loudness of the whole sound", "LUFS", -70.0, source="ITU-R BS.1770-4, EBU R 128",
           needs=("audio",)),
    Figure("clipped_share", "samples in runs of at least 4 at the end of the scale, divided by all samples", "share",
           high=1.0, needs=("audio",)),
    Figure("silent_share", "windows of 20 ms whose level is below -60 dB of full scale in every channel, divided by "
           "all", "share", high=1.0, needs=("audio",)),
    Figure("speech_share", "windows of 32 ms in which Silero VAD considers speech at least as likely as no speech, "
           "divided by all", "share", high=1.0, source="Silero VAD 6.2", needs=("audio",)),
    Figure("sync_offset", "frames of 40 ms by which the sound comes too early: delayed by this many, it fits the "
           "lips best; SyncNet tries -15 to 15", "frames", -15.0, 15.0, source=_SYNCNET, needs=_LIPS),
    Figure("sync_confidence", "median over the 31 offsets of SyncNet's mean distances between sound and lips, minus "
           "the smallest of them (LSE-C); about 0 if they are unrelated", "distance",
           source=_SYNCNET, needs=_LIPS),
    Figure("sync_distance", "the smallest of these mean distances (LSE-D)", "distance", source=_SYNCNET, needs=_LIPS),
)  # fmt: skip

_figures: dict[str, Figure] = {}
_outside: list[Any] = []
_begun: list[str] = []
_loading = threading.RLock()
logger = logging.getLogger(__name__)


def register_figure(figure: Figure) -> Figure:
    """Register a figure: it becomes a field of the column ``score`` and a column of the table of scores.

    Args:
        figure: The figure. Registering an equal one again changes nothing.

    Returns:
        The same figure.

    Raises:
        ConfigError: Another figure has this name, or it is ``clip_id``, ``num_frames`` or ``versions``.
    """
    if figure.name in _RESERVED or _figures.get(figure.name, figure) != figure:
        raise ConfigError(f"figure {figure.name!r}: the name is taken; choose another one")
    _figures[figure.name] = figure
    return figure


def unregister_figure(name: str) -> None:
    """Remove a figure of your own, as if it had never been registered. An unknown name is ignored.

    Raises:
        ConfigError: The figure is one of the package.
    """
    if any(figure.name == name for figure in _BUILT_IN):
        raise ConfigError(f"figure {name!r} belongs to mmvoxceleb and cannot be removed")
    _figures.pop(name, None)


def figures() -> tuple[Figure, ...]:
    """List all figures, those of the package first; those of entry points are imported."""
    scorers_outside()
    return tuple(_figures.values())


def scorers_outside() -> tuple[Any, ...]:
    """Load the classes that entry points name, once, and register their figures; the log names those that fail."""
    with _loading:
        if not _begun:
            from importlib.metadata import entry_points

            _begun.append(ENTRY_POINTS)
            for point in entry_points(group=ENTRY_POINTS):
                try:
                    scorer = point.load()
                    _register_all(scorer.figures)
                except Exception as error:
                    logger.warning(
                        "the scores %s (entry point %s) cannot be used: %s", point.name, point.value, shortened(error)
                    )
                else:
                    _outside.append(scorer)
        return tuple(_outside)


def _register_all(found: Iterable[Figure]) -> None:
    for figure in found:
        register_figure(figure)


_register_all(_BUILT_IN)
