"""Samples of stores behind URLs: those of the same store on disk, read many at a time."""

import pickle
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils.data import DataLoader

from mmvoxceleb import ClipSampler
from mmvoxceleb.errors import CorruptSourceError, SourceUnavailableError
from tests.stores.test_open_store import pack
from tests.support.corpus import Corpus, make_corpus, zip_corpus
from tests.support.http_server import FileServer

Serve = Callable[..., FileServer]
CLIPS = 20
SETTINGS: dict[str, Any] = {"num_frames": 2, "image_size": 24, "min_frames": 2}


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return make_corpus(tmp_path_factory.mktemp("many"), clips=CLIPS, frames=5)


def laid_out(corpus: Corpus, target: Path, layout: str) -> Path:
    if layout == "folders":
        return corpus.root
    if layout == "packed":
        return pack(corpus, target)
    target.mkdir()
    return zip_corpus(corpus, target)


def assert_same(left: dict[str, Any], right: dict[str, Any]) -> None:
    assert left.keys() == right.keys()
    for key, value in left.items():
        assert torch.equal(value, right[key]) if isinstance(value, torch.Tensor) else value == right[key]


@pytest.mark.parametrize("layout", ["folders", "packed", "zips"])
@pytest.mark.parametrize("settings", [{"threads": 1}, {"threads": 3, "mask_at": "every", "image_at": "other_clip"}])
def test_the_same_samples_as_from_disk(
    many: Corpus, tmp_path: Path, serve: Serve, layout: str, settings: dict[str, Any]
) -> None:
    root = laid_out(many, tmp_path / "data", layout)
    local = ClipSampler(root, **SETTINGS, **settings)
    remote = ClipSampler(serve(root).url, **SETTINGS, **settings)
    assert remote.clip_ids == local.clip_ids
    indices = [*range(CLIPS - 1, -1, -1), *range(0, CLIPS, 2), *range(10)]  # three parts of a batch
    for left, right in zip(local.__getitems__(indices), remote.__getitems__(indices), strict=True):
        assert_same(left, right)
    assert_same(local[-1], pickle.loads(pickle.dumps(remote))[-1])


def test_the_same_samples_in_workers(many: Corpus, serve: Serve) -> None:
    remote, local = ClipSampler(serve(many.root).url, **SETTINGS), ClipSampler(many.root, **SETTINGS)
    loaders = [DataLoader(sampler, batch_size=4, num_workers=2) for sampler in (local, remote)]
    for left, right in zip(*loaders, strict=True):
        assert_same(left, right)


@pytest.mark.parametrize("threads", [1, 4])
def test_clips_of_a_batch_are_read_at_the_same_time(many: Corpus, tmp_path: Path, serve: Serve, threads: int) -> None:
    server = serve(pack(many, tmp_path / "packed"))
    sampler = ClipSampler(server.url, modalities=("video", "mask", "text"), threads=threads, **SETTINGS)
    barrier = threading.Barrier(16, timeout=20)

    def fault(method: str, path: str, before: int) -> int | None:
        if path.startswith("/video/"):
            try:
                barrier.wait()
            except threading.BrokenBarrierError:
                return 403
        return None

    server.forget()
    server.fault = fault
    assert len(sampler.__getitems__(range(16))) == 16
    by_folder = [
        sum(path.startswith(f"/{name}/") for _, path, _ in server.requests) for name in ("video", "mask", "txt")
    ]
    assert by_folder == [16, 32, 16]  # masks are listed when they are first asked for
    server.fault = None
    server.forget()
    sampler.__getitems__(range(16))
    assert len(server.requests) == 3 * 16


def test_no_more_threads_decode_than_there_are_cores(
    many: Corpus, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mmvoxceleb.sampling.threads.usable_cpus", lambda: 2)
    sampler = ClipSampler(serve(many.root).url, threads=16, **SETTINGS)
    before = set(threading.enumerate())
    assert len(sampler.__getitems__(range(16))) == 16
    names = [thread.name for thread in set(threading.enumerate()) - before]
    assert len([name for name in names if name.startswith("mmvoxceleb-decode")]) == 1


@pytest.mark.parametrize("threads", [1, 3])
def test_the_error_of_the_first_damaged_clip_comes(own_corpus: Corpus, serve: Serve, threads: int) -> None:
    clip = own_corpus.clips[1]
    server = serve(own_corpus.root)
    sampler = ClipSampler(server.url, threads=threads, **SETTINGS)
    for path in (own_corpus.root / "mask" / clip).iterdir():
        path.write_bytes(b"damaged")
    with pytest.raises(CorruptSourceError, match=f"clip {clip}, mask"):
        sampler.__getitems__([0, 1, 0])
    server.fault = lambda method, path, before: 403
    with pytest.raises(SourceUnavailableError, match="refuses access"):
        sampler.__getitems__([0, 1, 0])
    server.fault = None
    assert sampler.__getitems__([0])[0]["clip_id"] == own_corpus.clips[0]
