"""Zips behind a real HTTP server that behaves, or does not."""

from collections.abc import Callable
from pathlib import Path

import pytest

from mmvoxceleb.errors import SourceUnavailableError
from mmvoxceleb.files import retry
from mmvoxceleb.schema import Folder
from mmvoxceleb.stores import open_store
from tests.stores.test_open_store import everything, pack
from tests.support.corpus import Corpus, zip_corpus
from tests.support.http_server import FileServer

Serve = Callable[..., FileServer]


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "FIRST_WAIT_SECONDS", 0.01)


@pytest.mark.parametrize("listing", [True, False])
def test_zips_with_and_without_an_index_page(corpus: Corpus, tmp_path: Path, serve: Serve, listing: bool) -> None:
    server = serve(zip_corpus(corpus, tmp_path), listing=listing)
    assert everything(open_store(server.url)) == everything(open_store(tmp_path))


def test_one_zip_per_clip_over_http(corpus: Corpus, tmp_path: Path, serve: Serve) -> None:
    server = serve(pack(corpus, tmp_path / "packed"))
    assert everything(open_store(server.url)) == everything(open_store(tmp_path / "packed"))


def test_a_zip_by_its_url(corpus: Corpus, tmp_path: Path, serve: Serve) -> None:
    server = serve(zip_corpus(corpus, tmp_path))
    store = open_store(f"{server.url}/mask.zip")
    assert store.folders() == (Folder("mask"),)
    assert store.clips(Folder("mask")) == sorted(corpus.clips)


def test_the_first_clip_costs_its_own_bytes(corpus: Corpus, tmp_path: Path, serve: Serve) -> None:
    server = serve(zip_corpus(corpus, tmp_path), listing=False)
    clip = corpus.clips[2]
    open_store(server.url).clips(Folder("video"))  # leaves the index in the cache
    server.forget()
    data = open_store(server.url).read(Folder("video"), clip)
    framing = (30 + 2 * len(f"video/{clip}/0000000.png")) * len(data)
    assert server.bytes_sent <= sum(map(len, data)) + framing + 200
    assert server.gets("video.zip") == 2  # the end record, the clip
    assert server.gets("mask.zip") == 0


@pytest.mark.parametrize(("status", "advice"), [(403, "refuses access"), (401, "asks for a login"), (410, "gone")])
def test_final_answers_are_not_retried(corpus: Corpus, tmp_path: Path, serve: Serve, status: int, advice: str) -> None:
    server = serve(zip_corpus(corpus, tmp_path), fault=lambda method, path, before: status)
    with pytest.raises(SourceUnavailableError, match=rf"video\.zip: HTTP {status}, it .*{advice}|{advice}"):
        open_store(f"{server.url}/video.zip")
    assert len(server.requests) <= 2


def test_404_says_so(tmp_path: Path, serve: Serve) -> None:
    server = serve(tmp_path)
    with pytest.raises(SourceUnavailableError, match=r"HTTP 404.*check the address"):
        open_store(f"{server.url}/video.zip")


def test_500_then_200_goes_on(corpus: Corpus, tmp_path: Path, serve: Serve) -> None:
    server = serve(zip_corpus(corpus, tmp_path), fault=lambda method, path, before: 500 if before < 2 else None)
    assert everything(open_store(server.url)) == everything(open_store(tmp_path))


def test_500_for_ever_gives_up_by_name(corpus: Corpus, tmp_path: Path, serve: Serve) -> None:
    server = serve(zip_corpus(corpus, tmp_path))
    store = open_store(server.url)
    store.clips(Folder("video"))
    server.fault = lambda method, path, before: 503
    with pytest.raises(
        SourceUnavailableError, match=r"video\.zip: gave up after 5 attempts \(the server answered 503\)"
    ):
        store.read(Folder("video"), corpus.clips[0])


def test_a_connection_cut_in_a_clip_is_taken_up_again(corpus: Corpus, tmp_path: Path, serve: Serve) -> None:
    server = serve(zip_corpus(corpus, tmp_path))
    store = open_store(server.url)
    expected = everything(open_store(tmp_path))
    store.clips(Folder("video"))
    cuts = iter(["cut", None, "cut", "cut", *[None] * 1000])
    server.fault = lambda method, path, before: next(cuts) if path == "/video.zip" else None
    assert everything(store) == expected
    assert next(cuts) is None


def test_a_server_without_ranges_is_told_and_not_downloaded(corpus: Corpus, tmp_path: Path, serve: Serve) -> None:
    server = serve(zip_corpus(corpus, tmp_path), ranges=False)
    with pytest.raises(SourceUnavailableError, match=r"does not answer range requests.*download it"):
        open_store(server.url).clips(Folder("video"))


def test_an_unreachable_server_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "ATTEMPTS", 2)
    with pytest.raises(SourceUnavailableError, match=r"127\.0\.0\.1:9/video\.zip: gave up after 2 attempts"):
        open_store("http://127.0.0.1:9/video.zip")
    with pytest.raises(SourceUnavailableError, match=r"^http://127\.0\.0\.1:9/store: gave up after 2 .*host 127"):
        open_store("http://127.0.0.1:9/store")
