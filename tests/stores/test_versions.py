"""The version of a thing: what is changed is read anew, from wherever it comes."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import fsspec
import pytest

from mmvoxceleb.files.version import version_of
from mmvoxceleb.registration import load_dataset
from mmvoxceleb.schema import Folder
from mmvoxceleb.stores import open_store
from tests.stores.test_open_store import pack
from tests.support.corpus import Corpus, text_of, zip_corpus
from tests.support.http_server import FileServer

Serve = Callable[..., FileServer]
FOLDERS = [Folder("video"), Folder("mask"), Folder("text")]


@pytest.mark.parametrize(
    ("info", "version"),
    [
        ({"ETag": '"a"', "Last-Modified": "Tue", "Content-Length": "7"}, '7 etag "a"'),
        ({"name": "x", "size": 7, "type": "file", "ETag": None, "LastModified": "Tue"}, "7 lastmodified Tue"),
        ({"size": 7, "generation": "12", "updated": "Tue"}, "7 generation 12"),
        ({"size": 7, "blob_id": "ab", "lfs": None, "last_commit": None}, "7 blobid ab"),
        ({"size": 7, "md5Hash": "ab"}, "7 md5hash ab"),
        ({"size": 7, "mtime": 1.5}, "7 mtime 1.5"),
        ({"created": "Tue"}, "created Tue"),
        ({"size": 7, "type": "file"}, ""),
        ({}, ""),
    ],
)
def test_the_best_that_is_said(info: dict[str, Any], version: str) -> None:
    assert version_of(info) == version


def change(path: Path) -> None:
    """Write other bytes of the same number."""
    data = path.read_bytes()
    path.write_bytes(data[:100] + bytes([data[100] ^ 1]) + data[101:])
    later = path.stat().st_mtime_ns + 10**10
    os.utime(path, ns=(later, later))


@pytest.mark.parametrize("etags", [True, False])
@pytest.mark.parametrize("layout", ["folders", "packed", "zips"])
def test_a_changed_file_changes_the_fingerprint_over_http(
    own_corpus: Corpus, tmp_path: Path, serve: Serve, layout: str, etags: bool, caplog: pytest.LogCaptureFixture
) -> None:
    clip = own_corpus.clips[0]
    if layout == "folders":
        root, changed = own_corpus.root, own_corpus.root / "video" / clip / "0000003.png"
    elif layout == "packed":
        root = pack(own_corpus, tmp_path / "packed")
        changed = root / "mask" / f"{clip}.zip"
    else:
        root = zip_corpus(own_corpus, tmp_path / "zips")
        changed = root / "txt.zip"
    url = serve(root, etags=etags).url
    before, again = open_store(url).fingerprint(FOLDERS), open_store(url).fingerprint(FOLDERS)
    assert (before == again) is etags
    warned = [message for message in caplog.messages if "neither ETag nor time of change" in message]
    assert len(warned) == (0 if etags else 6 if layout == "zips" else 2)
    change(changed)
    assert open_store(url).fingerprint(FOLDERS) != before


def test_a_changed_text_behind_http_is_prepared_anew(own_corpus: Corpus, tmp_path: Path, serve: Serve) -> None:
    url, clip = serve(own_corpus.root).url, own_corpus.clips[0]

    def prepared() -> list[str]:
        data = load_dataset(name="text", data_dir=url, split="train", cache_dir=str(tmp_path / "hf"))
        assert isinstance(data, datasets.Dataset)
        return next(row["text"] for row in data if row["clip_id"] == clip)

    assert prepared()[0] == "Clip 0 says sentence 0."
    (own_corpus.root / "txt" / f"{clip}.txt").write_text(text_of(0).replace("says", "sang"))
    assert prepared()[0] == "Clip 0 sang sentence 0."


def test_the_index_of_a_zip_without_a_version_is_not_kept(own_corpus: Corpus, tmp_path: Path, serve: Serve) -> None:
    zips = zip_corpus(own_corpus, tmp_path / "zips")
    open_store(f"{serve(zips, etags=False).url}/mask.zip").clips(Folder("mask"))
    assert not (tmp_path / "mmvoxceleb-cache" / "zip-index").exists()
    open_store(f"{serve(zips).url}/mask.zip").clips(Folder("mask"))
    assert (tmp_path / "mmvoxceleb-cache" / "zip-index").exists()


def test_listings_of_other_file_systems_tell_versions(own_corpus: Corpus) -> None:
    memory = fsspec.filesystem("memory")
    memory.store.clear()
    memory.put(str(own_corpus.root), "/versions", recursive=True)
    url, path = "memory://versions", f"/versions/txt/{own_corpus.clips[0]}.txt"
    before = open_store(url).fingerprint(FOLDERS)
    assert open_store(url).fingerprint(FOLDERS) == before
    memory.pipe_file(path, memory.cat_file(path)[::-1])
    assert open_store(url).fingerprint(FOLDERS) != before
    memory.store.clear()
