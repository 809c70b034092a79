"""Stores behind URLs: few requests, many at a time, and nothing kept that has changed since."""

import os
import pickle
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import fsspec
import pytest

from mmvoxceleb.cache import cache_dir
from mmvoxceleb.errors import SourceUnavailableError
from mmvoxceleb.files import retry
from mmvoxceleb.files.opening import open_source, open_tree
from mmvoxceleb.schema import Folder
from mmvoxceleb.stores import Store, open_store, zip_directory
from mmvoxceleb.stores.kept_blobs import KeptBlobs
from tests.stores.test_open_store import everything, pack
from tests.support.corpus import Corpus, make_corpus, write_clip, zip_corpus
from tests.support.http_server import FileServer
from tests.support.rude_server import Request, Start
from tests.support.s3_bucket import S3Bucket, s3_buckets

Serve = Callable[..., FileServer]
VIDEO, MASK, TEXT = Folder("video"), Folder("mask"), Folder("text")


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "FIRST_WAIT_SECONDS", 0.01)


def names(store: Store, folder: Folder = VIDEO) -> list[list[str]]:
    return [[entry.name for entry in entries] for entries in store.entries_of(folder, store.clips(folder))]


def together(count: int) -> Callable[[str, str, int], int | None]:
    """Answer requests for clips only when so many of them wait."""
    barrier = threading.Barrier(count, timeout=20)

    def fault(method: str, path: str, before: int) -> int | None:
        if "#" in path:
            try:
                barrier.wait()
            except threading.BrokenBarrierError:
                return 403
        return None

    return fault


def test_a_packed_clip_costs_a_request_to_list_and_one_to_read(corpus: Corpus, tmp_path: Path, serve: Serve) -> None:
    root = pack(corpus, tmp_path / "packed")
    server = serve(root)
    store = open_store(server.url)
    assert names(store) == names(open_store(root))
    assert [(method, asked) for method, path, asked in server.requests if "#" in path] == [("GET", "bytes=-32768")] * 5
    server.forget()
    names(store)
    clip = corpus.clips[0]
    assert store.read(VIDEO, clip, store.entries(VIDEO, clip)[2:6]) == open_store(root).read(VIDEO, clip)[2:6]
    names(pickle.loads(pickle.dumps(store)))
    assert len(server.requests) == 1


@pytest.mark.parametrize("layout", ["packed", "folders"])
def test_clips_are_listed_at_the_same_time(corpus: Corpus, tmp_path: Path, serve: Serve, layout: str) -> None:
    root = pack(corpus, tmp_path / "packed") if layout == "packed" else corpus.root
    server = serve(root, fault=together(len(corpus.clips)))
    assert names(open_store(server.url)) == names(open_store(root))


def test_zips_are_opened_and_asked_at_the_same_time(corpus: Corpus, tmp_path: Path, serve: Serve) -> None:
    zip_corpus(corpus, tmp_path)
    barrier = threading.Barrier(5, timeout=20)

    def fault(method: str, path: str, before: int) -> int | None:
        if path.endswith(".zip"):
            try:
                barrier.wait()
            except threading.BrokenBarrierError:
                return 403
        return None

    url = serve(tmp_path, fault=fault).url
    assert open_store(url).folders() == open_store(tmp_path).folders()
    paths = [path.name for path in tmp_path.glob("*.zip")]
    assert len(open_tree(url).versions(paths)) == 5


def test_the_directory_of_a_large_zip_is_read_ahead(
    corpus: Corpus, tmp_path: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    zip_corpus(corpus, tmp_path)
    expected = names(open_store(tmp_path / "video.zip"))
    shutil.rmtree(cache_dir())
    monkeypatch.setattr(zip_directory, "_BLOCK_BYTES", 1000)
    barrier = threading.Barrier(3, timeout=20)

    def fault(method: str, path: str, before: int) -> int | None:
        if 1 <= before <= 3:  # after the end record
            barrier.wait()
        return None

    assert names(open_store(f"{serve(tmp_path, fault=fault).url}/video.zip")) == expected
    assert not barrier.broken


def test_folders_of_clips_are_listed_once_and_anew_for_a_fingerprint(
    own_corpus: Corpus, tmp_path: Path, serve: Serve
) -> None:
    server = serve(own_corpus.root)
    store, clip = open_store(server.url), own_corpus.clips[0]
    names(store)
    before = store.fingerprint([VIDEO])
    server.forget()
    assert len(store.read(VIDEO, clip)) == own_corpus.num_frames[0]
    assert len(server.requests) == own_corpus.num_frames[0]
    shutil.copy(own_corpus.root / "video" / clip / "0000000.png", own_corpus.root / "video" / clip / "0000099.png")
    assert store.fingerprint([VIDEO]) != before
    assert "0000099.png" in names(open_store(server.url))[store.clips(VIDEO).index(clip)]


def test_a_clip_that_is_gone_by_then_is_told(own_corpus: Corpus, serve: Serve) -> None:
    store = open_store(serve(own_corpus.root).url)
    clips = store.clips(VIDEO)
    shutil.rmtree(own_corpus.root / "video" / own_corpus.clips[1])
    with pytest.raises(SourceUnavailableError, match=r"-video_0001.*404"):
        list(store.entries_of(VIDEO, clips))


def put(root: Path, url: str) -> None:
    system, target = fsspec.core.url_to_fs(url)
    system.put(f"{root}/", f"{target}/", recursive=True)


def test_a_packed_clip_that_was_replaced_is_listed_anew(own_corpus: Corpus, tmp_path: Path) -> None:
    url, clip = f"memory://{tmp_path.name}-replaced", own_corpus.clips[0]
    put(pack(own_corpus, tmp_path / "packed"), url)
    before = names(open_store(url))
    opened = open_store(url)
    opened.clips(VIDEO)
    write_clip(own_corpus.root, clip, 0, 20)
    put(pack(own_corpus, tmp_path / "longer"), url)
    longer = names(open_store(tmp_path / "longer"))
    assert names(open_store(url)) == longer != before
    assert names(opened) == longer  # whose listing has another size for it


@pytest.mark.parametrize("damage", ["bytes", "cut", "folder", "other"])
def test_a_damaged_index_is_made_again(
    corpus: Corpus, tmp_path: Path, serve: Serve, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    root = pack(corpus, tmp_path / "packed")
    url = serve(root).url
    expected = names(open_store(url))
    kept = cache_dir() / "packed-index.sqlite"
    data = kept.read_bytes()
    if damage == "bytes":
        kept.write_bytes(data[:100] + bytes(b ^ 0x55 for b in data[100:]))
    elif damage == "cut":
        kept.write_bytes(data[: len(data) // 2])
    elif damage == "other":
        kept.write_bytes(b"no database" * 100)
    else:
        kept.unlink()
        kept.mkdir()
    store = open_store(url)
    assert names(store) == expected
    assert names(store) == expected
    assert bool(caplog.messages) is (damage in ("folder", "other", "bytes", "cut"))
    if damage != "folder":
        caplog.clear()
        assert names(open_store(url)) == expected
        assert not caplog.messages


def test_a_blob_of_another_version_or_damaged_is_none(tmp_path: Path) -> None:
    kept = KeptBlobs(tmp_path / "kept.sqlite")
    assert kept.get("a", "1") is None
    assert kept.put("a", "1", b"one")
    assert kept.put("b", "1", b"two")
    assert (kept.get("a", "1"), kept.get("a", "2"), kept.get("b", "1")) == (b"one", None, b"two")
    assert pickle.loads(pickle.dumps(kept)).get("a", "1") == b"one"
    path = tmp_path / "kept.sqlite"
    kept._close()
    path.write_bytes(path.read_bytes().replace(b"one", b"eno"))
    kept = KeptBlobs(path)
    assert (kept.get("a", "1"), kept.get("b", "1")) == (None, b"two")


def test_what_is_kept_is_found_after_a_fork(tmp_path: Path) -> None:
    kept = KeptBlobs(tmp_path / "kept.sqlite")
    kept.put("a", "1", b"one")
    child = os.fork()
    if child == 0:
        os._exit(0 if kept.get("a", "1") == b"one" and kept.put("b", "1", b"two") else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert kept.get("b", "1") == b"two"


DATA = bytes(range(250)) * 4


@pytest.mark.parametrize("answer", ["416", "500", "whole", "elsewhere", "cut", "crash", "short"])
def test_a_server_that_knows_no_ranges_from_the_end_is_asked_otherwise(rude: Start, answer: str) -> None:
    def reply(request: Request) -> None:
        asked = request.headers.get("Range", "")
        if not asked.startswith("bytes=-"):
            first, _, last = asked.removeprefix("bytes=").partition("-")
            if request.command == "HEAD":
                request.answer(200, DATA, ETag='"1"')
            else:
                part = DATA[int(first) : int(last) + 1]
                request.answer(206, part, ETag='"1"', Content_Range=f"bytes {first}-{last}/{len(DATA)}")
        elif answer.isdigit():
            request.answer(int(answer))
        elif answer == "whole":
            request.answer(200, DATA)
        elif answer == "elsewhere":
            request.answer(206, DATA[:100], Content_Range=f"bytes 0-99/{len(DATA)}")
        elif answer == "short":
            request.answer(206, DATA[-50:], Content_Range=f"bytes 900-999/{len(DATA)}")
        elif answer == "cut":
            request.begin(206, Content_Length=100, Content_Range=f"bytes 900-999/{len(DATA)}")
        # crash: no answer at all

    source = open_source(f"{rude(reply).url}/x.zip")
    assert source.tail(100) == DATA[-100:]
    assert (source.size, source.version) == (len(DATA), f'{len(DATA)} etag "1"')
    assert source.tail(5000) == DATA


def test_a_tail_tells_size_and_version(tmp_path: Path, serve: Serve) -> None:
    (tmp_path / "x.bin").write_bytes(DATA)
    server = serve(tmp_path)
    tail, asked = open_source(f"{server.url}/x.bin"), open_source(f"{server.url}/x.bin")
    assert (tail.tail(7), tail.size) == (DATA[-7:], len(DATA))
    assert len(server.requests) == 1
    assert (tail.size, tail.version) == (asked.size, asked.version)
    assert open_source(f"{server.url}/x.bin").tail(5000) == DATA


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Path], S3Bucket]]:
    with s3_buckets(monkeypatch) as start:
        yield start


def test_s3_lists_a_person_at_a_time_and_only_what_is_wanted(tmp_path: Path, s3: Callable[[Path], S3Bucket]) -> None:
    corpus = make_corpus(tmp_path / "corpus", clips=10)  # four clips of id10001 and id10271, two of id11248
    server = s3(corpus.root)
    store, local = open_store("s3://bucket"), open_store(corpus.root)
    clips = store.clips(VIDEO)
    server.log()
    assert names(store) == names(local)
    asked = server.log()
    assert len(asked) == 3
    assert all("list-type=2" in path for _, path, _ in asked)
    one = open_store("s3://bucket")
    assert one.clips(VIDEO) == clips
    server.log()
    assert next(one.entries_of(VIDEO, clips[:1])) == next(local.entries_of(VIDEO, clips[:1]))
    assert len(server.log()) == 1
    server.log()
    assert everything(store) == everything(local)
    assert store.fingerprint([VIDEO]) == open_store("s3://bucket").fingerprint([VIDEO])
    for folder in (VIDEO, TEXT):
        server.log()
        assert store.read(folder, clips[0]) == local.read(folder, clips[0])
        assert {method for method, _, _ in server.log()} == {"GET"}


def test_s3_lists_and_reads_packed_clips_and_asks_nothing_again(
    corpus: Corpus, tmp_path: Path, s3: Callable[[Path], S3Bucket]
) -> None:
    root = pack(corpus, tmp_path / "packed")
    server = s3(root)
    store = open_store("s3://bucket")
    clips = store.clips(VIDEO)
    server.log()
    assert names(store) == names(open_store(root))
    assert [method for method, _, _ in server.log()] == ["GET"] * 5
    again = open_store("s3://bucket")
    again.clips(VIDEO)
    server.log()
    assert names(again) == names(store)
    assert server.log() == []
    assert again.read(VIDEO, clips[0]) == open_store(root).read(VIDEO, clips[0])
    assert [method for method, _, _ in server.log()] == ["GET"]
