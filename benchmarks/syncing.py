"""Measure the cost of fsync before files are renamed: this program, and the same without fsync.

    python benchmarks/syncing.py --folder /data/somewhere     # a folder on the disk to measure

The sides take turns; the results are medians and spreads. Clips are random bytes. The pipeline runs on the bundled
sample videos with the sample models (make demo), and the exports read its output.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from mmvoxceleb.processing.output import Layout, StoreWriter
from mmvoxceleb.schema import Folder

ROOT = Path(__file__).resolve().parents[1]
PROGRAM = "from mmvoxceleb.cli.main import main; main()"
WITHOUT = "import os; os.fsync = lambda handle: None; "
CLIP = [(f"{index:07d}.png", os.urandom(60_000)) for index in range(125)]


def clip(folder: Path, layout: Layout, *, synced: bool) -> None:
    """Write one clip of 125 frames of 60 kB."""
    real = os.fsync
    if not synced:
        os.fsync = lambda fd: None
    try:
        StoreWriter(folder, layout).write(Folder("video"), "id1#a#00001.txt#000.mp4", CLIP)
    finally:
        os.fsync = real


def program(*arguments: object, synced: bool) -> None:
    """Run ``mmvoxceleb``."""
    code = PROGRAM if synced else WITHOUT + PROGRAM
    command = [sys.executable, "-c", code, *map(str, arguments)]
    subprocess.run(command, check=True, capture_output=True, cwd=ROOT)


def export(store: Path, form: str, out: Path, synced: bool) -> None:
    program("export", store, out, "--no-charts", "--format", form, synced=synced)


def in_turns(work: Callable[[Path, bool], None], folder: Path, rounds: int) -> dict[str, list[float]]:
    """Time both sides, in turns, each into a new folder with nothing left to be written by others."""
    seconds: dict[str, list[float]] = {"with": [], "without": []}
    for number in range(rounds):
        for side in sorted(seconds, reverse=bool(number % 2)):
            out = folder / "out"
            os.sync()
            start = time.perf_counter()
            work(out, side == "with")
            seconds[side].append(time.perf_counter() - start)
            shutil.rmtree(out)
    return seconds


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, help="On the disk to be measured. Default: the system's.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path, help="Save all figures here.")
    options = parser.parse_args()
    found: dict[str, dict[str, list[float]]] = {}
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        raw, store = ROOT / "mmvoxceleb" / "sample" / "raw", folder / "store"
        regenerate = ("regenerate", "all", raw, "--models", "sample", "--detector", "haar")
        program(*regenerate[:3], store, *regenerate[3:], synced=True)
        works: dict[str, Callable[[Path, bool], None]] = {
            "a clip of 125 frames, folder": lambda out, synced: clip(out, "folder", synced=synced),
            "a clip of 125 frames, packed": lambda out, synced: clip(out, "packed", synced=synced),
            "regenerate all": lambda out, synced: program(*regenerate[:3], out, *regenerate[3:], synced=synced),
        }
        for form in ("parquet", "webdataset", "folder"):
            works[f"export, {form}"] = partial(export, store, form)
        for what, work in works.items():
            found[what] = in_turns(work, folder, options.rounds)
            sides = {side: statistics.median(times) for side, times in found[what].items()}
            spread = ", ".join(f"{side} {min(times):.3f} to {max(times):.3f}" for side, times in found[what].items())
            print(f"{what}: {sides['with']:.3f} s with, {sides['without']:.3f} s without ({spread})", flush=True)
    if options.json is not None:
        options.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
