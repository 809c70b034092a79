"""Reads from S3 by signed addresses, which the driver stands in for wherever they fail."""

import http.server
import threading
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest

from mmvoxceleb.errors import SourceUnavailableError
from mmvoxceleb.files import retry, signed
from mmvoxceleb.files.opening import open_source, open_tree
from mmvoxceleb.files.signed import signed_reads, with_signatures
from mmvoxceleb.stores import open_store
from tests.stores.test_open_store import everything, pack
from tests.support.corpus import Corpus, zip_corpus
from tests.support.s3_bucket import S3Bucket, s3_buckets

DATA = bytes(range(250)) * 40
ODD = "a +=&%41#~é's/x.bin"


@pytest.fixture(autouse=True)
def no_history(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "FIRST_WAIT_SECONDS", 0.01)
    signed._shared.cache_clear()


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Path], S3Bucket]]:
    with s3_buckets(monkeypatch) as start:
        yield start


def is_signed(path: str) -> bool:
    return "X-Amz-Signature=" in path


@pytest.mark.parametrize("layout", ["folders", "zips", "packed"])
def test_a_store_is_read_by_signed_addresses(
    corpus: Corpus, tmp_path: Path, s3: Callable[[Path], S3Bucket], layout: str
) -> None:
    root = corpus.root
    if layout == "packed":
        root = pack(corpus, tmp_path / "packed")
    elif layout == "zips":
        root = tmp_path / "zips"
        root.mkdir()
        zip_corpus(corpus, root)
    server = s3(root)
    assert everything(open_store("s3://bucket")) == everything(open_store(root))
    files = [path for method, path, _ in server.log() if method == "GET" and "list-type" not in path]
    assert files
    assert all(is_signed(path) for path in files)


def test_names_of_all_kinds_are_signed(tmp_path: Path, s3: Callable[[Path], S3Bucket]) -> None:
    (tmp_path / ODD).parent.mkdir(parents=True)
    (tmp_path / ODD).write_bytes(DATA)
    server = s3(tmp_path)
    assert open_source(f"s3://bucket/{ODD}").read(3, 3000) == DATA[3:3000]
    assert open_tree("s3://bucket").read_files([ODD, ODD], most_bytes=1 << 20) == [DATA, DATA]
    assert [is_signed(path) for method, path, _ in server.log() if method == "GET"] == [True] * 3


def test_an_address_is_used_again_for_a_while(
    tmp_path: Path, s3: Callable[[Path], S3Bucket], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "x.bin").write_bytes(DATA)
    server = s3(tmp_path)
    driver = fsspec.get_filesystem_class("s3")
    signed_paths: list[str] = []
    sign = driver._url

    async def watched(self: Any, path: str, **options: Any) -> Any:
        signed_paths.append(path)
        return await sign(self, path, **options)

    monkeypatch.setattr(driver, "_url", watched)
    source = open_source("s3://bucket/x.bin")
    for start in range(5):
        assert source.read(start, start + 10) == DATA[start : start + 10]
    assert open_source("s3://bucket/x.bin").read(0, 10) == DATA[:10]
    assert signed_paths == ["bucket/x.bin"]
    assert [asked for method, _, asked in server.log() if method == "GET"][1] == "bytes=1-10"
    monkeypatch.setattr(signed, "_USED_SECONDS", -1.0)
    signed._shared.cache_clear()
    source = open_source("s3://bucket/x.bin")
    assert [source.read(0, 10), source.read(0, 10)] == [DATA[:10]] * 2
    assert len(signed_paths) == 3


@pytest.mark.parametrize("status", [301, 400, 403, 500])
def test_where_addresses_are_refused_the_driver_reads_and_soon_alone(
    tmp_path: Path, s3: Callable[[Path], S3Bucket], monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    (tmp_path / "x.bin").write_bytes(DATA)
    refused: list[str] = []
    with Refusing(s3(tmp_path).address, status, refused) as address:
        monkeypatch.setitem(fsspec.config.conf["s3"], "endpoint_url", address)
        for _ in range(4):
            assert open_source("s3://bucket/x.bin").read(5, 55) == DATA[5:55]
            assert open_tree("s3://bucket").read_files(["x.bin"], most_bytes=1 << 20) == [DATA]
    assert len(refused) == 3


def test_what_is_missing_is_told_by_the_driver_and_no_address_with_it(
    tmp_path: Path, s3: Callable[[Path], S3Bucket]
) -> None:
    (tmp_path / "x.bin").write_bytes(DATA)
    server = s3(tmp_path)
    for _ in range(4):
        for read in (
            lambda: open_source("s3://bucket/none.bin").read(0, 10),
            lambda: open_tree("s3://bucket").read_files(["none.bin"], most_bytes=1 << 20),
        ):
            with pytest.raises(SourceUnavailableError, match=r"none\.bin") as caught:
                read()
            assert not is_signed(str(caught.value))
    server.log()
    assert open_source("s3://bucket/x.bin").read(0, 10) == DATA[:10]
    assert [is_signed(path) for method, path, _ in server.log() if method == "GET"] == [True]


def test_nothing_is_signed_that_would_say_less_than_the_options(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    plain = {"key": "k", "secret": "s", "client_kwargs": {"region_name": "eu-west-1"}}
    assert signed_reads("s3://bucket/folder", plain) is signed_reads("s3://bucket", plain)
    assert signed_reads("s3://bucket", {}) is not signed_reads("s3://bucket", plain)
    assert signed_reads("s3://bucket", {"anon": True}) is not None
    assert with_signatures("s3://bucket", plain)["config_kwargs"] == {"signature_version": "s3v4"}
    chosen = {"config_kwargs": {"signature_version": "s3"}}
    assert with_signatures("s3://bucket", chosen) == chosen
    for options in (
        {"requester_pays": True},
        {"s3_additional_kwargs": {"SSECustomerKey": "k"}},
        {"client_kwargs": {"verify": False}},
        {"config_kwargs": {"proxies": {"https": "http://proxy"}}},
    ):
        assert signed_reads("s3://bucket", options) is None
        assert with_signatures("s3://bucket", options) == options
    for address in ("gs://bucket", "s3://one--use1-az4--x-s3", "s3://arn:aws:s3:::x", "s3://bucket/x?versionId=1"):
        assert signed_reads(address, {}) is None
        assert with_signatures(address, {}) == {}
    with monkeypatch.context() as patch:
        patch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
        assert signed_reads("s3://bucket", {}) is None
    settings = {"config_kwargs": {"s3": {"addressing_style": "path"}}}
    monkeypatch.setitem(fsspec.config.conf, "s3", settings)
    assert with_signatures("s3://bucket", {})["config_kwargs"] == {
        "s3": {"addressing_style": "path"},
        "signature_version": "s3v4",
    }
    settings["config_kwargs"]["signature_version"] = "s3"  # type: ignore[assignment]
    assert with_signatures("s3://bucket", {}) == {}
    monkeypatch.setitem(fsspec.config.conf, "s3", {"requester_pays": True})
    assert signed_reads("s3://bucket", {}) is None
    monkeypatch.delitem(fsspec.config.conf, "s3")
    monkeypatch.setitem(fsspec.config.conf, "https", {"headers": {"Authorization": "of another server"}})
    assert signed_reads("s3://bucket", {}) is None


class Refusing:
    """A server before an S3 service that answers signed addresses with an error, and tells which."""

    def __init__(self, behind: str, status: int, refused: list[str]) -> None:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if is_signed(self.path):
                    refused.append(self.path)
                    self._answer(status, [], b"<Error/>")
                    return
                request = urllib.request.Request(behind + self.path, headers=dict(self.headers), method=self.command)
                with urllib.request.urlopen(request) as answer:
                    self._answer(answer.status, answer.headers.items(), answer.read())

            def do_HEAD(self) -> None:
                self.do_GET()

            def _answer(self, status: int, headers: Any, body: bytes) -> None:
                self.send_response(status)
                for name, value in headers:
                    if name.lower() not in ("connection", "transfer-encoding"):
                        self.send_header(name, value)
                if not headers:
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None: ...

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def __enter__(self) -> str:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{self._server.server_port}"

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
