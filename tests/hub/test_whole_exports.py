"""Finished shards are what was written; nothing outside an export is touched; one run at a time works on it."""

import hashlib
import json
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest

from mmvoxceleb.errors import (
    CorruptSourceError,
    IncompatibleOutputError,
    MMVoxCelebError,
    OutputError,
    UnsafeArchiveError,
)
from mmvoxceleb.files.partial import PARTIAL
from mmvoxceleb.hub.card import CardFacts
from mmvoxceleb.hub.dropping import remove_from_export
from mmvoxceleb.hub.export import export_store
from mmvoxceleb.hub.manifest import ExportFolder
from mmvoxceleb.hub.settings import ExportSettings, Format
from mmvoxceleb.meta.removals import Removals
from tests.hub.conftest import Run
from tests.support.corpus import Corpus
from tests.support.loopback_hub import Hub
from tests.support.trees import tree

PLAIN = CardFacts(charts=False)
MODALITIES = ("mask", "text", "label")
PERSON = Removals(person_id=frozenset({"id10001"}))
FORMATS: tuple[Format, ...] = ("parquet", "webdataset", "folder")


def settings_for(format_: Format, max_shard_bytes: int = 4_000) -> ExportSettings:
    return ExportSettings(format=format_, modalities=MODALITIES, max_shard_bytes=max_shard_bytes)


@pytest.fixture(scope="module")
def fresh(corpus: Corpus, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    roots: dict[str, Path] = {format_: tmp_path_factory.mktemp("fresh") / format_ for format_ in FORMATS}
    for format_ in FORMATS:
        export_store(corpus.root, roots[format_], settings_for(format_), facts=PLAIN)
    return roots


@pytest.fixture
def out(fresh: dict[str, Path], tmp_path: Path) -> Path:
    return Path(shutil.copytree(fresh["parquet"], tmp_path / "out"))


def shards(root: Path) -> list[Path]:
    return sorted(path for path in root.rglob("*") if path.is_file() and ".mmvoxceleb" not in path.parts[-3:])


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def edit_marker(root: Path, **values: Any) -> Path:
    """Change what the marker of the first shard of person id10001 says."""
    marker = next(path for path in sorted(root.glob(".mmvoxceleb/shards/*.json")) if "id10001" in path.read_text())
    marker.write_text(json.dumps(json.loads(marker.read_text()) | values))
    return marker


@pytest.mark.parametrize("format_", FORMATS)
def test_every_damaged_file_is_written_again(
    format_: Format, corpus: Corpus, fresh: dict[str, Path], tmp_path: Path
) -> None:
    out = Path(shutil.copytree(fresh[format_], tmp_path / "out"))
    whole = tree(out)
    folders = ("data",) if format_ != "folder" else ("mask", "txt", "label")
    files = [path for path in shards(out) if path.relative_to(out).parts[0] in folders]
    assert len(files) >= 2
    for path in files[:: max(1, len(files) // 8)]:
        flip(path)
        told: list[str] = []
        report = export_store(
            corpus.root, out, settings_for(format_), facts=PLAIN, progress=lambda what, *_, told=told: told.append(what)
        )
        assert report.written == 1, path
        assert tree(out) == whole, path
        assert "all: checking what is finished (shards)" in told


def test_a_file_that_is_gone_or_new_in_a_clip_is_seen(corpus: Corpus, fresh: dict[str, Path], tmp_path: Path) -> None:
    out = Path(shutil.copytree(fresh["folder"], tmp_path / "out"))
    whole = tree(out)
    mask = next(path for path in shards(out) if path.parent.parent.name == "mask")
    mask.unlink()
    assert export_store(corpus.root, out, settings_for("folder"), facts=PLAIN).written == 1
    mask.with_name("0000099.png").write_bytes(b"new")
    assert export_store(corpus.root, out, settings_for("folder"), facts=PLAIN).written == 1
    assert tree(out) == whole


@pytest.mark.parametrize("format_", ["parquet", "webdataset"])
def test_removal_copies_no_damaged_row(format_: Format, fresh: dict[str, Path], tmp_path: Path, corpus: Corpus) -> None:
    out = Path(shutil.copytree(fresh[format_], tmp_path / "out"))
    gone = Removals(clip_id=frozenset({corpus.clips[0]}))
    note = next(n for n in ExportFolder(out).notes() if n.rows > 1 and corpus.clips[0] in str(n.clips))
    flip(out / note.path)
    before = tree(out)
    with pytest.raises(CorruptSourceError, match=f"{note.path} has another sha256.*Nothing was removed"):
        remove_from_export(out, gone)
    assert tree(out) == before
    # a hash that fits what is no shard
    (out / note.path).write_bytes(b"nothing of the kind")
    marker = out / ".mmvoxceleb" / "shards" / f"{note.path.replace('/', '~')}.json"
    content = json.loads(marker.read_text()) | {
        "bytes": 19,
        "sha256": hashlib.sha256(b"nothing of the kind").hexdigest(),
    }
    marker.write_text(json.dumps(content))
    with pytest.raises(CorruptSourceError, match="cannot be read as a"):
        remove_from_export(out, gone)
    assert (out / note.path).read_bytes() == b"nothing of the kind"
    assert not list(out.rglob(f"{PARTIAL}*"))


def test_removal_may_be_killed_at_any_moment(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = Path(shutil.copytree(out, out.parent / "expected"))
    remove_from_export(expected, PERSON)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    # between a shard and its marker, then between the markers and the description
    for place in ("mmvoxceleb.hub.manifest.ExportFolder.write_note", "mmvoxceleb.hub.dropping.describe_export"):
        monkeypatch.setattr(place, killed)
        with pytest.raises(KeyboardInterrupt):
            remove_from_export(out, PERSON)
        monkeypatch.undo()
    remove_from_export(out, PERSON)
    assert tree(out) == tree(expected)
    assert not [name for name, data in tree(out).items() if b"id10001" in data and name != "README.md"]


@pytest.mark.parametrize("path", ["../victim.parquet", "/etc/hostname", "README.md", "data/../../victim.parquet"])
def test_no_path_of_a_marker_leads_outside(path: str, out: Path, corpus: Corpus) -> None:
    victim = out.parent / "victim.parquet"
    shutil.copy(next(out.glob("data/all/train-*.parquet")), victim)
    before = victim.read_bytes()
    edit_marker(out, path=path)
    for action in (
        lambda: remove_from_export(out, PERSON),
        lambda: export_store(corpus.root, out, settings_for("parquet", 1), facts=PLAIN, overwrite=True),
    ):
        with pytest.raises((UnsafeArchiveError, CorruptSourceError), match=r"shards/.*\.json"):
            action()
    assert victim.read_bytes() == before
    assert (out / "README.md").is_file()


def test_no_clip_or_style_of_an_export_leads_outside(fresh: dict[str, Path], tmp_path: Path) -> None:
    out = Path(shutil.copytree(fresh["folder"], tmp_path / "out"))
    (tmp_path / "victim").mkdir()
    marker = edit_marker(out)
    content = json.loads(marker.read_text())
    content["clips"][0]["clip_id"] = "../../victim"
    marker.write_text(json.dumps(content))
    with pytest.raises(CorruptSourceError, match=r"its clip_id is '\.\./\.\./victim'"):
        remove_from_export(out, PERSON)
    plan = out / ".mmvoxceleb" / "plan.json"
    content = json.loads(plan.read_text())
    content["settings"]["styles"] = ["../../victim"]
    plan.write_text(json.dumps(content))
    with pytest.raises(MMVoxCelebError, match=r"plan\.json.*'../../victim'"):
        remove_from_export(out, PERSON)
    assert (tmp_path / "victim").is_dir()


def test_links_out_of_an_export_are_refused(out: Path, corpus: Corpus, program: Run) -> None:
    secret = out.parent / "secret.parquet"
    shard = next(path for path in sorted(out.glob("data/all/*.parquet")) if b"id10001" in path.read_bytes())
    shard.rename(secret)
    shard.symlink_to(secret)
    before = secret.read_bytes()
    with pytest.raises(UnsafeArchiveError, match="through a link"):
        remove_from_export(out, PERSON)
    with pytest.raises(UnsafeArchiveError, match="through a link"):
        export_store(corpus.root, out, settings_for("parquet"), facts=PLAIN)
    done = program("push", out, "lab/links")
    assert done.returncode == 1
    assert "through a link" in done.stderr
    assert secret.read_bytes() == before


def test_push_sends_no_damaged_shard(out: Path, hub: Hub, program: Run, corpus: Corpus) -> None:
    shard = sorted(out.glob("data/light/*.parquet"))[-1]
    flip(shard)
    done = program("push", out, "lab/damaged")
    assert done.returncode == 1
    assert "has another sha256 than when it was written" in done.stderr
    assert "Traceback" not in done.stderr
    assert "lab/damaged" not in hub.repos
    export_store(corpus.root, out, settings_for("parquet"))
    assert program("push", out, "lab/damaged").returncode == 0


def test_a_repository_cannot_name_files_outside_nor_serve_damaged_shards(
    out: Path, hub: Hub, program: Run, corpus: Corpus
) -> None:
    assert program("push", out, "lab/evil").returncode == 0
    repo = hub.repos["lab/evil"]
    head = repo.at("main")
    assert head is not None
    remove = ("remove", "--person", "id10001", "--repo", "lab/evil")
    path = next(note.path for note in ExportFolder(out).notes() if note.rows > 1 and "id10001" in str(note.clips))
    data = bytearray(hub.objects[head.files[path].sha256])
    data[len(data) // 2] ^= 1
    repo.commit({**head.files, path: hub.keep(bytes(data), is_lfs=True)}, "damaged", "main")
    done = program(*remove)
    assert done.returncode == 1
    assert f"{path} has another sha256" in done.stderr
    manifest = (out / "export.json").read_text()
    for evil in ("../../victim.parquet", "README.md"):
        repo.commit({**head.files, "export.json": hub.keep(manifest.replace(path, evil).encode(), False)}, "e", "main")
        done = program(*remove)
        assert done.returncode == 1
        assert "lab/evil/export.json" in done.stderr, done.stderr
        assert "Traceback" not in done.stderr


def test_one_run_at_a_time(corpus: Corpus, tmp_path: Path) -> None:
    out, begun, go_on = tmp_path / "out", threading.Event(), threading.Event()

    def hold(*_: object) -> None:
        begun.set()
        assert go_on.wait(60)

    first = threading.Thread(
        target=export_store,
        args=(corpus.root, out, settings_for("parquet")),
        kwargs={"facts": PLAIN, "progress": hold},
    )
    first.start()
    try:
        assert begun.wait(60)
        partial = list(out.rglob(f"{PARTIAL}*"))
        (out / "data" / "all").mkdir(parents=True, exist_ok=True)
        (out / "data" / "all" / f"{PARTIAL}of-the-first").write_bytes(b"half")
        for action in (
            lambda: export_store(corpus.root, out, settings_for("parquet"), facts=PLAIN),
            lambda: export_store(corpus.root, out, settings_for("webdataset"), facts=PLAIN, overwrite=True),
            lambda: remove_from_export(out, PERSON),
        ):
            with pytest.raises(OutputError, match="another run is using"):
                action()
        assert (out / "data" / "all" / f"{PARTIAL}of-the-first").is_file()
        assert all(path.exists() for path in partial)
    finally:
        go_on.set()
        first.join(60)
    assert ExportFolder(out).read_plan()
    assert (out / "export.json").is_file()


def test_a_folder_of_something_else_stays_as_it_is(corpus: Corpus, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("precious")
    with pytest.raises(IncompatibleOutputError, match="is not empty"):
        export_store(corpus.root, tmp_path, settings_for("parquet"), facts=PLAIN)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
