"""What a modality is: the names it has, how its files become columns, and what else the package asks of it.

Subclass :class:`FrameModality` for pictures of frames and :class:`FileModality` for one small file per clip, each in a
module of its own. Class attributes describe it; methods are overridden where the default is not right.
"""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from mmvoxceleb.errors import CorruptSourceError
from mmvoxceleb.files.quoting import quoted
from mmvoxceleb.modalities.registry import Folder, kind_of

__all__ = [
    "DEFAULT_STYLE",
    "LARGEST_FILE_BYTES",
    "LARGEST_TEXT_BYTES",
    "MODALITIES",
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
    """Options that decide what a record holds of a clip.

    Args:
        modalities: Names of registered modalities.
        styles: Drawing styles.
        frame_stride: Keep only the frames, masks and drawings whose frame index is a multiple of this.
        max_frames: Keep at most this many frames from the start of the clip, and no mask or drawing of a later frame.
            If the video modality is not read, keep at most this many masks and at most this many drawings.
        aligned: Keep only frames that have a mask and a drawing, as far as these modalities are read, together with
            their masks and drawings.
        mask_encoding: ``palette``: 8-bit palette PNGs of class ids, 0 to 18; ``original``: the bytes of the files,
            unchanged.
        drop_sensitive: Put -1 in the label for :data:`mmvoxceleb.schema.SENSITIVE_ATTRIBUTES`.
        count_frames: Fill ``num_frames`` even if the video modality is not read.
        has_nulls: Whether a clip may lack what exports may lack (``Modality.exported_without``); its columns are null.
        frames_as: ``images``: a list of pictures; ``video``: the video file of the clip, which must be one.
    """

    modalities: Sequence[str] = MODALITIES
    styles: Sequence[str] = (DEFAULT_STYLE,)
    frame_stride: int = 1
    max_frames: int | None = None
    aligned: bool = False
    mask_encoding: Literal["palette", "original"] = "palette"
    drop_sensitive: bool = False
    count_frames: bool = False
    frames_as: Literal["images", "video"] = "images"
    has_nulls: bool = False

    @property
    def takes_whole_clips(self) -> bool:
        """Whether all frames of a clip are asked for."""
        return self.frame_stride == 1 and self.max_frames is None and not self.aligned


@dataclass(frozen=True)
class Shown:
    """One row of text about a clip in a preview.

    Args:
        title: Title at the left of the row.
        chips: Words in rounded boxes, each with the RGB colour of a square before it, or None for no square.
        lines: Lines of text.
        note: A remark below the row, in small type.
    """

    title: str
    chips: tuple[tuple[str, tuple[int, int, int] | None], ...] = ()
    lines: tuple[str, ...] = ()
    note: str = ""


class Modality(ABC):
    """Base class of frame and file modalities.

    Attributes:
        name: Name in configs and arguments, such as ``mask``.
        folder_name: Name of its folder and archive as this package writes them; by default ``name``.
        aliases: Other names under which its folder and archives are found.
        has_styles: Whether its folder holds a folder for each style.
        is_frames: Whether a clip has many pictures, and not one small file.
        reads_meta: Whether its columns also depend on the clip's provenance.
        made_by: The subcommand of ``mmvoxceleb regenerate`` that makes it for the clips of a store; empty if none does.
        made_with: Options that this subcommand needs, such as ``--raw VIDEOS``.
        made_of: Names of the modalities, besides the frames, without which that subcommand makes nothing.
        exported_without: Whether exports take clips that lack it, with null in its columns: ``never``, if their
            provenance says why there is none (``explained``), or ``always``. Only for modalities of one file.
        drive_id: Id of its file among those that MMVID published on Google Drive.
        largest_file_bytes: Size limit in bytes; a larger file is refused before it is read.
        problem_titles: Kinds of problems that its checks find, each with the title that ``validate`` shows.
        title: Description in the plural for the dataset card: ``face segmentation masks``.
        tasks: Tasks of the Hub that it is useful for.
        tags: Tags for the dataset card.
        form_options: Names of the fields of :class:`RecordOptions`, of type str, that :meth:`stored` depends on.
        sample_keys: Keys that a training sample may have for it: by default ``name``, and for pictures also
            ``<name>_index`` and ``<name>_clip_id``.
    """

    name: ClassVar[str]
    folder_name: ClassVar[str]
    aliases: ClassVar[tuple[str, ...]] = ()
    has_styles: ClassVar[bool] = False
    is_frames: ClassVar[bool]
    reads_meta: ClassVar[bool] = False
    made_by: ClassVar[str] = ""
    made_with: ClassVar[str] = ""
    made_of: ClassVar[tuple[str, ...]] = ()
    exported_without: ClassVar[Literal["never", "explained", "always"]] = "never"
    drive_id: ClassVar[str | None] = None
    largest_file_bytes: ClassVar[int] = LARGEST_FILE_BYTES
    problem_titles: ClassVar[Mapping[str, str]] = {}
    title: ClassVar[str]
    tasks: ClassVar[tuple[str, ...]] = ()
    tags: ClassVar[tuple[str, ...]] = ()
    form_options: ClassVar[tuple[str, ...]] = ()
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

    def stored(self, data: bytes, options: RecordOptions, *, clip_id: str, name: str) -> bytes:
        """Check a file, and return it as a record holds it; unchanged by default.

        Args:
            data: Content of the file.
            options: Options of the record.
            clip_id: The clip, for messages.
            name: The file, for messages.

        Raises:
            CorruptSourceError: The file is damaged.
        """
        return data

    def form_of(self, options: RecordOptions) -> str:
        """Name what :meth:`stored` makes of a file, in a reference to it: ``mask.mask_encoding-original``."""
        usual = RecordOptions()
        chosen = [(name, getattr(options, name)) for name in self.form_options]
        return ".".join([self.name, *(f"{name}-{value}" for name, value in chosen if value != getattr(usual, name))])

    def options_of_form(self, form: str) -> RecordOptions:
        """Return the options in what :meth:`form_of` gave.

        Raises:
            CorruptSourceError: It names others.
        """
        _, *parts = form.split(".")
        chosen: dict[str, Any] = {name: value for name, _, value in (part.partition("-") for part in parts)}
        if not chosen.keys() <= set(self.form_options):
            raise CorruptSourceError(f"no {self.name} has the form {quoted(form)}; load the dataset again")
        return RecordOptions(**chosen)

    @abstractmethod
    def meanings(self, options: RecordOptions) -> dict[str, str]:
        """Explain its columns for the dataset card, each in a few words of Markdown."""


def _registered(kind: type[Modality]) -> Modality:
    return kind_of(kind.name)
