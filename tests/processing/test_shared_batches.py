"""Batches across clips, on a simulated device: order, equal results, full batches, overlap, failures, interrupts."""

import itertools
import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from mmvoxceleb.processing.devices import Computed, DeviceLoop, Request
from mmvoxceleb.processing.engines.local import run_local
from mmvoxceleb.processing.engines.work import Work
from mmvoxceleb.processing.output import StoreWriter
from mmvoxceleb.processing.source import StoredClips
from mmvoxceleb.processing.stage import Clip
from mmvoxceleb.schema import Folder
from mmvoxceleb.stores import open_store
from tests.support.simulated_device import Simulated, SimulatedModel
from tests.support.trees import contents

LABEL = Folder("label")


def clip_id(number: int) -> str:
    return f"id10{number:03d}#AbCdEfGhIj{number % 10}#00001.txt#000.mp4"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Eight clips of six frames, whose first pixels are 0 to 47."""
    for number in range(8):
        folder = tmp_path / "in" / "video" / clip_id(number)
        folder.mkdir(parents=True)
        for index in range(6):
            picture = np.full((4, 6 if number % 2 else 8, 3), number * 6 + index, np.uint8)
            Image.fromarray(picture).save(folder / f"{index:07d}.png")
    return tmp_path / "in"


def work(source: Path, target: Path, *models: SimulatedModel) -> Work:
    stages = [Simulated(model, folder) for model, folder in zip(models, (None, LABEL), strict=False)]
    return Work(StoredClips(open_store(source)), StoreWriter(target), stages)


def texts(target: Path) -> dict[str, str]:
    return {path.stem: path.read_text() for path in (target / "txt").iterdir()}


def expected(number: int) -> str:
    return " ".join(str(255 - number * 6 - index) for index in range(6))


def told_sizes(target: Path, number: int, stage: str = "txt") -> Any:
    meta = json.loads((target / "meta" / f"{clip_id(number)}.json").read_text())
    return meta[stage]["computation"]["batch_sizes"]


@pytest.mark.parametrize("is_overlapped", [True, False])
def test_frames_of_several_clips_fill_batches(source: Path, tmp_path: Path, is_overlapped: bool) -> None:
    model = SimulatedModel(is_overlapped=is_overlapped)
    run_local(work(source, tmp_path / "out", model), lanes=8).raise_if_failed()
    assert sorted(map(len, model.batches)) == [16, 16, 16]
    assert sorted(pixel for batch in model.batches for pixel in batch) == list(range(48))
    for batch in model.batches:  # each clip's frames in order
        for number in range(8):
            own = [pixel for pixel in batch if pixel // 6 == number]
            assert own == sorted(own)
    assert texts(tmp_path / "out") == {clip_id(number): expected(number) for number in range(8)}
    assert told_sizes(tmp_path / "out", 3) == [16]


def test_neither_lanes_nor_neighbours_nor_workers_change_a_byte(source: Path, tmp_path: Path) -> None:
    alone = SimulatedModel()
    run_local(work(source, tmp_path / "one", alone), lanes=1).raise_if_failed()
    assert [len(set(batch)) for batch in alone.batches] == [6] * 8  # sent at once, as nobody can add to them
    run_local(work(source, tmp_path / "many", SimulatedModel()), lanes=8)
    run_local(work(source, tmp_path / "workers", SimulatedModel()), workers=2, lanes=3)
    assert contents(tmp_path / "one") == contents(tmp_path / "many") == contents(tmp_path / "workers")


def test_a_batch_that_nobody_can_add_to_is_sent_and_filled_up(source: Path, tmp_path: Path) -> None:
    model = SimulatedModel()
    run_local(work(source, tmp_path / "out", model), [clip_id(number) for number in range(3)], lanes=3)
    full, last = model.batches
    assert (len(set(full)), len(set(last)), len(last)) == (16, 2, 16)


def test_stages_have_batches_of_their_own(source: Path, tmp_path: Path) -> None:
    first, second = SimulatedModel(), SimulatedModel(size=4)
    run_local(work(source, tmp_path / "out", first, second), [clip_id(0), clip_id(1)], lanes=2)
    assert [len(set(batch)) for batch in first.batches] == [12]
    assert [len(set(batch)) for batch in second.batches] == [4, 4, 4]
    assert (told_sizes(tmp_path / "out", 0), told_sizes(tmp_path / "out", 0, "label")) == ([16], [4])


def test_what_fails_in_a_shared_batch_fails_its_own_clip(source: Path, tmp_path: Path) -> None:
    run_local(work(source, tmp_path / "whole", SimulatedModel()), lanes=8)
    summary = run_local(work(source, tmp_path / "out", SimulatedModel(bad=20)), lanes=8)
    assert list(summary.failed) == [clip_id(3)]
    assert "ValueError: a frame begins with 20" in summary.failed[clip_id(3)]
    assert summary.done == 7
    assert texts(tmp_path / "out") == {
        key: text for key, text in texts(tmp_path / "whole").items() if key != clip_id(3)
    }


@pytest.mark.parametrize("is_overlapped", [True, False])
def test_a_shared_batch_that_does_not_fit_is_halved(source: Path, tmp_path: Path, is_overlapped: bool) -> None:
    model = SimulatedModel(fits=5, is_overlapped=is_overlapped)
    run_local(work(source, tmp_path / "out", model), lanes=8).raise_if_failed()
    assert model.batcher is not None
    assert model.batcher.size == 4
    assert {len(batch) for batch in model.batches} == {4}
    assert texts(tmp_path / "out") == {clip_id(number): expected(number) for number in range(8)}
    assert told_sizes(tmp_path / "out", 0) == [4]


def test_no_memory_for_one_frame_fails_every_clip(source: Path, tmp_path: Path) -> None:
    summary = run_local(work(source, tmp_path / "out", SimulatedModel(fits=0)), lanes=4)
    assert len(summary.failed) == 8
    assert "too little free memory for one frame" in summary.failed[clip_id(0)]


class Chained(SimulatedModel):
    """Computes a batch only when the next one was prepared meanwhile, and brings it back while that is computed."""

    def __init__(self, num_batches: int) -> None:
        super().__init__()
        self.prepared = [threading.Event() for _ in range(num_batches)]
        self.waited: list[bool] = []

    def prepare(self, *arrays: torch.Tensor) -> tuple[torch.Tensor, ...]:
        self.prepared[len([seen for seen in self.seen if seen.step == "prepare"])].set()
        return super().prepare(*arrays)

    def compute(self, *prepared: torch.Tensor) -> tuple[torch.Tensor, ...]:
        following = len(self.batches) + 1
        if following < len(self.prepared):
            self.waited.append(self.prepared[following].wait(10))
        return super().compute(*prepared)


def test_the_next_batch_is_prepared_while_one_is_computed(source: Path, tmp_path: Path) -> None:
    model = Chained(3)
    model.takes_any_size = False  # type: ignore[misc]  # one prepare a batch, so that they can be counted
    for number in range(0, 8, 2):
        for path in (source / "video" / clip_id(number)).iterdir():
            Image.open(path).crop((0, 0, 6, 4)).save(path)
    run_local(work(source, tmp_path / "out", model), lanes=8).raise_if_failed()
    assert model.waited == [True, True]


def test_steps_of_consecutive_batches_overlap_by_their_times(source: Path, tmp_path: Path) -> None:
    model = SimulatedModel(0.03, size=4)
    run_local(work(source, tmp_path / "out", model), lanes=8)
    computed = [seen for seen in model.seen if seen.step == "compute"]
    back = [seen for seen in model.seen if seen.step == "bring_back"]
    assert len(computed) == len(back) == 12
    assert all(one.end <= other.begin for one, other in itertools.pairwise(computed))
    assert all(one.end <= other.begin for one, other in zip(computed, back, strict=True))
    assert sum(one.end > other.begin for one, other in zip(back, computed[1:], strict=False)) >= 9


@contextmanager
def running() -> Iterator[DeviceLoop]:
    """A loop on a thread of its own."""
    loop, over = DeviceLoop(), threading.Event()

    def turn() -> None:
        while not over.is_set():
            loop.turn()

    thread = threading.Thread(target=turn, daemon=True)
    thread.start()
    yield loop
    loop.tell(over.set)
    thread.join(10)
    assert not thread.is_alive()
    loop.close()


def ask(loop: DeviceLoop, model: SimulatedModel, *pixels: int) -> list[int]:
    frames = np.array(pixels, np.uint8).reshape(-1, 1, 1, 1).repeat(3, axis=3)
    return list(loop.compute(Request(model, (frames,))).arrays[0])


def test_a_batch_waits_for_who_is_coming_and_not_for_who_is_away() -> None:
    model = SimulatedModel(size=4)
    with running() as loop, ThreadPoolExecutor() as pool:
        loop.come()
        loop.come()
        first = pool.submit(ask, loop, model, 1, 2)
        with pytest.raises(TimeoutError):
            first.result(0.2)
        with loop.away(), loop.away():
            assert first.result(10) == [254, 253]
        first = pool.submit(ask, loop, model, 3, 4)
        assert ask(loop, model, 5, 6) == [250, 249]
        assert first.result(10) == [252, 251]
    assert [set(batch) for batch in model.batches] == [{1, 2}, {3, 4, 5, 6}]


def test_clips_that_wait_for_the_room_of_others_do_not_stop_them() -> None:
    """What a budget of memory does: a clip is let in when another one is done."""
    model, room = SimulatedModel(size=4), threading.Semaphore(1)
    with running() as loop, ThreadPoolExecutor(8) as pool:

        def lane(number: int) -> list[int]:
            if not room.acquire(blocking=False):
                with loop.away():
                    room.acquire()
            try:
                return ask(loop, model, number)
            finally:
                room.release()
                loop.leave()

        for _ in range(8):
            loop.come()
        answers = [pool.submit(lane, number) for number in range(8)]
        assert [answer.result(10) for answer in answers] == [[255 - number] for number in range(8)]


def test_what_wants_the_device_alone_has_it_between_batches() -> None:
    model = SimulatedModel(0.01, size=1)
    with running() as loop, ThreadPoolExecutor() as pool:
        answers = [pool.submit(ask, loop, model, number) for number in range(6)]
        answers[0].result(10)
        assert loop.run_alone(lambda: threading.current_thread().name) == "device-compute"
        with pytest.raises(KeyError):
            loop.run_alone(lambda: {"something": 1}["nothing"])
        assert [answer.result(10) for answer in answers] == [[255 - number] for number in range(6)]


PROGRAM = """
    import os, time
    from pathlib import Path
    import tests.processing.test_shared_batches as t
    class Slow(t.SimulatedModel):
        def compute(self, *prepared):
            os.write(1, b"computing\\n")
            time.sleep(60)
    t.run_local(t.work(Path({source!r}), Path({target!r}), Slow()), lanes=8)
"""


def test_an_interrupt_ends_a_run_whose_batch_takes_long(source: Path, tmp_path: Path) -> None:
    program = textwrap.dedent(PROGRAM).format(source=str(source), target=str(tmp_path / "out"))
    root = str(Path(__file__).parents[2])
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": root},
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "computing\n"
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=25)
    assert "KeyboardInterrupt" in errors
    assert run_local(work(source, tmp_path / "out", SimulatedModel())).done == 8


def test_a_stage_that_requests_and_does_not_finish_is_told() -> None:
    from tests.support.stages import Grey

    with pytest.raises(NotImplementedError, match="draw/grey requests something"):
        Grey().finish(Clip(clip_id(0), ()), Computed(Request(SimulatedModel(), ())))
