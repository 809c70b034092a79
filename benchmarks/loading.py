"""Measure loading against what people use today: preparing, memory, opening zips, streaming, importing, masks.

    python benchmarks/loading.py            # everything: some minutes
    python benchmarks/loading.py index http # some parts

Corpora are generated in ``bench_data/`` and kept there. In every comparison the sides take turns in one run, and the
program prints medians and ratios, because machines differ, and the speed of one machine changes from minute to minute.
"""

import argparse
import os
import pickle
import re
import shutil
import statistics
import struct
import subprocess
import sys
import time
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

from corpus import make_corpus

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / "bench_data"
sys.path.insert(0, str(ROOT))


def timed(action: Callable[[], object]) -> float:
    """Time an action until its bytes are on disk; one that returns seconds is taken at its word."""
    os.sync()
    began = time.perf_counter()
    told = action()
    if isinstance(told, float):
        return told
    os.sync()
    return time.perf_counter() - began


def in_turn(sides: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Run the sides in turn and return their median seconds."""
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, action in sides.items():
            seconds[name].append(timed(action))
    for name, values in seconds.items():
        spread = ", ".join(f"{value:.2f}" for value in values)
        print(f"  {name:<46} {statistics.median(values):8.2f} s   ({spread})")
    return {name: statistics.median(values) for name, values in seconds.items()}


def python(code: str, *arguments: object, **environment: str) -> str:
    """Run code in a process of its own and return what it prints."""
    settings = os.environ | {"HF_HUB_OFFLINE": "1", "HF_DATASETS_DISABLE_PROGRESS_BARS": "1"} | environment
    done = subprocess.run(
        [sys.executable, "-c", PEAK + code, *map(str, arguments)],
        capture_output=True,
        text=True,
        env=settings,
        check=False,
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    return done.stdout.strip()


PEAK = """
def peak_mb():  # not getrusage: its figure starts at the parent's
    with open("/proc/self/status") as file:
        return int(next(line for line in file if line.startswith("VmHWM")).split()[1]) // 1024
"""
PREPARE = """
import os, shutil, sys, time
import mmvoxceleb
from datasets import load_dataset
source, cache, encoding, processes = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
shutil.rmtree(cache, ignore_errors=True)
began = time.perf_counter()
dataset = load_dataset("mmvoxceleb", data_dir=source, cache_dir=cache, mask_encoding=encoding, in_place=False,
                       num_proc=processes if processes > 1 else None)
os.sync()
print(sum(map(len, dataset.values())), time.perf_counter() - began, peak_mb())
"""


def preparing(zips: Path, cache: Path, encoding: str, processes: int) -> float:
    """Prepare in a process of its own; seconds without its start and imports."""
    return float(python(PREPARE, zips, cache, encoding, processes).split()[1])


def prepare() -> None:
    clips, frames = 60, 100
    zips = make_corpus(DATA / "zips-60", clips, frames, layout="zip")
    size = sum(path.stat().st_size for path in zips.glob("*.zip"))
    print(f"prepare: {clips} clips of {frames} frames in zips, {size / 1e6:.0f} MB")
    work = DATA / "work"
    work.mkdir(exist_ok=True)

    def copy() -> None:
        shutil.rmtree(work / "copy", ignore_errors=True)
        shutil.copytree(zips, work / "copy")

    def unzip_and_index() -> None:
        target = work / "unzipped"
        shutil.rmtree(target, ignore_errors=True)
        for path in zips.glob("*.zip"):
            with zipfile.ZipFile(path) as archive:
                archive.extractall(target)
        index_as_mmvid_does(target)

    result = in_turn(
        {
            "copy the zips": copy,
            "prepare, masks as they are": lambda: preparing(zips, work / "hf", "original", 1),
            "prepare, masks to palette": lambda: preparing(zips, work / "hf", "palette", 1),
            "prepare, masks to palette, num_proc=2": lambda: preparing(zips, work / "hf", "palette", 2),
            "unzip, and MMVID's first indexing": unzip_and_index,
        },
        rounds=3,
    )
    base = result["copy the zips"]
    for name, seconds in result.items():
        print(f"  {name:<46} {seconds / base:8.2f} x copying, {size / 1e6 / seconds:6.0f} MB/s")
    shutil.rmtree(work)


def index_as_mmvid_does(root: Path) -> None:
    """Do what MMVID's VoxDataset does on its first start: list and sort every clip, read every text, pickle the lot."""

    def natural(name: str) -> list[object]:
        return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]

    texts = {path.stem: path.read_text().split("\n") for path in (root / "txt").iterdir()}
    videos = {
        clip.name: sorted((path.name for path in clip.iterdir()), key=natural)
        for clip in (root / "video").iterdir()
        if clip.name in texts
    }
    cache = {"root": str(root), "keys": sorted(videos), "texts": texts, "videos": videos}
    (root / "video_local.pkl").write_bytes(pickle.dumps(cache))


def memory() -> None:
    print("memory: peak of the preparing process")
    small = make_corpus(DATA / "zips-60", 60, 100, layout="zip")
    large = repeat_clips(small, DATA / "zips-600", times=10)
    for zips in (small, large):
        rows, seconds, peak = python(PREPARE, zips, DATA / "work", "original", 1).split()
        print(f"  {rows:>4} clips   {peak:>6} MB   {float(seconds):6.1f} s")
        shutil.rmtree(DATA / "work")


def repeat_clips(source: Path, target: Path, times: int) -> Path:
    """Write zips with every clip of ``source`` under ``times`` names."""
    if (target / ".done").exists():
        return target
    target.mkdir(parents=True, exist_ok=True)
    for path in source.glob("*.zip"):
        with zipfile.ZipFile(path) as given, zipfile.ZipFile(target / path.name, "w") as taken:
            for turn in range(times):
                for info in given.infolist():
                    taken.writestr(info.filename.replace("#video-", f"#v{turn}deo-"), given.read(info))
    (target / ".done").touch()
    return target


INDEX = """
import sys, time
from mmvoxceleb.files.ranges import LocalSource
from mmvoxceleb.stores.zip_cache import load_index
before = peak_mb()
began = time.perf_counter()
index = load_index(LocalSource(sys.argv[1]))
seconds = time.perf_counter() - began
print(len(index), seconds, peak_mb() - before)
"""
ZIPFILE = """
import sys, time, zipfile
before = peak_mb()
began = time.perf_counter()
archive = zipfile.ZipFile(sys.argv[1])
seconds = time.perf_counter() - began
print(len(archive.filelist), seconds, peak_mb() - before)
"""


def index() -> None:
    print("index: opening a zip of 1,000,000 entries; seconds, and memory added to the process")
    path = DATA / "million.zip"
    if not path.exists():
        write_large_zip(path, 1_000_000)
    cache = DATA / "index-cache"
    rows: dict[str, list[tuple[float, int]]] = {"zipfile": [], "ours, first": [], "ours, again": []}
    for _ in range(3):
        shutil.rmtree(cache, ignore_errors=True)
        for name, code in (("zipfile", ZIPFILE), ("ours, first", INDEX), ("ours, again", INDEX)):
            count, seconds, added = python(code, path, MMVOXCELEB_CACHE=str(cache)).split()
            assert count == "1000000"
            rows[name].append((float(seconds), int(added)))
    for name, values in rows.items():
        median = statistics.median(seconds for seconds, _ in values)
        print(f"  {name:<14} {median:8.3f} s   {max(added for _, added in values):5d} MB")
    shutil.rmtree(cache)


def write_large_zip(path: Path, entries: int) -> None:
    """Write a ZIP64 with entries of three bytes, 200 to a clip."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = b"xyz"
    crc, directory = zlib.crc32(content), bytearray()
    with path.open("wb") as file:
        offset = 0
        for number in range(entries):
            clip, frame = divmod(number, 200)
            name = f"mmvoxceleb/video/id{10000 + clip // 10}#yDqlBD8m_b8#{clip % 10:05d}.txt#000.mp4/{frame:07d}.png"
            raw = name.encode()
            file.write(struct.pack("<4s5H3L2H", b"PK\3\4", 20, 0, 0, 0, 33, crc, 3, 3, len(raw), 0) + raw + content)
            directory += struct.pack(
                "<4s6H3L5H2L", b"PK\1\2", 0x0314, 20, 0, 0, 0, 33, crc, 3, 3, len(raw), 0, 0, 0, 0, 0, offset
            )
            directory += raw
            offset += 30 + len(raw) + 3
        end = offset + len(directory)
        file.write(directory)
        file.write(struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, entries, entries, len(directory), offset))
        file.write(struct.pack("<4sLQL", b"PK\6\7", 0, end, 1))
        file.write(struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0))


FIRST_CLIP = """
import sys, time
import mmvoxceleb
from datasets import Image, List, load_dataset
began = time.perf_counter()
streamed = load_dataset("mmvoxceleb", data_dir=sys.argv[1], split="train", streaming=True, mask_encoding="original")
for column in ("frames", "masks", "drawings"):
    streamed = streamed.cast_column(column, List(Image(decode=False)))
row = next(iter(streamed))
size = sum(len(picture["bytes"]) for column in ("frames", "masks", "drawings") for picture in row[column])
size += sum(len(line) + 1 for line in row["text"]) + 80
print(size, time.perf_counter() - began)
"""


def http() -> None:
    from tests.support.http_server import FileServer

    zips = make_corpus(DATA / "zips-60", 60, 100, layout="zip")
    print("http: the first streamed clip from 60 in zips on a loopback server")
    cache = DATA / "http-cache"
    shutil.rmtree(cache, ignore_errors=True)
    server = FileServer(zips, listing=False)
    for state in ("index cold", "index cached"):
        server.forget()
        size, seconds = python(FIRST_CLIP, server.url, MMVOXCELEB_CACHE=str(cache)).split()
        print(
            f"  {state:<14} {len(server.requests):3d} requests   {server.bytes_sent / 1e6:7.2f} MB of the clip's "
            f"{int(size) / 1e6:.2f} ({server.bytes_sent / int(size):.3f} x)   {float(seconds):5.2f} s"
        )
    server.close()
    shutil.rmtree(cache)


def imports() -> None:
    print("imports: a process that imports and ends")
    result = in_turn(
        {"datasets": lambda: python("import datasets"), "mmvoxceleb": lambda: python("import mmvoxceleb")}, rounds=9
    )
    print(f"  mmvoxceleb / datasets {result['mmvoxceleb'] / result['datasets']:.2f} x")


def masks() -> None:
    import io

    import numpy as np
    from PIL import Image

    from mmvoxceleb.codecs.masks import to_palette_png
    from mmvoxceleb.schema import PALETTE

    zips = make_corpus(DATA / "zips-60", 60, 100, layout="zip")
    with zipfile.ZipFile(zips / "mask.zip") as archive:
        files = [archive.read(name) for name in archive.namelist()[:200]]
    ids = {tuple(colour): index for index, colour in enumerate(PALETTE.tolist())}

    def plainly() -> None:
        for data in files[:50]:
            picture = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
            found = np.zeros(picture.shape[:2], np.uint8)
            for colour, index in ids.items():
                found[(picture == colour).all(-1)] = index
            image = Image.fromarray(found, "P")
            image.putpalette(PALETTE.tobytes())
            image.save(io.BytesIO(), "PNG")

    def ours() -> None:
        for data in files:
            to_palette_png(data, clip_id="benchmark", name="mask")

    print(f"masks: colour PNG to palette PNG, one process; a mask {sum(map(len, files)) / len(files) / 1e3:.1f} kB")
    result = in_turn({"numpy and Pillow, colour by colour (50)": plainly, "ours (200)": ours}, rounds=5)
    rates = [50 / result["numpy and Pillow, colour by colour (50)"], 200 / result["ours (200)"]]
    print(f"  {rates[0]:.0f} and {rates[1]:.0f} masks/s, {rates[1] / rates[0]:.1f} x")


PARTS = {part.__name__: part for part in (prepare, memory, index, http, imports, masks)}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", default=list(PARTS), metavar="PART", help=", ".join(PARTS))
    for name in parser.parse_args().parts:
        PARTS[name]()
