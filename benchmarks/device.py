"""Measure how well the engine feeds a device, with a simulated device, and the CPU time besides the network.

    python benchmarks/device.py                     # both parts
    python benchmarks/device.py --part simulated --seconds 0.05 --frames 3000
    python benchmarks/device.py --part cpu --frames 1000

``simulated``: clips of 6, 50 and 250 frames go through the local engine. The simulated device has a fixed latency for a
batch of 16 and uses no processor time, like a GPU. Each transfer, to the device and back, takes a third of that
latency. The bound is frames / batch x latency. One clip goes through before, so that no import is measured. The
benchmark also runs on commits without shared batches, where a stage has the device to itself.

``cpu``: from PNG to PNG at 512 px, with networks that cost nothing. The result is the CPU time (user and system) per
frame of everything else.
"""

import argparse
import hashlib
import importlib
import importlib.util
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import cv2
import numpy as np
import torch

from mmvoxceleb.codecs.masks import encode_palette_mask
from mmvoxceleb.processing.engines.local import run_local
from mmvoxceleb.processing.engines.work import Work
from mmvoxceleb.processing.output import StoreWriter
from mmvoxceleb.processing.pictures import decode_rgb, encode_grey
from mmvoxceleb.processing.source import StoredClips
from mmvoxceleb.processing.stage import Clip, Stage, StageOutput
from mmvoxceleb.schema import CLASSES, Folder
from mmvoxceleb.stores import open_store

if TYPE_CHECKING:
    from numpy.typing import NDArray

BATCH = 16
SHARES_BATCHES = importlib.util.find_spec("mmvoxceleb.processing.devices") is not None


class Alone(Stage):
    """What the simulated stage was before batches were shared: each clip is cut into batches, one step at a time."""

    name = "text"
    device = "simulated"
    folders = (Folder("text"),)

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.num_batches = 0

    def settings(self) -> dict[str, Any]:
        return {}

    def select(self, clip: Clip) -> Any:
        return clip.frame_indices

    def process(self, clip: Clip, frames: Any) -> Any:
        batcher = importlib.import_module("mmvoxceleb.processing.device").Batcher(
            torch.device("cuda"), BATCH, most=BATCH, bytes_per_frame=1
        )
        return np.concatenate([result[:count] for count, result in batcher.run(frames, self._compute)])

    def _compute(self, batch: Any) -> Any:
        self.num_batches += 1
        time.sleep(self.seconds * 5 / 3)
        return 255 - batch[:, 0, 0, 0]

    def encode(self, clip: Clip, result: Any) -> StageOutput:
        return StageOutput({self.folders[0]: [("", " ".join(map(str, result.tolist())).encode())]})


def write_clips(store: Path, clips: int, frames: int, side: int) -> None:
    """Write PNG clips of a face-like picture that moves a little."""
    rng = np.random.default_rng(0)
    small = rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)
    face = cv2.resize(small, (side, side), interpolation=cv2.INTER_CUBIC)
    pictures = [cv2.imencode(".png", np.roll(face, shift, axis=1))[1].tobytes() for shift in range(8)]
    for number in range(clips):
        folder = store / "video" / f"id{10000 + number}#AbCdEfGhIjK#00001.txt#000.mp4"
        folder.mkdir(parents=True)
        for index in range(frames):
            (folder / f"{index:07d}.png").write_bytes(pictures[(number + index) % 8])


def run(store: Path, out: Path, stage: Any, **options: Any) -> tuple[float, float, Any]:
    """Run a stage: wall-clock seconds, CPU seconds, summary."""
    cpu, start = time.process_time(), time.perf_counter()
    summary = run_local(Work(StoredClips(open_store(store)), StoreWriter(out), [stage]), **options)
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    summary.raise_if_failed()
    return seconds, cpu, summary


def measure_simulated(latency: float, frames: int, lanes: int | None) -> None:
    """Print frames/s against the bound, the device's busy share, and how full batches were."""
    bound = BATCH / latency
    print(
        f"\nBatches of {BATCH} of {1e3 * latency:.0f} ms, and a third of that each way: at most {bound:.0f} frames/s\n"
    )
    print("| clips x frames | frames/s | of the bound | device busy | batches | frames in a batch | CPU ms a frame |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for length in (6, 50, 250):
        clips = max(1, frames // length)
        with tempfile.TemporaryDirectory() as scratch:
            write_clips(Path(scratch) / "in", clips, length, 32)
            for out in ("warm", "out"):  # what is imported when it is first used takes half a second
                stage: Any
                if SHARES_BATCHES:
                    from tests.support.simulated_device import Simulated, SimulatedModel

                    model = SimulatedModel(latency, BATCH)
                    stage = Simulated(model)
                else:
                    stage = Alone(latency)
                limit = 1 if out == "warm" else None
                seconds, cpu, _ = run(Path(scratch) / "in", Path(scratch) / out, stage, lanes=lanes, limit=limit)
        count = clips * length
        batches = len(model.batches) if SHARES_BATCHES else stage.num_batches
        share = count / seconds / bound
        print(
            f"| {clips} x {length} | {count / seconds:.0f} | {share:.1%} | {batches * latency / seconds:.1%} "
            f"| {batches} | {count / batches:.1f} | {1e3 * cpu / count:.2f} |",
            flush=True,
        )


def measure_cpu(frames: int) -> None:
    """Print the CPU time per frame of everything but the network, and the cores that 2,000 frames/s take."""
    print("\nPNG to PNG at 512 px, networks that cost nothing; the last rows are part of the first\n")
    print("| | CPU ms a frame | cores for 2,000 frames/s |\n| --- | --- | --- |")
    clips = max(1, frames // 48)
    with tempfile.TemporaryDirectory() as scratch:
        write_clips(Path(scratch) / "in", clips, 48, 512)
        for name, stage in free_stages().items():
            run(Path(scratch) / "in", Path(scratch) / f"warm-{name}", stage, limit=1)
            _, cpu, summary = run(Path(scratch) / "in", Path(scratch) / name, stage)
            each = cpu / summary.frames
            print(f"| {name} | {1e3 * each:.2f} | {2000 * each:.1f} |", flush=True)
        data = next((Path(scratch) / "in").glob("video/*/0000003.png")).read_bytes()
    ids, drawing = examples()
    parts: dict[str, Callable[[], Any]] = {
        f"decoding a frame of {len(data) // 1000} kB": lambda: decode_rgb(data, where=""),
        "its sha256": lambda: hashlib.sha256(data).digest(),
        "encoding a mask": lambda: encode_palette_mask(ids),
        "encoding a drawing": lambda: encode_grey(drawing),
    }
    for name, function in parts.items():
        cpu = time.process_time()
        for _ in range(50):
            function()
        each = (time.process_time() - cpu) / 50
        print(f"| {name} | {1e3 * each:.2f} | {2000 * each:.1f} |", flush=True)


def examples() -> "tuple[NDArray[np.uint8], NDArray[np.uint8]]":
    """Draw class ids and lines of 512 px."""
    small = np.zeros((64, 64), np.uint8)
    for number in range(1, len(CLASSES)):
        cv2.ellipse(small, (8 + number * 5 % 50, 6 + number * 11 % 50), (9, 5), number * 20, 0, 360, number, -1)
    lines = np.full((512, 512), 250, np.uint8)
    for points in np.random.default_rng(0).integers(0, 512, (60, 4, 2)):
        cv2.polylines(lines, [points], False, 30, 2, cv2.LINE_AA)
    return np.asarray(cv2.resize(small, (512, 512), interpolation=cv2.INTER_NEAREST), np.uint8), lines


def free_stages() -> dict[str, Stage]:
    """Make the stages of masks, drawings and attributes with what they computed known beforehand."""
    from mmvoxceleb.processing.devices import Batcher
    from mmvoxceleb.processing.drawings import DrawStage
    from mmvoxceleb.processing.drawings.sample_drawer import SampleDrawer
    from mmvoxceleb.processing.labels import AttributePredictor
    from mmvoxceleb.processing.labels.stage import LabelStage
    from mmvoxceleb.processing.masks import MaskStage
    from mmvoxceleb.processing.masks.sample_parser import SampleParser

    ids, drawn = map(torch.from_numpy, examples())
    told = torch.rand(40)

    class FreeParser(SampleParser):
        input_size = (512, 512)

        def setup(self) -> None:
            self.batcher = Batcher(torch.device("cuda"), BATCH, most=BATCH, bytes_per_frame=1)

        def compute(self, *prepared: torch.Tensor) -> tuple[torch.Tensor, ...]:
            return (ids.expand(len(prepared[0]), 512, 512),)

    class FreeDrawer(SampleDrawer):
        def setup(self) -> None:
            self.batcher = Batcher(torch.device("cuda"), BATCH, most=BATCH, bytes_per_frame=1)

        def prepare(self, *arrays: torch.Tensor) -> tuple[torch.Tensor, ...]:
            return arrays

        def compute(self, *prepared: torch.Tensor) -> tuple[torch.Tensor, ...]:
            return (drawn.expand(len(prepared[0]), 512, 512),)

    predictor = AttributePredictor("sample", device="cpu")
    predictor.setup()
    model: Any = predictor.model
    model.batcher.size = BATCH
    model.prepare = lambda frames: (frames,)
    model.compute = lambda frames: (told.expand(len(frames), 40),)
    return {
        "masks": MaskStage(FreeParser(device="cpu"), stride=1),
        "drawings": DrawStage(FreeDrawer(device="cpu"), stride=1),
        "attributes, 16 frames a clip, without finding faces": LabelStage(predictor),
    }


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--part", choices=("simulated", "cpu"), help="both by default")
    options.add_argument("--seconds", type=float, default=0.05, help="a batch takes of the simulated device")
    options.add_argument("--frames", type=int, help="about how many; 3,000 and 1,000 by default")
    options.add_argument("--lanes", type=int, help="the engine's choice by default")
    chosen = options.parse_args()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, batches are shared: {SHARES_BATCHES}")
    if chosen.part in (None, "simulated"):
        measure_simulated(chosen.seconds, chosen.frames or 3000, chosen.lanes)
    if chosen.part in (None, "cpu"):
        measure_cpu(chosen.frames or 1000)


if __name__ == "__main__":
    main()
