"""Measure the memory of a run: clips of 24, 206 and 1,024 frames of 512 px, on 1 and 8 workers, against ``--memory``.

    python benchmarks/memory.py [--memory 1G] [--frames 24,206,1024] [--before PYTHON] [--out FOLDER]

Each clip is decoded, goes through a simulated device that processes 200 frames per second, and is written as grey
pictures. So clips pile up in front of the device, as in front of a network. Once every 4th frame is read, as for masks
and drawings, and once every frame, as for landmarks and scores.

``peak`` is the peak of the resident memory of all processes together, measured every 20 ms. ``above idle`` is the peak
minus that for clips of one frame, which is the memory of Python, libraries and workers. ``reserved`` is the most memory
that the run reserved for clips. ``CPU`` is the CPU time of all processes. ``--before`` names the Python of an
environment with an earlier version, to be measured side by side. An earlier version fills all lanes at once, so it may
need a lot of memory. The pictures are links to a few files, so the store is small. Needs Linux.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mmvoxceleb.processing.engines.local import run_local
from mmvoxceleb.processing.engines.work import Work
from mmvoxceleb.processing.output import StoreWriter
from mmvoxceleb.processing.pictures import encode_grey
from mmvoxceleb.processing.source import StoredClips
from mmvoxceleb.processing.stage import Clip, Stage, StageOutput
from mmvoxceleb.schema import Folder
from mmvoxceleb.stores import open_store

SIDE_PX = 512
FRAMES_PER_SECOND = 200
MIB = 1 << 20
LANES = {1: 16, 8: 2}


class OnSlowDevice(Stage):
    """Takes a channel of every ``stride``-th frame, as slowly as a network would."""

    name = "draw/red"

    def __init__(self, stride: int) -> None:
        self.stride = stride

    @property
    def folders(self) -> tuple[Folder, ...]:
        return (Folder("drawing", "red"),)

    def settings(self) -> dict[str, Any]:
        return {"stride": self.stride}

    def select(self, clip: Clip) -> Sequence[int]:
        return clip.frame_indices[:: self.stride]

    def extra_bytes(self, frames: int, height: int, width: int) -> int:
        return 2 * frames * height * width  # a channel, and its pictures at most as large

    def process(self, clip: Clip, frames: Any) -> Any:
        time.sleep(len(frames) / FRAMES_PER_SECOND)
        return frames[..., 0].copy()

    def encode(self, clip: Clip, result: Any) -> StageOutput:
        return StageOutput(
            {self.folders[0]: [(f"{index:07d}.png", encode_grey(picture)) for index, picture in enumerate(result)]}
        )


def make_store(root: Path, clips: int, frames: int) -> Path:
    """Write clips of links to 16 pictures: a smooth one with noise, about 250 KB as PNG."""
    import cv2

    pictures = root / "pictures"
    if not pictures.exists():
        pictures.mkdir(parents=True)
        rng = np.random.default_rng(0)
        y, x = np.mgrid[:SIDE_PX, :SIDE_PX]
        for number in range(16):
            smooth = np.stack([x // 4 + number, y // 4, (x + y) // 8], -1) + rng.integers(0, 3, (SIDE_PX, SIDE_PX, 3))
            cv2.imwrite(str(pictures / f"{number}.png"), smooth.astype(np.uint8))
    store = root / f"store-{frames}"
    for number in range(clips):
        folder = store / "video" / f"id10{number:03d}#AbCdEfGhIj0#00000.txt#000.mp4"
        folder.mkdir(parents=True)
        for index in range(frames):
            os.link(pictures / f"{index % 16}.png", folder / f"{index:07d}.png")
    return store


def child(options: argparse.Namespace) -> None:
    """Run, and print what the run says of its memory."""
    limit = {} if options.child_memory == "none" else {"memory": options.child_memory}
    work = Work(StoredClips(open_store(options.child)), StoreWriter(options.target), [OnSlowDevice(options.stride)])
    summary = run_local(work, workers=options.workers, lanes=options.lanes, **limit)
    summary.raise_if_failed()
    told = summary.as_dict().get("memory", {})
    print(json.dumps({"seconds": summary.seconds, "frames": summary.frames, **told}))


def measure(python: str, store: Path, workers: int, stride: int, memory: str) -> tuple[int, dict[str, Any]]:
    """Run once in processes of its own; return the peak of their resident bytes, and what the run says."""
    with tempfile.TemporaryDirectory(dir=store.parent) as target:
        command = [
            python, __file__, "--child", str(store), "--target", f"{target}/out", "--child-memory", memory,
            "--workers", str(workers), "--lanes", str(LANES[workers]), "--stride", str(stride),
        ]  # fmt: skip
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        peak = 0
        while process.poll() is None:
            peak = max(peak, sum(map(resident, tree_of(process.pid))))
            time.sleep(0.02)
        assert process.stdout is not None
        output = process.stdout.read()
        if process.returncode:
            raise SystemExit(f"the run failed: {output}")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return peak, {"cpu_seconds": cpu, **json.loads(output.splitlines()[-1])}


def tree_of(pid: int) -> list[int]:
    """Find a process and those below it."""
    found = [pid]
    for each in found:
        try:
            children = Path(f"/proc/{each}/task/{each}/children").read_text()
            for thread in Path(f"/proc/{each}/task").iterdir():
                children += " " + (thread / "children").read_text() if thread.name != str(each) else ""
        except OSError:
            continue
        found += [int(child) for child in children.split()]
    return found


def resident(pid: int) -> int:
    """Bytes of a process that are in memory."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--memory", default="1G")
    parser.add_argument("--frames", default="24,206,1024")
    parser.add_argument("--strides", default="4,1")
    parser.add_argument("--workers-list", default="1,8")
    parser.add_argument("--clips", type=int, default=20)
    parser.add_argument("--before", metavar="PYTHON", help="of an environment with an earlier version")
    parser.add_argument("--out", type=Path, help="folder for the clips; a temporary one by default")
    for name in ("--child", "--target", "--child-memory"):
        parser.add_argument(name, help=argparse.SUPPRESS)
    for name in ("--workers", "--lanes", "--stride"):
        parser.add_argument(name, type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(options)
        return
    with tempfile.TemporaryDirectory(dir=options.out) as folder:
        bench(Path(folder), options)


def bench(root: Path, options: argparse.Namespace) -> None:
    pythons = {"now": (sys.executable, options.memory)}
    if options.before:
        pythons = {"before": (options.before, "none"), **pythons}
    tiny = make_store(root, 8, 1)
    workers = [int(count) for count in options.workers_list.split(",")]
    idle = {
        (when, count): measure(python, tiny, count, 1, memory)[0]
        for when, (python, memory) in pythons.items()
        for count in workers
    }
    print(
        f"| frames | every | workers x lanes | version | idle | peak | above idle | reserved of {options.memory} "
        "| CPU | wall |"
    )
    print("| --- " * 10 + "|")
    for frames in map(int, options.frames.split(",")):
        store = make_store(root, options.clips, frames)
        for stride in map(int, options.strides.split(",")):
            for count in workers:
                for when, (python, memory) in pythons.items():
                    peak, told = measure(python, store, count, stride, memory)
                    rest = idle[when, count]
                    reserved = f"{told['peak_bytes'] / MIB:,.0f} MiB" if "peak_bytes" in told else ""
                    print(
                        f"| {frames:,} | {stride} | {count} x {LANES[count]} | {when} | {rest / MIB:,.0f} MiB "
                        f"| {peak / MIB:,.0f} MiB | {(peak - rest) / MIB:,.0f} MiB | {reserved} "
                        f"| {told['cpu_seconds']:.0f} s | {told['seconds']:.0f} s |",
                        flush=True,
                    )


if __name__ == "__main__":
    main()
