"""Measure training samples per second: ClipSampler against MMVID's loader and against stock ``datasets``.

    python benchmarks/sampling.py [--clips 4] [--frames 96] [--rounds 5] [--mmvid CHECKOUT]

A sample is 8 frames at step 4 from a random start, one mask and one sentence, at 128 px with a random resized crop. All
loaders read the same files, which are generated in ``bench_data/``. They take turns in every round, so that other work
on the machine affects all of them. ClipSampler makes 32 samples per turn, the slower loaders 8. The results are medians
of samples per second by the wall clock, and of CPU time per sample, which a busy machine disturbs less. ``--mmvid``
adds MMVID's own loader: pass a clone of https://github.com/snap-research/MMVID. It needs torchvision, decord and
natsort.

The text after "## Notes" on the page of results is written by hand, and is kept.
"""

import argparse
import functools
import io
import os
import platform
import random
import resource
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any
from unittest.mock import patch

import cv2
import datasets
import numpy as np
import torch
from corpus import make_corpus
from mmvid import VoxDataset
from PIL import Image
from torch.utils.data import DataLoader, RandomSampler

import mmvoxceleb  # noqa: F401  lets load_dataset find it
from mmvoxceleb import ClipSampler
from mmvoxceleb.codecs import png, views
from mmvoxceleb.codecs.video import decode_frames

HERE = Path(__file__).resolve().parent
SETTINGS: dict[str, Any] = {"modalities": ("video", "mask", "text"), "crop_scale": (0.75, 1.0)}


def encode_mp4(row: dict[str, Any]) -> dict[str, Any]:
    """Frames of a row as H.264, as ``mmvoxceleb export`` writes them: crf 18, a key frame every 25."""
    import av

    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width = stream.height = 256
        stream.pix_fmt, stream.options = "yuv420p", {"crf": "18", "preset": "medium", "g": "25"}
        for picture in row["frames"]:
            array = np.asarray(Image.open(io.BytesIO(picture["bytes"])))
            container.mux(stream.encode(av.VideoFrame.from_ndarray(array, "rgb24")))
        container.mux(stream.encode())
    return {"video": {"bytes": buffer.getvalue(), "path": None}}


class Stock(torch.utils.data.Dataset[Any]):
    """What ``datasets`` offers: rows with decoded pictures, and a transform of one's own that picks from them."""

    def __init__(self, rows: datasets.Dataset) -> None:
        self.rows = rows.select_columns(["clip_id", "frames", "masks", "text"])

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Any:
        row = self.rows[index]
        start = random.randint(0, len(row["frames"]) - 29)
        chosen = [np.asarray(picture) for picture in row["frames"][start : start + 32 : 4]]
        frames = torch.from_numpy(np.stack([cv2.resize(picture, (128, 128)) for picture in chosen]))
        mask = cv2.resize(np.asarray(random.choice(row["masks"])), (128, 128), interpolation=cv2.INTER_NEAREST)
        return random.choice(row["text"]), frames.permute(0, 3, 1, 2) / 255, torch.from_numpy(mask)


def original_loader(checkout: Path, folder: Path) -> Any:
    """MMVID's own ``VoxDataset`` with the settings of its training scripts."""
    sys.path.insert(0, str(checkout))
    from mmvid_pytorch.loader_ext import VoxDataset as Original

    settings = {"frame_num": 8, "frame_step": 4, "image_size": 128, "attr_mode": "mask+text", "return_vc": True}
    cache = folder.parent / f"{folder.name}_mmvid.pkl"
    for pickled in (cache, folder.parent / f"{folder.name}_attr_dict_vox2.pkl"):
        pickled.unlink(missing_ok=True)  # it would believe what it wrote about another folder
    return Original(folder, cache=cache, **settings)


def prepare(folder: Path, clips: int, frames: int, mmvid: Path | None = None) -> dict[str, Any]:
    loose = make_corpus(folder / f"folder-{clips}-{frames}", clips, frames)
    zips = make_corpus(folder / f"zip-{clips}-{frames}", clips, frames, layout="zip")
    cache = str(folder / "cache")
    splits = datasets.load_dataset("mmvoxceleb", data_dir=str(zips), cache_dir=cache, in_place=False)
    rows = datasets.concatenate_datasets(list(splits.values()))
    parquet, mp4 = folder / f"rows-{clips}-{frames}.parquet", folder / f"mp4-{clips}-{frames}.parquet"
    shards = [parquet.with_suffix(f".{shard}.parquet") for shard in range(2)]
    for shard, path in enumerate(shards):
        if not path.exists():
            rows.shard(len(shards), shard, contiguous=True).to_parquet(str(path))
    if not mp4.exists():
        raw = rows.cast_column("frames", datasets.List(datasets.Image(decode=False)))
        video = raw.map(encode_mp4, remove_columns=["frames"]).cast_column("video", datasets.Video())
        video.to_parquet(str(mp4))
    from_parquet = functools.partial(datasets.load_dataset, "parquet", split="train", cache_dir=cache)
    ways = {"MMVID's VoxDataset": VoxDataset(loose)}
    if mmvid is not None:
        ways["MMVID's own code"] = original_loader(mmvid, loose)
    return ways | {
        "MMVID's VoxDataset, one torch thread": VoxDataset(loose),
        "MMVID's VoxDataset, one torch thread, no antialias": VoxDataset(loose, antialias=False),
        "stock `datasets`, decoding rows": Stock(rows),
        "ClipSampler, prepared Arrow": ClipSampler(rows, **SETTINGS),
        "ClipSampler, prepared Arrow, threads=1": ClipSampler(rows, threads=1, **SETTINGS),
        "ClipSampler, prepared Arrow, uint8": ClipSampler(rows, dtype="uint8", **SETTINGS),
        "ClipSampler, store of zips": ClipSampler(zips, **SETTINGS),
        "ClipSampler, store of zips, threads=1": ClipSampler(zips, threads=1, **SETTINGS),
        "ClipSampler, store of folders": ClipSampler(loose, **SETTINGS),
        "ClipSampler, Parquet": ClipSampler(from_parquet(data_files=list(map(str, shards))), **SETTINGS),
        "ClipSampler, mp4 in Parquet": ClipSampler(from_parquet(data_files=str(mp4)), **SETTINGS),
        "ClipSampler, Parquet streamed": ClipSampler(
            from_parquet(data_files=list(map(str, shards)), streaming=True), **SETTINGS
        ),
    }


def run_alone(data: Any, count: int) -> tuple[float, float]:
    """Return wall and CPU seconds a sample, in this process."""
    wall, cpu, made = time.perf_counter(), time.process_time(), 0
    if isinstance(data, torch.utils.data.IterableDataset):
        for _ in data:
            made += 1
    else:
        order = [position % len(data) for position in range(count)]
        random.Random(0).shuffle(order)
        for position in order:
            data[position]
            made += 1
    return (time.perf_counter() - wall) / made, (time.process_time() - cpu) / made


def run_batches(data: Any, count: int, size: int = 8) -> float:
    """Return wall seconds a sample in batches, in this process."""
    begin, made = time.perf_counter(), 0
    drawn = None
    if not isinstance(data, torch.utils.data.IterableDataset):
        drawn = RandomSampler(data, replacement=True, num_samples=count)
    for batch in DataLoader(data, batch_size=size, sampler=drawn):
        made += len(batch["clip_id"] if isinstance(batch, dict) else batch[0])
    return (time.perf_counter() - begin) / made


def run_workers(data: Any, count: int, size: int = 8, workers: int = 2) -> float:
    """Return wall seconds a sample in batches, with workers that run already."""
    drawn = RandomSampler(data, replacement=True, num_samples=count)
    loader = DataLoader(data, batch_size=size, sampler=drawn, num_workers=workers, persistent_workers=True)
    for _ in loader:
        pass
    begin = time.perf_counter()
    for _ in loader:
        pass
    return (time.perf_counter() - begin) / count


def peak_memory_of_epochs(data: Any) -> list[int]:
    """Peak resident memory in MB after each of four epochs, in a forked child."""
    code = []
    for _ in range(4):
        for position in range(len(data)):
            data[position]
        code.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
    return code


def cpu_ms(call: Callable[[Any], Any], inputs: list[Any], rounds: int = 9) -> float:
    """Median CPU milliseconds of a call."""
    times = []
    for _ in range(rounds):
        begin = time.process_time()
        for value in inputs:
            call(value)
        times.append((time.process_time() - begin) / len(inputs) * 1e3)
    return statistics.median(times)


def decoders(folder: Path) -> list[str]:
    """CPU milliseconds a picture of every decoder that is installed, exact ones only."""
    files = {
        "frame, 256 px RGB": sorted(folder.glob("video/*/*.png"))[:32],
        "mask, 512 px RGB": sorted(folder.glob("mask/*/*.png"))[:16],
    }

    def opencv(data: bytes) -> Any:
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), 1)
        assert picture is not None
        return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)

    ways: dict[str, Callable[[bytes], Any]] = {
        "Pillow": lambda data: np.asarray(Image.open(io.BytesIO(data))),
        "opencv": opencv,
    }
    try:
        import pyspng

        ways["pyspng"] = pyspng.load
    except ImportError:
        pass
    try:
        import imagecodecs

        ways["imagecodecs"] = imagecodecs.png_decode
    except ImportError:
        pass
    fast = png._new_inflater

    def ours(data: bytes, inflater: Any) -> Any:
        png._new_inflater = inflater
        return png.decode_picture(data, where="a picture")[..., :3]

    import zlib

    ways["ours, with zlib"] = lambda data: ours(data, zlib.decompressobj)
    if fast is not zlib.decompressobj:
        ways["ours, with isal"] = lambda data: ours(data, fast)
    rows = ["| decoder | " + " | ".join(files) + " |", "| --- |" + " --- |" * len(files)]
    times: dict[str, list[str]] = {name: [] for name in ways}
    for paths in files.values():
        content = [path.read_bytes() for path in paths]
        truth = ways["Pillow"](content[0])
        for name, way in ways.items():
            assert np.array_equal(way(content[0]), truth), name
            times[name].append(f"{cpu_ms(way, content):.2f} ms")
    png._new_inflater = fast
    return rows + [f"| {name} | " + " | ".join(values) + " |" for name, values in times.items()]


def share_of_decoding(sampler: ClipSampler, count: int) -> tuple[float, float]:
    """Part of the CPU time of a sample that goes to decoding PNGs and to resizing them."""
    spent = {"decode": 0.0, "resize": 0.0}

    def timed(key: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            begin = time.thread_time()
            result = call(*args, **kwargs)
            spent[key] += time.thread_time() - begin
            return result

        return wrapped

    with (
        patch.object(views, "decode_rgb", timed("decode", png.decode_rgb)),
        patch.object(views, "decode_picture", timed("decode", png.decode_picture)),
        patch.object(views, "_seen", timed("resize", views._seen)),
    ):
        _, cpu = run_alone(sampler, count)
    return spent["decode"] / (cpu * count), spent["resize"] / (cpu * count)


def bytes_of_a_sample(sampler: ClipSampler, folder: Path) -> tuple[float, float]:
    """Mean bytes that reach the process by ``read`` for a sample from zips, and the size of the files that it shows."""

    def read_so_far() -> int:
        lines = Path("/proc/self/io").read_text().splitlines()
        return int(lines[0].split()[1])

    needed, begin = 0, read_so_far()
    samples = [sampler[position] for position in range(len(sampler))]
    read = read_so_far() - begin
    for sample in samples:
        clip = sample["clip_id"]
        names = [("video", int(index)) for index in sample["frame_indices"]] + [("mask", sample["mask_index"])]
        needed += sum((folder / kind / clip / f"{index:07d}.png").stat().st_size for kind, index in names)
        needed += (folder / "txt" / f"{clip}.txt").stat().st_size
    return read / len(samples), needed / len(samples)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=4)
    parser.add_argument("--frames", type=int, default=96)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--mmvid", type=Path, help="a clone of MMVID, whose own loader takes part")
    parser.add_argument("--folder", type=Path, default=HERE.parent / "bench_data" / "sampling")
    parser.add_argument("--clean", action="store_true", help="remove the generated data first")
    parser.add_argument("--memory-of", help=argparse.SUPPRESS)
    parser.add_argument("--decoders", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.clean:
        shutil.rmtree(arguments.folder, ignore_errors=True)
    datasets.disable_progress_bars()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    data = prepare(arguments.folder, arguments.clips, arguments.frames, arguments.mmvid)
    if arguments.decoders:
        print("\n".join(decoders(loose_of(arguments))))
        return
    if arguments.memory_of:
        print(peak_memory_of_epochs(data[arguments.memory_of]))
        return
    lines = report(data, arguments)
    print("\n".join(lines))
    page = HERE / "results" / "sampling.md"
    notes = page.read_text().partition("\n## Notes\n") if page.exists() else ("", "", "")
    page.parent.mkdir(exist_ok=True)
    page.write_text("\n".join(lines) + "\n" + notes[1] + notes[2])


def machine() -> str:
    cpu = Path("/proc/cpuinfo")
    lines = cpu.read_text().splitlines() if cpu.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if "model name" in line]
    return f"{os.cpu_count()} cores, {platform.machine()} ({(names or [platform.processor()])[0]})"


def loose_of(arguments: argparse.Namespace) -> Path:
    folder: Path = arguments.folder
    return folder / f"folder-{arguments.clips}-{arguments.frames}"


def in_new_process(arguments: argparse.Namespace, *more: str) -> list[str]:
    """Lines that this script prints with more arguments; MMVID brings decord, which disturbs other decoders."""
    command = [sys.executable, __file__, "--clips", str(arguments.clips), "--frames", str(arguments.frames)]
    done = subprocess.run(
        [*command, "--folder", str(arguments.folder), *more], stdout=subprocess.PIPE, text=True, check=True
    )
    return done.stdout.strip().splitlines()


def report(data: dict[str, Any], arguments: argparse.Namespace) -> list[str]:
    loose = loose_of(arguments)
    wall: dict[str, list[float]] = {name: [] for name in data}
    cpu: dict[str, list[float]] = {name: [] for name in data}
    batches: dict[str, list[float]] = {name: [] for name in data}
    workers: dict[str, list[float]] = {name: [] for name in data}
    for competitor in data.values():
        run_alone(competitor, 2)
    for _ in range(arguments.rounds):
        for name, competitor in data.items():
            threads = torch.get_num_threads()
            torch.set_num_threads(1 if "one torch thread" in name else threads)
            count = 32 if isinstance(competitor, ClipSampler) else 8  # as much time for each, or nearly
            seconds, cpu_seconds = run_alone(competitor, count)
            batches[name].append(run_batches(competitor, count))
            torch.set_num_threads(threads)
            wall[name].append(seconds)
            cpu[name].append(cpu_seconds)
    for _ in range(max(2, arguments.rounds // 3)):
        for name, competitor in data.items():
            if not isinstance(competitor, torch.utils.data.IterableDataset):
                workers[name].append(run_workers(competitor, 128 if isinstance(competitor, ClipSampler) else 32))
    mine = statistics.median
    first = next(iter(data))
    lines = [
        "# Sampling", "",
        f"`python benchmarks/sampling.py --clips {arguments.clips} --frames {arguments.frames} "
        f"--rounds {arguments.rounds}{' --mmvid CHECKOUT' if arguments.mmvid else ''}`",
        f"{machine()}; {date.today()}; Python {sys.version.split()[0]}, torch {torch.__version__}, opencv "
        f"{cv2.__version__}, numba {version('numba')}; threads as these set them.",
        "",
        "A sample is 8 frames at step 4 (256 px PNGs of about 70 kB), one mask and one sentence, resized to 128 px "
        "with a random resized crop. In one process, torch uses all cores for MMVID's float operations, and "
        "`ClipSampler` decodes with one thread per core, up to four, unless the row says otherwise (`threads=1`). A "
        "worker of a `DataLoader` uses one thread for either. Samples are made one by one, or in batches of 8 by a "
        "`DataLoader` without workers or with two.",
        "",
        "| way | samples/s, one process | x | CPU ms a sample | x | "
        "samples/s, in batches | x | in batches, 2 workers | x |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]  # fmt: skip
    for name in data:
        columns: list[str] = []
        for times in (wall, cpu, batches, workers):
            if not times[name]:
                columns += ["not measured", ""]
                continue
            value, base = mine(times[name]), mine(times[first])
            columns += [f"{value * 1e3:.1f}" if times is cpu else f"{1 / value:.1f}", f"{base / value:.1f}"]
        lines.append(f"| {name} | " + " | ".join(columns) + " |")
    zips = data["ClipSampler, store of zips"]
    decode, resize = share_of_decoding(data["ClipSampler, prepared Arrow, threads=1"], arguments.clips * 4)
    read, needed = bytes_of_a_sample(zips, loose)
    lines += [
        "",
        f"Of the CPU time of a sample from Arrow, {decode:.0%} decodes PNGs and {resize:.0%} cuts and resizes frames.",
        f"A sample from the zips reads {read / 1e3:,.0f} kB for {needed / 1e3:,.0f} kB of files "
        f"({read / needed:.3f}x).",
        "",
        "## Decoders", "", "Median CPU time per picture; all decoders give the same pixels.", "",
        *in_new_process(arguments, "--decoders"),
        "", "## Memory", "",
        "Peak resident memory in MB after 1, 2, 3 and 4 epochs (memory-mapped pages of the cache file count):", "",
    ]  # fmt: skip
    for name in ("ClipSampler, prepared Arrow", "ClipSampler, store of zips", "ClipSampler, mp4 in Parquet"):
        lines.append(f"- {name}: {in_new_process(arguments, '--memory-of', name)[-1]}")
    video = next(iter(datasets.load_dataset(
        "parquet", data_files=str(arguments.folder / f"mp4-{arguments.clips}-{arguments.frames}.parquet"),
        split="train", streaming=True,
    ).decode(False)))["video"]["bytes"]  # fmt: skip
    some = cpu_ms(lambda start: decode_frames(video, range(start, start + 32, 4)), [0, 10, 30, 60])
    everything = cpu_ms(lambda _: decode_frames(video, range(arguments.frames)), [0])
    lines += [
        "", "## Frames of an mp4", "",
        f"Decoding 8 frames at step 4, exactly: {some:.1f} ms of CPU; all {arguments.frames}: {everything:.1f} ms.",
    ]  # fmt: skip
    return lines


if __name__ == "__main__":
    main()
