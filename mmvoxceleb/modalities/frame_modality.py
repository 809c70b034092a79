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
    """Shape and type of a modality's pictures in the tensors of a sample.

    Args:
        channels: The dimensions before height and width: a picture is a tensor ``[*channels, H, W]``.
        dtype: NumPy type of the tensor.
        put: Writes a picture into the tensor. It is called with the array that :meth:`FrameModality.decode` returned,
            and with the part ``[*channels, H, W]`` of the tensor to fill.
    """

    channels: tuple[int, ...]
    dtype: Any
    put: "Callable[[NDArray[np.uint8], NDArray[Any]], None]"


class FrameModality(Modality):
    """Base class of modalities that have pictures of frames.

    A clip has a folder of PNG or JPEG files, each with its frame index in the name.

    Attributes:
        pictures: Name of the column of pictures, in the plural, such as ``masks``.
        indices: Name of the column of their frame indices, such as ``mask_indices``.
        is_timeline: Whether it has a picture of every frame, so that its frame indices are those of the clip.
        file_suffix: Suffix of a file, named after the clip, that may hold all frames of the clip instead: ``.mp4``.
            Empty if there is no such file.
        meaning: Description of the column of pictures for the dataset card: ``8-bit grey line drawings, PNG``.
        pixel_classes: Name and RGB colour of each class, if :meth:`decode` returns class ids [H, W]; otherwise empty.
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
        """Return the names of the columns of pictures and of frame indices, by folder.

        With several styles, the style is part of the names: ``drawings_style1``, ``drawing_indices_style1``.
        """
        folders = self.folders(styles)
        if len(folders) == 1:
            return {folders[0]: (self.pictures, self.indices)}
        return {folder: (f"{self.pictures}_{folder.style}", f"{self.indices}_{folder.style}") for folder in folders}

    def pairs_in(self, names: Collection[str]) -> dict[str, tuple[str, str]]:
        """Return the names of both columns by style, as far as they are among ``names``.

        The style is empty if the names of the columns contain no style.
        """
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
        """Return the column of whole files as ``datasets`` features, such as ``video``; needs a ``file_suffix``."""
        from datasets import Video

        return {self.name: Video()}

    def meanings(self, options: RecordOptions) -> dict[str, str]:
        return {
            name: text
            for pictures, indices in self.pairs(options.styles).values()
            for name, text in ((pictures, self.meaning), (indices, f"frame index of each {self.name}"))
        }

    def to_file(self, data: bytes, options: RecordOptions, *, clip_id: str) -> bytes:
        """Convert a picture of a record back into a file of the original layout; unchanged by default.

        Args:
            data: The picture, as :meth:`stored` returned it.
            options: Options of the record.
            clip_id: The clip, for messages.
        """
        return data

    def share_of_bytes(self, options: RecordOptions) -> float:
        """Estimate the size of a picture in a record divided by the size of its file; an export plans shards by it."""
        return 1.0

    def stored(self, data: bytes, options: RecordOptions, *, clip_id: str, name: str) -> bytes:
        """Check a file, and return the picture as a record holds it.

        Args:
            data: Content of the file.
            options: Options of the record.
            clip_id: The clip, for messages.
            name: The file, for messages.

        Returns:
            The content of a picture file: the file itself, without a note of its orientation.

        Raises:
            CorruptSourceError: The file is damaged, or is not a picture of this modality.
            UnsafeArchiveError: A side of the picture is over 8,192 px.
        """
        check_picture(data, clip_id=clip_id, name=name)
        return upright(data)

    def problems(self, data: bytes, *, clip_id: str, name: str) -> Iterator[tuple[str, str]]:
        """Check a picture that can be decoded, for ``mmvoxceleb validate --deep``; no problems by default.

        Args:
            data: Content of the file.
            clip_id: The clip.
            name: Name of the file.

        Yields:
            Each problem as its kind, which is a key of ``problem_titles``, and a message that says what is wrong.
        """
        return iter(())

    def problems_of_meta(self, section: Any) -> Iterator[tuple[str, str]]:
        """Check the part of a clip's provenance that describes this modality, and yield problems as :meth:`problems`.

        Args:
            section: The value of the modality's name in ``meta/<clip_id>.json``; None if there is none.
        """
        return iter(())

    def decode(
        self, data: "bytes | memoryview", view: View = WHOLE, size: tuple[int, int] | None = None, *, where: str
    ) -> "NDArray[np.uint8]":
        """Decode a picture, crop, resize and mirror it.

        The result may have a fourth channel, which is to be ignored. It may share memory with ``data``, and the next
        call in the same thread may overwrite it. A modality may return another array, such as class ids [H, W].

        Args:
            data: Content of a PNG or JPEG file; for the video modality, also uint8 [H, W, 3] in RGB from a video file.
            view: The crop and the mirroring.
            size: Height and width of the result in px; None for the size of the picture.
            where: Clip and file, for messages.

        Returns:
            uint8 [H, W, 3] or [H, W, 4], with RGB in the first three channels.

        Raises:
            CorruptSourceError: The picture cannot be decoded.
            UnsafeArchiveError: A side of the picture is over 8,192 px.
        """
        return rgb_of(data, view, size, where=where)

    def form(self, options: "SampleOptions") -> PictureForm:
        """Return the shape and type of pictures in a sample.

        By default, RGB [3, H, W]: float32 with values 0 to 1, or uint8 with values 0 to 255 for ``dtype="uint8"``.
        """
        return PictureForm((3,), options.number_type, put_rgb)

    def shown(self, picture: "NDArray[np.uint8]", below: "Image | None") -> "Image":
        """Return a picture in RGB for previews and the viewer.

        Args:
            picture: The array that :meth:`decode` returned, without a fourth channel.
            below: The frame that the picture belongs to, in RGB, to draw on; None if there is none.
        """
        from PIL import Image

        return Image.fromarray(picture).convert("RGB")

    def curves(self, pictures: "Iterable[tuple[int, NDArray[np.uint8]]]") -> "Sequence[Curve]":
        """Return numbers for each frame that the viewer plots over time; none by default.

        Args:
            pictures: Frame index and picture of each frame, in ascending order; pictures as :meth:`decode` returns
                them, without a fourth channel.
        """
        return ()

    def legend(self, pictures: "Iterable[NDArray[np.uint8]]") -> Shown | None:
        """Return a legend for the pictures of a clip in previews, such as the classes of masks; None for no legend."""
        return None
