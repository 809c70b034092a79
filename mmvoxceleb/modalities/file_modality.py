"""A modality of one small file for each clip: its columns, and how its files are read, checked, shown and sampled."""

from abc import abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mmvoxceleb.codecs.views import View
from mmvoxceleb.errors import MMVoxCelebError, UnsafeArchiveError
from mmvoxceleb.modalities.base import LARGEST_TEXT_BYTES, Modality, RecordOptions, Shown

if TYPE_CHECKING:
    from PIL.Image import Image

    from mmvoxceleb.codecs.flac import FlacSound
    from mmvoxceleb.modalities.over_time import Curve, Outline
    from mmvoxceleb.sampling.options import SampleOptions

__all__ = ["FileModality", "SampleContext"]


class SampleContext(NamedTuple):
    """What a file modality may need to know of the sample that it goes into.

    Args:
        clip_id: The clip, for messages.
        options: The sampler's.
        rng: The sample's own generator.
        view: The cut and the mirroring of the pictures, which a value with places in them has to follow.
        other: Gives a clip with another label, its key and its value, for options that need one.
        frames: Index in the clip of each frame that the sample shows, in order; a clip that is too short repeats its
            last one. Empty where nothing of the sample has a place in time.
        size: Height and width in px of the sample's frames, after the cut and resizing; None if it has none and
            ``image_size`` sets none.
        frame_size: Gives height and width in px of the clip's own frames, before both; it may have to open one.
    """

    clip_id: str
    options: "SampleOptions"
    rng: np.random.Generator
    view: View
    other: Callable[[], tuple[str, Any]]
    frames: tuple[int, ...]
    size: tuple[int, int] | None
    frame_size: Callable[[], tuple[int, int]]


class FileModality(Modality):
    """One small file for each clip.

    Attributes:
        suffix: Of the file's name, behind the clip's: ``.txt``.
        is_light: Whether its columns take so few bytes that they ride along in all files of an export.
        reveals_label: Whether it says what ``drop_sensitive`` takes out of the label.
        holds_file: Whether its column is the file itself, ``{"bytes", "path"}``, which a record may refer to.
    """

    is_frames = False
    suffix: ClassVar[str]
    is_light: ClassVar[bool] = True
    reveals_label: ClassVar[bool] = False
    holds_file: ClassVar[bool] = False
    largest_file_bytes = LARGEST_TEXT_BYTES

    def columns(self, styles: Sequence[str] = ("",)) -> tuple[str, ...]:
        return (self.name,)

    @abstractmethod
    def parse(self, data: bytes, *, clip_id: str) -> Any:
        """Read the file.

        Args:
            data: Its content.
            clip_id: The clip, for messages.

        Raises:
            CorruptSourceError: It is damaged.
        """

    def stored(self, data: bytes, options: RecordOptions, *, clip_id: str, name: str) -> bytes:
        self.parse(data, clip_id=clip_id)
        return data

    def fields(self, value: Any, options: RecordOptions, *, meta: Callable[[], Mapping[str, Any]]) -> dict[str, Any]:
        """Turn what :meth:`parse` gave into the columns of a record.

        Args:
            value: What the file says.
            options: What was asked for.
            meta: Reads the clip's provenance, ``{}`` where it has none; for modalities with ``reads_meta``.
        """
        return {self.name: value}

    def meanings(self, options: RecordOptions) -> dict[str, str]:
        return dict.fromkeys(self.columns(options.styles), self.title)

    @abstractmethod
    def to_file(self, record: Mapping[str, Any]) -> bytes:
        """Turn its columns of a record into its file: what :meth:`parse` reads."""

    def to_sample(self, light: dict[str, Any]) -> list[tuple[str, bytes]]:
        """Take its columns into a sample of WebDataset, whose ``json`` holds ``light``.

        Args:
            light: Columns of the record that are not pictures. Change what JSON should say otherwise, and take out
                what gets a file of its own.

        Returns:
            Files of its own: suffix without a dot, and content.
        """
        return []

    def problems(self, data: bytes, *, clip_id: str) -> Iterator[tuple[str, str]]:
        """Check a file: kinds of ``problem_titles``, and what is wrong."""
        try:
            self.parse(data, clip_id=clip_id)
        except MMVoxCelebError as error:
            yield self.name, str(error)

    def problems_beside(self, data: bytes, frames: Collection[int], *, clip_id: str) -> Iterator[tuple[str, str]]:
        """Check a file against the indices of the clip's frames, likewise."""
        return iter(())

    def problems_inside(self, data: bytes, *, clip_id: str) -> Iterator[tuple[str, str]]:
        """Check what takes longer than reading, likewise; only a deep validation asks."""
        return iter(())

    def shown(self, value: Any) -> Shown | None:
        """Say what :meth:`parse` gave, to look at; None for nothing."""
        return Shown(self.name, lines=(str(value),))

    def sound(self, value: Any) -> "FlacSound | None":
        """Return what is heard with the frames where they become a video file; None for nothing."""
        return None

    def drawn(self, value: Any, index: int, frame: "Image") -> "Image | None":
        """Draw what :meth:`parse` gave for one frame onto it; None for a modality that draws on no frame.

        Args:
            value: What the file says.
            index: Of the frame, in the clip.
            frame: RGB, in its own size; it is not changed.
        """
        return None

    def numbers(self, value: Any) -> Mapping[str, float | None]:
        """Return figures of the clip, by which it may be chosen and put in order; None if one cannot be told."""
        return {}

    def outlines(self, value: Any) -> "Sequence[Outline]":
        """Say what to lay over the frames as lines and dots, instead of :meth:`drawn` where they can be laid over."""
        return ()

    def curves(self, value: Any) -> "Sequence[Curve]":
        """Return figures of the frames over time."""
        return ()

    def strip(self, value: Any, size: tuple[int, int]) -> "Image | None":
        """Draw what :meth:`parse` gave over the time of the clip; None if there is nothing to draw.

        Args:
            value: What the file says.
            size: Width and height in px. The left edge is the clip's first frame, the right edge the end of its last.

        Returns:
            RGB, of this size.

        Raises:
            CorruptSourceError: The file is damaged.
        """
        return None

    def value_of(self, record: Mapping[str, Any], *, clip_id: str) -> Any:
        """Return what :meth:`parse` gave, from its columns of a record."""
        return self.parse(self.to_file(record), clip_id=clip_id)

    def frames_of(self, value: Any) -> "NDArray[np.int64] | None":
        """Return the indices of the frames that :meth:`parse` gave something for, ascending; None for the whole clip.

        A sample without pictures chooses its frames from them.
        """
        return None

    def at_frames(self, value: Any, frames: Collection[int]) -> Any:
        """Keep of what :meth:`parse` gave only what belongs to ``frames``, some of :meth:`frames_of`; by default all.

        A record that is to have some of the clip's frames asks for it.
        """
        return value

    def sampled(self, value: Any, context: SampleContext) -> dict[str, Any]:
        """Turn what :meth:`parse` gave into keys of a sample: by default ``name``, as a tensor if it holds numbers."""
        return {self.name: _as_tensor(value)}

    def check_size(self, data: bytes, *, clip_id: str) -> None:
        """Refuse a file over ``largest_file_bytes``.

        Raises:
            UnsafeArchiveError: It is.
        """
        if len(data) > self.largest_file_bytes:
            raise UnsafeArchiveError(
                f"clip {clip_id}: its {self.name} has {len(data):,} bytes; refused, the limit is "
                f"{self.largest_file_bytes >> 20} MB. Get it from another source"
            )


def _as_tensor(value: Any) -> Any:
    """Turn numbers into a tensor: int64 of whole ones, float32 of others; anything else comes back as it is."""
    import torch

    try:
        array = np.asarray(value)
    except ValueError:  # rows of several lengths
        return value
    if array.dtype.kind not in "biuf":
        return value
    return torch.tensor(array.astype(np.float32 if array.dtype.kind == "f" else np.int64))
