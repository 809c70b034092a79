"""Masks, drawings and attributes on one GPU, PNG to PNG, by the engine as it is run: writes ``results/gpu.md``.

    python benchmarks/gpu.py                                                   # on the first GPU
    python benchmarks/gpu.py --device cpu --frames 16 --out /tmp/gpu.md        # tries it where there is none

The networks have the weights of the tests' recipe, so that nothing is downloaded; they take as long as the published
ones. The page has the card, the date, the command, frames/s, the device's busy share and the frames in a batch.
"""

import argparse
import datetime
import os
import shlex
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch
from device import write_clips

from mmvoxceleb.processing.devices import BatchModel, device_kind, resolve_device
from mmvoxceleb.processing.drawings import DrawStage, PortraitDrawer
from mmvoxceleb.processing.engines.local import run_local
from mmvoxceleb.processing.engines.work import Work
from mmvoxceleb.processing.labels import AttributePredictor
from mmvoxceleb.processing.labels.stage import LabelStage
from mmvoxceleb.processing.masks import FaceParser, MaskStage
from mmvoxceleb.processing.output import StoreWriter
from mmvoxceleb.processing.source import StoredClips
from mmvoxceleb.processing.stage import Stage
from mmvoxceleb.stores import open_store
from tests.support.farl_recipe import state_dict
from tests.support.pseudo_weights import fill, read_keys

GOALS = {"masks": 2000, "drawings": 500, "attributes": 2000}
OUT = Path(__file__).parent / "results" / "gpu.md"
CLIP_FRAMES = 24
"""Of a clip; a mask and a drawing of every 4th of them, as the original has, so 6, and attributes of 16."""


class Landmarks:
    """Stands for the detector, which computes on the CPU: one face in every frame, at the same place."""

    name = "known"
    needs_device = False

    def settings(self) -> dict[str, Any]:
        return {"name": self.name}

    def setup(self) -> None:
        """Nothing to load."""

    def detect(self, frames: Any, *, min_face_px: float = 0) -> list[list[Any]]:
        import numpy as np

        from mmvoxceleb.processing.detectors import Detection

        points = np.array([(190, 220), (320, 220), (256, 290), (200, 350), (310, 350)], np.float32)
        return [[Detection((100.0, 100.0, 400.0, 450.0), 1.0, points)] for _ in frames]


def stages(weights: Path, device: str, **options: Any) -> Iterator[tuple[str, Stage, BatchModel]]:
    """Make the stages, with the models that they ask."""
    torch.save(fill(read_keys("bisenet")), weights / "79999_iter.pth")
    parser = FaceParser(weights / "79999_iter.pth", device, **options)
    yield "masks", MaskStage(parser), parser
    torch.save(fill(read_keys("drawing")), weights / "200_net_G_A.pth")
    drawer = PortraitDrawer(weights / "200_net_G_A.pth", device=device, **options)
    yield "drawings", DrawStage(drawer), drawer
    torch.save(state_dict(), weights / "face_attribute.farl.celeba.pt")
    options.pop("compile", None)
    predictor = AttributePredictor(weights / "face_attribute.farl.celeba.pt", device=device, **options)
    detector: Any = Landmarks()
    yield "attributes", LabelStage(predictor, detector), predictor.model


def counted(model: BatchModel, counts: list[int]) -> None:
    """Have a model note how many frames it prepares."""
    prepare: Callable[..., Any] = model.prepare

    def noting(*arrays: torch.Tensor) -> Any:
        counts.append(len(arrays[0]))
        return prepare(*arrays)

    model.prepare = noting  # type: ignore[method-assign]


def measure(stage: Stage, store: Path, scratch: Path, rounds: int) -> tuple[list[float], list[float]]:
    """Run a stage several times after a first one: frames/s and the device's busy share of each."""
    source = StoredClips(open_store(store))
    per_clip = len(stage.select(source.clip(source.units()[0])))
    rates, busy = [], []
    stage.teardown = lambda: None  # type: ignore[method-assign]  # keep the model, as a long run does
    for number in range(rounds + 1):
        start = time.perf_counter()
        out = scratch / f"{stage.name.replace('/', '-')}-{number}"
        summary = run_local(Work(source, StoreWriter(out), [stage]))
        seconds = time.perf_counter() - start
        summary.raise_if_failed()
        if number:  # the first one loads and warms up
            rates.append(summary.done * per_clip / seconds)
            busy.append(summary.device_seconds / seconds)
    return rates, busy


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--device", default="cuda")
    options.add_argument("--frames", type=int, default=24000, help="in all clips together")
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--batch-size", type=int)
    options.add_argument("--compile", action="store_true")
    options.add_argument("--out", type=Path, default=OUT)
    chosen = options.parse_args()
    device = resolve_device(chosen.device)
    number = max(1, chosen.frames // CLIP_FRAMES)
    settings = {"batch_size": chosen.batch_size, "compile": chosen.compile}
    lines = [
        "# One GPU, from PNG to PNG",
        "",
        f"{device_kind(device)}, {os.cpu_count()} cores, torch {torch.__version__}, {datetime.date.today()}; "
        f"load {os.getloadavg()[0]:.1f} at the beginning.",
        "",
        f"    python benchmarks/gpu.py {shlex.join(sys.argv[1:])}".rstrip(),
        "",
        f"{CLIP_FRAMES} frames at 512 px a clip, {number:,} in all; median of {chosen.rounds}, least and most. The "
        "device's busy share is the time from the begin to the end of each batch's computation (on CUDA by its events) "
        "over that of the run. Faces for attributes are known: finding them takes CPU time of its own.",
        "",
        "| | frames/s | goal | device busy | frames in a batch |",
        "| --- | --- | --- | --- | --- |",
    ]
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        write_clips(scratch / "in", number, CLIP_FRAMES, 512)
        for name, stage, model in stages(scratch, chosen.device, **settings):
            counts: list[int] = []
            counted(model, counts)
            rates, busy = measure(stage, scratch / "in", scratch, chosen.rounds)
            assert model.batcher is not None
            lines.append(
                f"| {name} | {statistics.median(rates):,.1f} ({min(rates):,.1f} to {max(rates):,.1f}) "
                f"| {GOALS[name]:,} | {statistics.median(busy):.0%} "
                f"| {statistics.mean(counts):.1f} of {model.batcher.size} |"
            )
            print(lines[-1], flush=True)
            stage.teardown = type(stage).teardown.__get__(stage)  # type: ignore[method-assign]
            stage.teardown()
    chosen.out.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"written to {chosen.out}")


if __name__ == "__main__":
    main()
