"""Threads of a sampler: they share the work, change nothing, and end with it."""

import gc
import pickle
import threading
import time
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

import pytest
import torch
from datasets import Dataset
from torch.utils.data import DataLoader

from mmvoxceleb import ClipSampler
from mmvoxceleb.sampling.threads import DecodeThreads, DecodeWork

SETTINGS: dict[str, Any] = {
    "image_size": 24, "num_frames": 4, "frame_step": 1, "min_frames": 0, "crop_scale": (0.5, 1.0), "flip": 0.5,
}  # fmt: skip


def decode_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("mmvoxceleb-decode")]


def are_same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return one.keys() == other.keys() and all(
        torch.equal(value, other[key]) if isinstance(value, torch.Tensor) else value == other[key]
        for key, value in one.items()
    )


@pytest.mark.parametrize("mask_format", ["ids", "one_hot", "colours"])
@pytest.mark.parametrize("dtype", ["float32", "uint8"])
def test_any_number_of_threads_gives_the_same_samples(prepared: Dataset, mask_format: str, dtype: str) -> None:
    settings = {**SETTINGS, "mask_format": mask_format, "dtype": dtype, "image_at": "other"}
    alone = ClipSampler(prepared, threads=1, **settings)
    for threads in (2, 5, None):
        shared = ClipSampler(prepared, threads=threads, **settings)
        for index in (3, 0, 5, 3):
            assert are_same(shared[index], alone[index])


def test_tasks_run_at_the_same_time_while_more_are_added() -> None:
    meeting = threading.Barrier(3, timeout=30)

    def wait() -> None:
        meeting.wait()

    with DecodeThreads(3).work() as work:
        work.add([wait, wait])
        meeting.wait()  # both threads are here before the block ends


def test_the_first_task_that_failed_is_told_whatever_the_threads_and_the_others_are_done() -> None:
    def task(number: int) -> None:
        done.append(number)
        if number in (2, 5):
            time.sleep(0.05 if number == 2 else 0)
            raise ValueError(str(number))

    for threads in (1, 4):
        done: list[int] = []
        with pytest.raises(ValueError, match=r"^2$"), DecodeThreads(threads).work() as work:
            work.add([partial(task, number) for number in range(8)])
        assert sorted(done) == list(range(8))


def test_what_has_not_begun_is_left_when_the_block_fails() -> None:
    began, go, done = threading.Event(), threading.Event(), []

    def first() -> None:
        began.set()
        go.wait(30)
        done.append(0)

    def fail(work: DecodeWork) -> None:
        with work:
            work.add([first, *(lambda: done.append(1) for _ in range(50))])
            assert began.wait(30)
            threading.Timer(0.1, go.set).start()
            raise KeyError("x")

    with pytest.raises(KeyError):
        fail(DecodeThreads(2).work())
    assert done == [0]


def test_threads_end_with_their_sampler(prepared: Dataset) -> None:
    gc.collect()
    before = set(decode_threads())
    sampler = ClipSampler(prepared, threads=3, **SETTINGS)
    assert set(decode_threads()) <= before
    for index in range(6):
        sampler[index]
    assert 1 <= len(set(decode_threads()) - before) <= 2
    del sampler
    gc.collect()
    for thread in set(decode_threads()) - before:
        thread.join(30)
    assert set(decode_threads()) <= before


def test_forked_and_spawned_workers_start_threads_of_their_own(prepared: Dataset) -> None:
    sampler = ClipSampler(prepared, threads=3, **SETTINGS)
    expected = [sampler[index] for index in range(6)]
    for context in ("fork", "spawn"):
        loader = DataLoader(sampler, batch_size=None, num_workers=2, multiprocessing_context=context, timeout=120)
        sampler.set_epoch(0)
        assert all(map(are_same, loader, expected))
    assert are_same(sampler[2], expected[2])


class _Counts(torch.utils.data.Dataset[int]):
    def __init__(self, threads: DecodeThreads) -> None:
        self.threads = threads

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> int:
        return self.threads.count


def test_a_worker_of_a_loader_has_one_thread_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(16)), raising=False)
    assert DecodeThreads().count == 4
    for wanted, count in ((None, 1), (3, 3)):
        assert list(DataLoader(_Counts(DecodeThreads(wanted)), batch_size=None, num_workers=1)) == [count]


def test_a_pickled_sampler_leaves_its_threads_behind(prepared: Dataset) -> None:
    sampler = ClipSampler(prepared, threads=2, **SETTINGS)
    expected = sampler[1]
    copy = pickle.loads(pickle.dumps(sampler))
    assert are_same(copy[1], expected)


def test_batches_hold_the_samples_that_single_calls_give(prepared: Dataset) -> None:
    for threads in (1, 3):
        sampler = ClipSampler(prepared, threads=threads, windows=2, **SETTINGS)
        batch = sampler.__getitems__([7, 0, -1, 0])
        assert all(map(are_same, batch, [sampler[7], sampler[0], sampler[len(sampler) - 1], sampler[0]]))
        assert sampler.__getitems__([]) == []
        with pytest.raises(IndexError, match="sample 12 of 12"):
            sampler.__getitems__([0, 12])
        batches = list(DataLoader(sampler, batch_size=5))
        frames = torch.cat([batch["frames"] for batch in batches])
        assert torch.equal(frames, torch.stack([sampler[index]["frames"] for index in range(len(sampler))]))


def test_a_loader_lets_threads_go_on_from_one_sample_to_the_next(
    prepared: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = []
    real = DecodeThreads.work

    def work(self: DecodeThreads) -> AbstractContextManager[Any]:
        begun.append(self.count)
        return real(self)

    monkeypatch.setattr(DecodeThreads, "work", work)
    for threads, expected in ((2, [2, 2]), (1, [1] * 6)):
        begun.clear()
        for _ in DataLoader(ClipSampler(prepared, threads=threads, **SETTINGS), batch_size=3):
            pass
        assert begun == expected


def test_a_subclass_that_does_more_to_each_sample_does_so_in_batches(prepared: Dataset) -> None:
    class Marked(ClipSampler):
        def __getitem__(self, index: int) -> dict[str, Any]:
            return {**super().__getitem__(index), "mark": index}

    for batch in DataLoader(Marked(prepared, threads=2, **SETTINGS), batch_size=6):
        assert batch["mark"].tolist() == list(range(6))
