"""What lies in ``meta`` of a store: the removal list, the ledger, provenance, records of the crop, runs."""

import json
from pathlib import Path
from random import Random
from typing import Any, ClassVar

from mmvoxceleb.meta.ledger import format_ledger
from mmvoxceleb.meta.provenance import LedgerRow, Provenance
from mmvoxceleb.meta.removal_list import add_removals, read_removals
from mmvoxceleb.meta.removals import Removals
from mmvoxceleb.meta.videos import VideoRecords
from mmvoxceleb.processing.crop.job import CropJob
from mmvoxceleb.processing.crop.settings import CropSettings
from mmvoxceleb.processing.removal import remove_from_store
from mmvoxceleb.processing.source import StoredClips
from mmvoxceleb.stores import open_store
from tests.fuzz.kind import Kind, damage_file, pick
from tests.fuzz.mutations.json_values import damage_json, damage_json_lines
from tests.support.corpus import make_corpus

_LIST = "meta/removed.jsonl"
_LEDGER = "meta/ledger.jsonl"
_PERSON = "id10271"


class RemovalLists(Kind):
    """The list of who was removed."""

    name = "removals"

    def build(self, case: Path) -> None:
        make_corpus(case, clips=1, frames=1)
        clip = "id11248#yDqlBD8m_b8#00004.txt#000.mp4"
        add_removals(case, Removals(frozenset(("id10002", "id10003")), frozenset(("yDqlBD8m_b8",)), frozenset((clip,))))

    def damage(self, case: Path, rng: Random) -> str:
        return damage_file(rng, case / _LIST, damage_json_lines)

    def read(self, case: Path) -> Any:
        removals = read_removals(case)
        return {name: sorted(getattr(removals, name)) for name in ("person_id", "video_id", "clip_id")}

    def fault(self, got: Any, clean: Any, case: Path, told: list[str]) -> str | None:
        """Every line has its effect: as many names as lines say, and each as the line says it."""
        lines = [
            line for line in (case / _LIST).read_bytes().removeprefix(b"\xef\xbb\xbf").split(b"\n") if line.strip()
        ]
        for line in lines:
            ((name, value),) = json.loads(line).items()
            if value not in got[name]:
                return f"a line without effect: {line!r:.100}"
        return None


class Ledgers(Kind):
    """The ledger of a store."""

    name = "ledger"
    rows = tuple(
        LedgerRow(f"id1000{number}#video#00001.txt#000.mp4", stage, "done")
        for number in range(4)
        for stage in ("crop", "mask")
    )

    lines: ClassVar = {line: (row.clip_id, row.stage) for row in rows for line in format_ledger([row]).splitlines()}

    def build(self, case: Path) -> None:
        Provenance(case).record(self.rows)

    def damage(self, case: Path, rng: Random) -> str:
        return damage_file(rng, case / _LEDGER, damage_json_lines)

    def read(self, case: Path) -> Any:
        provenance, new = Provenance(case), LedgerRow("id19999#video#00001.txt#000.mp4", "mask", "failed", "why")
        provenance.rows()
        provenance.record([new])
        rows = provenance.rows()
        provenance.compact()
        return {"rows": rows, "compact": provenance.rows(), "has new": new in rows}

    def fault(self, got: Any, clean: Any, case: Path, told: list[str]) -> str | None:
        if not got["has new"]:
            return "a row that was added is not there"
        if got["rows"] != got["compact"]:
            return "compacting changes what the ledger says"
        for row in got["rows"]:
            if not all(isinstance(value, str) for value in (row.clip_id, row.stage, row.status, row.reason)):
                return f"a row of other types: {row!r:.100}"
        whole = {(row.clip_id, row.stage): row for row in clean["rows"]}
        for line in (case / _LEDGER).read_bytes().split(b"\n"):
            if line in self.lines and not told and whole.get(self.lines[line]) not in got["rows"]:
                return f"a row is lost, and no word of it: {line!r}"
        return None


class ClipMeta(Kind):
    """The provenance of a clip, read and continued by a run."""

    name = "provenance"

    def build(self, case: Path) -> None:
        (clip,) = make_corpus(case, clips=1, frames=3).clips
        provenance = Provenance(case)
        provenance.begin(clip, ["mask"])
        provenance.finish(
            clip, {"crop": {"num_frames": 3, "source": {"file": "x.mp4"}}, "label_source": "predicted:sample"}
        )

    def damage(self, case: Path, rng: Random) -> str:
        return damage_file(rng, pick(rng, case, "meta/*.json"), damage_json)

    def read(self, case: Path) -> Any:
        provenance, source = Provenance(case), StoredClips(open_store(case))
        (clip,) = source.units()
        source.clip(clip, with_label=True)
        section, was_interrupted = provenance.section(clip, "crop"), provenance.was_interrupted(clip, "mask")
        provenance.begin(clip, ["text"])
        provenance.finish(clip, {"text": {"n": 1}})
        again = provenance.section(clip, "crop")
        return {"crop": section, "interrupted": was_interrupted, "same": again == section}

    def fault(self, got: Any, clean: Any, case: Path, told: list[str]) -> str | None:
        is_section = got["crop"] is None or isinstance(got["crop"], dict)
        return None if got["same"] and is_section and isinstance(got["interrupted"], bool) else f"{got!r:.100}"


class CropRecords(Kind):
    """The records of which videos were cropped."""

    name = "crop-records"
    key = "id10001#video"

    def build(self, case: Path) -> None:
        job = CropJob(case, CropSettings())
        rows = [
            {"name": f"id10001#video#00001.txt#00{number}.mp4", "status": "done", "reason": ""} for number in range(2)
        ]
        content = {"key": self.key, "inputs": {"video": None}, "options": job.options(), "num_frames": 9, "rows": rows}
        path = case / job.records.path_of(self.key)
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(content))

    def damage(self, case: Path, rng: Random) -> str:
        return damage_file(rng, pick(rng, case, "meta/.crop/*.json"), damage_json)

    def read(self, case: Path) -> Any:
        job = CropJob(case, CropSettings())
        job.check(self.key, job.options())
        return {"written": job.records.clips(self.key), "rows": job.records.rows(Removals())}

    def fault(self, got: Any, clean: Any, case: Path, told: list[str]) -> str | None:
        texts = [
            *got["written"],
            *(value for row in got["rows"] for value in (row.clip_id, row.stage, row.status, row.reason)),
        ]
        return None if all(isinstance(text, str) for text in texts) else f"names that are no text: {got!r:.100}"


class RemovalFromStores(Kind):
    """Somebody is removed from a store whose files are damaged."""

    name = "remove-store"

    def build(self, case: Path) -> None:
        clips = make_corpus(case, clips=3, frames=2).clips
        provenance = Provenance(case)
        for clip in clips:
            provenance.finish(clip, {"crop": {"source": {"file": f"{clip.split('#')[1]}.mp4"}}})
        provenance.record(LedgerRow(clip, "crop", "done") for clip in clips)
        runs = case / "meta" / "runs"
        runs.mkdir()
        (runs / "20260101.json").write_text(json.dumps({"failed": {clips[2]: "why"}, "done": 2, "location": "out"}))
        (case / "meta" / ".crop").mkdir()
        for clip in clips:
            rows = [{"name": clip, "status": "done", "reason": ""}]
            record = {"key": "#".join(clip.split("#")[:2]), "inputs": {}, "options": {}, "num_frames": 2, "rows": rows}
            (case / VideoRecords.path_of(str(record["key"]))).write_text(json.dumps(record))
        add_removals(case, Removals(frozenset(("id10009",))))

    def damage(self, case: Path, rng: Random) -> str:
        path = pick(rng, case, "meta/*.json*", "meta/runs/*", "meta/.crop/*")
        return damage_file(rng, path, damage_json_lines if path.suffix == ".jsonl" else damage_json)

    def read(self, case: Path) -> Any:
        remove_from_store(case, Removals(frozenset((_PERSON,))))
        named = [str(path.relative_to(case)) for path in case.rglob("*") if _PERSON in path.name]
        for path in case.rglob("*"):
            if path.is_file() and path.name != "removed.jsonl" and _PERSON.encode() in path.read_bytes():
                named.append(str(path.relative_to(case)))
        return {"named": named, "listed": sorted(read_removals(case).person_id)}

    def fault(self, got: Any, clean: Any, case: Path, told: list[str]) -> str | None:
        if got["named"]:
            return f"{got['named'][0]} still names who was removed"
        return None if _PERSON in got["listed"] else "who was removed is not on the list"
