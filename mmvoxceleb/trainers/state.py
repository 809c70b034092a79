"""What is finished of an export for a trainer: its settings, and one marker per clip."""

import hashlib
import json
import logging
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import mmvoxceleb
from mmvoxceleb.errors import CorruptSourceError, IncompatibleOutputError
from mmvoxceleb.files.atomic import write_atomically
from mmvoxceleb.files.inside import inside
from mmvoxceleb.files.json_text import parse_json_object
from mmvoxceleb.hub.manifest import STATE, TRAINER_PLAN, refuse_inside_export
from mmvoxceleb.trainers.settings import TrainerSettings
from mmvoxceleb.trainers.trainer import ExportedClip, Trainer

__all__ = ["ClipMarker", "TrainerSetState", "digest"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ClipMarker:
    """A finished clip, and what it was made of."""

    clip: ExportedClip
    source: str


class TrainerSetState:
    """What is finished, in ``OUT/.mmvoxceleb``: the settings, and one marker per clip, written after its files."""

    def __init__(self, root: Path, trainer: Trainer, settings: TrainerSettings) -> None:
        self.root, self.trainer, self.settings = root, trainer, settings
        self._plan, self._notes = root / STATE / TRAINER_PLAN, root / STATE / "clips"
        self._replaces = False

    def check(self, *, overwrite: bool) -> None:
        """Refuse a folder that holds something else.

        Raises:
            IncompatibleOutputError: It does, or is part of another export.
        """
        refuse_inside_export(self.root)
        if not self._plan.is_file():
            if self.root.is_dir() and any(path.name != STATE for path in self.root.iterdir()):
                raise IncompatibleOutputError(
                    f"{self.root}: is not empty and not an export for a trainer; name a new folder"
                )
            return
        plan = parse_json_object(self._plan.read_bytes(), str(self._plan), "delete the folder, and export again")
        wanted = self._wanted()
        different = [key for key in wanted if plan.get(key) != wanted[key]]
        if different and not overwrite:
            says = ", ".join(f"{key} {plan.get(key)!r}, now {wanted[key]!r}" for key in different)
            raise IncompatibleOutputError(
                f"{self.root}: contains an export with other settings ({says}); name a new folder, or add --overwrite"
            )
        self._replaces = overwrite

    def _wanted(self) -> dict[str, Any]:
        return {"trainer": self.trainer.name, "source": self.trainer.source, "settings": asdict(self.settings)}

    def begin(self) -> None:
        """Write down what is begun, and delete what ``overwrite`` gave up."""
        if self._replaces:
            for note in self.notes():
                self.forget(note)
        content = {"made_by": f"mmvoxceleb {mmvoxceleb.__version__}", **self._wanted()}
        write_atomically(self._plan, _dump(content))

    def notes(self) -> list[ClipMarker]:
        """Read the markers; damaged ones count as not there, and their clips are made again."""
        found = []
        for path in sorted(self._notes.glob("*.json")):
            try:
                content = parse_json_object(path.read_bytes(), str(path), "delete it, and export again")
                note = ClipMarker(ExportedClip(**content["clip"]), content["source"])
                for file in note.clip.files:
                    inside(self.root, file)
            except (CorruptSourceError, TypeError, KeyError, AttributeError) as error:
                logger.warning("%s: is damaged (%s); the clip is made again", path, error)
                path.unlink()
                continue
            found.append(note)
        return found

    def is_whole(self, note: ClipMarker) -> bool:
        """Return whether all files of a clip are there with their size."""
        try:
            return all(inside(self.root, path).stat().st_size == size for path, size in note.clip.files.items())
        except OSError:
            return False

    def write(self, note: ClipMarker, contents: Mapping[str, bytes]) -> None:
        """Write the files of a clip, then its marker."""
        for path, data in contents.items():
            write_atomically(inside(self.root, path), data)
        write_atomically(self._marker(note), _dump({"clip": asdict(note.clip), "source": note.source}))

    def forget(self, note: ClipMarker) -> None:
        """Delete the marker of a clip, then its files."""
        self._marker(note).unlink(missing_ok=True)
        for path in note.clip.files:
            inside(self.root, path).unlink(missing_ok=True)

    def _marker(self, note: ClipMarker) -> Path:
        return self._notes / f"{digest([note.clip.clip_id])[:32]}.json"


def digest(parts: Iterable[str]) -> str:
    """Return the SHA-256, in hexadecimal digits, of texts one after the other."""
    return hashlib.sha256("".join(parts).encode()).hexdigest()


def _dump(content: Mapping[str, Any]) -> bytes:
    return (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode()
