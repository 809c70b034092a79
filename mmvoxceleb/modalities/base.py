"""What a modality is: the names it has, how its files become columns, and what else the package asks of it.

Subclass :class:`FrameModality` for pictures of frames and :class:`FileModality` for one small file per clip. Class
attributes describe it; methods are overridden where the default is not right.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from mmvoxceleb.codecs.pictures import check_picture, upright
from mmvoxceleb.codecs.planes import put_rgb
from mmvoxceleb.codecs.views import WHOLE, View, rgb_of
from mmvoxceleb.errors import MMVoxCelebError, UnsafeArchiveError
from mmvoxceleb.modalities.registry import Folder, kind_of
from mmvoxceleb.modalities.sampled import PictureForm, SampleContext, as_tensor

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

    from mmvoxceleb.sampling.options import SampleOptions

__all__ = [
    "DEFAULT_STYLE",
    "LARGEST_FILE_BYTES",
    "LARGEST_TEXT_BYTES",
    "MODALITIES",
    "FileModality",
    "FrameModality",
    "Modality",
    "RecordOptions",
    "Shown",
]

MODALITIES: tuple[str, ...] = ("video", "mask", "drawing", "text", "label")
"""What every clip of Multimodal VoxCeleb has, as configs and arguments name it."""

DEFAULT_STYLE = "style1"

LARGEST_FILE_BYTES = 256 << 20
LARGEST_TEXT_BYTES = 4 << 20
"""Most bytes of a text, label or meta file. The original's texts have 2 kB."""


@dataclass(frozen=True)
class RecordOptions:
    """What to read of a clip.

    Args:
        modalities: Names of registered modalities.
        styles: Drawing styles.
        frame_stride: Keep frames, masks and drawings whose frame index is a multiple of it.
        max_frames: Keep at most this many frames from the start, and no mask or drawing of a later frame. Without
            the video modality, at most so many masks and drawings.
        aligned: Keep only frames that have a mask and a drawing (of those that are asked for), and their pictures.
        mask_encoding: ``palette``: 8-bit palette PNG of class ids; ``original``: the bytes as they are.
        drop_sensitive: Put -1 for :data:`mmvoxceleb.schema.SENSITIVE_ATTRIBUTES`.
        count_frames: Fill ``num_frames`` although the video modality is not asked for.
    """

    modalities: Sequence[str] = MODALITIES
    styles: Sequence[str] = (DEFAULT_STYLE,)
    frame_stride: int = 1
    max_frames: int | None = None
    aligned: bool = False
    mask_encoding: Literal["palette", "original"] = "palette"
    drop_sensitive: bool = False
    count_frames: bool = False


@dataclass(frozen=True)
class Shown:
    """What a preview writes about a clip, in a row of its own.

    Args:
        title: What stands before it.
        chips: Words in round boxes, each with the RGB colour of a square before it, if any.
        lines: Prose.
        note: A remark below, in small type.
    """

    title: str
    chips: tuple[tuple[str, tuple[int, int, int] | None], ...] = ()
    lines: tuple[str, ...] = ()
    note: str = ""


class Modality(ABC):
    """What frame and file modalities have in common.

    Attributes:
        name: Its name in configs and arguments: ``mask``.
        folder_name: Its folder as we write it, and the name of its archive; ``name`` by default.
        aliases: Other names under which its folder and archives are found.
        has_styles: Whether its folder holds a folder for each style.
        is_frames: Whether a clip is many pictures rather than one small file.
        reads_meta: Whether its columns come from the clip's provenance, too.
        drive_id: The id of its file among those that MMVID published on Google Drive.
        largest_file_bytes: A larger file is refused before it is read.
        problem_titles: Kinds of problems that its checks find, with the title under which ``validate`` lists them.
        title: What it is, in the plural, for the dataset card: ``face segmentation masks``.
        tasks: Tasks of the Hub that it serves.
        tags: Tags of the dataset card.
        sample_keys: Keys that a sample may have of it: by default ``mask``, and for frames ``mask_index`` and
            ``mask_clip_id``.
    """

    name: ClassVar[str]
    folder_name: ClassVar[str]
    aliases: ClassVar[tuple[str, ...]] = ()
    has_styles: ClassVar[bool] = False
    is_frames: ClassVar[bool]
    reads_meta: ClassVar[bool] = False
    drive_id: ClassVar[str | None] = None
    largest_file_bytes: ClassVar[int] = LARGEST_FILE_BYTES
    problem_titles: ClassVar[Mapping[str, str]] = {}
    title: ClassVar[str]
    tasks: ClassVar[tuple[str, ...]] = ()
    tags: ClassVar[tuple[str, ...]] = ()
    sample_keys: ClassVar[tuple[str, ...]]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "name" in vars(cls):
            cls.title = vars(cls).get("title", cls.name.replace("_", " "))
            cls.folder_name = vars(cls).get("folder_name", cls.name)
            keys = (cls.name, f"{cls.name}_index", f"{cls.name}_clip_id") if cls.is_frames else (cls.name,)
            cls.sample_keys = vars(cls).get("sample_keys", keys)
            if not cls.is_frames:
                cls.problem_titles = {cls.name: f"{cls.name} files that cannot be used", **cls.problem_titles}

    def __reduce__(self) -> tuple[Any, ...]:
        """Be pickled as the one that is registered, of which the class's module is imported."""
        return _registered, (type(self),)

    def folder(self, style: str = "") -> Folder:
        """Return its folder in the layout."""
        return Folder(self.name, style)

    def folder_of_style(self, style: str) -> Folder:
        """Return the folder of a style as a store names it; without one, the default style's where there are styles."""
        return self.folder((style or DEFAULT_STYLE) if self.has_styles else "")

    def folders(self, styles: Sequence[str]) -> tuple[Folder, ...]:
        """List its folders: one, or one for each of ``styles``."""
        return tuple(self.folder(style) for style in styles) if self.has_styles else (self.folder(),)

    @abstractmethod
    def columns(self, styles: Sequence[str] = ("",)) -> tuple[str, ...]:
        """Name its columns of a record, in order."""

    def columns_in(self, names: Collection[str], style: str = "") -> tuple[str, ...]:
        """Name its columns in data that has columns ``names``, of which the first tells; () where it has none."""
        columns = self.columns()
        return columns if columns[0] in names else ()

    @abstractmethod
    def features(self, styles: Sequence[str]) -> dict[str, Any]:
        """Declare its columns of a record, in order, as ``datasets`` features."""

    @abstractmethod
    def meanings(self, options: RecordOptions) -> dict[str, str]:
        """Explain its columns for the dataset card, each in a few words of Markdown."""


class FrameModality(Modality):
    """Pictures of frames: a clip has a folder of PNG or JPEG files, each with its frame index in the name.

    Attributes:
        pictures: Name of the column of pictures, a plural: ``masks``.
        indices: Name of the column of their frame indices: ``mask_indices``.
        is_timeline: Whether its frames are all frames of a clip, by whose indices the others are found.
        meaning: Of the column of pictures, for the dataset card: ``8-bit grey line drawings, PNG``.
    """

    is_frames = True
    pictures: ClassVar[str]
    indices: ClassVar[str]
    is_timeline: ClassVar[bool] = False
    meaning: ClassVar[str] = "pictures, PNG or JPEG"

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
            CorruptSourceError: It is damaged, or is no picture of this modality.
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
            below: The frame that it belongs to, RGB; None where there is none.
        """
        from PIL import Image

        return Image.fromarray(picture).convert("RGB")

    def legend(self, pictures: "Iterable[NDArray[np.uint8]]") -> Shown | None:
        """Explain the pictures of a clip, if they need it."""
        return None


class FileModality(Modality):
    """One small file for each clip.

    Attributes:
        suffix: Of the file's name, behind the clip's: ``.txt``.
        is_light: Whether its columns take so few bytes that they ride along in all files of an export.
        reveals_label: Whether it says what ``drop_sensitive`` takes out of the label.
    """

    is_frames = False
    suffix: ClassVar[str]
    is_light: ClassVar[bool] = True
    reveals_label: ClassVar[bool] = False
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
            light: Columns of the record that are no pictures. Change what JSON should say otherwise, and take out
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

    def shown(self, value: Any) -> Shown | None:
        """Say what :meth:`parse` gave, to look at; None for nothing."""
        return Shown(self.name, lines=(str(value),))

    def value_of(self, record: Mapping[str, Any], *, clip_id: str) -> Any:
        """Return what :meth:`parse` gave, from its columns of a record."""
        return self.parse(self.to_file(record), clip_id=clip_id)

    def sampled(self, value: Any, context: SampleContext) -> dict[str, Any]:
        """Turn what :meth:`parse` gave into keys of a sample: by default ``name``, as a tensor if it holds numbers."""
        return {self.name: as_tensor(value)}

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


def _registered(kind: type[Modality]) -> Modality:
    return kind_of(kind.name)
