"""What an export holds, in files of its own: one marker a shard, the plan they belong to, and ``export.json``."""

import contextlib
import errno
import json
import logging
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from mmvoxceleb.errors import ConfigError, CorruptSourceError, IncompatibleOutputError, OutputError
from mmvoxceleb.files.atomic import make_folder, write_atomically
from mmvoxceleb.files.inside import inside
from mmvoxceleb.files.json_text import parse_json_object
from mmvoxceleb.hub.notes import ShardNote
from mmvoxceleb.hub.settings import ExportSettings

__all__ = [
    "MANIFEST",
    "STATE",
    "TRAINER_PLAN",
    "ExportFolder",
    "is_export",
    "manifest_of",
    "read_manifest",
    "refuse_inside_export",
]

MANIFEST = "export.json"
"""Published beside the card: settings, and path, clips, bytes and sha256 of each shard."""

STATE = ".mmvoxceleb"
TRAINER_PLAN = "trainer.json"
"""In the state of a set for a trainer, what ``plan.json`` is in that of an export."""
_PLANS = ("plan.json", TRAINER_PLAN)

logger = logging.getLogger(__name__)


class ExportFolder:
    """The state of an export, in ``OUT/.mmvoxceleb``; it is not pushed.

    Args:
        root: The export.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._plan = root / STATE / "plan.json"
        self._notes = root / STATE / "shards"

    @contextlib.contextmanager
    def lock(self, *, to_read: bool = False) -> Iterator[bool]:
        """Hold off other runs that would write, change or send this export; gives whether that could be had.

        Args:
            to_read: The export is not changed, so it may lie where nothing can be written, and nobody else can.

        Raises:
            OutputError: Another run is at it.
        """
        from filelock import FileLock, Timeout

        try:
            make_folder(self.root / STATE)
            lock = FileLock(self.root / STATE / ".lock")
            lock.acquire(timeout=0)
        except Timeout:
            raise OutputError(
                f"{self.root}: another run is using this export; wait until it ends, or name another folder"
            ) from None
        except NotImplementedError:
            logger.warning("%s: the file system has no locks; let only one run at a time write there", self.root)
            yield False
            return
        except OSError as error:
            if to_read and error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
                yield False
                return
            raise
        try:
            yield True
        finally:
            lock.release()

    def read_plan(self) -> dict[str, Any] | None:
        """Read what the export was begun with; None for a new one.

        Raises:
            CorruptSourceError: The file is damaged.
            ConfigError: It is of another version of this program.
        """
        if not self._plan.is_file():
            return None
        plan = self._load(self._plan, self._advice)
        kinds = {"settings": dict, "store": str, "clips": str, "tools": dict}
        wrong = [name for name, kind in kinds.items() if not isinstance(plan.get(name), kind)]
        if wrong or not isinstance(plan.get("facts", {}), dict):
            raise CorruptSourceError(f"{self._plan}: is damaged at {', '.join(wrong) or 'facts'}; {self._advice}")
        ExportSettings.from_json(plan["settings"], str(self._plan))
        _check_facts(plan.get("facts", {}), str(self._plan))
        return plan

    @property
    def _advice(self) -> str:
        return f"delete the folder {self.root}, and export again"

    def write_plan(self, plan: Mapping[str, Any]) -> None:
        """Record what the export is begun with."""
        write_atomically(self._plan, _dump(plan))

    def note(self, path: str) -> ShardNote | None:
        """Read the marker of a shard; None if it is not finished, or the marker is damaged.

        Whether the shard is what its marker says is told by :mod:`mmvoxceleb.hub.whole`.
        """
        try:
            return self._read(self._marker(path))
        except FileNotFoundError:
            return None
        except CorruptSourceError as error:
            logger.warning("%s; the shard is rewritten", error)
            return None

    def write_note(self, note: ShardNote) -> None:
        """Mark a shard as finished, after its file was renamed."""
        write_atomically(self._marker(note.path), _dump(note.to_json()))
        self._next(note.path).unlink(missing_ok=True)

    def write_next(self, note: ShardNote) -> None:
        """Tell how a shard is going to be, before its file is replaced; see :meth:`settle`."""
        write_atomically(self._next(note.path), _dump(note.to_json()))

    def settle(self) -> None:
        """End what a run that was killed between the file and the marker of a shard had begun."""
        from mmvoxceleb.hub.whole import damage_of

        for path in self._notes.glob("*.next"):
            try:
                note = ShardNote.from_json(self._load(path, ""), str(path))
            except CorruptSourceError:
                path.unlink()
                continue
            if path == self._next(note.path) and not damage_of(self.root, note):
                self.write_note(note)
            path.unlink(missing_ok=True)

    def forget(self, path: str) -> None:
        """Take a shard's marker away."""
        self._marker(path).unlink(missing_ok=True)

    def notes(self) -> list[ShardNote]:
        """Read all markers, sorted by path.

        Raises:
            CorruptSourceError: A marker is damaged.
            UnsafeArchiveError: A marker names a path outside the export.
        """
        return [self._read(path) for path in sorted(self._notes.glob("*.json"))]

    def settings(self) -> ExportSettings:
        """Return the settings of a finished or begun export.

        Raises:
            ConfigError: This is not an export.
            CorruptSourceError: Its plan is damaged.
        """
        plan = self.read_plan()
        if plan is None:
            raise ConfigError(f"{self.root}: is not an export; make one with: mmvoxceleb export STORE {self.root}")
        return ExportSettings.from_json(plan["settings"], str(self._plan))

    def _marker(self, path: str) -> Path:
        return self._notes / (path.replace("/", "~") + ".json")

    def _next(self, path: str) -> Path:
        return self._marker(path).with_suffix(".next")

    def _read(self, marker: Path) -> ShardNote:
        advice = "delete it, and export again: the shard is then rewritten"
        content = self._load(marker, advice)
        try:
            note = ShardNote.from_json(content, str(marker))
        except CorruptSourceError as error:
            raise CorruptSourceError(f"{error}; {advice}") from error
        if self._marker(note.path) != marker:
            raise CorruptSourceError(f"{marker}: describes another shard, {note.path}; {advice}")
        return note

    def _load(self, path: Path, advice: str) -> dict[str, Any]:
        own = inside(self.root, path.relative_to(self.root).as_posix())
        return parse_json_object(own.read_bytes(), str(path), advice)


def is_export(path: Path) -> bool:
    """Tell an export from a store."""
    return (path / STATE / _PLANS[0]).is_file()


def refuse_inside_export(path: Path) -> None:
    """Let nothing be exported into a folder below another export, which would clean, describe or delete it.

    Raises:
        IncompatibleOutputError: It is below an export, or below a set for a trainer.
    """
    for above in path.resolve().parents:
        if any((above / STATE / plan).is_file() for plan in _PLANS):
            raise IncompatibleOutputError(f"{path}: is inside of another export, {above}; name a folder outside of it")


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
        "shards": [note.to_json() for note in notes],
    }
    return (json.dumps(content, ensure_ascii=False, separators=(",", ":")) + "\n").encode()


def read_manifest(data: bytes, where: str) -> tuple[ExportSettings, list[ShardNote], dict[str, Any]]:
    """Read ``export.json``: the settings, the shards and the publisher's facts.

    Args:
        data: Its content.
        where: Where it is from, for messages.

    Raises:
        CorruptSourceError: It is damaged.
        ConfigError: It was made by another version of this program.
        UnsafeArchiveError: It names a path outside the export.
    """
    advice = "export and push again"
    content = parse_json_object(data, where, advice)
    shards, facts = content.get("shards"), content.get("facts")
    if not isinstance(shards, list) or not isinstance(facts, dict) or not isinstance(content.get("settings"), dict):
        raise CorruptSourceError(f"{where}: lacks its settings, shards or facts; {advice}")
    try:
        notes = [ShardNote.from_json(note, where) for note in shards]
    except CorruptSourceError as error:
        raise CorruptSourceError(f"{error}; {advice}") from error
    _check_facts(facts, where)
    return ExportSettings.from_json(content["settings"], where), notes, facts


def _check_facts(facts: Mapping[str, Any], where: str) -> None:
    from mmvoxceleb.hub.card_facts import CardFacts

    CardFacts.from_json(facts, where)


def _dump(content: Mapping[str, Any]) -> bytes:
    return (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode()
