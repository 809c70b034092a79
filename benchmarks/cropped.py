"""Measure ``--cropped``: clips per second from VoxCeleb2's mp4 files to PNGs, against ffmpeg writing the same PNGs.

    python benchmarks/cropped.py [--clips 24] [--frames 125] [--rounds 3]

Both sides read the same 224x224 H.264 clips and write a PNG of 224 px for every frame at 25 frames per second, in turns
in one run. ffmpeg must be on PATH. It is started for each clip, as scripts do, with as many processes at once as there
are processors, once with the compression level and filter that we use and once with its defaults. The pixels are
compared.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import av
import cv2
import numpy as np

from mmvoxceleb.processing.crop.settings import CropSettings
from mmvoxceleb.processing.crop.stage import CropStage
from mmvoxceleb.processing.pipeline import Pipeline
from tests.support.videos import portrait, resized

SIZE = 224


def write_clips(root: Path, count: int, frames: int, picture: np.ndarray) -> list[Path]:
    """Write one face that sways, and copy it under the names of so many clips."""
    first = root / "first.mp4"
    with av.open(str(first), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width = stream.height = SIZE
        stream.pix_fmt, stream.options = "yuv420p", {"crf": "23"}
        face = resized(picture, SIZE + 32, SIZE + 32, cv2.INTER_AREA)
        for number in range(frames):
            x, y = (round(16 + 16 * wave(number / 25)) for wave in (np.sin, np.cos))
            part = np.ascontiguousarray(face[y : y + SIZE, x : x + SIZE])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(part, format="rgb24")))
        container.mux(stream.encode())
    paths = [
        root / "mp4" / "id00012" / f"video{number // 10:06d}" / f"{number % 10:05d}.mp4" for number in range(count)
    ]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(first.read_bytes())
    return paths


def run_ours(root: Path, out: Path) -> None:
    settings = CropSettings.for_cropped(size_px=SIZE)
    Pipeline([CropStage(settings)]).run(root / "mp4", out).raise_if_failed()


def run_ffmpeg(paths: list[Path], out: Path, options: list[str]) -> None:
    def convert(numbered: tuple[int, Path]) -> None:
        number, path = numbered
        folder = out / f"{number:05d}"
        folder.mkdir(parents=True)
        command = ["ffmpeg", "-v", "error", "-threads", "1", "-i", str(path), "-r", "25", *options]
        subprocess.run([*command, "-start_number", "0", str(folder / "%07d.png")], check=True)

    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        list(pool.map(convert, enumerate(paths)))


def largest_difference(ours: Path, theirs: Path) -> tuple[int, float]:
    """Compare the first clip: the largest difference in grey levels, and the mean."""
    folder = min((ours / "video").iterdir())
    largest, means = 0, []
    for path in sorted(folder.iterdir()):
        first, second = (np.asarray(cv2.imread(str(each)), int) for each in (path, theirs / "00000" / path.name))
        largest = max(largest, int(np.abs(first - second).max()))
        means.append(np.abs(first - second).mean())
    return largest, float(np.mean(means))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=24)
    parser.add_argument("--frames", type=int, default=125)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    seconds: dict[str, list[float]] = {"ours": [], "ffmpeg, level 1": [], "ffmpeg as it stands": []}
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        paths = write_clips(root, options.clips, options.frames, portrait())
        for number in range(options.rounds):
            outs = {name: root / f"{name}-{number}" for name in seconds}
            level = ["-compression_level", "1", "-pred", "none"]
            calls = {
                "ours": partial(run_ours, root, outs["ours"]),
                "ffmpeg, level 1": partial(run_ffmpeg, paths, outs["ffmpeg, level 1"], level),
                "ffmpeg as it stands": partial(run_ffmpeg, paths, outs["ffmpeg as it stands"], []),
            }
            for name, call in calls.items():
                start = time.perf_counter()
                call()
                seconds[name].append(time.perf_counter() - start)
        largest, mean = largest_difference(outs["ours"], outs["ffmpeg as it stands"])
        for name, times in seconds.items():
            rates = [options.clips / each for each in times]
            size = sum(path.stat().st_size for path in outs[name].rglob("*.png")) / options.clips / options.frames
            spread = f"{statistics.median(rates):.2f} clips/s ({min(rates):.2f} to {max(rates):.2f})"
            print(f"{name}: {spread}, {size:.0f} B a frame")
    print(f"differences of the pixels: {largest} at most, {mean:.3f} on average; load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
