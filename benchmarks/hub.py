"""Measure exports and streams: MB/s against copying, bytes by format, and the bytes fetched to stream a part.

    python benchmarks/hub.py                      # a generated corpus, 44 clips
    python benchmarks/hub.py --store /data/some   # a store of your own

Nothing leaves the machine: the Hub is tests/support/loopback_hub.py, and the clients are stock `datasets` in processes
that cannot import mmvoxceleb.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from corpus import make_corpus

from mmvoxceleb.hub.card import CardFacts
from mmvoxceleb.hub.export import export_store
from mmvoxceleb.hub.manifest import ExportFolder
from mmvoxceleb.hub.settings import ExportSettings
from mmvoxceleb.schema import Folder
from mmvoxceleb.stores import open_store
from tests.support.loopback_hub import Hub, Repo, serve_hub

PLAIN = CardFacts(charts=False)
H264_CLIPS = 16
"""H.264 is measured on the first so many clips."""
REPO = "lab/bench"


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def timed(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def export(store: Path, out: Path, limit: int | None = None, **settings: Any) -> Path:
    shutil.rmtree(out, ignore_errors=True)
    export_store(store, out, ExportSettings(**settings), facts=PLAIN, workers=2, limit=limit)
    return out


def speed(store: Path, work: Path, rounds: int) -> None:
    size = size_of(store)
    zips = work / "zips"
    zips.mkdir()
    for folder in store.iterdir():
        with zipfile.ZipFile(zips / f"{folder.name}.zip", "w") as archive:
            for path in sorted(folder.rglob("*")):
                if path.is_file():
                    archive.write(path, str(path.relative_to(store)))
    ways: dict[str, Callable[[], object]] = {
        "copy the zips": lambda: shutil.copytree(zips, work / "copy", dirs_exist_ok=True),
        "copy the folders": lambda: shutil.copytree(store, work / "copied", dirs_exist_ok=True),
        "export parquet, from zips": lambda: export(zips, work / "parquet-zips"),
        "export parquet, from folders": lambda: export(store, work / "parquet"),
        "export parquet, masks as they are": lambda: export(store, work / "parquet-original", mask_encoding="original"),
        "export webdataset": lambda: export(store, work / "tars", format="webdataset"),
        "export folder": lambda: export(store, work / "folder", format="folder", mask_encoding="original"),
    }
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, action in ways.items():
            shutil.rmtree(work / "copied", ignore_errors=True)
            taken[name].append(timed(action))
    base = statistics.median(taken["copy the zips"])
    print(
        f"## Speed, {size / 1e6:.0f} MB of original files, median of {rounds}\n\n| what | s | MB/s | of a copy's time |"
    )
    print("| --- | --- | --- | --- |")
    for name, seconds in taken.items():
        middle = statistics.median(seconds)
        print(f"| {name} | {middle:.2f} | {size / 1e6 / middle:.0f} | {middle / base:.1f}x |")


def sizes(store: Path, work: Path) -> None:
    opened, clips = open_store(store), len(open_store(store).clips(Folder("video")))
    names = [("video", Folder("video")), ("mask", Folder("mask")), ("drawing", Folder("drawing", "style1"))]
    original = {name: sum(e.size for c in opened.clips(f) for e in opened.entries(f, c)) / clips for name, f in names}
    some = opened.clips(Folder("video"))[:H264_CLIPS]
    first = sum(entry.size for clip in some for entry in opened.entries(Folder("video"), clip)) / len(some)
    masks = sum(
        note.column_bytes.get("masks", 0) for note in ExportFolder(work / "parquet").notes() if note.part == "all"
    )
    print(
        f"\n## Bytes a clip ({clips} clips)\n\n"
        "| what | kB a clip | of the original | PSNR mean / worst, dB | SSIM mean / worst |"
    )
    print("| --- | --- | --- | --- | --- |")
    print(f"| frames, PNG | {original['video'] / 1e3:.0f} | 1 | exact | exact |")
    for label, options in (
        ("H.264 lossless (RGB)", {"lossless": True}),
        ("H.264 crf 12", {"crf": 12}),
        ("H.264 crf 18", {"crf": 18}),
        ("H.264 crf 26", {"crf": 26}),
    ):
        out = export(store, work / "video", H264_CLIPS, video="mp4", modalities=("video",), **options)
        notes = ExportFolder(out).notes()
        size = sum(note.column_bytes.get("video", 0) for note in notes if note.part == "all") / min(clips, H264_CLIPS)
        quality = [note.quality for note in notes if note.quality is not None]
        total = sum(quality[1:], start=quality[0])
        loss = (
            "exact | exact"
            if total.is_exact
            else (f"{total.psnr_mean:.1f} / {total.psnr_min:.1f} | {total.ssim_mean:.4f} / {total.ssim_min:.4f}")
        )
        print(f"| {label} | {size / 1e3:.0f} | {size / first:.3f} | {loss} |")
    print(f"| masks, colour PNG | {original['mask'] / 1e3:.0f} | 1 | exact | |")
    print(f"| masks, palette PNG | {masks / clips / 1e3:.0f} | {masks / clips / original['mask']:.3f} | exact | |")
    print(f"| drawings, PNG | {original['drawing'] / 1e3:.0f} | 1 | exact | |")
    for name in ("parquet", "tars"):
        size = size_of(work / name / "data") / clips
        print(f"| everything, {name} | {size / 1e3:.0f} | {size / sum(original.values()):.3f} | | |")


WAYS: dict[str, tuple[str, str]] = {
    "nothing: the requests before any file": ("", "open_()"),
    "first row of everything": ("all", "next(iter(open_()))"),
    "names of all clips": ("ids", 'list(open_("label", columns=["clip_id"]))'),
    "names from `all`, columns=": ("ids", 'list(open_(columns=["clip_id"]))'),
    "labels and names": ("label", 'list(open_("label"))'),
    "masks and sentences": ("mask", 'list(open_("mask"))'),
    "masks and sentences from `all`, columns=": ("mask", 'list(open_(columns=["clip_id", "masks", "text"]))'),
    "masks and sentences from `all`, columns=, block_size": (
        "mask", 'list(open_(columns=["clip_id", "masks", "text"], storage_options=NEAR))'),
    "drawings": ("drawing", 'list(open_("drawing"))'),
    "one person, filters= and block_size": ("person", "list(open_(filters=HIS, storage_options=NEAR))"),
    "one person, files by export.json": ("person", 'list(open_(data_files=holding("all", his), filters=HIS))'),
    "one attribute (masks), files by export.json": (
        "attribute",
        'w = [row["clip_id"] for row in open_("label") if row["label"][15] == 1]\n'
        'list(open_(data_files=holding("mask", w.__contains__), filters=[("clip_id", "in", w)]))'),
    "every 4th frame": ("video", 'list(open_("video"))'),
    "a random tenth of the shards": (
        "tenth",
        'import random\nf = [s["path"] for s in shards() if s["part"] == "all" and s["split"] == S]\n'
        "list(open_(data_files=random.Random(0).sample(f, max(1, len(f) // 10))))"),
    "all rows": ("all rows", "list(open_())"),
}  # fmt: skip

CLIENT = """
import sys, time, json
sys.modules["mmvoxceleb"] = None
import datasets
from datasets import load_dataset
from huggingface_hub import hf_hub_download
R, S, NEAR, HIS = "lab/bench", "test", {"hf": {"block_size": 1 << 16}}, [("person_id", "==", "id10280")]
his = lambda clip: clip.startswith("id10280#")
def open_(*config, **options):
    split = "train" if "data_files" in options else S
    rows = load_dataset(R, *config, split=split, streaming=True, **options)
    for name, feature in list((rows.features or {}).items()):
        if isinstance(feature, datasets.List) and isinstance(feature.feature, datasets.Image):
            rows = rows.cast_column(name, datasets.List(datasets.Image(decode=False)))
    return rows
def shards():
    return json.load(open(hf_hub_download(R, "export.json", repo_type="dataset")))["shards"]
def holding(part, wanted):
    return [s["path"] for s in shards() if s["part"] == part and any(wanted(c["clip_id"]) for c in s["clips"])]
start = time.perf_counter()
"""


def publish(hub: Hub, folder: Path) -> None:
    repo = hub.repos[REPO] = Repo(REPO, private=False)
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file() and ".mmvoxceleb" not in path.parts]
    files = {str(path.relative_to(folder)): hub.keep(path.read_bytes(), path.suffix == ".parquet") for path in paths}
    repo.commit(files, "all", "main")


def streaming(work: Path) -> None:
    notes = [note for note in ExportFolder(work / "parquet").notes() if note.split == "test"]
    whole = [note for note in notes if note.part == "all"]
    clips = sum(note.rows for note in whole)
    columns = {name: sum(note.column_bytes.get(name, 0) for note in whole) for name in whole[0].column_bytes}
    row = sum(columns.values()) / clips
    his = [clip for note in whole for clip in note.clips if clip.clip_id.startswith("id10280#")]
    glasses = [clip for note in whole for clip in note.clips if clip.label[15] == "1"]
    ideal = {
        "": 0, "all": row, "ids": columns["clip_id"], "label": columns["clip_id"] + columns["label"],
        "mask": columns["masks"] + columns["text"] + columns["clip_id"], "drawing": columns["drawings"],
        "person": row * len(his), "attribute": columns["masks"] / clips * len(glasses), "video": columns["frames"] / 4,
        "tenth": row * clips / 10, "all rows": row * clips,
    }  # fmt: skip
    print(f"\n## Streaming with stock datasets: {clips} clips of {row / 1e6:.1f} MB in {len(whole)} shards\n")
    print(
        "| what | MB fetched | MB of ideal | data requests | all requests | s |\n| --- | --- | --- | --- | --- | --- |"
    )
    with serve_hub() as hub:
        publish(hub, work / "parquet")
        for name, (kind, code) in WAYS.items():
            with tempfile.TemporaryDirectory() as home:
                first = len(hub.seen)
                command = [sys.executable, "-c", f"{CLIENT}{code}\nprint(time.perf_counter() - start)"]
                environment = {**os.environ, **hub.environment(home)}
                done = subprocess.run(command, env=environment, cwd=home, capture_output=True, text=True)
                if done.returncode:
                    print(f"| {name} | failed with {done.returncode}: {done.stderr.strip().splitlines()[-1][:200]} |")
                    continue
                seen = hub.seen[first:]
                data = [one for one in seen if one.method == "GET" and one.path.endswith(".parquet")]
                fetched = sum(one.sent for one in seen)
                print(
                    f"| {name} | {fetched / 1e6:.2f} | {ideal[kind] / 1e6:.2f} | {len(data)} | {len(seen)} | "
                    f"{float(done.stdout.split()[-1]):.1f} |"
                )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", type=Path, help="a store in folders; one of 44 clips is made without it")
    parser.add_argument("--rounds", type=int, default=3)
    every = ("speed", "sizes", "streaming")
    parser.add_argument("--parts", nargs="+", choices=every, default=every)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mmvoxceleb-bench-") as name:
        work = Path(name)
        store = arguments.store
        if store is None:
            store = work / "store"
            make_corpus(store, 44, 64, layout="folder")
        if "speed" in arguments.parts:
            speed(store, work, arguments.rounds)
        else:
            export(store, work / "parquet")
            export(store, work / "tars", format="webdataset")
        if "sizes" in arguments.parts:
            sizes(store, work)
        if "streaming" in arguments.parts:
            streaming(work)


if __name__ == "__main__":
    main()
