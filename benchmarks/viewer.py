"""Measure the viewer: filters over a million synthetic clips, and the time from start to first picture.

The stores have packed clips. The player needs Chromium and playwright.

python benchmarks/viewer.py --clips 1000000 --stores 20000 1000000
"""

import argparse
import contextlib
import gc
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from mmvoxceleb.codecs.landmarks import FaceLandmarks, encode_landmarks
from mmvoxceleb.codecs.masks import encode_palette_mask
from mmvoxceleb.modalities import Folder
from mmvoxceleb.sample import sample_path
from mmvoxceleb.stores import open_store
from mmvoxceleb.viewer.catalog import Catalog
from mmvoxceleb.viewer.query import Querying
from mmvoxceleb.viewer.texts import as_arrow

QUERIES: dict[str, tuple[dict[str, object], str]] = {
    "everything": ({}, ""),
    "split and attribute": ({"split": ["test"], "attributes": {"Smiling": [1]}}, ""),
    "figure, sorted by another": ({"figures": {"sharpness": [20, 60]}}, "-motion"),
    "text": ({"text": "sentence 7"}, ""),
    "doubt": ({"source": ["predicted:x"]}, "doubt"),
}


FIGURES = 24
MOST_LINKS = 30_000


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
    return resident_mb(os.getpid())


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


def store_of(root: Path, count: int) -> Path:
    """Make so many packed clips of one frame with a sentence each, links to a few files."""
    store = open_store(sample_path())
    video, text = Folder("video"), Folder("text")
    (clip, *_) = store.clips(video)
    picture = store.read(video, clip, store.entries(video, clip)[:1])[0]
    sentence = store.read(text, clip)[0]
    for folder in ("video", "txt", "originals"):
        (root / folder).mkdir(parents=True)
    for at in range(count):
        original = root / "originals" / str(at // MOST_LINKS)
        if at % MOST_LINKS == 0:
            with zipfile.ZipFile(f"{original}.zip", "w") as archive:
                archive.writestr("0000000.png", picture)
            Path(f"{original}.txt").write_bytes(sentence)
        name = f"id{10000 + at // 200:05d}#video{at // 10:06d}#{at % 10:05d}.txt#000.mp4"
        os.link(f"{original}.zip", root / "video" / f"{name}.zip")
        os.link(f"{original}.txt", root / "txt" / f"{name}.txt")
    return root


def time_first_picture(location: str, what: str) -> None:
    """In a process of its own: from start to the first picture, and what of it the listing of the store takes."""
    code = f"""
import sys, time; sys.path[:0] = {sys.path!r}
from benchmarks.viewer import memory_mb
from mmvoxceleb.stores import open_store
from mmvoxceleb.viewer.place import Place
from mmvoxceleb.viewer.viewing import Viewing
before, begun = memory_mb(), time.perf_counter()
place = Place({location!r})
lists = [place.store.clips(folder) for folder in place.store.folders()]
listed, held = time.perf_counter() - begun, memory_mb()
del lists
viewing = Viewing(place)
found = viewing.clips({{"limit": 60}})
viewing.poster({{"clip": found["rows"][0]["name"]}})
print(f"first picture after {{time.perf_counter() - begun:.2f}} s, {{listed:.2f}} s of it for listing the store; "
      f"{{memory_mb() - before:,}} MB, {{held - before:,}} MB of it the store's own list", flush=True)
begun, read = time.perf_counter(), viewing.index.num_read
viewing.index.start()
slowest = []
while time.perf_counter() - begun < min(8, 0.4 + len(viewing.index.catalog) / 2000):
    started = time.perf_counter()
    viewing.clips({{"filter": '{{"split": ["test"]}}', "limit": 60}})
    slowest.append(time.perf_counter() - started)
    time.sleep(0.2)
print(f"  while it reads {{(viewing.index.num_read - read) / (time.perf_counter() - begun):,.0f}} clips/s behind: "
      f"answers in {{sorted(slowest)[len(slowest) // 2]:.3f}} s, at most {{max(slowest):.3f}} s")
"""
    print(f"{what}: ", end="", flush=True)
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[1])


def long_clip(root: Path, frames: int = 1000) -> Path:
    """A clip of 256 px with masks and drawings of 512 px at every fourth frame, and landmarks."""
    import cv2

    rng, name = np.random.default_rng(0), "id10001#video000000#00000.txt#000.mp4"
    noise = cv2.resize(rng.integers(0, 256, (32, 32, 3), np.uint8), (512, 512))
    for folder in ("video", "mask", "draw/style1"):
        (root / folder / name).mkdir(parents=True)
    for at in range(frames):
        frame = np.roll(noise, 3 * at, axis=1)[:256, :256]
        cv2.imwrite(str(root / "video" / name / f"{at:07d}.png"), frame)
        if at % 4 == 0:
            ids = (np.roll(noise, 2 * at, axis=0)[..., 0] // 14).astype(np.uint8)
            (root / "mask" / name / f"{at:07d}.png").write_bytes(encode_palette_mask(ids))
            cv2.imwrite(str(root / "draw" / "style1" / name / f"{at:07d}.png"), noise[..., 1])
    points = np.cumsum(rng.normal(0, 0.2, (frames, 478, 3)), axis=0) + rng.uniform(20, 230, (478, 3))
    rows = [points, rng.uniform(0, 1, (frames, 52)), rng.uniform(-30, 30, (frames, 3))]
    marks = FaceLandmarks(np.arange(frames, dtype=np.int32), *(part.astype(np.float32) for part in rows))
    (root / "landmarks").mkdir()
    (root / "landmarks" / f"{name}.landmarks").write_bytes(encode_landmarks(marks))
    return root


COUNT = """async (seconds) => {
  const label = document.querySelector('output.frame'), begun = performance.now();
  let last = label.textContent, shown = 0;
  while (performance.now() - begun < 1000 * seconds) {
    await new Promise(requestAnimationFrame);
    if (label.textContent !== last) { shown += 1; last = label.textContent; }
  }
  return shown / seconds;
}"""


SCROLL = """async (step) => {
  const grid = document.querySelector('.grid'), times = [];
  let last = performance.now(), waiting = 0;
  for (let at = 0; at < 180; at++) {
    grid.scrollTop += step;
    await new Promise(requestAnimationFrame);
    times.push(performance.now() - last);
    last = performance.now();
    waiting += document.querySelector('.card.waiting') ? 1 : 0;
  }
  times.sort((one, other) => one - other);
  return [times[90], times[171], waiting / 180];
}"""


@contextlib.contextmanager
def opened(place: str) -> Iterator[tuple[Any, Any, int]]:
    """Show a place in Chromium: the browser, its page, and the process of the server."""
    from playwright.sync_api import sync_playwright

    command = [sys.executable, "-c", "from mmvoxceleb.cli.main import main; main()", "view", place, "--no-browser"]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server,
        sync_playwright() as playwright,
    ):
        assert server.stdout is not None
        address = server.stdout.readline().strip()
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        begun = time.perf_counter()
        page.goto(address)
        page.wait_for_selector(".card img")
        print(f"first card in a cold page after {time.perf_counter() - begun:.2f} s")
        yield browser, page, server.pid
        browser.close()
        server.terminate()


def time_player(place: str, rounds: int) -> None:
    """Play a clip in Chromium: frames a second, and memory over time."""
    with opened(place) as (browser, page, server):
        page.keyboard.press("Home")
        page.keyboard.press("Enter")
        page.wait_for_selector('[data-lines="head pose"]')
        session = browser.new_browser_cdp_session()
        page.keyboard.press("Space")
        for speed in ("1x", "2x", "4x"):
            if speed != "1x":
                page.keyboard.press("+")
            memory, rates = [], []
            for _ in range(rounds if speed == "1x" else 2):
                rates.append(page.evaluate(COUNT, 5))
                processes = session.send("SystemInfo.getProcessInfo")["processInfo"]
                memory.append(sum(resident_mb(each["id"]) for each in processes))
            print(f"  {speed}: {statistics.median(rates):.0f} frames/s; Chromium's processes {memory} MB, "
                  f"the server {resident_mb(server)} MB")  # fmt: skip


def time_scrolling(place: str) -> None:
    """Scroll through the overview while its clips are read."""
    with opened(place) as (_, page, _server):
        for step in (30, 150, 900):
            median, most, waiting = page.evaluate(SCROLL, step)
            print(f"  scrolled by {step} px a frame: {median:.1f} ms a frame, 95 % in {most:.1f} ms; "
                  f"a picture lacked in {waiting:.0%} of the frames")  # fmt: skip


def resident_mb(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") >> 20
    except OSError:
        return 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=1_000_000, help="in memory, for the queries")
    parser.add_argument("--stores", type=int, nargs="*", default=[20_000, 1_000_000], help="clips of stores on disk")
    parser.add_argument("--scratch", type=Path, help="where to make them")
    parser.add_argument("--player", type=int, default=8, metavar="N", help="play for N times five seconds; 0 for not")
    options = parser.parse_args()
    if options.player:
        with tempfile.TemporaryDirectory() as scratch:
            time_player(str(long_clip(Path(scratch) / "store")), options.player)
            time_scrolling(str(store_of(Path(scratch) / "clips", 20_000)))
    time_queries(options.clips)
    time_first_picture(sample_path(), "sample, 4 clips")
    for count in options.stores:
        with tempfile.TemporaryDirectory(dir=options.scratch) as scratch:
            place = store_of(Path(scratch) / "store", count)
            time_first_picture(str(place), f"{count:,} packed clips with a text each")


if __name__ == "__main__":
    main()
