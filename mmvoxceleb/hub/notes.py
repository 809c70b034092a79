"""What is recorded of each shard of an export: in its marker, and in ``export.json``, which others may have written."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from mmvoxceleb.errors import CorruptSourceError
from mmvoxceleb.files.inside import check_inside
from mmvoxceleb.hub.quality import Quality
from mmvoxceleb.modalities import MODALITIES, frame_modalities
from mmvoxceleb.schema import SPLITS, ClipId

__all__ = ["ClipNote", "ShardNote"]

_SHA256 = re.compile(r"[0-9a-f]{64}")
_FILE = re.compile(r"data/(?:[a-z0-9_]+/)?(?:train|test)-\d{5,}-of-\d{5,}\.(?:parquet|tar)")
_MARKER = re.compile(r"(?:train|test)-\d{5,}-of-\d{5,}")
_LABEL = re.compile(r"(?:[01-]{40})?")
_COUNT = "num_"


@dataclass(frozen=True)
class ClipNote:
    """What the card needs to know of a clip.

    Args:
        clip_id: The key.
        num_frames: Frames; None where the store has no video.
        label: The 40 values as a string of ``0``, ``1`` and ``-``; empty without a label.
        label_source: Where the label is from.
        num_pictures: Pictures beside the frames, by name of their column (of the first style): ``masks``.
        sha256: Hash of its files in the original layout, where a shard is not a file that could have one; else empty.
    """

    clip_id: str
    num_frames: int | None = None
    label: str = ""
    label_source: str | None = None
    num_pictures: Mapping[str, int] = field(default_factory=dict)
    sha256: str = ""

    @classmethod
    def from_json(cls, values: object, where: str) -> "ClipNote":
        """Undo :meth:`to_json`.

        Raises:
            CorruptSourceError: It is no such note; the message begins with ``where``.
        """
        counts = {}
        if isinstance(values, dict):
            counts = {name: value for name, value in values.items() if _is_name_of_count(name)}
            values = {name: value for name, value in values.items() if name not in counts}
        found = _known(cls, values, where)
        found["num_pictures"] = {name.removeprefix(_COUNT): value for name, value in counts.items()}
        note = cls(**found)
        _expect(isinstance(note.clip_id, str) and ClipId.matches(note.clip_id), where, "clip_id", note.clip_id)
        _expect(note.num_frames is None or _is_count(note.num_frames), where, "num_frames", note.num_frames)
        _expect(isinstance(note.label, str) and _LABEL.fullmatch(note.label), where, "label", note.label)
        _expect(isinstance(note.label_source, str | None), where, "label_source", note.label_source)
        for column, count in note.num_pictures.items():
            _expect(_is_count(count), where, f"{_COUNT}{column}", count)
        _expect(note.sha256 == "" or _is_sha256(note.sha256), where, "sha256", note.sha256)
        return note

    def to_json(self) -> dict[str, Any]:
        """Return the note as JSON values, with a field for each count: ``num_masks``."""
        values = asdict(self)
        counts = dict.fromkeys((kind.pictures for kind in frame_modalities(MODALITIES) if not kind.is_timeline), 0)
        counts |= values.pop("num_pictures")
        sha256 = values.pop("sha256")
        return {**values, **{f"{_COUNT}{column}": count for column, count in counts.items()}, "sha256": sha256}


def _is_name_of_count(name: object) -> bool:
    return isinstance(name, str) and name.startswith(_COUNT) and name != "num_frames"


@dataclass(frozen=True)
class ShardNote:
    """A finished shard.

    Args:
        path: Relative to the export; for the original layout the name of its marker.
        part: The part that it belongs to.
        split: ``train`` or ``test``.
        rows: Clips in it.
        bytes: Its size.
        sha256: Its hash; empty for the original layout, where a shard is many files.
        clips: Its clips, in order.
        column_bytes: What each column takes.
        models: Models in the clips' provenance.
        quality: The loss of its H.264 videos.
        skipped: Damaged clips that were left out, with the reason.
    """

    path: str
    part: str
    split: str
    rows: int
    bytes: int
    sha256: str
    clips: tuple[ClipNote, ...] = ()
    column_bytes: Mapping[str, int] = field(default_factory=dict)
    models: tuple[Mapping[str, str], ...] = ()
    quality: Quality | None = None
    skipped: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_json(cls, values: object, where: str) -> "ShardNote":
        """Undo :meth:`to_json`.

        Args:
            values: What the JSON held.
            where: The file, for the message.

        Raises:
            CorruptSourceError: It is no such note.
            UnsafeArchiveError: It names a path outside the export.
        """
        found = _known(cls, values, where)
        path = check_inside(found.get("path"), where)
        where = f"{where}, shard {path}"
        for name, kind in (("clips", list), ("models", list), ("column_bytes", dict), ("skipped", dict)):
            _expect(isinstance(found.setdefault(name, kind()), kind), where, name, found[name])
        found["clips"] = tuple(ClipNote.from_json(clip, where) for clip in found["clips"])
        found["models"] = tuple(found["models"])
        found["quality"] = _quality(found.get("quality"), where)
        try:
            note = cls(**found)
        except TypeError as error:
            raise CorruptSourceError(f"{where}: lacks a value ({error})") from error
        form = _MARKER if note.sha256 == "" else _FILE
        _expect(form.fullmatch(path), where, "path", path)
        _expect(note.sha256 == "" or _is_sha256(note.sha256), where, "sha256", note.sha256)
        _expect(isinstance(note.part, str), where, "part", note.part)
        _expect(note.split in SPLITS, where, "split", note.split)
        _expect(note.rows == len(note.clips) and _is_count(note.rows), where, "rows", note.rows)
        _expect(_is_count(note.bytes), where, "bytes", note.bytes)
        _expect(all(map(_is_count, note.column_bytes.values())), where, "column_bytes", note.column_bytes)
        for model in note.models:
            whole = isinstance(model, dict) and {*model} == {"stage", "sha256"}
            _expect(whole and all(isinstance(text, str) for text in model.values()), where, "models", model)
        skipped = all(ClipId.matches(clip) and isinstance(why, str) for clip, why in note.skipped.items())
        _expect(skipped, where, "skipped", note.skipped)
        return note

    def to_json(self) -> dict[str, Any]:
        """Return the note as JSON values."""
        return {**asdict(self), "clips": [clip.to_json() for clip in self.clips]}


def _quality(values: object, where: str) -> Quality | None:
    if values is None:
        return None
    found = _known(Quality, values, f"{where}, quality")
    for name, value in found.items():
        _expect(isinstance(value, int | float) and not isinstance(value, bool), where, f"quality.{name}", value)
    return Quality(**found)


def _known(kind: type[Any], values: object, where: str) -> dict[str, Any]:
    """Return the values by name, all of which ``kind`` has."""
    names = {each.name for each in fields(kind)}
    if not isinstance(values, dict) or not values or not {*values} <= names:
        raise CorruptSourceError(f"{where}: is damaged, or was made by another version of mmvoxceleb")
    return dict(values)


def _expect(holds: object, where: str, name: str, value: object) -> None:
    if not holds:
        shown = ascii(value)
        raise CorruptSourceError(
            f"{where}: is damaged, its {name} is {shown if len(shown) <= 60 else f'{shown[:57]}...'}"
        )


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_sha256(value: object) -> bool:
    return isinstance(value, str) and _SHA256.fullmatch(value) is not None
