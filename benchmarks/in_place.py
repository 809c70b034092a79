"""Measure loading in place, against copying and stock ``imagefolder``: preparing, and reading afterwards.

    python benchmarks/in_place.py            # everything: some minutes, 6 GB in bench_data/
    python benchmarks/in_place.py real many  # some parts

The sides take turns in one run, each in a separate process.
"""

import argparse
import shutil
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from corpus import make_corpus
from loading import DATA, in_turn, python

from mmvoxceleb.schema import colours_of
from tests.support.corpus import clip_id_of, drawing, frame, label_of, mask_ids, png, text_of

WORK = DATA / "in-place"
LAYOUTS = ("folder", "zip", "packed")

PREPARE = """
import sys, time
import mmvoxceleb
from datasets import load_dataset
source, cache, in_place, processes = sys.argv[1], sys.argv[2], sys.argv[3] == "True", int(sys.argv[4])
began = time.perf_counter()
dataset = load_dataset("mmvoxceleb", data_dir=source, cache_dir=cache, in_place=in_place,
                       num_proc=processes if processes > 1 else None)
print(time.perf_counter() - began, sum(map(len, dataset.values())))
"""
IMAGEFOLDER = """
import sys, time
from datasets import load_dataset
began = time.perf_counter()
dataset = load_dataset("imagefolder", data_dir=sys.argv[1], cache_dir=sys.argv[2], drop_labels=True)
print(time.perf_counter() - began, sum(map(len, dataset.values())))
"""
FIRST = """
import sys, time
import mmvoxceleb
from datasets import load_dataset
began = time.perf_counter()
dataset = load_dataset("mmvoxceleb", data_dir=sys.argv[1], cache_dir=sys.argv[2], in_place=sys.argv[3] == "True")
opened = time.perf_counter()
row = next(iter(dataset.values()))[0]
print(time.perf_counter() - opened, opened - began)
"""
EPOCH = """
import sys, time
import mmvoxceleb
from datasets import load_dataset
dataset = load_dataset("mmvoxceleb", data_dir=sys.argv[1], cache_dir=sys.argv[2], in_place=sys.argv[3] == "True")
columns, pictures, began = sys.argv[4].split(","), 0, time.perf_counter()
for split in dataset.values():
    for row in split.select_columns(columns):
        pictures += sum(len(row[column]) for column in columns)
print(time.perf_counter() - began, pictures)
"""
SAMPLES = """
import sys, time
import mmvoxceleb
from datasets import load_dataset
dataset = load_dataset("mmvoxceleb", data_dir=sys.argv[1], cache_dir=sys.argv[2], in_place=sys.argv[3] == "True")
sampler = mmvoxceleb.ClipSampler(dataset["test"], num_frames=8, frame_step=4, image_size=128,
                                 modalities=("video", "mask", "text"))
sampler[0]
began = time.perf_counter()
for index in range(3 * len(sampler)):
    sampler[index % len(sampler)]
print(time.perf_counter() - began, 3 * len(sampler))
"""
STOCK_ZIP = """
import io, sys, time, zipfile
from datasets.utils.file_utils import xopen
with zipfile.ZipFile(sys.argv[1]) as archive:
    names = archive.namelist()
names = names[:: max(1, len(names) // 50)][:50]
began = time.perf_counter()
for name in names:
    with xopen(f"zip://{name}::{sys.argv[1]}", "rb") as file:
        file.read()
print((time.perf_counter() - began) / len(names), len(names))
"""
OURS_ZIP = """
import os, sys, time, zipfile
from datasets.utils.file_utils import xopen
from mmvoxceleb.stores.reference import Reference, version_mark
status = os.stat(sys.argv[1])
mark = version_mark(status.st_size, str(status.st_mtime_ns))
with zipfile.ZipFile(sys.argv[1]) as archive:
    names = archive.namelist()
urls = [Reference(sys.argv[1], name, True, mark).url("video") for name in names[:: max(1, len(names) // 50)][:50]]
with xopen(urls[-1], "rb") as file:
    file.read()
began = time.perf_counter()
for url in urls:
    with xopen(url, "rb") as file:
        file.read()
print((time.perf_counter() - began) / len(urls), len(urls))
"""


def bytes_below(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def cache_of(name: str, *, fresh: bool = True) -> Path:
    cache = WORK / name
    if fresh:
        shutil.rmtree(cache, ignore_errors=True)
    cache.mkdir(parents=True, exist_ok=True)
    return cache


def seconds(code: str, *arguments: object) -> float:
    return float(python(code, *arguments).split()[0])


def prepare(name: str, source: Path, rounds: int) -> None:
    size = bytes_below(source)
    print(f"preparing {name}: {size / 1e6:.0f} MB")

    def copy() -> None:
        shutil.rmtree(WORK / "cp", ignore_errors=True)
        shutil.copytree(source, WORK / "cp")

    sides: dict[str, Callable[[], object]] = {
        "copy the files": copy,
        "in_place=False": lambda: seconds(PREPARE, source, cache_of("copied"), False, 1),
        "in place": lambda: seconds(PREPARE, source, cache_of("referring"), True, 1),
        "in place, num_proc=2": lambda: seconds(PREPARE, source, cache_of("referring-2"), True, 2),
    }
    if (source / "video").is_dir() and not any((source / "video").glob("*.zip")):
        sides["imagefolder on video/, a row for each frame"] = lambda: seconds(
            IMAGEFOLDER, source / "video", cache_of("imagefolder")
        )
    result = in_turn(sides, rounds)
    for side, folder in {"in_place=False": "copied", "in place": "referring"}.items():
        written = bytes_below(WORK / folder)
        print(
            f"  {side:<46} {result[side] / result['in_place=False']:8.4f} of the time of copying, "
            f"{written / size:8.5f} of the bytes ({written / 1e6:.1f} MB)"
        )
    shutil.rmtree(WORK / "cp", ignore_errors=True)


def read(name: str, source: Path, rounds: int) -> None:
    print(f"reading {name}, prepared before")
    caches = {False: cache_of("copied", fresh=False), True: cache_of("referring", fresh=False)}
    for in_place, cache in caches.items():
        python(PREPARE, source, cache, in_place, 1)
    word = {False: "copied", True: "in place"}
    in_turn({f"the first row, {word[side]}": partial(seconds, FIRST, source, caches[side], side) for side in caches}, 3)
    for columns in ("frames", "masks", "frames,masks,drawings"):
        found = in_turn(
            {
                f"every row, {columns}, {word[side]}": partial(seconds, EPOCH, source, caches[side], side, columns)
                for side in caches
            },
            rounds,
        )
        pictures = int(python(EPOCH, source, caches[True], True, columns).split()[1])
        copied, referring = found.values()
        print(
            f"  {pictures / copied:.0f} and {pictures / referring:.0f} pictures/s: {referring / copied:.2f} x the time"
        )
    found = in_turn(
        {f"ClipSampler, {word[side]}": partial(seconds, SAMPLES, source, caches[side], side) for side in caches}, rounds
    )
    copied, referring = found.values()
    print(f"  ClipSampler: {referring / copied:.2f} x the time")


def real() -> None:
    """60 clips of 48 frames, of the size that real ones have."""
    for layout in LAYOUTS:
        source = packed(make_corpus(DATA / "folders-60-48", 60, 48), layout)
        prepare(f"60 clips, {layout}", source, rounds=3)
        if layout != "packed":
            read(f"60 clips, {layout}", source, rounds=3)
        shutil.rmtree(WORK)


def large() -> None:
    """300 clips of 200 frames, as the original's: 6 of them under 50 names each, by hard links."""
    source = linked(make_corpus(DATA / "folders-6-200", 6, 200), 50)
    prepare("300 clips of 200 frames, folder", source, rounds=1)
    shutil.rmtree(WORK)


def many() -> None:
    """20,000 clips of 8 small frames, 2 masks and 2 drawings, as folders and as zips."""
    for layout in ("zip", "folder"):
        prepare(f"20,000 small clips, {layout}", make_many(DATA / f"{layout}s-20000", layout), rounds=1)
        source = DATA / f"{layout}s-20000"
        for in_place, name in ((False, "copied"), (True, "referring")):
            first, again = python(FIRST, source, WORK / name, in_place).split()
            print(f"  opened again {name}: {float(again):.2f} s, and the first row {float(first):.3f} s")
        shutil.rmtree(WORK)


def stock_zip() -> None:
    """A picture out of a zip by stock ``zip://`` and by a reference."""
    zips = {"2,880 entries": packed(make_corpus(DATA / "folders-60-48", 60, 48), "zip") / "video.zip"}
    if (DATA / "zips-20000").exists():
        zips["160,000 entries"] = DATA / "zips-20000" / "video.zip"
    for name, path in zips.items():
        found = in_turn({"zip://": partial(seconds, STOCK_ZIP, path), "reference": partial(seconds, OURS_ZIP, path)}, 3)
        stock, ours = (found[side] * 1e3 for side in ("zip://", "reference"))
        print(f"  a picture, {name}: {stock:.2f} ms by zip://, {ours:.3f} ms by a reference")


def packed(folders: Path, layout: str) -> Path:
    """Put a corpus of folders into a zip for each modality, or for each clip and modality, as `corpus.py` does."""
    target = DATA / f"{folders.name}-{layout}"
    if layout == "folder" or (target / ".done").exists():
        return folders if layout == "folder" else target
    archives: dict[Path, zipfile.ZipFile] = {}
    for path in sorted(folders.rglob("*.*")):
        name, parts = str(path.relative_to(folders)), path.relative_to(folders).parts
        if not path.is_file() or parts[0].startswith("."):
            continue
        of_clip = layout == "packed" and path.suffix == ".png"
        if layout == "packed" and not of_clip:
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, target / name)
            continue
        archive = target / f"{Path(name).parent}.zip" if of_clip else target / f"{parts[0]}.zip"
        if archive not in archives:
            archive.parent.mkdir(parents=True, exist_ok=True)
            archives[archive] = zipfile.ZipFile(archive, "w")
        archives[archive].write(path, path.name if of_clip else name)
    for opened in archives.values():
        opened.close()
    (target / ".done").touch()
    return target


def linked(folders: Path, times: int) -> Path:
    """Give every file of a corpus names of more clips."""
    target = DATA / f"{folders.name}-linked-{times}"
    if (target / ".done").exists():
        return target
    for path in folders.rglob("*.*"):
        if path.is_file() and not path.name.startswith("."):
            for turn in range(times):
                link = target / str(path.relative_to(folders)).replace("#video-", f"#v{turn:02d}eo-")
                link.parent.mkdir(parents=True, exist_ok=True)
                link.hardlink_to(path)
    (target / ".done").touch()
    return target


def make_many(folder: Path, layout: str, clips: int = 20_000, frames: int = 8) -> Path:
    """Write small clips of the same few pictures under many names."""
    if (folder / ".done").exists():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    pictures = [png(frame(0, index)) for index in range(frames)]
    masks = [png(colours_of(mask_ids(0, index))) for index in range(0, frames, 4)]
    drawings = [png(drawing(0, index)) for index in range(0, frames, 4)]
    label = ",".join(map(str, label_of(0)))
    archives = (
        {name: zipfile.ZipFile(folder / f"{name}.zip", "w") for name in ("video", "mask", "draw", "txt", "label")}
        if layout == "zip"
        else {}
    )

    def write(name: str, data: bytes) -> None:
        if archives:
            archives[name.split("/")[0]].writestr(name, data)
            return
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    for number in range(clips):
        clip = clip_id_of(number)
        for index, data in enumerate(pictures):
            write(f"video/{clip}/{index:07d}.png", data)
        for at, (mask, line) in enumerate(zip(masks, drawings, strict=True)):
            write(f"mask/{clip}/{4 * at:07d}.png", mask)
            write(f"draw/style1/{clip}/{4 * at:07d}.png", line)
        write(f"txt/{clip}.txt", text_of(0).encode())
        write(f"label/{clip}.txt", label.encode())
    for archive in archives.values():
        archive.close()
    (folder / ".done").touch()
    return folder


PARTS = {part.__name__: part for part in (real, large, many, stock_zip)}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", default=list(PARTS), metavar="PART", help=", ".join(PARTS))
    for name in parser.parse_args().parts:
        PARTS[name]()
