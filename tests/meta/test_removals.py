"""The removal list: every line is understood or an error, and a list that cannot be read stops the work."""

import json
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import fsspec
import pytest
from typer.testing import CliRunner

import mmvoxceleb
from mmvoxceleb.cli.main import app
from mmvoxceleb.errors import ConfigError, CorruptSourceError, MissingModalityError, SourceUnavailableError
from mmvoxceleb.files import retry
from mmvoxceleb.files.local import LocalTree
from mmvoxceleb.hub.export import export_store
from mmvoxceleb.hub.settings import ExportSettings
from mmvoxceleb.meta.removal_list import add_removals, read_list, read_removals
from mmvoxceleb.meta.removals import REMOVALS_PATH, Removals
from mmvoxceleb.processing.copying import copy_stores
from mmvoxceleb.processing.removal import remove_from_store, removing
from mmvoxceleb.sampling import ClipSampler
from mmvoxceleb.sampling.sources import sampled_clips
from tests.support.corpus import make_corpus, zip_corpus
from tests.support.http_server import FileServer

CLIP = "id10001#-video_0000#00001.txt#000.mp4"


def write_list(root: Path, *lines: object) -> None:
    (root / "meta").mkdir(parents=True, exist_ok=True)
    data = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines]
    (root / REMOVALS_PATH).write_bytes(b"\n".join(data))


def loaded(root: object, **options: Any) -> list[str]:
    rows = mmvoxceleb.load_dataset("mmvoxceleb", "text", data_dir=str(root), split="train+test", **options)
    return sorted(rows["clip_id"])


BAD = {
    "list": {"person_id": ["id10001"]},
    "number": {"person_id": 10001},
    "null": {"person_id": None},
    "empty": {"person_id": ""},
    "space before": {"person_id": " id10001"},
    "space after": {"video_id": "-video_0000\u00a0"},
    "a clip as person": {"person_id": CLIP},
    "a person as clip": {"clip_id": "id10001"},
    "other key": {"who": "id10001"},
    "two keys": {"person_id": "id10001", "video_id": "-video_0000"},
    "no key": {},
    "no object": "id10001",
    "not UTF-8": b'{"person_id": "id10001\xff"}',
    "UTF-16": '{"person_id": "id10001"}'.encode("utf-16"),
    "half a pair": rb'{"person_id": "id\ud800"}',
    "nested": b'{"person_id": ' + b"[" * 50_000 + b"]" * 50_000 + b"}",
    "person twice": b'{"person_id": "id10001", "person_id": "id10002"}',
    "cut": b'{"person_id": "id100',
    "a web page": b"<!doctype html>",
}


@pytest.mark.parametrize("line", BAD.values(), ids=list(BAD))
def test_a_line_that_is_not_understood_stops_the_work(tmp_path: Path, line: object) -> None:
    write_list(tmp_path, {"person_id": "id10002"}, line)
    with pytest.raises(CorruptSourceError, match=r"removed\.jsonl, line 2\b.*; mend it") as raised:
        read_removals(tmp_path)
    str(raised.value).encode()
    with pytest.raises(CorruptSourceError, match="line 2"):
        add_removals(tmp_path, Removals(person_id=frozenset({"id10001"})))
    assert (tmp_path / REMOVALS_PATH).read_bytes().startswith(b'{"person_id": "id10002"}\n')


@pytest.mark.parametrize(
    ("entry", "clip"),
    [
        ({"person_id": "ID10001"}, CLIP),
        ({"person_id": "id10001"}, CLIP.replace("id", "ID")),
        ({"person_id": "Zoe\u0308"}, "zo\u00eb#v#1.txt#000.mp4"),
        ({"video_id": "vide\u0301o"}, "p#vid\u00e9o#1.txt#000.mp4"),
        ({"clip_id": CLIP}, CLIP.replace("#000.mp4", "#0.mp4")),
    ],
)
def test_spellings_of_one_name_are_one_name(tmp_path: Path, entry: dict[str, str], clip: str) -> None:
    write_list(tmp_path, b"\xef\xbb\xbf", b"\r", entry)
    if "\u0301" in str(entry):
        clip = clip.replace("vid\u00e9o", "vide\u0301o")
    assert clip in read_removals(tmp_path)


def test_videos_that_differ_in_case_are_two(tmp_path: Path) -> None:
    assert CLIP not in Removals(video_id=frozenset({"-VIDEO_0000"}))


@pytest.mark.parametrize("name", [" id1", "", "a#b", "\udcff", 7])
def test_what_can_be_no_name_is_refused_before_it_is_written(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="person_id"):
        Removals(person_id=frozenset({name}))


def test_everything_that_serves_clips_obeys_and_says_what_matches_nobody(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    corpus = make_corpus(tmp_path / "store", frames=3)
    zips = zip_corpus(corpus, tmp_path / "zips")
    write_list(zips, {"person_id": "ID10001"}, {"person_id": "id1001"})
    kept = [clip for clip in corpus.clips if not clip.startswith("id10001")]
    assert loaded(zips) == sorted(kept)
    assert "1 of its 2 entries match no clip here" in caplog.text
    assert "id1001" not in caplog.text
    assert sampled_clips(zips, ("text",), "style1").clip_ids == sorted(kept)
    write_list(zips, *({"person_id": clip.split("#")[0]} for clip in corpus.clips))
    for use in (loaded, ClipSampler):
        with pytest.raises(MissingModalityError, match="all its clips are on the removal list"):
            use(zips)


@pytest.mark.parametrize("again", [False, True])
def test_of_a_removal_that_was_carried_out_nothing_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, again: bool
) -> None:
    root = make_corpus(tmp_path / "store", frames=3).root
    person = Removals(person_id=frozenset({"id10001"}))
    assert not remove_from_store(root, person).unmatched
    if again:
        assert not remove_from_store(root, person).unmatched
    loaded(root)
    report = copy_stores([root], tmp_path / "copied")
    assert report.clips
    loaded(tmp_path / "copied")
    assert "match no clip" not in caplog.text

    assert remove_from_store(root, Removals(person_id=frozenset({"id1001"}))).unmatched == ["person_id 'id1001'"]
    loaded(root)
    copy_stores([root], tmp_path / "again")
    loaded(tmp_path / "again")
    assert caplog.text.count("1 of its 2 entries match no clip here") == 2  # of each store
    assert not any(b"id100" in path.read_bytes() for path in (root / "meta").iterdir() if path.name != "removed.jsonl")


@pytest.mark.parametrize(("layout", "last"), [("folders", "forget_rows"), ("zips", "rewrite_zip")])
def test_of_a_removal_that_was_cut_short_nothing_is_told_once_it_is_run_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, layout: str, last: str
) -> None:
    corpus = make_corpus(tmp_path / "store", frames=3)
    root = corpus.root if layout == "folders" else zip_corpus(corpus, tmp_path / "zips")
    person = Removals(person_id=frozenset({"id10001", "id1001"}))
    step, calls = getattr(removing, last), []

    def cut(*arguments: Any, **options: Any) -> None:
        step(*arguments, **options)
        calls.append(arguments)
        if last != "rewrite_zip" or len(calls) == len([*root.glob("*.zip")]):
            raise KeyboardInterrupt

    monkeypatch.setattr(removing, last, cut)
    with pytest.raises(KeyboardInterrupt):
        remove_from_store(root, person, rewrite_zips=True)
    monkeypatch.undo()
    assert remove_from_store(root, person, rewrite_zips=True).unmatched == ["person_id 'id1001'"]
    loaded(root)
    assert "1 of its 2 entries match no clip here" in caplog.text


def test_a_dry_run_tells_of_a_misspelt_name_and_writes_nothing(tmp_path: Path) -> None:
    root = make_corpus(tmp_path / "store", frames=3).root
    arguments = ["remove", str(root), "--person", "id10001", "--person", "id1001", "--dry-run"]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0
    assert "no clip here matches person_id 'id1001'; check the spelling" in done.output
    assert "'id10001'" not in done.output
    assert not (root / REMOVALS_PATH).exists()


def test_after_the_last_clip_there_is_nothing_to_validate(tmp_path: Path) -> None:
    corpus = make_corpus(tmp_path / "store", clips=2, frames=1)
    first, last = corpus.clips
    assert "validate" in CliRunner().invoke(app, ["remove", str(corpus.root), "--clip", first]).output
    done = CliRunner().invoke(app, ["remove", str(corpus.root), "--clip", last])
    assert (done.exit_code, "validate" in done.output) == (0, False)


def test_a_dry_run_refuses_what_the_removal_refuses(tmp_path: Path) -> None:
    corpus = make_corpus(tmp_path / "store", frames=3)
    zips = zip_corpus(corpus, tmp_path / "zips")
    for place in (next(zips.glob("*.zip")), tmp_path / "none"):
        done = CliRunner().invoke(app, ["remove", str(place), "--person", "id10001", "--dry-run"])
        assert isinstance(done.exception, ConfigError)
        assert "no such folder; pass the folder of the store" in str(done.exception)


def test_a_file_in_the_place_of_a_store_is_told_as_such(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no store")
    with pytest.raises(ConfigError, match=r"file: is a file; name a folder"):
        read_list(LocalTree(tmp_path / "file"))


def test_entries_that_left_the_list_are_not_kept_as_taken_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    root = make_corpus(tmp_path / "store", frames=3).root
    remove_from_store(root, Removals(person_id=frozenset({"id10001"})))
    write_list(root, {"person_id": "id10002"})
    remove_from_store(root, Removals(clip_id=frozenset({CLIP})))
    write_list(root, {"person_id": "id10001"})
    loaded(root)
    assert "1 of its 1 entries match no clip here" in caplog.text


def test_of_lists_elsewhere_nothing_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    root = make_corpus(tmp_path / "store", frames=3).root
    feed = tmp_path / "feed.jsonl"
    feed.write_text('{"person_id": "id99999"}\n')
    loaded(root, removals=str(feed))
    assert "match no clip" not in caplog.text


def test_a_store_one_folder_down_keeps_its_list(tmp_path: Path, serve: Callable[..., FileServer]) -> None:
    corpus = make_corpus(tmp_path / "make", frames=3)
    zip_corpus(corpus, tmp_path / "data" / "store")
    write_list(tmp_path / "data" / "store", {"person_id": "id10001"})
    kept = sorted(clip for clip in corpus.clips if not clip.startswith("id10001"))
    assert loaded(tmp_path / "data") == kept
    assert loaded(serve(tmp_path / "data").url) == kept


@pytest.mark.parametrize("status", [401, 403, 500, 503])
def test_a_list_that_the_server_does_not_give_stops_the_work(
    tmp_path: Path, serve: Callable[..., FileServer], monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    monkeypatch.setattr(retry, "FIRST_WAIT_SECONDS", 0.0)
    zips = zip_corpus(
        make_corpus(tmp_path / "store", clips=2, frames=2), tmp_path / "served" / "lab-404" / "no such file"
    )
    write_list(zips, {"person_id": "id10001"})
    server = serve(tmp_path / "served")
    server.fault = lambda method, path, before: status if path.endswith(".jsonl") else None
    url = f"{server.url}/lab-404/no such file"
    with pytest.raises(SourceUnavailableError, match=r"It is unknown whether somebody was removed"):
        read_removals(url)
    with pytest.raises(SourceUnavailableError, match="removed"):
        loaded(url)
    with pytest.raises(SourceUnavailableError, match="removed"):
        export_store(url, tmp_path / "out", ExportSettings(modalities=("text",)))
    server.fault = lambda method, path, before: 404 if path.endswith(".jsonl") else None
    assert read_removals(url) == Removals()


def test_a_list_on_disk_that_cannot_be_opened_stops_the_work(tmp_path: Path) -> None:
    assert read_removals(tmp_path / "absent") == Removals()
    path = tmp_path / REMOVALS_PATH
    path.parent.mkdir()
    path.symlink_to("elsewhere.jsonl")
    with pytest.raises(SourceUnavailableError, match="removed"):
        read_removals(tmp_path)
    path.unlink()
    path.mkdir()
    with pytest.raises(SourceUnavailableError, match="removed"):
        read_removals(tmp_path)
    path.rmdir()
    path.write_text("{}")
    path.chmod(0)
    if os.access(path, os.R_OK):  # root may read everything
        return
    with pytest.raises(SourceUnavailableError, match="removed"):
        read_removals(tmp_path)


def test_a_list_in_memory_is_read(tmp_path: Path) -> None:
    system = fsspec.filesystem("memory")
    system.pipe_file("/list/meta/removed.jsonl", b'{"person_id": "id1"}')
    try:
        assert read_removals("memory://list") == Removals(person_id=frozenset({"id1"}))
        assert not read_removals("memory://other")
    finally:
        system.rm("/list", recursive=True)


def test_many_who_add_at_once_lose_nobody(tmp_path: Path) -> None:
    together = threading.Barrier(8, timeout=60)

    def add(number: int) -> None:
        for turn in range(6):
            together.wait()
            add_removals(tmp_path, Removals(person_id=frozenset({f"id{number}{turn}"})))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(8)))
    assert len(read_removals(tmp_path).person_id) == 48


def test_a_folder_that_cannot_be_written_to_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "meta").write_text("a file where the folder should be")
    with pytest.raises(SourceUnavailableError, match="cannot be written"):
        add_removals(tmp_path, Removals(person_id=frozenset({"id1"})))
