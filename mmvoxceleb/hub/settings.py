"""What an export is to be: format, modalities, video, sizes."""

import re
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

from mmvoxceleb.errors import ConfigError
from mmvoxceleb.files.quoting import quoted, shortened
from mmvoxceleb.modalities import DEFAULT_STYLE, MODALITIES, VIDEO, Folder, RecordOptions, check_modalities, folders_of

__all__ = ["ExportSettings", "Format", "MaskEncoding", "Video"]

Format = Literal["parquet", "webdataset", "folder"]
Video = Literal["png", "mp4"]
MaskEncoding = Literal["palette", "original"]
_STYLE = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""Styles are names of folders, and parts of names of columns."""
_VERSION = re.compile(r"\d+\.\d+\.\d+")


@dataclass(frozen=True)
class ExportSettings:
    """All settings that change the bytes of an export.

    Args:
        format: ``parquet`` for the Hub, ``webdataset`` for tars, or ``folder`` for the original layout.
        modalities: The modalities to export. Clips that lack one are left out. But those of which the provenance says
            why they have no sound, and those without scores, are exported with null for it.
        styles: Drawing styles.
        video: ``png``: the frames, unchanged; ``mp4``: one H.264 file per clip (not for ``folder``).
        crf: H.264 constant rate factor, 0 to 51; lower is better and larger.
        lossless: Encode H.264 in RGB without any loss; ``crf`` is then ignored.
        mask_encoding: ``palette``: PNGs of class ids; ``original``: PNGs in colours. Both hold the same classes.
        drop_sensitive: Put -1 in the label for the sensitive attributes. The commands then also leave out the
            sentences, which repeat them, unless you ask for ``text``; in Python, choose ``modalities`` yourself.
        index: For Parquet, also write the small configs ``index`` (all light columns, a poster and the shard of each
            clip) and ``preview`` (a few clips as video with sound).
        version: Version of the dataset, ``MAJOR.MINOR.PATCH``.
        max_shard_bytes: Size in bytes at which a shard is closed; a clip is never divided. None means 32 MiB for
            Parquet, where a reader of one clip fetches at least that much, and 256 MiB for tars.
        on_error: ``raise`` an error at the first damaged clip, or ``skip`` it and record the reason.

    Raises:
        ConfigError: A value is unknown or impossible.
    """

    format: Format = "parquet"
    modalities: tuple[str, ...] = MODALITIES
    styles: tuple[str, ...] = (DEFAULT_STYLE,)
    video: Video = "png"
    crf: int = 18
    lossless: bool = False
    mask_encoding: MaskEncoding = "palette"
    drop_sensitive: bool = False
    index: bool = True
    version: str = "1.0.0"
    max_shard_bytes: int | None = None
    on_error: Literal["raise", "skip"] = "raise"

    def __post_init__(self) -> None:
        """Check all values.

        Raises:
            ConfigError: A value is unknown or impossible.
        """
        object.__setattr__(self, "modalities", check_modalities(self.modalities))
        for name, known in (
            ("format", get_args(Format)),
            ("video", get_args(Video)),
            ("mask_encoding", get_args(MaskEncoding)),
            ("on_error", ("raise", "skip")),
        ):
            if getattr(self, name) not in known:
                raise ConfigError(f"{name}={quoted(getattr(self, name))}; the known ones are {', '.join(known)}")
        for style in self.styles:
            if not isinstance(style, str) or _STYLE.fullmatch(style) is None:
                raise ConfigError(f"style {style!r}: is not the name of a drawing style, such as {DEFAULT_STYLE}")
        if not 0 <= self.crf <= 51:
            raise ConfigError(f"crf={self.crf}; H.264 allows 0 (best) to 51")
        if self.format == "folder" and self.video == "mp4":
            raise ConfigError("the original layout has PNG frames; use --codec mp4 with parquet or webdataset")
        if _VERSION.fullmatch(self.version) is None:
            raise ConfigError(f"version={self.version!r}; expected MAJOR.MINOR.PATCH, such as 1.0.0")
        if self.max_shard_bytes is not None and self.max_shard_bytes < 1:
            raise ConfigError(f"max_shard_bytes={self.max_shard_bytes}; it must be at least 1")

    @property
    def folders(self) -> tuple[Folder, ...]:
        """The folders of the store that every exported clip must have."""
        return folders_of(self.modalities, self.styles)

    @property
    def shard_bytes(self) -> int:
        """Size at which a shard of whole rows is closed."""
        return self.max_shard_bytes or (32 << 20 if self.format == "parquet" else 256 << 20)

    @property
    def has_mp4(self) -> bool:
        """Whether frames are exported as H.264."""
        return self.video == "mp4" and VIDEO.name in self.modalities

    def record_options(self, *, count_frames: bool) -> RecordOptions:
        """What :func:`mmvoxceleb.loading.record.read_record` is to read of a clip."""
        return RecordOptions(
            modalities=self.modalities,
            styles=self.styles,
            mask_encoding=self.mask_encoding,
            drop_sensitive=self.drop_sensitive,
            count_frames=count_frames,
            has_nulls=True,
        )

    def to_json(self) -> dict[str, Any]:
        """Return the settings as JSON values."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}

    @classmethod
    def from_json(cls, values: dict[str, Any], where: str) -> "ExportSettings":
        """Undo :meth:`to_json`.

        Args:
            values: What the JSON held.
            where: The file, for the message.

        Raises:
            ConfigError: The values are damaged, or of another version of this program.
        """
        try:
            arguments: dict[str, Any] = {
                name: tuple(value) if isinstance(value, list) else value for name, value in values.items()
            }
            settings = cls(**arguments)
        except (TypeError, ConfigError) as error:
            raise ConfigError(
                f"{where}: the settings are damaged, or from another version of mmvoxceleb ({shortened(error)}); "
                "export it again"
            ) from error
        names = [each.name for each in fields(cls)]
        wrong = [name for name in names if not _is_of(getattr(settings, name), getattr(_DEFAULTS, name))]
        if wrong:
            raise ConfigError(f"{where}: the settings are damaged at {', '.join(wrong)}; export it again")
        return settings


_DEFAULTS = ExportSettings()


def _is_of(value: object, default: object) -> bool:
    if isinstance(default, tuple):
        return isinstance(value, tuple) and all(isinstance(each, str) for each in value)
    if default is None:
        return value is None or type(value) is int
    return type(value) is type(default)
