"""The viewer: filters over a million synthetic clips; from start to first picture for folders of clips.

python benchmarks/viewer.py --clips 1000000 --folders 20000
"""

import argparse
import os
import resource
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np

from mmvoxceleb.modalities import Folder
from mmvoxceleb.sample import sample_path
from mmvoxceleb.stores import open_store
from mmvoxceleb.viewer.catalog import Catalog
from mmvoxceleb.viewer.place import Place
from mmvoxceleb.viewer.query import Querying
from mmvoxceleb.viewer.viewing import Viewing

QUERIES: dict[str, tuple[dict[str, object], str]] = {
    "everything": ({}, ""),
    "split and attribute": ({"split": ["test"], "attributes": {"Smiling": [1]}}, ""),
    "figure, sorted by another": ({"figures": {"sharpness": [20, 60]}}, "-motion"),
    "text": ({"text": "sentence 7"}, ""),
    "doubt": ({"source": ["predicted:x"]}, "doubt"),
}


def synthetic(count: int) -> Catalog:
    rng = np.random.default_rng(0)
    names = [f"id{10000 + at // 200:05d}#video{at // 10:06d}#{at % 10:05d}.txt#000.mp4" for at in range(count)]
    catalog = Catalog({Folder("video"): names, Folder("mask"): names[: count // 2], Folder("label"): names})
    catalog.num_frames[:] = rng.integers(50, 400, count)
    catalog.label[:] = rng.integers(-1, 2, catalog.label.shape, np.int8)
    catalog.margins = rng.normal(0, 0.3, catalog.label.shape).astype(np.float16)
    for name in ("sharpness", "motion", "face_px", "detection_score", "mask.flicker"):
        catalog.figures[name] = rng.gamma(4, 10, count).astype(np.float32)
    catalog.sentences = [f"This is sentence {at % 1000} of a person." for at in range(count)]
    catalog._sources.number("predicted:x")
    catalog.source[:] = 1
    catalog.is_read[:] = True
    return catalog


def time_queries(count: int) -> None:
    begun = time.perf_counter()
    catalog = synthetic(count)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    print(f"{count:,} clips: {time.perf_counter() - begun:.1f} s to make, {memory:,} MB at most")
    for name, (wanted, sort) in QUERIES.items():
        querying = Querying(catalog)
        seconds = []
        for _ in range(6):
            begun = time.perf_counter()
            querying.answer(wanted, sort)
            seconds.append(time.perf_counter() - begun)
        print(f"  {name:28} first {seconds[0]:.3f} s, then {statistics.median(seconds[1:]):.3f} s")


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
