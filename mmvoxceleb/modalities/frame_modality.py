"""A modality of pictures of frames: its columns, and how its files are checked, decoded, shown and sampled."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from mmvoxceleb.codecs.pictures import check_picture, upright
from mmvoxceleb.codecs.planes import put_rgb
from mmvoxceleb.codecs.views import WHOLE, View, rgb_of
from mmvoxceleb.modalities.base import Modality, RecordOptions, Shown
from mmvoxceleb.modalities.registry import Folder

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

    from mmvoxceleb.modalities.over_time import Curve
    from mmvoxceleb.sampling.options import SampleOptions

__all__ = ["FrameModality", "PictureForm"]


class PictureForm(NamedTuple):
    """How a modality's pictures lie in the tensor of a sample, ``[*channels, H, W]`` each."""

    channels: tuple[int, ...]
    dtype: Any
    put: "Callable[[NDArray[np.uint8], NDArray[Any]], None]"
    """Writes a picture, as :meth:`FrameModality.decode` gives it, into its room in the tensor."""


class FrameModality(Modality):
    """Pictures of frames: a clip has a folder of PNG or JPEG files, each with its frame index in the name.

    Attributes:
        pictures: Name of the column of pictures, a plural: ``masks``.
        indices: Name of the column of their frame indices: ``mask_indices``.
        is_timeline: Whether its frames are all frames of a clip, by whose indices the others are found.
        file_suffix: Of a file in which a clip may have all its frames instead, behind the clip's name: ``.mp4``.
        meaning: Of the column of pictures, for the dataset card: ``8-bit grey line drawings, PNG``.
        pixel_classes: Where :meth:`decode` gives class ids [H, W], the name and RGB colour of each; else empty.
    """

    is_frames = True
    pictures: ClassVar[str]
    indices: ClassVar[str]
    is_timeline: ClassVar[bool] = False
    file_suffix: ClassVar[str] = ""
    meaning: ClassVar[str] = "pictures, PNG or JPEG"
    pixel_classes: ClassVar[tuple[tuple[str, tuple[int, int, int]], ...]] = ()

    def columns_in(self, names: Collection[str], style: str = "") -> tuple[str, ...]:
        found: dict[str, tuple[str, ...]] = dict(self.pairs_in(names))
        return found.get(style, found.get("", ()))

    def pairs(self, styles: Sequence[str]) -> dict[Folder, tuple[str, str]]:
        """Name the columns of pictures and of frame indices of each folder.

        With several styles the style is a part of the names: ``drawings_style1``, ``drawing_indices_style1``.
        """
        folders = self.folders(styles)
        if len(folders) == 1:
            return {folders[0]: (self.pictures, self.indices)}
        return {folder: (f"{self.pictures}_{folder.style}", f"{self.indices}_{folder.style}") for folder in folders}

    def pairs_in(self, names: Collection[str]) -> dict[str, tuple[str, str]]:
        """Find its columns among ``names``: by style, which is empty where no style is a part of the names."""
        if self.pictures in names:
            return {"": (self.pictures, self.indices)}
        start = f"{self.pictures}_"
        styles = [name.removeprefix(start) for name in names if self.has_styles and name.startswith(start)]
        return {style: (f"{start}{style}", f"{self.indices}_{style}") for style in styles}

    def columns(self, styles: Sequence[str] = ("",)) -> tuple[str, ...]:
        return tuple(name for pair in self.pairs(styles).values() for name in pair)

    def features(self, styles: Sequence[str]) -> dict[str, Any]:
        from datasets import Image, List, Value

        columns: dict[str, Any] = {}
        for pictures, indices in self.pairs(styles).values():
            columns |= {pictures: List(Image()), indices: List(Value("int32"))}
        return columns

    def file_features(self) -> dict[str, Any]:
        """Declare the column that holds the clip's only file, of a modality with a ``file_suffix``: ``video``."""
        from datasets import Video

        return {self.name: Video()}

    def meanings(self, options: RecordOptions) -> dict[str, str]:
        return {
            name: text
            for pictures, indices in self.pairs(options.styles).values()
            for name, text in ((pictures, self.meaning), (indices, f"frame index of each {self.name}"))
        }

    def to_file(self, data: bytes, options: RecordOptions, *, clip_id: str) -> bytes:
        """Turn a picture of a record into a file of the original layout.

        Args:
            data: From :meth:`stored`.
            options: What was asked for.
            clip_id: The clip, for messages.
        """
        return data

    def share_of_bytes(self, options: RecordOptions) -> float:
        """Guess how large a picture of a record is beside its file, for cutting an export into shards."""
        return 1.0

    def stored(self, data: bytes, options: RecordOptions, *, clip_id: str, name: str) -> bytes:
        """Check a file, and return the picture as a record holds it.

        Args:
            data: Content of the file.
            options: What was asked for.
            clip_id: The clip, for messages.
            name: The file, for messages.

        Raises:
            CorruptSourceError: It is damaged, or is not a picture of this modality.
            UnsafeArchiveError: A side is over 8,192 px.
        """
        check_picture(data, clip_id=clip_id, name=name)
        return upright(data)

    def problems(self, data: bytes, *, clip_id: str, name: str) -> Iterator[tuple[str, str]]:
        """Check a whole picture beyond that it can be decoded: kinds of ``problem_titles``, and what is wrong."""
        return iter(())

    def problems_of_meta(self, section: Any) -> Iterator[tuple[str, str]]:
        """Check its part of a clip's provenance, likewise."""
        return iter(())

    def decode(
        self, data: "bytes | memoryview", view: View = WHOLE, size: tuple[int, int] | None = None, *, where: str
    ) -> "NDArray[np.uint8]":
        """Decode a picture, cut, resize and mirror it.

        Args:
            data: A PNG or JPEG; of the video modality also uint8 [H, W, 3] in RGB, out of a video file.
            view: The cut and the mirroring.
            size: Height and width in px; None for the picture's own.
            where: Clip and file, for messages.

        Returns:
            uint8 [H, W, 3] or [H, W, 4], RGB and perhaps a channel to be left out, unless a modality says otherwise.
            It may share memory with ``data``, or with what this thread decodes next.

        Raises:
            CorruptSourceError: It cannot be decoded.
            UnsafeArchiveError: A side is over 8,192 px.
        """
        return rgb_of(data, view, size, where=where)

    def form(self, options: "SampleOptions") -> PictureForm:
        """Say how pictures lie in a sample; by default RGB [3, H, W], 0 to 1, or 0 to 255 for ``dtype="uint8"``."""
        return PictureForm((3,), options.number_type, put_rgb)

    def shown(self, picture: "NDArray[np.uint8]", below: "Image | None") -> "Image":
        """Make a picture to look at.

        Args:
            picture: From :meth:`decode`, without a fourth channel.
            below: The frame that it belongs to, RGB; None if there is none.
        """
        from PIL import Image

        return Image.fromarray(picture).convert("RGB")

    def curves(self, pictures: "Iterable[tuple[int, NDArray[np.uint8]]]") -> "Sequence[Curve]":
        """Return figures of the frames over time.

        Args:
            pictures: Frame indices, ascending, and pictures as :meth:`decode` gives them, without a fourth channel.
        """
        return ()

    def legend(self, pictures: "Iterable[NDArray[np.uint8]]") -> Shown | None:
        """Explain the pictures of a clip, if they need it."""
        return None
