"""Damaged notes of an export, and places that cannot be written to, are one error each."""

import json
import random
import resource
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from mmvoxceleb.errors import CorruptSourceError, MMVoxCelebError, OutputError
from mmvoxceleb.hub.card import CardFacts
from mmvoxceleb.hub.dropping import remove_from_export
from mmvoxceleb.hub.export import export_store
from mmvoxceleb.hub.manifest import ExportFolder, read_manifest
from mmvoxceleb.hub.settings import ExportSettings, Format
from mmvoxceleb.meta.removals import Removals
from mmvoxceleb.processing.labels.exporting import export_labels
from tests.hub.conftest import PROGRAM
from tests.support.corpus import Corpus
from tests.support.trees import tree

PLAIN = CardFacts(charts=False)
LIGHT = ExportSettings(modalities=("mask", "text", "label"))
PERSON = Removals(person_id=frozenset({"id10001"}))


@pytest.fixture
def out(corpus: Corpus, tmp_path: Path) -> Path:
    export_store(corpus.root, tmp_path / "out", LIGHT, facts=PLAIN)
    return tmp_path / "out"


def _setting(**values: Any) -> Callable[[dict[str, Any]], object]:
    return lambda plan: plan["settings"].update(values)


DAMAGES: dict[str, bytes | Callable[[dict[str, Any]], object]] = {
    "empty": b"",
    "cut": b'{"settings": {',
    "a list": b"[]",
    "null": b"null",
    "no UTF-8": b'{"settings": "\xff"}',
    "half a pair": b'{"settings": "\\ud800"}',
    "nested": b"[" * 100_000,
    "nothing in it": b"{}",
    "no settings": lambda plan: plan.pop("settings"),
    "no store": lambda plan: plan.pop("store"),
    "settings of another type": lambda plan: plan.update(settings=[1]),
    "facts of another type": lambda plan: plan.update(facts=7),
    "facts that nobody knows": lambda plan: plan.update(facts={"smell": 1}),
    "models of another type": lambda plan: plan.update(facts={"models": [1]}),
    "a title of another type": lambda plan: plan.update(facts={"title": 1}),
    "tools of another type": lambda plan: plan.update(tools="x"),
    "unknown setting": _setting(smell=1),
    "format": _setting(format=["parquet"]),
    "modalities": _setting(modalities=5),
    "nested modalities": _setting(modalities=[["mask"]]),
    "styles": _setting(styles="style1"),
    "style": _setting(styles=[7]),
    "crf": _setting(crf="18"),
    "crf of another type": _setting(crf=18.5),
    "lossless": _setting(lossless="no"),
    "version": _setting(version=1),
    "size": _setting(max_shard_bytes="1"),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_plan_is_one_error(damage: Any, out: Path, corpus: Corpus) -> None:
    plan = out / ".mmvoxceleb" / "plan.json"
    if callable(damage):
        content = json.loads(plan.read_text())
        damage(content)
        damage = json.dumps(content).encode()
    plan.write_bytes(damage)
    before = tree(out / "data")
    for action in (
        lambda: export_store(corpus.root, out, LIGHT),
        lambda: export_store(corpus.root, out, LIGHT, overwrite=True),
        lambda: remove_from_export(out, PERSON),
    ):
        with pytest.raises(MMVoxCelebError, match=r"(?s)(plan\.json|out): .*(export it again|export again)"):
            action()
    assert tree(out / "data") == before


def test_a_damaged_marker_is_written_again_and_never_trusted(out: Path, corpus: Corpus) -> None:
    whole = tree(out)
    marker = sorted((out / ".mmvoxceleb" / "shards").glob("*.json"))[0]
    sound = marker.read_bytes()
    rng = random.Random(0)
    for number in range(60):
        data = bytearray(sound)
        if number % 3:
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        else:
            del data[rng.randrange(len(data)) :]
        marker.write_bytes(data)
        with suppress(MMVoxCelebError):
            remove_from_export(out, Removals(person_id=frozenset({"id99999"})))
        report = export_store(corpus.root, out, LIGHT)
        assert report.written <= 1
        kept = {name: data for name, data in tree(out).items() if name.startswith("data/")}
        assert kept == {name: data for name, data in whole.items() if name.startswith("data/")}


def test_every_damaged_manifest_is_one_error(out: Path) -> None:
    sound = (out / "export.json").read_bytes()
    rng = random.Random(1)
    messages = []
    for number in range(300):
        data = bytearray(sound)
        if number % 3:
            data[rng.randrange(len(data))] = rng.randrange(256)
        else:
            data[rng.randrange(len(data))] = ord(rng.choice('[]{}":,0'))
        try:
            read_manifest(bytes(data), "lab/x/export.json")
        except MMVoxCelebError as error:
            messages.append(str(error))
    assert len(messages) > 150
    assert all(message.startswith("lab/x/export.json") for message in messages)
    content = json.loads(sound)
    cases: dict[str, list[Any]] = {
        "rows": [7, -1, "1", True, None],
        "bytes": [-1, 1.5, "1"],
        "sha256": ["x", 7, None, "A" * 64],
        "split": ["validation", ["train"], 0],
        "clips": [7, [7], [{}], [{"clip_id": "x"}], {"a": 1}],
        "column_bytes": [[], {"a": "b"}],
        "models": [{}, [1], [{"stage": 1, "sha256": "x"}]],
        "quality": [1, {"frames": "x"}, {"smell": 1}],
        "skipped": [[], {"../x": "why"}, {"a": 1}],
        "path": ["../x", None, "data/../x.parquet", "data/all/x.parquet"],
    }
    for name, values in cases.items():
        for value in values:
            wrong = json.loads(sound)
            wrong["shards"][0][name] = value
            with pytest.raises((CorruptSourceError, MMVoxCelebError), match=r"lab/x/export\.json"):
                read_manifest(json.dumps(wrong).encode(), "lab/x/export.json")
    assert read_manifest(json.dumps(content).encode(), "x")[1] == ExportFolder(out).notes()


@pytest.mark.parametrize("format_", ["parquet", "webdataset", "folder"])
def test_a_full_disk_is_one_error_and_leaves_nothing_half_written(
    format_: Format, corpus: Corpus, tmp_path: Path
) -> None:
    settings = ExportSettings(format=format_)
    export_store(corpus.root, tmp_path / "fresh", settings, facts=PLAIN)
    largest = max(path.stat().st_size for path in (tmp_path / "fresh").rglob("*") if path.is_file())

    def fill() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest // 2, resource.RLIM_INFINITY))

    command = [*PROGRAM, "export", str(corpus.root), str(tmp_path / "out"), "--format", format_, "--no-charts"]
    if format_ == "folder":
        command.append("--palette")
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, preexec_fn=fill)
    assert done.returncode == 1, (done.returncode, done.stderr)
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert "cannot be written (File too large" in done.stderr
    assert "make room, then rerun the command" in done.stderr
    assert not list((tmp_path / "out").rglob(".partial-*"))
    report = export_store(corpus.root, tmp_path / "out", settings, facts=PLAIN)
    assert report.clips == len(corpus.clips)
    names = {"data", "video", "mask", "draw", "txt", "label"}
    for name in names:
        assert tree(tmp_path / "out" / name) == tree(tmp_path / "fresh" / name)


def test_places_that_cannot_be_written_are_one_error(corpus: Corpus, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="cannot be written"):
        export_store(corpus.root, tmp_path / "file" / "out", LIGHT, facts=PLAIN)
    with pytest.raises(OutputError, match=r"labels\.csv: cannot be written"):
        export_labels(corpus.root, tmp_path / "file" / "labels.csv")
    command = [*PROGRAM, "preview", str(corpus.root), "-o", str(tmp_path / "file" / "sheet.png"), "--clips", "1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    assert "sheet.png: cannot be written (Not a directory" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
