"""What is read ahead: nothing for who looks at one thing, ever more for who takes all, and never too many bytes."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mmvoxceleb.ahead import GrowingAhead
from mmvoxceleb.loading import shards
from mmvoxceleb.loading.record import bytes_of
from mmvoxceleb.registration import load_dataset
from tests.stores.test_open_store import pack
from tests.support.corpus import make_corpus
from tests.support.http_server import FileServer


def in_the_making(count: int, *, least: int, most: int, most_bytes: int) -> list[int]:
    """Take items of ten bytes, and count what was begun beyond each of them when it is out."""
    begun = 0

    def items() -> Iterator[int]:
        nonlocal begun
        for item in range(count):
            begun += 1
            yield item

    counts = []
    ahead: GrowingAhead[str] = GrowingAhead(most=most, most_bytes=most_bytes, size_of=lambda _: 10)
    for item, result in ahead.results(str, items(), least=least):
        counts.append(begun - item - 1)
        assert result() == str(item)
    return counts


def test_more_is_read_ahead_the_more_is_taken() -> None:
    assert in_the_making(24, least=0, most=8, most_bytes=1000) == [
        0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 7, 6, 5, 4, 3, 2, 1, 0,
    ]  # fmt: skip
    assert max(in_the_making(24, least=0, most=3, most_bytes=1000)) == 3


def test_what_is_read_ahead_has_no_more_bytes_than_allowed() -> None:
    assert max(in_the_making(40, least=0, most=8, most_bytes=39)) == 3
    assert max(in_the_making(40, least=2, most=8, most_bytes=5)) == 2


def test_a_stream_from_afar_reads_one_clip_for_the_first_record_and_many_at_a_time_later(
    tmp_path: Path, serve: Callable[..., FileServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shards, "_SHARD_COUNTS", (2,))  # read-ahead ends with a shard
    corpus = make_corpus(tmp_path / "corpus", clips=30, frames=2)
    server = serve(pack(corpus, tmp_path / "packed"))
    stream = load_dataset(data_dir=server.url, streaming=True, split="train").decode(False)

    def videos() -> int:
        return len({path for _, path, _ in server.requests if path.startswith("/video/") and "#" in path})

    rows = iter(stream)
    first = next(rows)
    assert videos() == 1
    barrier, met = threading.Barrier(4), threading.Event()

    def fault(method: str, path: str, before: int) -> None:
        if path.startswith("/video/") and not met.is_set():
            try:
                barrier.wait(0.5)
                met.set()
            except threading.BrokenBarrierError:
                barrier.reset()

    server.fault = fault
    remote = [first, *rows]
    assert met.is_set()
    local = [*load_dataset(data_dir=str(tmp_path / "packed"), streaming=True, split="train").decode(False)]
    assert remote == local
    assert bytes_of(first) == sum(
        len(cell["bytes"]) for name in ("frames", "masks", "drawings") for cell in first[name]
    )
