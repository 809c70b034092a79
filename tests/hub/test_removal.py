import bz2
import gzip
import io
import json
import lzma
import os
import re
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from mmvoxceleb.cli.main import app
from mmvoxceleb.errors import ConfigError, CorruptSourceError, IncompatibleOutputError, SourceUnavailableError
from mmvoxceleb.hub.card import CardFacts
from mmvoxceleb.hub.dropping import planned, remove_from_export
from mmvoxceleb.hub.export import export_store
from mmvoxceleb.hub.manifest import ExportFolder
from mmvoxceleb.hub.settings import ExportSettings, Format
from mmvoxceleb.meta.removal_list import add_removals, read_removals
from mmvoxceleb.meta.removals import REMOVALS_PATH, Removals
from mmvoxceleb.processing.removal import planned_removal, remove_from_store
from mmvoxceleb.schema import ClipId, Folder
from mmvoxceleb.stores import open_store
from tests.hub.conftest import Run
from tests.support.corpus import Corpus, make_corpus, zip_corpus
from tests.support.http_server import FileServer
from tests.support.loopback_hub import Hub
from tests.support.trees import tree

PLAIN = CardFacts(charts=False)
LIGHT = ExportSettings(modalities=("mask", "text", "label"), max_shard_bytes=1)
PERSON = Removals(person_id=frozenset({"id10001"}))


@pytest.fixture
def store(tmp_path: Path) -> Corpus:
    return make_corpus(tmp_path / "store", frames=4)


def test_the_list_names_persons_videos_and_clips(store: Corpus) -> None:
    first = ClipId.parse(store.clips[2])
    add_removals(store.root, Removals(video_id=frozenset({first.video_id})))
    merged = add_removals(store.root, PERSON)
    assert read_removals(store.root) == merged
    assert read_removals(store.root / "video.zip") == merged
    assert [clip in merged for clip in store.clips] == [True, True, True, False, False]
    assert merged.keep(store.clips) == list(store.clips[3:])
    assert store.clips[3] in Removals(clip_id=frozenset({store.clips[3]}))
    lines = (store.root / REMOVALS_PATH).read_text().splitlines()
    assert [json.loads(line) for line in lines] == [{"person_id": "id10001"}, {"video_id": first.video_id}]


def test_a_damaged_list_stops_everything(store: Corpus, tmp_path: Path) -> None:
    (store.root / "meta").mkdir()
    (store.root / REMOVALS_PATH).write_text('{"person_id": "id10001"}\n{"who": 1}\n')
    with pytest.raises(CorruptSourceError, match="line 2"):
        export_store(store.root, tmp_path / "out", LIGHT, facts=PLAIN)


def test_a_store_loses_all_files_and_later_exports_leave_the_clips_out(store: Corpus, tmp_path: Path) -> None:
    gone = [clip for clip in store.clips if clip.startswith("id10001")]
    meta = store.root / "meta"
    meta.mkdir()
    for clip in store.clips:
        (meta / f"{clip}.json").write_text("{}")
    (meta / "ledger.jsonl").write_text("".join(json.dumps({"clip_id": clip}) + "\n" for clip in store.clips))
    packed = store.root / "video" / f"{gone[0]}.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("0000000.png", b"x")
    report = remove_from_store(store.root, PERSON)
    assert report.clips == sorted(gone)
    names = [str(path) for path in store.root.rglob("*")]
    assert not [name for name in names if "id10001" in name]
    assert "id10001" not in (meta / "ledger.jsonl").read_text()
    assert len(names) > 30
    # somebody copies the original files back
    make_corpus(store.root, frames=4)
    export_store(store.root, tmp_path / "out", LIGHT, facts=PLAIN)
    rows = [row for file in tmp_path.glob("out/data/all/*.parquet") for row in pq.read_table(file).to_pylist()]
    assert {row["clip_id"] for row in rows} == set(store.clips) - set(gone)


def test_files_of_others_in_meta_are_named_and_left_alone(store: Corpus) -> None:
    meta = store.root / "meta"
    (meta / "runs").mkdir(parents=True)
    person = f'{{"notes": "id10001, take {store.clips[0]} out"}}'
    others = [meta / "notes.json", meta / "notes.txt", meta / "list.csv", meta / "mine" / "todo.json"]
    others[-1].parent.mkdir()
    for path in others:
        path.write_text(person)
    (meta / "runs" / "20260101T000000Z-1.json").write_text(person)
    packed: dict[str, Any] = {"own.csv.gz": gzip.compress, "own.csv.bz2": bz2.compress, "own.csv.xz": lzma.compress}
    for name, compress in packed.items():
        (store.root / name).write_bytes(compress(person.encode()))
    for name, entry, text in (("a.zip", "id10001.txt", ""), ("b.zip", "notes", person), ("c.zip", "notes", "nobody")):
        with zipfile.ZipFile(store.root / name, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(entry, text)
    (store.root / "broken.gz").write_bytes(b"no gzip")
    (store.root / "cut.gz").write_bytes(gzip.compress(os.urandom(99))[:50])
    (store.root / "table.parquet").write_bytes(b"PAR1")
    (store.root / "wide.txt").write_text(person, encoding="utf-16")
    inner = (store.root / "b.zip").read_bytes()
    with zipfile.ZipFile(store.root / "nested.zip", "w") as archive:
        archive.writestr("inner.zip", inner)
    others += [store.root / name for name in (*packed, "a.zip", "b.zip", "nested.zip", "wide.txt")]
    before = [path.read_bytes() for path in others]
    plan = CliRunner().invoke(app, ["remove", str(store.root), "--person", "id10001", "--dry-run"])
    assert plan.exit_code == 0
    assert all(f"would still name them: {path}" in plan.stdout for path in others)
    report = remove_from_store(store.root, PERSON)
    assert sorted(report.naming) == sorted(others)
    assert [path.read_bytes() for path in others] == before
    unsearched = [f"{store.root / 'cut.gz'} (damaged)", f"{store.root / 'table.parquet'} (Parquet is not unpacked)"]
    assert report.unsearched == unsearched
    assert all(f"may still name them: {line}" in plan.stdout for line in unsearched)
    assert "id10001" not in (meta / "runs" / "20260101T000000Z-1.json").read_text()
    done = CliRunner().invoke(app, ["remove", str(store.root), "--person", "id10001"])
    assert done.exit_code == 1
    assert all(f"STILL NAMES THEM: {path}" in done.stdout for path in others)


def test_archives_within_archives_are_unpacked_up_to_one_limit(store: Corpus) -> None:
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(24 << 20))
    deep = b"id10001"
    for _ in range(4):
        deep = gzip.compress(deep)
    (store.root / "deep.gz").write_bytes(deep)
    with zipfile.ZipFile(store.root / "bomb.zip", "w") as archive:
        for number in range(4):  # each alone would be searched
            archive.writestr(f"{number}.zip", inner.getvalue())
    plan = planned_removal(store.root, PERSON)
    assert sorted(plan.unsearched) == [
        f"{store.root / 'bomb.zip'} (larger than 64 MiB)", f"{store.root / 'deep.gz'} (an archive within archives)"
    ]  # fmt: skip


@pytest.mark.parametrize("prefix", ["meta/", ""])
def test_files_of_others_in_a_zip_of_meta_are_named_and_left_alone(store: Corpus, prefix: str) -> None:
    packed, record = store.root / "meta.zip", f"{prefix}{store.clips[0]}.json"
    entries = {f"{prefix}notes.json": '{"who": "id10001"}', f"{prefix}id10001.txt": "", record: "{}"}
    entries[f"{prefix}{store.clips[3]}.json"] = "{}"
    with zipfile.ZipFile(packed, "w") as archive:
        for name, text in entries.items():
            archive.writestr(name, text)
    others = [packed / f"{prefix}notes.json", packed / f"{prefix}id10001.txt"]
    plan = planned_removal(store.root, PERSON)
    assert (plan.holding, plan.naming) == ([packed], others)
    report = remove_from_store(store.root, PERSON, rewrite_zips=True)
    assert (report.rewritten, report.naming) == ([packed], others)
    with zipfile.ZipFile(packed) as archive:
        assert {name: archive.read(name).decode() for name in archive.namelist()} == {
            name: text for name, text in entries.items() if name != record
        }
    again = remove_from_store(store.root, PERSON, rewrite_zips=True)
    assert (again.rewritten, again.holding, again.naming) == ([], [], others)


def test_a_list_in_the_folder_above_does_not_hide_the_store_below(own_corpus: Corpus) -> None:
    first, second = own_corpus.clips
    above = own_corpus.root.parent
    below = Path(shutil.move(own_corpus.root, above / "below"))
    remove_from_store(above, Removals(clip_id=frozenset({first})))
    assert open_store(above).clips(Folder("video")) == [second]
    assert first in read_removals(above)
    add_removals(below, Removals(clip_id=frozenset({second})))
    assert second in read_removals(above)


def test_zips_of_many_clips_are_named_and_rewritten_on_request(store: Corpus, tmp_path: Path) -> None:
    zips = zip_corpus(store, tmp_path / "zips", prefix="mmvoxceleb/", deflate=True)
    before = {name: open_store(zips).clips(Folder(name)) for name in ("video", "label")}
    (zips / "mmvoxceleb_local.pkl").write_bytes(b"never opened")
    report = remove_from_store(zips, PERSON)
    assert len(report.holding) == 5
    assert [path.name for path in report.caches] == ["mmvoxceleb_local.pkl"]
    assert open_store(zips).clips(Folder("video")) == before["video"]
    report = remove_from_store(zips, PERSON, rewrite_zips=True)
    assert len(report.rewritten) == 5
    after = open_store(zips)
    for name, clips in before.items():
        assert after.clips(Folder(name)) == [clip for clip in clips if not clip.startswith("id10001")]
    clip = store.clips[3]
    assert after.read(Folder("video"), clip) == open_store(store.root).read(Folder("video"), clip)
    with zipfile.ZipFile(zips / "video.zip") as archive:
        assert archive.testzip() is None
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_DEFLATED}


def test_zips_are_rewritten_where_they_hold_a_damaged_picture_of_somebody_else(store: Corpus, tmp_path: Path) -> None:
    zips = zip_corpus(store, tmp_path / "zips")
    clip = store.clips[3]
    assert not clip.startswith("id10001")
    picture = open_store(zips).read(Folder("video"), clip)[0]
    damaged = picture[:-20] + bytes(20)
    (zips / "video.zip").write_bytes((zips / "video.zip").read_bytes().replace(picture, damaged))
    told: list[tuple[str, int, int]] = []
    report = remove_from_store(zips, PERSON, rewrite_zips=True, progress=lambda *step: told.append(step))
    assert [what for what, done, total in told if done == total] == [
        f"rewriting {path.name} (entries)" for path in sorted(zips.glob("*.zip"))
    ]
    assert len(report.rewritten) == 5
    assert not any(b"id10001" in path.read_bytes() for path in zips.glob("*.zip"))
    with pytest.raises(CorruptSourceError, match="its checksum is wrong"):
        open_store(zips).read(Folder("video"), clip)


def test_a_damaged_zip_stops_no_other_from_being_rewritten(store: Corpus, tmp_path: Path) -> None:
    zips = zip_corpus(store, tmp_path / "zips")
    data = (zips / "draw.zip").read_bytes()
    clip = store.clips[3].encode()
    (zips / "draw.zip").write_bytes(data.replace(clip, b"x" * len(clip), 1))  # in a local header
    before = (zips / "draw.zip").read_bytes()
    with pytest.raises(CorruptSourceError, match=r"draw\.zip: its directory places entry .* is damaged") as told:
        remove_from_store(zips, PERSON, rewrite_zips=True)
    assert ". The other zips were written again without them: label.zip, " in str(told.value)
    assert (zips / "draw.zip").read_bytes() == before
    assert [path.name for path in zips.glob("*.zip") if b"id10001" in path.read_bytes()] == ["draw.zip"]
    (zips / "draw.zip").write_bytes(data)
    assert [path.name for path in remove_from_store(zips, PERSON, rewrite_zips=True).rewritten] == ["draw.zip"]


@pytest.mark.parametrize("prefix", ["meta/", "", "mmvoxceleb/meta/"])
def test_texts_in_a_zip_of_meta_lose_the_names_alone(store: Corpus, tmp_path: Path, prefix: str) -> None:
    gone, other = store.clips[0], store.clips[3]
    meta = tmp_path / "meta.zip"
    with zipfile.ZipFile(meta, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{prefix}{other}.json", json.dumps({"inputs": {"video": 3}, "note": f"beside {gone}"}))
        archive.writestr(f"{prefix}{gone}.json", "{}")
        archive.writestr(f"{prefix}ledger.jsonl", "".join(json.dumps({"clip_id": clip}) + "\n" for clip in store.clips))
        archive.writestr(f"{prefix}runs/20261128T113640Z-1.json", json.dumps({"notes": [f"{gone}: too short"]}))
        for table in ("scores.parquet", ".scores.json", ".provenance.parquet", ".provenance.json"):
            archive.writestr(f"{prefix}{table}", f"packed so that {gone} is not read here")
    assert open_store(meta).strangers() == []
    remove_from_store(tmp_path, PERSON, rewrite_zips=True)
    with zipfile.ZipFile(meta) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == [
            f"{prefix}{other}.json",
            f"{prefix}ledger.jsonl",
            f"{prefix}runs/20261128T113640Z-1.json",
        ]
        assert json.loads(archive.read(f"{prefix}{other}.json")) == {
            "inputs": {"video": 3},
            "note": f"beside {gone.replace('id10001', '(removed)')}",
        }
        left = [json.loads(line)["clip_id"] for line in archive.read(f"{prefix}ledger.jsonl").splitlines()]
    assert left == [clip for clip in store.clips if not clip.startswith("id10001")]
    assert b"id10001" not in meta.read_bytes()


def test_an_export_is_rewritten_only_where_the_clips_are(store: Corpus, tmp_path: Path) -> None:
    settings = ExportSettings(modalities=("mask", "text", "label"), max_shard_bytes=4_000)
    for name in ("out", "fresh"):
        export_store(store.root, tmp_path / name, settings, facts=PLAIN)
    out = tmp_path / "out"
    before = tree(out / "data")
    dropped = remove_from_export(out, Removals(clip_id=frozenset({store.clips[0]})))
    after = tree(out / "data")
    assert dropped.clips == [store.clips[0]]
    changed = {f"data/{name}" for name in before if after.get(name) != before[name]}
    assert changed == {*dropped.rewritten, *dropped.deleted}
    assert 0 < len(changed) < len(before)
    rows = [row for file in out.glob("data/*/*.parquet") for row in pq.read_table(file).to_pylist()]
    assert store.clips[0] not in {row["clip_id"] for row in rows}
    assert store.clips[1] in {row["clip_id"] for row in rows}
    assert store.clips[0] not in (out / "export.json").read_text()
    assert "4 clips of talking faces" in (out / "README.md").read_text()


@pytest.mark.parametrize("format_", ["parquet", "webdataset", "folder"])
def test_the_plan_of_a_removal_is_what_it_does(store: Corpus, tmp_path: Path, format_: Format) -> None:
    settings = ExportSettings(format=format_, modalities=("mask", "label"), max_shard_bytes=4_000)
    export_store(store.root, tmp_path / "out", settings, facts=PLAIN)
    misspelt = Removals(frozenset({"id10001", "id1OOO2"}))
    plan = planned(ExportFolder(tmp_path / "out").notes(), misspelt)
    dropped = remove_from_export(tmp_path / "out", misspelt)
    assert plan == replace(dropped, notes=[])
    assert plan.clips == sorted(store.clips[:2])
    assert plan.unmatched == ["person_id 'id1OOO2'"]


def test_tars_and_original_layouts_lose_their_clips_too(store: Corpus, tmp_path: Path) -> None:
    import tarfile

    formats: tuple[Format, ...] = ("webdataset", "folder")
    for format_ in formats:
        out = tmp_path / format_
        export_store(store.root, out, ExportSettings(format=format_, modalities=("mask", "label")), facts=PLAIN)
        assert remove_from_export(out, PERSON).clips == sorted(store.clips[:2])
        assert "id10001" not in (out / "export.json").read_text()
    members: list[str] = []
    for path in tmp_path.glob("webdataset/data/*.tar"):
        with tarfile.open(path) as tar:
            members.extend(tar.getnames())
    assert len(members) == 6
    assert not [name for name in members if "id10001" in name]
    assert len(list((tmp_path / "folder" / "mask").iterdir())) == 3


def test_an_export_that_would_bring_them_back_is_refused(store: Corpus, tmp_path: Path) -> None:
    export_store(store.root, tmp_path / "out", LIGHT, facts=PLAIN)
    add_removals(store.root, PERSON)
    with pytest.raises(IncompatibleOutputError, match="removal list"):
        export_store(store.root, tmp_path / "out", LIGHT, facts=PLAIN)


def test_a_repository_loses_them_in_one_commit(
    store: Corpus, tmp_path: Path, hub: Hub, program: Run, stock: Run
) -> None:
    export_store(
        store.root, tmp_path / "out", ExportSettings(modalities=("mask", "text", "label"), max_shard_bytes=4_000)
    )
    assert program("push", tmp_path / "out", "lab/removal").returncode == 0
    repo = hub.repos["lab/removal"]
    commits, before = len(repo.commits), repo.at("main")
    assert before is not None
    wanted = ("remove", "--clip", store.clips[0], "--repo", "lab/removal")
    plan = program(*wanted, "--person", "id1OOO2", "--dry-run")
    assert "no clip here matches person_id 'id1OOO2'; check the spelling, unless it was removed before" in plan.stdout
    planned_shards = re.findall(r"shards to be sent again: (\d+); to be deleted: (\d+)", plan.stdout)
    assert len(repo.commits) == commits
    done = program(*wanted, tmp_path / "out")
    assert re.findall(r"(\d+) shards? sent again, (\d+) deleted", done.stdout) == planned_shards
    assert done.returncode == 0, done.stderr[-3000:]
    assert "super_squash_history" in done.stdout
    assert "still in the history" in done.stdout
    assert len(repo.commits) == commits + 1
    after = repo.at("main")
    assert after is not None
    assert "id1" not in after.title
    for name, file in after.files.items():
        assert name == ".gitattributes" or hub.objects[file.sha256] == (tmp_path / "out" / name).read_bytes(), name
    code = """
print(sorted(load_dataset("lab/removal", "label", split=None)["train"]["clip_id"]))
"""
    told = stock(code).stdout.splitlines()[-1]
    again = program("push", tmp_path / "out", "lab/removal", "--dataset-version", "1.0.1")
    assert "sent        0 shards in 1 commit" in again.stdout, again.stderr
    assert set(repo.tags) == {"v1.0.0", "v1.0.1"}
    assert told == str(sorted(clip for clip in store.clips[1:] if not clip.startswith("id10271")))


def test_nobody_and_nowhere_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such folder"):
        remove_from_store(tmp_path / "absent", PERSON)
    with pytest.raises(ConfigError, match="run mmvoxceleb remove on the machine that holds"):
        remove_from_store("https://example.org/data", PERSON)


def test_the_list_of_a_store_behind_a_url_is_obeyed(
    store: Corpus, tmp_path: Path, serve: Callable[..., FileServer]
) -> None:
    zips = zip_corpus(store, tmp_path / "zips")
    server = serve(zips)
    assert not read_removals(server.url)
    add_removals(zips, PERSON)
    export_store(server.url, tmp_path / "out", LIGHT, facts=PLAIN)
    assert "id10001" not in (tmp_path / "out" / "export.json").read_text()
    server.fault = lambda method, path, before: 403 if path.endswith("removed.jsonl") else None
    with pytest.raises(SourceUnavailableError):
        read_removals(server.url)
