"""Bytes in flight are bounded: clips wait for room, let go of what nobody needs, and give back what they held."""

import threading
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mmvoxceleb.errors import ConfigError
from mmvoxceleb.processing.clip import Clip, Frames, clip_in_memory
from mmvoxceleb.processing.engines.interface import Stopped
from mmvoxceleb.processing.engines.lanes import Units, run_in_lanes
from mmvoxceleb.processing.engines.local import run_local
from mmvoxceleb.processing.engines.memory import Admissions, OwnMemory, budget_of
from mmvoxceleb.processing.engines.need import AFTER, bytes_needed
from mmvoxceleb.processing.engines.work import Work
from mmvoxceleb.processing.output import StoreWriter
from mmvoxceleb.processing.pictures import encode_rgb
from mmvoxceleb.processing.source import StoredClips
from mmvoxceleb.processing.stage import Stage, StageOutput
from mmvoxceleb.schema import Folder
from mmvoxceleb.stores import open_store
from tests.support.stages import Grey
from tests.support.trees import contents

HEIGHT, WIDTH, FRAMES = 40, 60, 12
CLIPS = [f"id10{number:03d}#AbCdEfGhIj{number % 10}#{number:05d}.txt#000.mp4" for number in range(24)]
DECODED = HEIGHT * WIDTH * 3 * FRAMES


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("source")
    for number, clip_id in enumerate(CLIPS):
        folder = root / "video" / clip_id
        folder.mkdir(parents=True)
        for index in range(FRAMES):
            Image.new("RGB", (WIDTH, HEIGHT), (number * 9, index * 20, 7)).save(folder / f"{index:07d}.png")
    return root


def work(source: Path, target: Path, *stages: Stage) -> Work:
    return Work(StoredClips(open_store(source)), StoreWriter(target), stages or (Grey(stride=1),))


class Alive:
    """Counts the bytes of decoded frames that are in memory, whenever a clip was decoded."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.most = self.most_clips = 0
        self._arrays: list[weakref.ref[Any]] = []
        self._lock = threading.Lock()
        real: Callable[..., Frames] = Clip.frames

        def frames(clip: Clip, *args: Any, **options: Any) -> Frames:
            decoded = real(clip, *args, **options)
            with self._lock:
                self._arrays.append(weakref.ref(decoded.pictures))
                alive = [array for ref in self._arrays if (array := ref()) is not None]
                self.most = max(self.most, sum(array.nbytes for array in alive))
                self.most_clips = max(self.most_clips, len(alive))
            return decoded

        monkeypatch.setattr(Clip, "frames", frames)


def needed() -> int:
    """What one of the clips takes while its stage runs."""
    return bytes_needed([Grey(stride=1)], {Grey.name: range(FRAMES)}, HEIGHT, WIDTH)[Grey.name]


@pytest.mark.parametrize("clips_that_fit", [2, 5])
def test_no_more_bytes_than_the_budget_with_16_lanes(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clips_that_fit: int
) -> None:
    alive = Alive(monkeypatch)
    budget = clips_that_fit * (needed() + 4 * 1024)  # and the files that are being read
    summary = run_local(work(source, tmp_path, Grey(stride=1, seconds=0.01)), lanes=16, memory=budget)
    assert (summary.done, summary.memory.budget, summary.memory.num_alone) == (len(CLIPS), budget, 0)
    assert needed() < summary.memory.peak <= budget
    assert alive.most <= clips_that_fit * DECODED
    assert alive.most_clips > 1  # there is room for several, and they are there


def test_clips_larger_than_the_budget_are_alone_and_said_once(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alive = Alive(monkeypatch)
    summary = run_local(work(source, tmp_path), lanes=16, memory="1K")
    assert (summary.done, alive.most_clips, alive.most) == (len(CLIPS), 1, DECODED)
    assert summary.memory.num_alone == len(CLIPS)
    assert summary.memory.largest == summary.memory.peak > needed()
    (note,) = summary.notes
    assert note.startswith(f"{len(CLIPS)} clips were larger than the memory given, and worked on alone: up to ")
    assert note.endswith("of 1.0 KiB; give more with --memory")


def test_results_are_the_same_whatever_the_memory(source: Path, tmp_path: Path) -> None:
    run_local(work(source, tmp_path / "plenty"))
    run_local(work(source, tmp_path / "lanes"), lanes=5, memory=1)
    summary = run_local(work(source, tmp_path / "processes"), workers=2, lanes=2, memory=2 * needed())
    assert contents(tmp_path / "plenty") == contents(tmp_path / "lanes") == contents(tmp_path / "processes")
    assert needed() < summary.memory.peak <= 2 * needed() == summary.memory.budget


def test_a_worker_that_dies_gives_back_what_it_held(source: Path, tmp_path: Path) -> None:
    summary = run_local(work(source, tmp_path, Grey(deadly=CLIPS[0])), CLIPS[:6], workers=2, lanes=1, memory=1)
    assert (summary.done, list(summary.failed)) == (5, [CLIPS[0]])


def test_a_stop_ends_those_who_wait(source: Path, tmp_path: Path) -> None:
    memory, stop = OwnMemory(100), threading.Event()
    ended: list[BaseException] = []

    def run() -> None:
        try:
            run_in_lanes(
                work(source, tmp_path), Units(CLIPS), 4, memory=memory, stop=stop,
                report=lambda _: None, finished=lambda _: None,
            )  # fmt: skip
        except Stopped as error:
            ended.append(error)

    with memory.room(lambda: None) as room:
        room.take(1)
        thread = threading.Thread(target=run)
        thread.start()
        while memory.num_waiting < 4:
            assert thread.is_alive()
        stop.set()
        thread.join(5)
        assert ended
        assert memory.num_waiting == 0
    assert memory.reserved == 0


def test_clips_that_fail_give_back_what_they_held(source: Path, tmp_path: Path) -> None:
    broken = tmp_path / "in" / "video" / "id19999#AbCdEfGhIj0#00000.txt#000.mp4"
    broken.mkdir(parents=True)
    for index in range(3):
        good = source / "video" / CLIPS[0] / f"{index:07d}.png"
        (broken / good.name).write_bytes(good.read_bytes()[: 60 if index == 2 else None])
    memory = OwnMemory(1 << 30)
    failed: dict[str, Any] = {}
    for place, units in ((source, CLIPS[:3]), (tmp_path / "in", [broken.name])):
        stage = Grey(stride=1, refuse=CLIPS[1])
        run_in_lanes(
            work(place, tmp_path / "out", stage), Units(units), 2, memory=memory,
            report=lambda outcome: failed.update({outcome.clip_id: outcome.failed}), finished=lambda _: None,
        )  # fmt: skip
        stage.teardown()
    assert [clip_id for clip_id, why in failed.items() if why] == [CLIPS[1], broken.name]
    assert memory.use.peak > 0
    assert memory.reserved == 0


class Watching(Stage):
    """Wants some frames, and notes which arrays of the stages before it are still there."""

    def __init__(self, name: str, indices: Sequence[int], seen: "list[tuple[str, weakref.ref[Any]]]") -> None:
        self.name, self.indices, self.seen = name, indices, seen
        self.alive: list[str] = []

    @property
    def folders(self) -> tuple[Folder, ...]:
        return (Folder("drawing", self.name),)

    def settings(self) -> dict[str, Any]:
        return {}

    def select(self, clip: Clip) -> Sequence[int]:
        return self.indices

    def process(self, clip: Clip, frames: Any) -> int:
        assert len(frames) == len(self.indices)
        self.alive = [name for name, array in self.seen if array() is not None]
        base = frames if frames.base is None else frames.base
        self.seen.append((self.name, weakref.ref(base)))
        return int(frames.sum())

    def encode(self, clip: Clip, result: int) -> StageOutput:
        assert not [name for name, array in self.seen if array() is not None]
        return StageOutput({self.folders[0]: [("0000000.png", b"x")]}, {"sum": result})


def test_pictures_that_no_later_stage_needs_are_gone(source: Path, tmp_path: Path) -> None:
    seen: list[tuple[str, weakref.ref[Any]]] = []
    stages = [
        Watching("all", range(FRAMES), seen),
        Watching("every", range(0, FRAMES, 4), seen),
        Watching("first", [0], seen),
        Watching("none", [], seen),
    ]
    summary = run_local(work(source, tmp_path, *stages), CLIPS[:1])
    summary.raise_if_failed()
    assert [stage.alive for stage in stages] == [[], [], [], []]
    assert len(seen) == 4
    assert summary.frames == FRAMES


def test_a_clip_in_memory_lets_go_of_what_it_was_made_of() -> None:
    picture = np.zeros((4, 6, 3), np.uint8)
    files = [(f"{index:07d}.png", encode_rgb(picture)) for index in range(3)]
    kept = {1: picture}
    clip = clip_in_memory("out", CLIPS[0], files, kept)
    assert clip.frames([0, 1]).pictures.shape == (2, 4, 6, 3)
    assert (files, kept) == ([], {})


def test_what_is_needed_falls_from_stage_to_stage() -> None:
    stages = [Watching(name, [], []) for name in ("all", "some", "one", "none")]
    wanted = {"all": range(8), "some": range(0, 8, 2), "one": [3], "none": []}
    picture, added = 4 * 6 * 3, 2 * (8 + 4 + 1) * 4 * 6 * 3
    # letting go of "all" leaves five, and "some" has a copy of its four
    assert bytes_needed(stages, wanted, 4, 6) == {
        "all": 13 * picture + added, "some": 13 * picture + added, "one": 6 * picture + added,
        "none": picture + added, AFTER: added,
    }  # fmt: skip


def test_they_are_admitted_in_the_order_in_which_they_asked() -> None:
    line: Admissions[str] = Admissions(10)
    for who, num_bytes in {"a": 6, "b": 6, "c": 1, "d": 100, "e": 1}.items():
        line.ask(who, num_bytes)
    assert line.admit() == ["a"]  # "c" would fit, and does not pass "b"
    line.keep("a", 4)
    assert (line.admit(), line.reserved) == (["b"], 10)
    line.keep("a", 7)  # never more
    assert line.reserved == 10
    line.keep("a", 0)
    assert line.admit() == ["c"]
    line.forget(lambda who: who in "bc")
    assert (line.admit(), line.reserved) == (["d"], 100)  # alone
    line.keep("d", 3)
    assert (line.admit(), line.reserved) == (["e"], 4)
    assert (line.use.peak, line.use.num_alone, line.use.largest) == (100, 1, 100)


@pytest.mark.parametrize(("given", "expected"), [(7, 7), ("8G", 8 << 30), ("1.5 MiB", 3 << 19), ("300", 300)])
def test_memory_is_bytes_or_a_size(given: int | str, expected: int) -> None:
    assert budget_of(given) == expected


@pytest.mark.parametrize(("given", "said"), [(0, "memory is 0"), ("0", "memory is 0"), ("lots", "memory 'lots'")])
def test_other_memory_is_refused(source: Path, tmp_path: Path, given: int | str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        run_local(work(source, tmp_path), memory=given)


def test_by_default_it_is_half_of_what_is_free() -> None:
    assert 1 << 26 < budget_of(None) < 1 << 45
