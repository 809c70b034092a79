"""What an export holds, in files of its own: one marker a shard, the plan they belong to, and ``export.json``."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from mmvoxceleb.errors import ConfigError, CorruptSourceError
from mmvoxceleb.files.atomic import write_atomically
from mmvoxceleb.hub.quality import Quality
from mmvoxceleb.hub.settings import ExportSettings

__all__ = ["MANIFEST", "ClipNote", "ExportFolder", "ShardNote", "is_export", "manifest_of", "read_manifest"]

MANIFEST = "export.json"
"""Published beside the card: settings, and path, clips, bytes and sha256 of each shard."""

_STATE = ".mmvoxceleb"


@dataclass(frozen=True)
class ClipNote:
    """What the card needs to know of a clip.

    Args:
        clip_id: The key.
        num_frames: Frames; None where the store has no video.
        label: The 40 values as a string of ``0``, ``1`` and ``-``; empty without a label.
        label_source: Where the label is from.
        num_masks: Masks.
        num_drawings: Drawings of the first style.
    """

    clip_id: str
    num_frames: int | None = None
    label: str = ""
    label_source: str | None = None
    num_masks: int = 0
    num_drawings: int = 0


@dataclass(frozen=True)
class ShardNote:
    """A finished shard.

    Args:
        path: Relative to the export.
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
    def from_json(cls, values: dict[str, Any]) -> "ShardNote":
        """Undo ``dataclasses.asdict``."""
        values["clips"] = tuple(ClipNote(**clip) for clip in values["clips"])
        values["models"] = tuple(values["models"])
        values["quality"] = Quality(**values["quality"]) if values["quality"] else None
        return cls(**values)


class ExportFolder:
    """The state of an export, in ``OUT/.mmvoxceleb``; it is not pushed.

    Args:
        root: The export.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._plan = root / _STATE / "plan.json"
        self._notes = root / _STATE / "shards"

    def read_plan(self) -> dict[str, Any] | None:
        """Read what the export was begun with; None for a new one.

        Raises:
            CorruptSourceError: The file is damaged.
        """
        return self._load(self._plan) if self._plan.is_file() else None

    def write_plan(self, plan: Mapping[str, Any]) -> None:
        """Record what the export is begun with."""
        write_atomically(self._plan, _dump(plan))

    def note(self, path: str) -> ShardNote | None:
        """Read the marker of a shard; None where it is not finished, or its file is gone or cut."""
        marker = self._marker(path)
        if not marker.is_file():
            return None
        note = ShardNote.from_json(self._load(marker))
        if note.sha256:
            file = self.root / note.path
            if not file.is_file() or file.stat().st_size != note.bytes:
                return None
        return note

    def write_note(self, note: ShardNote) -> None:
        """Mark a shard as finished, after its file was renamed."""
        write_atomically(self._marker(note.path), _dump(asdict(note)))

    def forget(self, path: str) -> None:
        """Take a shard's marker away."""
        self._marker(path).unlink(missing_ok=True)

    def notes(self) -> list[ShardNote]:
        """Read all markers, sorted by path."""
        return [ShardNote.from_json(self._load(path)) for path in sorted(self._notes.glob("*.json"))]

    def settings(self) -> ExportSettings:
        """Return the settings of a finished or begun export.

        Raises:
            ConfigError: This is no export.
        """
        plan = self.read_plan()
        if plan is None:
            raise ConfigError(f"{self.root}: is no export; make one with: mmvoxceleb export STORE {self.root}")
        return ExportSettings.from_json(plan["settings"])

    def _marker(self, path: str) -> Path:
        return self._notes / (path.replace("/", "~") + ".json")

    @staticmethod
    def _load(path: Path) -> dict[str, Any]:
        try:
            content = json.loads(path.read_bytes())
        except ValueError as error:
            raise CorruptSourceError(f"{path}: is no JSON ({error}); export again with --overwrite") from error
        return dict(content)


def is_export(path: Path) -> bool:
    """Tell an export from a store."""
    return (path / _STATE / "plan.json").is_file()


def manifest_of(settings: ExportSettings, notes: Iterable[ShardNote], facts: Mapping[str, Any]) -> bytes:
    """Format ``export.json``; it names no machine and no time, so that equal exports have equal files.

    Args:
        settings: What was exported.
        notes: The finished shards.
        facts: What the publisher says, so that the card can be made again from this file alone.
    """
    import mmvoxceleb

    content = {
        "made_by": f"mmvoxceleb {mmvoxceleb.__version__}",
        "settings": settings.to_json(),
        "facts": dict(facts),
        "shards": [asdict(note) for note in notes],
    }
    return (json.dumps(content, ensure_ascii=False, separators=(",", ":")) + "\n").encode()


def read_manifest(data: bytes) -> tuple[ExportSettings, list[ShardNote], dict[str, Any]]:
    """Read ``export.json``: the settings, the shards and the publisher's facts.

    Raises:
        CorruptSourceError: It is damaged, or made by another version of this program.
    """
    try:
        content = json.loads(data)
        notes = [ShardNote.from_json(note) for note in content["shards"]]
        return ExportSettings.from_json(content["settings"]), notes, content["facts"]
    except (ValueError, KeyError, TypeError) as error:
        raise CorruptSourceError(f"{MANIFEST}: cannot be read ({error!r}); export and push again") from error


def _dump(content: Mapping[str, Any]) -> bytes:
    return (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode()
