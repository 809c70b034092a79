"""Measure the open parser on real faces: points marked by eye, flicker, and speed against the published networks.

    mmvoxceleb regenerate crop RAW STORE --detector yunet --min-face 150 --min-frames 10
    python benchmarks/open_masks.py STORE                 # against the sample parser
    python benchmarks/open_masks.py STORE --parsers open,bisenet     # with the published weights

``open_masks_points.json`` has 400 points in 40 frames, with the class that a person saw there. This is no ground truth
by pixel; if you have such data, use ``masks_celebamask.py``. Speed is CPU time on one thread, in one run. The published
networks use generated weights there, which take as long as the published ones.
"""

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from mmvoxceleb.processing.drawings import PortraitDrawer
from mmvoxceleb.processing.masks import FaceParser, OpenParser, make_parser
from mmvoxceleb.processing.masks.smoothing import flicker
from mmvoxceleb.schema import CLASSES, NO_MASK
from tests.support.pseudo_weights import fill, read_keys

STRIDE = 4
POINTS = Path(__file__).parent / "open_masks_points.json"


def frames_of(clip: Path) -> NDArray[np.uint8]:
    """Read every 4th frame."""
    return np.stack([np.asarray(Image.open(path).convert("RGB")) for path in sorted(clip.glob("*.png"))[::STRIDE]])


def masks_of(name: str, clips: dict[str, NDArray[np.uint8]]) -> dict[str, NDArray[np.uint8]]:
    """Parse all clips."""
    parser = make_parser(name, device="cpu")
    return {
        clip: parser(frames, indices=np.arange(len(frames)) * STRIDE) if parser.follows_clips else parser(frames)
        for clip, frames in clips.items()
    }


def score(name: str, clips: dict[str, NDArray[np.uint8]], marked: list[dict[str, Any]]) -> None:
    """Print which points are right, by class, and the flicker of each clip."""
    masks = masks_of(name, clips)
    right, all_of, instead = Counter[str](), Counter[str](), Counter[str]()
    for frame in marked:
        ids = masks[frame["clip"]][frame["frame"] // STRIDE]
        scale = np.array(ids.shape[::-1]) / clips[frame["clip"]].shape[2:0:-1]
        for x, y, seen in frame["points"]:
            column, row = (np.array((x, y)) * scale).astype(int)
            found = CLASSES[ids[row, column]] if ids[row, column] != NO_MASK else "no mask"
            all_of[seen] += 1
            right[seen] += found == seen
            if found != seen:
                instead[f"{seen} as {found}"] += 1
    print(f"\n{name}: {right.total()} of {all_of.total()} points right; without glasses "
          f"{right.total() - right['eye_g']} of {all_of.total() - all_of['eye_g']}")  # fmt: skip
    print(", ".join(f"{seen} {right[seen]}/{count}" for seen, count in all_of.most_common()))
    print("wrong:", ", ".join(f"{what} {count}" for what, count in instead.most_common()))
    for clip, ids in masks.items():
        there = ids[:, 0, 0] != NO_MASK
        print(f"{clip}: a face in {there.sum()} of {len(ids)} frames, flicker {flicker(ids[there]):.2%}")


def frames_per_second(work: Callable[[], Any], frames: int, rounds: int) -> float:
    """Return the median of some rounds by CPU time, after one that loads and warms up."""
    work()
    rates = []
    for _ in range(rounds):
        start = time.process_time()
        work()
        rates.append(frames / (time.process_time() - start))
    return statistics.median(rates)


def measure_speed(frames: NDArray[np.uint8], rounds: int) -> None:
    """Print frames per CPU second from arrays to arrays, on one thread."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    few = frames[:4]
    with tempfile.TemporaryDirectory() as folder:
        torch.save(fill(read_keys("bisenet")), Path(folder) / "bisenet.pth")
        torch.save(fill(read_keys("drawing")), Path(folder) / "drawing.pth")
        drawer = PortraitDrawer(Path(folder) / "drawing.pth", device="cpu", backend="torch")
        sides: dict[str, tuple[Callable[[NDArray[np.uint8]], Any], NDArray[np.uint8]]] = {
            "open": (OpenParser(), frames),
            "BiSeNet, torch": (FaceParser(Path(folder) / "bisenet.pth", "cpu", backend="torch"), few),
            "drawing network, torch": (drawer, few[:2]),
        }
        for name, (work, pictures) in sides.items():
            rate = frames_per_second(lambda work=work, pictures=pictures: work(pictures), len(pictures), rounds)  # type: ignore[misc]
            print(f"{name}: {rate:.2f} frames per CPU second, {len(pictures)} frames of {frames.shape[2]} px")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("store", type=Path)
    options.add_argument("--parsers", default="open,sample")
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--speed-only", action="store_true")
    chosen = options.parse_args()
    print(f"torch {torch.__version__}, {os.cpu_count()} cores, {platform.machine()}, load {os.getloadavg()[0]:.1f}")
    marked = json.loads(POINTS.read_text(encoding="utf-8"))["frames"]
    clips = {clip: frames_of(chosen.store / "video" / clip) for clip in sorted({frame["clip"] for frame in marked})}
    for name in () if chosen.speed_only else chosen.parsers.split(","):
        score(name, clips, marked)
    print()
    measure_speed(max(clips.values(), key=len), chosen.rounds)


if __name__ == "__main__":
    main()
