"""Servers that send without end, or nothing, or somewhere else: one error, soon, and little memory."""

import gzip
import re
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from mmvoxceleb.errors import MMVoxCelebError, SourceUnavailableError
from mmvoxceleb.files import retry, stalls
from mmvoxceleb.files.http_tree import HttpSource as RemoteSource
from mmvoxceleb.files.opening import open_source, open_tree
from mmvoxceleb.files.whole import read_whole
from mmvoxceleb.schema import Folder
from mmvoxceleb.stores import open_store
from tests.support.corpus import Corpus, zip_folder
from tests.support.rude_server import Answer, Request, Start

CLIP = "id10001#v#00001.txt#000.mp4"


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "FIRST_WAIT_SECONDS", 0.01)
    monkeypatch.setattr(stalls, "SILENT_SECONDS", 0.2)


def ranged(request: Request, data: bytes) -> tuple[int, int]:
    """Return the range that is asked for."""
    first, _, last = request.headers.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")
    return int(first), int(last) + 1 if last else len(data)


def endless(request: Request) -> None:
    for _ in range(1 << 14):  # a gigabyte, for whoever takes it
        request.chunk(bytes(1 << 16))


def test_a_range_ends_at_the_bytes_asked_for(own_corpus: Corpus, tmp_path: Path, rude: Start) -> None:
    path = zip_folder(own_corpus.root / "mask", tmp_path / "mask.zip")
    data = path.read_bytes()

    def reply(request: Request) -> None:
        if request.command == "HEAD":
            request.answer(200, data, ETag='"1"')
            return
        start, end = ranged(request, data)
        request.begin(206, Content_Range=f"bytes {start}-{end - 1}/{len(data)}", Transfer_Encoding="chunked")
        request.chunk(data[start:end])
        endless(request)

    server = rude(reply)
    store, local = open_store(f"{server.url}/mask.zip"), open_store(path)
    for clip in own_corpus.clips:
        assert store.read(Folder("mask"), clip) == local.read(Folder("mask"), clip)
    assert server.bytes_sent < 64 << 20


def test_a_server_that_knows_no_head_is_asked_by_a_range(own_corpus: Corpus, tmp_path: Path, rude: Start) -> None:
    data = zip_folder(own_corpus.root / "mask", tmp_path / "mask.zip").read_bytes()

    def reply(request: Request) -> None:
        if request.command == "HEAD":
            request.answer(405)
            return
        start, end = ranged(request, data)
        request.answer(206, data[start:end], Content_Range=f"bytes {start}-{end - 1}/{len(data)}", ETag='"1"')

    source = RemoteSource(f"{rude(reply).url}/mask.zip")
    assert (source.size, source.version) == (len(data), f'{len(data)} etag "1"')
    assert source.read(10, 20) == data[10:20]


def test_a_server_that_tells_no_size_says_so(rude: Start) -> None:
    def reply(request: Request) -> None:
        request.begin(200, Transfer_Encoding="chunked")
        if request.command != "HEAD":
            endless(request)

    with pytest.raises(SourceUnavailableError, match="does not say how large the file is"):
        open_store(f"{rude(reply).url}/mask.zip")


def test_a_range_that_begins_elsewhere_is_refused(rude: Start) -> None:
    server = rude(lambda request: request.answer(206, b"x" * 10, Content_Range="bytes 0-9/1000"))
    with pytest.raises(SourceUnavailableError, match=r"asked for the bytes from 500 on and sent 'bytes 0-9/1000'"):
        RemoteSource(f"{server.url}/x.zip").read(500, 510)


def index_page(request: Request) -> bool:
    """Answer for the folders of a store with one text."""
    pages = {"/": b'<a href="txt/">', "/txt/": f'<a href="{CLIP.replace("#", "%23")}.txt">'.encode()}
    if request.path in pages:
        request.answer(200, pages[request.path], Content_Type="text/html")
    return request.path in pages


@pytest.mark.parametrize("coding", ["chunked", "close"])
def test_a_whole_file_without_end_is_refused(rude: Start, coding: str) -> None:
    def reply(request: Request) -> None:
        if index_page(request):
            return
        request.begin(200, **({"Transfer_Encoding": "chunked"} if coding == "chunked" else {}))
        endless(request)

    server = rude(reply)
    store = open_store(server.url)
    assert store.clips(Folder("text")) == [CLIP]
    tracemalloc.start()
    with pytest.raises(SourceUnavailableError, match=r"00001\.txt.*sends more than the 4,194,304 bytes"):
        store.read(Folder("text"), CLIP)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 64 << 20
    assert server.bytes_sent < 64 << 20


def test_an_index_page_without_end_is_refused(rude: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mmvoxceleb.files.http.LARGEST_PAGE_BYTES", 1 << 20)
    bomb = gzip.compress(bytes(64 << 20))
    server = rude(lambda request: request.answer(200, bomb, Content_Type="text/html", Content_Encoding="gzip"))
    with pytest.raises(SourceUnavailableError, match="sends more than the 1,048,576 bytes"):
        open_tree(server.url).items()


def test_an_index_page_may_be_compressed(rude: Start) -> None:
    page = gzip.compress(
        b'<a href="?C=N">N</a> <a href="../">up</a> <a href="video/">v</a> <a href="a%23%2520b.zip">z</a>'
    )
    server = rude(lambda request: request.answer(200, page, Content_Type="text/html", Content_Encoding="gzip"))
    assert [(item.name, item.is_folder) for item in open_tree(server.url).items()] == [
        ("a#%20b.zip", False), ("video", True),
    ]  # fmt: skip


def test_an_index_page_names_nothing_outside(rude: Start) -> None:
    links = [
        "http://elsewhere/mask/",
        "/etc/",
        "../up/",
        "a/../../b",
        "a/b/",
        "%2e%2e",
        "..%2fx",
        "file:///etc/",
        "http://[",
    ]
    page = "".join(f'<a href="{link}">' for link in [*links, "/data/video/", "mask/"]).encode()
    server = rude(lambda request: request.answer(200, page, Content_Type="text/html"))
    assert [item.name for item in open_tree(f"{server.url}/data").items()] == ["mask", "video"]


def test_a_compressed_file_is_refused_unread(rude: Start) -> None:
    bomb = gzip.compress(bytes(64 << 20))
    server = rude(lambda request: request.answer(200, bomb, Content_Encoding="gzip"))
    for action in (
        lambda: open_tree(server.url).read_files(["x.txt"], most_bytes=1 << 20),
        lambda: RemoteSource(f"{server.url}/x.zip").read(0, 10),
    ):
        with pytest.raises(SourceUnavailableError, match=r"x\.(txt|zip).*compressed \(gzip\) although"):
            action()


def silent(request: Request) -> None:
    request.wait(30)


def silent_body(request: Request) -> None:
    request.begin(206 if "Range" in request.headers else 200, Content_Length=1000, ETag='"1"')
    request.wait(30)


def trickling(request: Request) -> None:
    request.begin(206 if "Range" in request.headers else 200, Content_Length=10**6, ETag='"1"')
    for _ in range(1000):
        request.wfile.write(b"x")
        request.wait(0.03)


def trickling_headers(request: Request) -> None:
    request.wfile.write(b"HTTP/1.1 200 OK\r\n")
    for number in range(1000):
        request.wfile.write(b"X-%d: y\r\n" % number)
        request.wait(0.03)


@pytest.mark.parametrize("reply", [silent, silent_body, trickling, trickling_headers])
@pytest.mark.parametrize("what", ["size", "range", "file", "page"])
def test_a_server_that_sends_next_to_nothing_is_given_up(
    rude: Start, reply: Answer, what: str, caplog: pytest.LogCaptureFixture
) -> None:
    if what == "size" and reply in (silent_body, trickling):
        return  # headers are all that it takes
    server = rude(reply)
    source = open_source(f"{server.url}/x.zip")
    actions: dict[str, Callable[[], object]] = {
        "size": lambda: source.size,
        "range": lambda: source.read(5, 500_000),
        "file": lambda: open_tree(server.url).read_files(["x.txt"], most_bytes=1 << 20),
        "page": lambda: open_tree(server.url).items(),
    }
    with pytest.raises(SourceUnavailableError, match=r"gave up after 3 attempts \(.*(Timeout|Stalled)"):
        actions[what]()
    assert len([message for message in caplog.messages if "retrying" in message]) == 2


@pytest.mark.parametrize("what", ["zip", "page", "file"])
@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("/again", "redirects in a circle, or too often"),
        (
            "file:///etc/hostname",
            r"redirects to what is no web address, which is not followed \(.*file:///etc/hostname",
        ),
        ("ftp://127.0.0.1/x", "no web address"),
        ("http://[", "redirects to no valid address|no web address"),
    ],
)
def test_redirects_that_lead_nowhere_say_so(rude: Start, what: str, target: str, message: str) -> None:
    server = rude(lambda request: request.answer(302, Location=target))
    actions: dict[str, Callable[[], object]] = {
        "zip": lambda: open_store(f"{server.url}/video.zip"),
        "page": lambda: open_tree(server.url).items(),
        "file": lambda: open_tree(server.url).read_files(["x.txt"], most_bytes=1 << 20),
    }
    with pytest.raises(MMVoxCelebError, match=message):
        actions[what]()
    assert len(server.requests) <= 25


@pytest.mark.parametrize("url", ["zzz://x", "http://[", "http://127.0.0.1:99999/x.zip", "memory://nothing"])
def test_addresses_that_mean_nothing_are_one_error(url: str) -> None:
    with pytest.raises(SourceUnavailableError, match=f"^{re.escape(url[:8])}"):
        open_store(url)


@pytest.mark.parametrize("status", [202, 203, 300, 301, 302])
def test_an_answer_that_is_no_file_is_not_taken_for_one(rude: Start, status: int) -> None:
    server = rude(lambda request: request.answer(status, b"<Error>moved, to nowhere</Error>", ETag='"1"'))
    tree, source = open_tree(server.url), open_source(f"{server.url}/x.bin")
    reads: dict[str, Callable[[], object]] = {
        "whole": lambda: tree.read_files(["x.bin"], most_bytes=1000),
        "range": lambda: source.read(0, 10),
        "size": lambda: source.size,
        "tail": lambda: open_source(f"{server.url}/x.bin").tail(10),
        "page": lambda: tree.items(),
        "one": lambda: read_whole(f"{server.url}/x.bin", most_bytes=1000),
    }
    for what, read in reads.items():
        with pytest.raises(SourceUnavailableError, match=rf"status {status}"):
            pytest.fail(f"{what}: {read()!r}")


def test_a_part_that_was_not_asked_for_is_not_taken_for_the_file(rude: Start) -> None:
    server = rude(lambda request: request.answer(206, b"the beginning", Content_Range="bytes 0-12/100"))
    with pytest.raises(SourceUnavailableError, match="status 206"):
        open_tree(server.url).read_files(["x.bin"], most_bytes=1000)
