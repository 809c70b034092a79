"""Exports: their notes, Parquet and tar shards, resumed and with a person taken out."""

import hashlib
import tarfile
from pathlib import Path
from random import Random
from typing import Any

import pyarrow.parquet as pq

from mmvoxceleb.hub.card import CardFacts
from mmvoxceleb.hub.dropping import remove_from_export
from mmvoxceleb.hub.export import export_store
from mmvoxceleb.hub.manifest import ExportFolder, read_manifest
from mmvoxceleb.hub.settings import ExportSettings
from mmvoxceleb.meta.removals import Removals
from tests.fuzz.kind import Kind, damage_file, difference, pick
from tests.fuzz.mutations.json_values import damage_json
from tests.fuzz.mutations.raw import damage_bytes
from tests.support.corpus import make_corpus

_PERSON = "id10271"
_SETTINGS = ExportSettings(modalities=("mask", "text", "label"), max_shard_bytes=2_000)


class ExportNotes(Kind):
    """The notes of an export, from which a person is taken."""

    name = "export-notes"

    def build(self, case: Path) -> None:
        make_corpus(case / "store", clips=3, frames=2)
        export_store(case / "store", case / "export", _SETTINGS, facts=CardFacts(charts=False), workers=1)

    def damage(self, case: Path, rng: Random) -> str:
        path = pick(
            rng,
            case,
            rng.choice(("export/.mmvoxceleb/shards/*.json", "export/.mmvoxceleb/plan.json", "export/export.json")),
        )
        return damage_file(rng, path, damage_json)

    def read(self, case: Path) -> Any:
        read_manifest((case / "export" / "export.json").read_bytes(), "export.json")
        remove_from_export(case / "export", Removals(frozenset((_PERSON,))))
        return _content(case / "export")

    def fault(self, got: Any, clean: Any, case: Path, told: list[str]) -> str | None:
        for path, rows in got.items():
            for clip, row in rows.items():
                if _PERSON in clip:
                    return f"{path} holds who was removed"
                if clean.get(path, {}).get(clip) != row:
                    return f"{path}: {difference(row, clean.get(path, {}).get(clip), clip)}"
        lost = {(path, clip) for path in clean for clip in clean[path]} - {
            (path, clip) for path in got for clip in got[path]
        }
        return f"{sorted(lost)[0]} is lost" if lost else None


class ExportResumed(ExportNotes):
    """Shards or notes of an export that is then resumed."""

    name = "export-resumed"

    def damage(self, case: Path, rng: Random) -> str:
        if rng.random() < 0.3:
            return super().damage(case, rng)
        return damage_file(rng, pick(rng, case, "export/data/**/*.parquet", "export/data/*.tar"), damage_bytes)

    def read(self, case: Path) -> Any:
        export_store(case / "store", case / "export", _SETTINGS, facts=CardFacts(charts=False), workers=1)
        files = sorted((case / "export" / "data").rglob("*.*"))
        return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}

    def fault(self, got: Any, clean: Any, case: Path, told: list[str]) -> str | None:
        return None if got == clean else difference(got, clean)


class ExportShards(ExportNotes):
    """Parquet shards of an export, from which a person is taken."""

    name = "export-shards"

    def damage(self, case: Path, rng: Random) -> str:
        return damage_file(rng, pick(rng, case, "export/data/**/*.parquet"), damage_bytes)

    def fault(self, got: Any, clean: Any, case: Path, told: list[str]) -> str | None:
        """Shards that the removal does not concern may be damaged still; what it wrote may not."""
        damaged = {
            note.path
            for note in ExportFolder(case / "export").notes()
            if _sha256(case / "export" / note.path) != note.sha256
        }
        kept = [{path: rows for path, rows in each.items() if path not in damaged} for each in (got, clean)]
        return super().fault(kept[0], kept[1], case, told)


class ExportTars(ExportShards):
    """Tar shards of an export, from which a person is taken."""

    name = "export-tars"

    def build(self, case: Path) -> None:
        make_corpus(case / "store", clips=3, frames=2)
        settings = ExportSettings(format="webdataset", modalities=("mask", "label"), max_shard_bytes=1_000_000)
        export_store(case / "store", case / "export", settings, facts=CardFacts(charts=False), workers=1)

    def damage(self, case: Path, rng: Random) -> str:
        return damage_file(rng, pick(rng, case, "export/data/*.tar"), damage_bytes)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


def _content(export: Path) -> dict[str, dict[str, Any]]:
    """Read all rows by readers that are not ours; a shard that they cannot read has none."""
    found: dict[str, dict[str, Any]] = {}
    for path in sorted((export / "data").rglob("*.*")):
        name = str(path.relative_to(export))
        try:
            if path.suffix == ".parquet":
                found[name] = {row["clip_id"]: row for row in pq.read_table(path).to_pylist()}
            else:
                with tarfile.open(path) as tar:
                    found[name] = {member.name: file.read() for member in tar if (file := tar.extractfile(member))}
        except Exception:
            found[name] = {}
    return found
