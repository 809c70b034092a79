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
    """Facts about the sample that :meth:`FileModality.sampled` adds its keys to.

    Args:
        clip_id: The clip, for messages.
        options: Options of the sampler.
        rng: Random generator of this sample.
        view: The crop and the mirroring of the sample's pictures. Coordinates in pictures must follow them.
        other: Returns the clip id and the value of a clip with another label, for options such as ``negative_text``.
        frames: Frame index in the clip of each frame of the sample, in order; a clip that is too short repeats its
            last frame. Empty if no modality of the sample has frames.
        size: Height and width of the sample's frames in px, after cropping and resizing; None if the sample has no
            frames and ``image_size`` is None.
        frame_size: Returns height and width of the clip's frames in px, before cropping and resizing. It may have to
            read a frame.
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
    """Base class of modalities that have one small file for each clip.

    In the methods below, ``value`` is the content of the file, as :meth:`parse` returned it.

    Attributes:
        suffix: Suffix of the file, which is named after the clip, such as ``.txt``.
        is_light: Whether its columns take so few bytes that all files of an export hold them.
        reveals_label: Whether it reveals attributes that ``drop_sensitive`` removes from the label.
        holds_file: Whether its column is the file itself, as ``{"bytes", "path"}``, so that a record can refer to the
            file in the store.
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
        """Parse the file.

        Args:
            data: Content of the file.
            clip_id: The clip, for messages.

        Returns:
            A value of any type, which the other methods receive as ``value``.

        Raises:
            CorruptSourceError: The file is damaged.
        """

    def stored(self, data: bytes, options: RecordOptions, *, clip_id: str, name: str) -> bytes:
        self.parse(data, clip_id=clip_id)
        return data

    def fields(self, value: Any, options: RecordOptions, *, meta: Callable[[], Mapping[str, Any]]) -> dict[str, Any]:
        """Convert the value into the columns of a record; by default one column, called like the modality.

        Args:
            value: Content of the file.
            options: Options of the record.
            meta: Returns the clip's provenance, ``{}`` if it has none; for modalities with ``reads_meta``.
        """
        return {self.name: value}

    def meanings(self, options: RecordOptions) -> dict[str, str]:
        return dict.fromkeys(self.columns(options.styles), self.title)

    def is_null_in(self, record: Mapping[str, Any]) -> bool:
        """Whether the clip of a record has no such file: its columns are there, and all of them are null."""
        return all(name in record and record[name] is None for name in self.columns())

    @abstractmethod
    def to_file(self, record: Mapping[str, Any]) -> bytes:
        """Convert the columns of a record back into the content of a file that :meth:`parse` reads."""

    def to_sample(self, light: dict[str, Any]) -> list[tuple[str, bytes]]:
        """Move columns of a record from the ``json`` file of a WebDataset sample into files of their own.

        Args:
            light: The columns of the record that are not pictures; the sample's ``json`` file will hold them. Change
                values that JSON should hold in another form, and remove columns that get a file of their own.

        Returns:
            Suffix, without a dot, and content of each such file; none by default.
        """
        return []

    def problems(self, data: bytes, *, clip_id: str) -> Iterator[tuple[str, str]]:
        """Check a file, for ``mmvoxceleb validate``; by default, whether :meth:`parse` accepts it.

        Args:
            data: Content of the file.
            clip_id: The clip.

        Yields:
            Each problem as its kind, which is a key of ``problem_titles``, and a message that says what is wrong.
        """
        try:
            self.parse(data, clip_id=clip_id)
        except MMVoxCelebError as error:
            yield self.name, str(error)

    def problems_beside(self, data: bytes, frames: Collection[int], *, clip_id: str) -> Iterator[tuple[str, str]]:
        """Check a file against the frame indices of the clip, and yield problems as :meth:`problems` does.

        Args:
            data: Content of the file.
            frames: Frame indices of the clip.
            clip_id: The clip.
        """
        return iter(())

    def problems_inside(self, data: bytes, *, clip_id: str) -> Iterator[tuple[str, str]]:
        """Run slow checks of a file, and yield problems as :meth:`problems` does; only a deep validation calls it."""
        return iter(())

    def shown(self, value: Any) -> Shown | None:
        """Return the value in readable form for previews and the viewer; None to show nothing."""
        return Shown(self.name, lines=(str(value),))

    def sound(self, value: Any) -> "FlacSound | None":
        """Return the sound for video files that are made of the clip's frames; None for no sound."""
        return None

    def drawn(self, value: Any, index: int, frame: "Image") -> "Image | None":
        """Draw the value for one frame onto that frame.

        Args:
            value: Content of the file.
            index: Frame index in the clip.
            frame: The frame in RGB, in its original size; it is not changed.

        Returns:
            A new picture; None if the modality draws nothing on frames.
        """
        return None

    def numbers(self, value: Any) -> Mapping[str, float | None]:
        """Return numbers by which clips can be chosen and sorted, by name; None for a number that is unknown."""
        return {}

    def outlines(self, value: Any) -> "Sequence[Outline]":
        """Return lines and dots over the frames, which the viewer shows instead of calling :meth:`drawn`."""
        return ()

    def curves(self, value: Any) -> "Sequence[Curve]":
        """Return numbers for each frame that the viewer plots over time; none by default."""
        return ()

    def strip(self, value: Any, size: tuple[int, int]) -> "Image | None":
        """Draw the value over the time of the clip, such as a waveform.

        Args:
            value: Content of the file.
            size: Width and height of the picture in px. Its left edge is the start of the clip's first frame, its right
                edge the end of the last.

        Returns:
            A picture in RGB of this size; None if there is nothing to draw.

        Raises:
            CorruptSourceError: The file is damaged.
        """
        return None

    def value_of(self, record: Mapping[str, Any], *, clip_id: str) -> Any:
        """Restore the value from the columns of a record."""
        return self.parse(self.to_file(record), clip_id=clip_id)

    def frames_of(self, value: Any) -> "NDArray[np.int64] | None":
        """Return the frame indices that the value has something for: int64 [N], ascending.

        A sample without pictures chooses its frames from them. None means that the value belongs to the whole clip.
        """
        return None

    def at_frames(self, value: Any, frames: Collection[int]) -> Any:
        """Reduce the value to some frames, for a record that holds only some frames of the clip.

        Args:
            value: Content of the file.
            frames: Frame indices to keep, a part of those that :meth:`frames_of` returns.

        Returns:
            A value of the same kind; by default the whole value.
        """
        return value

    def sampled(self, value: Any, context: SampleContext) -> dict[str, Any]:
        """Convert the value into keys of a training sample.

        By default one key, ``name``: an int64 or float32 tensor if the value holds numbers, otherwise the value itself.
        """
        return {self.name: _as_tensor(value)}

    def check_size(self, data: bytes, *, clip_id: str) -> None:
        """Refuse a file that is larger than ``largest_file_bytes``.

        Raises:
            UnsafeArchiveError: The file is larger.
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
