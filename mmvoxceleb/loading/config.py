"""The configurations of the dataset and the arguments of ``load_dataset("mmvoxceleb", ...)``."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, get_args

from datasets import BuilderConfig, Version

from mmvoxceleb.cliplists import ClipList, as_clip_list
from mmvoxceleb.cliplists.reading import Clips
from mmvoxceleb.errors import ConfigError
from mmvoxceleb.files.ranges import is_url
from mmvoxceleb.meta.removal_feed import Feeds, Offline
from mmvoxceleb.modalities import (
    DEFAULT_STYLE,
    MODALITIES,
    RecordOptions,
    check_modalities,
    frame_modalities,
    modalities,
)

__all__ = ["Configs", "MMVoxCelebConfig", "config_modalities"]


def config_modalities() -> dict[str, tuple[str, ...]]:
    """List the configs, and the modalities that each reads. ``sample`` is the bundled sample, offline."""
    return {"all": MODALITIES, **{kind.name: (kind.name,) for kind in modalities()}, "sample": MODALITIES}


MaskEncoding = Literal["palette", "original"]
OnError = Literal["raise", "skip"]
FramesAs = Literal["images", "video"]


@dataclass
class MMVoxCelebConfig(BuilderConfig):  # type: ignore[misc]  # datasets has no types
    """Arguments of ``load_dataset("mmvoxceleb", ...)``, all optional.

    Args:
        modalities: Read these modalities instead of those of the config, such as ``("video", "mask")``.
        styles: Drawing styles. None means ``style1``, or the only style of a dataset that has another. With several,
            the columns are ``drawings_style1``, ``drawing_indices_style1``, ...
        frame_stride: Keep only the frames, masks and drawings whose frame index is a multiple of this.
        max_frames: Keep at most this many frames from the start of the clip, and no mask or drawing of a later frame.
        aligned: Keep only frames that have a mask and a drawing, as far as these modalities are read.
        mask_encoding: ``palette`` converts the colour masks of the original files into 8-bit palette PNGs of class ids,
            0 to 18; ``original`` leaves the bytes unchanged.
        min_frames: Leave out clips with fewer frames than this.
        persons: Keep only the clips of these identities, such as ``["id10270"]``.
        clips: Keep only these clips: clip ids, or the path or URL of a clip list (``mmvoxceleb select``).
        removals: Paths and URLs of further removal lists to obey. Each call reads them again; see docs/removal-feed.md.
        removals_offline: What to do if such a list cannot be read: ``stop`` with an error, or use the ``last`` version
            that was read on this machine.
        on_error: ``raise`` an error at the first damaged clip, or ``skip`` damaged clips; a warning names each of them,
            and a last one counts them. The same applies to clips of a clip list that the store lacks.
        drive_ids: Google Drive ids of a lab's own copies, ``{"video": "1eG4...", "mask": "1Y36..."}``.
        drop_sensitive: Put -1 in ``label`` for the attributes in :data:`mmvoxceleb.schema.SENSITIVE_ATTRIBUTES`,
            and leave them out of ``attributes``.
        strict: Raise an error if a clip lacks a modality, instead of leaving such clips out and counting them.
        frames_as: ``images`` gives frames as pictures, and decodes clips that are video files. ``video`` gives a column
            ``video`` in place of ``frames`` and ``frame_indices``; every clip must be a video file, and
            ``frame_stride``, ``max_frames`` and ``aligned`` cannot be used. By default ``video`` if all clips are video
            files and all of their frames are requested, otherwise ``images``.
        in_place: Refer to the pictures of a folder or zip on this machine, and read each one on access, instead of
            copying them all into the cache of ``datasets``. This is the default, except with ``on_error="skip"``, which
            has to read every picture. The bundled sample and data behind a URL are always copied, so that
            ``in_place=True`` is an error for them.
    """

    modalities: Sequence[str] | None = None
    styles: Sequence[str] | None = None
    frame_stride: int = 1
    max_frames: int | None = None
    aligned: bool = False
    mask_encoding: MaskEncoding = "palette"
    min_frames: int = 0
    persons: Sequence[str] | None = None
    clips: Clips | None = None
    removals: Feeds | None = None
    removals_offline: Offline = "stop"
    on_error: OnError = "raise"
    drive_ids: Mapping[str, str] | None = None
    drop_sensitive: bool = False
    strict: bool = False
    frames_as: FramesAs | None = None
    in_place: bool | None = None

    def check(self) -> None:
        """Check all values. ``datasets`` sets them one by one, so construction cannot check them.

        Raises:
            ConfigError: A value is unknown or impossible; the message lists the known ones.
        """
        asked = self.read_modalities
        for name, value, known in (
            ("mask_encoding", self.mask_encoding, get_args(MaskEncoding)),
            ("on_error", self.on_error, get_args(OnError)),
            ("removals_offline", self.removals_offline, get_args(Offline)),
            ("frames_as", self.frames_as, (None, *get_args(FramesAs))),
        ):
            if value not in known:
                raise ConfigError(f"{name}={value!r}; the known ones are {', '.join(map(str, known))}")
        if self.frames_as == "video" and not self.record_options.takes_whole_clips:
            raise ConfigError(
                "frames_as='video' gives files as they are; frame_stride, max_frames and aligned need "
                "frames_as='images'"
            )
        for name, number, least in (("frame_stride", self.frame_stride, 1), ("min_frames", self.min_frames, 0)):
            if not isinstance(number, int) or number < least:
                raise ConfigError(f"{name}={number!r}; it must be a whole number from {least}")
        if self.max_frames is not None and (not isinstance(self.max_frames, int) or self.max_frames < 1):
            raise ConfigError(f"max_frames={self.max_frames!r}; it must be a whole number from 1, or None")
        if not self.read_styles or len(set(self.read_styles)) != len(self.read_styles):
            raise ConfigError(f"styles={self.styles!r}; name at least one style, each once, such as ('style1',)")
        if self.aligned and all(kind.is_timeline for kind in frame_modalities(asked)):
            raise ConfigError("aligned=True keeps frames that have a mask or drawing, but neither is read")
        if self.in_place:
            if self.on_error == "skip":
                raise ConfigError(
                    "in_place=True reads no picture before it is asked for, so on_error='skip' cannot find the damaged "
                    "ones; pass one of them, and find damage with `mmvoxceleb validate --deep`"
                )
            if not self.may_refer:
                raise ConfigError(
                    f"in_place=True needs a folder or zip on this machine, and {self.data_dir or 'the sample'} is "
                    "copied; leave it out, or download the data first"
                )
        if self.drive_ids:
            check_modalities(self.drive_ids)
            if self.data_dir:
                raise ConfigError("data_dir and drive_ids are two sources; pass one of them")

    @property
    def may_refer(self) -> bool:
        """Whether a record may refer to pictures: they stay on this machine."""
        return self.name != "sample" and not is_url(str(self.data_dir or ""))

    @property
    def reads_in_place(self) -> bool:
        """Whether a prepared dataset refers to pictures."""
        return self.may_refer and (self.on_error == "raise" if self.in_place is None else self.in_place)

    @property
    def read_modalities(self) -> tuple[str, ...]:
        """The modalities to read: the argument's, or else the config's."""
        if self.modalities is not None:
            return check_modalities(self.modalities)
        known = config_modalities()
        if self.name not in known:
            raise ConfigError(f"unknown config {self.name!r}; the known ones are {', '.join(known)}")
        return known[self.name]

    @property
    def read_styles(self) -> tuple[str, ...]:
        """The drawing styles to read; the default one if none were chosen."""
        if self.styles is None:
            return (DEFAULT_STYLE,)
        return (self.styles,) if isinstance(self.styles, str) else tuple(self.styles)

    @cached_property
    def clip_list(self) -> ClipList | None:
        """The clips to keep; None for all. Its file is read once."""
        return as_clip_list(self.clips)

    @property
    def record_options(self) -> RecordOptions:
        """What :func:`mmvoxceleb.loading.record.read_record` needs to know."""
        return RecordOptions(
            modalities=self.read_modalities,
            styles=self.read_styles,
            frame_stride=self.frame_stride,
            max_frames=self.max_frames,
            aligned=self.aligned,
            mask_encoding=self.mask_encoding,
            drop_sensitive=self.drop_sensitive,
            count_frames=self.min_frames > 0,
            frames_as=self.frames_as or "images",
        )

    def create_config_id(self, config_kwargs: dict[str, Any], custom_features: Any = None) -> str:
        """Name the cache folder; what does not change the rows does not change the name."""
        idle = ("on_error", "removals", "removals_offline")  # whom they name is in the digest of the content
        kept = {key: value for key, value in config_kwargs.items() if key not in idle}
        if self.clip_list is not None and self.clip_list.name:
            kept["clips"] = list(self.clip_list.clips)  # whatever its file is called, or says later
        return str(super().create_config_id(kept, custom_features=custom_features))


class Configs(Mapping[str, MMVoxCelebConfig]):
    """The configs by name, as many as there are modalities now."""

    def __getitem__(self, name: str) -> MMVoxCelebConfig:
        description = ", ".join(config_modalities()[name])
        return MMVoxCelebConfig(name=name, version=Version("1.0.0"), description=description)

    def __iter__(self) -> Iterator[str]:
        return iter(config_modalities())

    def __len__(self) -> int:
        return len(config_modalities())
