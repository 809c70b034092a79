"""The viewer: filters over a million synthetic clips; from start to first picture for folders of clips.

python benchmarks/viewer.py --clips 1000000 --folders 20000
"""

import argparse
import gc
import os
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa

from mmvoxceleb.modalities import Folder
from mmvoxceleb.sample import sample_path
from mmvoxceleb.stores import open_store
from mmvoxceleb.viewer.catalog import Catalog
from mmvoxceleb.viewer.place import Place
from mmvoxceleb.viewer.query import Querying
from mmvoxceleb.viewer.texts import as_arrow
from mmvoxceleb.viewer.viewing import Viewing

QUERIES: dict[str, tuple[dict[str, object], str]] = {
    "everything": ({}, ""),
    "split and attribute": ({"split": ["test"], "attributes": {"Smiling": [1]}}, ""),
    "figure, sorted by another": ({"figures": {"sharpness": [20, 60]}}, "-motion"),
    "text": ({"text": "sentence 7"}, ""),
    "doubt": ({"source": ["predicted:x"]}, "doubt"),
}


FIGURES = 24


def synthetic(count: int) -> Catalog:
    rng = np.random.default_rng(0)
    names = [f"id{10000 + at // 200:05d}#video{at // 10:06d}#{at % 10:05d}.txt#000.mp4" for at in range(count)]
    catalog = Catalog({Folder("video"): names, Folder("mask"): names[: count // 2], Folder("label"): names})
    catalog.num_frames[:] = rng.integers(50, 400, count)
    catalog.margins = np.empty(catalog.label.shape, np.float16)
    catalog.doubt = np.full(count, np.inf, np.float32)
    for labels, margins in zip(catalog.label, catalog.margins, strict=True):
        labels[:] = rng.integers(-1, 2, count, np.int8)
        margins[:] = rng.normal(0, 0.3, count)
        np.minimum(catalog.doubt, np.abs(margins), out=catalog.doubt)
    for name in ("sharpness", "motion", *(f"figure {number}" for number in range(FIGURES - 2))):
        catalog.figures[name] = rng.gamma(4, 10, count).astype(np.float32)
    catalog.sentences.fill(as_arrow(f"This is sentence {at % 1000} of a person." for at in range(count)))
    catalog._sources.number("predicted:x")
    catalog.source[:] = 1
    catalog.is_read[:] = True
    return catalog


def memory_mb() -> int:
    """Memory of this process now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") >> 20


def time_queries(count: int) -> None:
    begun, before = time.perf_counter(), memory_mb()
    catalog = synthetic(count)
    gc.collect()
    pa.default_memory_pool().release_unused()
    print(f"{count:,} clips, {FIGURES} figures: {time.perf_counter() - begun:.1f} s to make, "
          f"{memory_mb() - before:,} MB more than the libraries' {before}")  # fmt: skip
    querying = Querying(catalog)
    begun = time.perf_counter()
    querying.warm()
    print(f"  made beforehand in {time.perf_counter() - begun:.3f} s; {memory_mb() - before:,} MB then")
    for name, (wanted, sort) in QUERIES.items():
        seconds, spent = [], []
        for _ in range(7):
            querying.forget()
            begun, worked = time.perf_counter(), time.process_time()
            querying.answer(wanted, sort)
            seconds.append(time.perf_counter() - begun)
            spent.append(time.process_time() - worked)
        print(f"  {name:28} first {seconds[0]:.3f} s, median {statistics.median(seconds):.3f} s, "
              f"{statistics.median(spent):.3f} s of CPU; again {again(querying, wanted, sort):.4f} s")  # fmt: skip
    print(f"  {memory_mb() - before:,} MB at the end")


def again(querying: Querying, wanted: dict[str, object], sort: str) -> float:
    begun = time.perf_counter()
    querying.answer(wanted, sort)
    return time.perf_counter() - begun


def folders_of(root: Path, count: int) -> Path:
    """Make so many clips of one frame, all of them links to one file."""
    store = open_store(sample_path())
    (clip, *_) = store.clips(Folder("video"))
    (root / "video").mkdir()
    frame = root / "frame.png"
    frame.write_bytes(store.read(Folder("video"), clip, store.entries(Folder("video"), clip)[:1])[0])
    for at in range(count):
        folder = root / "video" / f"id{10000 + at // 200:05d}#video{at // 10:06d}#{at % 10:05d}.txt#000.mp4"
        folder.mkdir()
        os.link(frame, folder / "0000000.png")
    return root


def time_first_picture(location: str, what: str) -> None:
    begun = time.perf_counter()
    viewing = Viewing(Place(location))
    found = viewing.clips({"limit": 60})
    viewing.poster({"clip": found["rows"][0]["name"]})
    print(f"{what}: first picture after {time.perf_counter() - begun:.2f} s (server, without the browser)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=1_000_000)
    parser.add_argument("--folders", type=int, default=20_000)
    options = parser.parse_args()
    time_first_picture(sample_path(), "sample, 4 clips")
    with tempfile.TemporaryDirectory() as scratch:
        time_first_picture(str(folders_of(Path(scratch), options.folders)), f"{options.folders:,} folders")
    time_queries(options.clips)


if __name__ == "__main__":
    main()
