"""Zips on disk and over HTTP, the cached index of zips, and the small files of clips."""

import json
import os
import re
import struct
import zlib
from pathlib import Path
from random import Random
from typing import Any

from mmvoxceleb.cliplists.selection import choose
from mmvoxceleb.loading.record import RecordOptions, read_record
from mmvoxceleb.schema import ATTRIBUTES, folders_of
from mmvoxceleb.stores import open_store
from mmvoxceleb.validation import validate_store
from tests.fuzz.kind import Kind, damage_file, difference, pick
from tests.fuzz.mutations.json_values import damage_json
from tests.fuzz.mutations.png import damage_png
from tests.fuzz.mutations.raw import damage_bytes
from tests.fuzz.mutations.texts import damage_text
from tests.fuzz.mutations.zips import damage_zip
from tests.support.corpus import make_corpus, zip_corpus, zip_folder
from tests.support.http_server import FileServer

_OPTIONS = RecordOptions()
_PICTURES = (("frames", "frame_indices"), ("masks", "mask_indices"), ("drawings", "drawing_indices"))
_SEAL = struct.Struct("<16sL8s")
"""Ends a kept index: its key, the CRC-32 of what stands before, a magic word."""
_LABEL = re.compile(rb"(\xef\xbb\xbf)?\s*(?:(?:-1|0|1)\s*,\s*){39}(?:-1|0|1)\s*,?\s*")


def read_store(location: str | os.PathLike[str]) -> dict[str, Any]:
    """Read every record, as the builder does."""
    store = open_store(location)
    clips = choose(store, folders_of(_OPTIONS.modalities, _OPTIONS.styles)).clips
    return {clip: read_record(store, clip, _OPTIONS) for clip in clips}


class Zips(Kind):
    """One zip per modality."""

    name = "zip"
    deflate = True

    def build(self, case: Path) -> None:
        zip_corpus(make_corpus(case / "folders", clips=2, frames=5), case / "zips", deflate=self.deflate)

    def damage(self, case: Path, rng: Random) -> str:
        return damage_file(rng, pick(rng, case, "zips/*.zip"), damage_zip)

    def read(self, case: Path) -> Any:
        return read_store(case / "zips")

    def fault(self, got: Any, clean: Any, case: Path, told: list[str]) -> str | None:
        return _lost_or_changed(got, clean, told)


class StoredZips(Zips):
    """One zip per modality, not deflated."""

    name = "zip-stored"
    deflate = False


class PackedClips(Zips):
    """One zip per clip, as regenerate writes them."""

    name = "zip-packed"

    def build(self, case: Path) -> None:
        corpus = make_corpus(case / "folders", clips=2, frames=5)
        for base in ("video", "mask", "draw/style1"):
            for clip in corpus.clips:
                zip_folder(corpus.root / base / clip, case / "zips" / base / f"{clip}.zip")
        for base in ("txt", "label"):
            (corpus.root / base).rename(case / "zips" / base)

    def damage(self, case: Path, rng: Random) -> str:
        return damage_file(rng, pick(rng, case, "zips/**/*.zip"), damage_zip)


class RemoteZips(Zips):
    """One zip per modality behind an HTTP server."""

    name = "zip-http"
    is_remote = True

    def start(self, case: Path) -> None:
        self._server = FileServer(case / "zips")
        self.ports = (int(self._server.url.rpartition(":")[2]),)

    def read(self, case: Path) -> Any:
        return read_store(self._server.url)


class ZipIndexes(Zips):
    """The cached index of zips."""

    name = "zip-index"

    def build(self, case: Path) -> None:
        super().build(case)
        self.read(case)

    def damage(self, case: Path, rng: Random) -> str:
        path = pick(rng, case, "cache/**/*.arrow")
        how = rng.choice(("bytes", "bytes", "bytes", "values", "values", "another", "gone"))
        if how == "bytes":
            return damage_file(rng, path, damage_bytes)
        if how == "values":
            path = pick(rng, case, "cache/**/*.entries.arrow")
            return f"{path.name}: {_change_table(rng, path)}"
        if how == "another":
            other = pick(rng, case, "cache/**/*.arrow")
            path.write_bytes(other.read_bytes())
            return f"{other.name} in the place of {path.name}"
        path.unlink()
        return f"{path.name} gone"

    def read(self, case: Path) -> Any:
        os.environ["MMVOXCELEB_CACHE"] = str(case / "cache")
        return read_store(case / "zips")


class ClipFiles(Kind):
    """Text, label and provenance of clips in folders."""

    name = "clip-files"

    def build(self, case: Path) -> None:
        for clip in make_corpus(case, clips=2, frames=2).clips:
            (case / "meta").mkdir(exist_ok=True)
            meta = {"clip_id": clip, "label_source": "predicted:sample", "label": {"models": [{"sha256": "0f"}]}}
            (case / "meta" / f"{clip}.json").write_text(json.dumps(meta))

    def damage(self, case: Path, rng: Random) -> str:
        path = pick(rng, case, rng.choice(("txt/*", "label/*", "meta/*.json")))
        return damage_file(rng, path, damage_json if path.suffix == ".json" else damage_text)

    def read(self, case: Path) -> Any:
        return read_store(case)

    def fault(self, got: Any, clean: Any, case: Path, told: list[str]) -> str | None:
        for clip, record in got.items():
            if what := record_fault(record):
                return f"{clip}: {what}"
            if not _LABEL.fullmatch((case / "label" / f"{clip}.txt").read_bytes()):
                return f"{clip}: a label that is not 40 values of -1, 0, 1 was read as {record['label']}"
            kept = {
                name: value
                for name, value in record.items()
                if name not in ("text", "label", "attributes", "label_source")
            }
            if any(value != clean[clip][name] for name, value in kept.items()):
                return difference(kept, clean[clip])
        return _lost(got, clean, told)


class Validation(Kind):
    """A damaged folder, given to the validation."""

    name = "validate"

    def build(self, case: Path) -> None:
        make_corpus(case, clips=2, frames=3)

    def damage(self, case: Path, rng: Random) -> str:
        path = pick(rng, case, rng.choice(("txt/*", "label/*", "video/*/*", "mask/*/*", "draw/*/*/*")))
        return damage_file(rng, path, damage_png if path.suffix == ".png" else damage_text)

    def read(self, case: Path) -> Any:
        report = validate_store(open_store(case), deep=True, workers=1)
        return [str(problem) for problem in report.problems] if hasattr(report, "problems") else bool(report.ok)

    def fault(self, got: Any, clean: Any, case: Path, told: list[str]) -> str | None:
        return None


def record_fault(record: dict[str, Any]) -> str | None:
    """Say what in a record's light fields is against its contract."""
    text, label, source = record["text"], record["label"], record["label_source"]
    if not all(isinstance(sentence, str) and sentence.strip() == sentence != "" for sentence in text):
        return f"sentences {text!r:.80}"
    if len(label) != len(ATTRIBUTES) or any(type(value) is not int or value not in (-1, 0, 1) for value in label):
        return f"label {label!r:.80}"
    if record["attributes"] != [place for place, value in enumerate(label) if value == 1]:
        return "attributes are not those of the label"
    if source is not None and not isinstance(source, str):
        return f"label_source {source!r:.80}"
    try:
        "".join([*text, source or ""]).encode()
    except UnicodeEncodeError as error:
        return f"a text that UTF-8 cannot hold ({error.reason})"
    return None


def _lost(got: Any, clean: Any, told: list[str]) -> str | None:
    lost = sorted(set(clean) - set(got))
    return f"clip {lost[0]} is lost, and no word of it" if lost and not told else None


def _lost_or_changed(got: Any, clean: Any, told: list[str]) -> str | None:
    """Content is that of the undamaged input, as checksums see to it; what is missing was told."""
    for clip, record in got.items():
        if clip not in clean:
            return f"clip {clip} was never there"
        for pictures, indices in _PICTURES:
            have, had = (dict(zip(each[indices], each[pictures], strict=True)) for each in (record, clean[clip]))
            if len(have) != len(record[indices]):
                return f"{clip}: {indices} {record[indices]} repeat"
            for index, content in have.items():
                if had.get(index) != content:
                    return f"{clip}: {pictures} of index {index} are {'others' if index in had else 'new'}"
            if len(have) < len(had) and not told:
                return f"{clip}: {indices} {record[indices]} instead of {clean[clip][indices]}, and no word of it"
        light = {name: value for name, value in record.items() if not any(name in pair for pair in _PICTURES)}
        for name, value in light.items():
            if value != clean[clip][name] and not (name == "num_frames" and told):
                return difference(value, clean[clip][name], f"{clip}/{name}")
    return _lost(got, clean, told)


def _change_table(rng: Random, path: Path) -> str:
    """Write a kept index again with another number, name, type or order, sealed as the right one is."""
    import pyarrow as pa

    data = path.read_bytes()
    body, (key, _, magic) = data[: -_SEAL.size], _SEAL.unpack(data[-_SEAL.size :])
    table = pa.ipc.open_file(body).read_all()
    table = pa.table({name: table.column(name).to_pylist() for name in table.column_names}, schema=table.schema)
    column = rng.randrange(table.num_columns)
    name, values = table.column_names[column], table.column(column).to_pylist()
    row, how = rng.randrange(len(values)), rng.choice(("value", "type", "gone", "rows"))
    if how == "rows":
        table = table.slice(0, rng.randrange(table.num_rows))
    elif how == "gone":
        table = table.remove_column(column)
    elif how == "type":
        table = table.set_column(column, name, pa.array([str(value).encode() for value in values], pa.binary()))
    else:
        kind = table.schema.field(column).type
        values[row] = (
            f"{values[row]}x" if pa.types.is_string(kind) else rng.choice((0, 1, 65_535, max(0, values[row] - 1)))
        )
        table = table.set_column(column, name, pa.array(values, kind))
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    body = sink.getvalue().to_pybytes()
    # the seal stands for what the file holds, or for what it held
    checksum = zlib.crc32(body) if how in ("gone", "type") else zlib.crc32(data[: -_SEAL.size])
    path.write_bytes(body + _SEAL.pack(key, checksum, magic))
    return f"{how} of {name}"
