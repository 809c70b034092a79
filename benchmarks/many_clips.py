"""Measure the cost per clip of each step for as many clips as VoxCeleb2 has, packed and in big zips.

    python benchmarks/many_clips.py --clips 20000 --layout packed --scratch /tmp/many
    python benchmarks/many_clips.py --clips 1092009 --layout zips --steps open plan --scratch /tmp/many

Each clip has two small frames, a mask, a drawing, a text, a label and the provenance of a run that made masks. In the
packed layout, pictures, texts and labels are hard links to a few files; every provenance is a separate file. In zips,
pictures have 32 px, for a million of them must fit on a disk. Each step runs in a separate process. The program prints
seconds, CPU seconds (user and system), microseconds of CPU per clip, and peak memory, all without imports. An existing
dataset is used unchanged; ``--clean`` deletes it at the end.
"""

import argparse
import json
import os
import resource
import shutil
import struct
import subprocess
import sys
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

VOXCELEB2 = 1_092_009
_PERSONS, _VIDEOS_PER_PERSON = 6_112, 25
_MOST_LINKS = 30_000
_FRAMES = 2


def names_of(count: int) -> Iterator[str]:
    """Name clips: as many of a person and of a video as VoxCeleb2 has."""
    of_person = max(1, round(VOXCELEB2 / _PERSONS))
    of_video = max(1, of_person // _VIDEOS_PER_PERSON)
    for at in range(count):
        person, inside = divmod(at, of_person)
        yield f"id{10000 + person:05d}#vid{at // of_video:08d}#{inside:05d}.txt#000.mp4"


def template(root: Path, size_px: int | None) -> dict[str, bytes]:
    """Make one clip by a real run of the sample models, and return its files by folder.

    Args:
        root: Where to make it.
        size_px: Of its frames and drawing; as they are if None.
    """
    from mmvoxceleb.modalities import DRAWINGS, LABEL, TEXT, VIDEO
    from mmvoxceleb.processing.output import StoreWriter
    from mmvoxceleb.sample import sample_path
    from mmvoxceleb.stores import open_store

    sample = open_store(sample_path())
    clip, name = sample.clips(VIDEO.folder())[0], next(names_of(1))
    writer = StoreWriter(root, "packed")
    folders = VIDEO.folder(), DRAWINGS.folder("style1"), TEXT.folder(), LABEL.folder()
    for folder, most in zip(folders, (_FRAMES, 1, 1, 1), strict=True):
        entries = sample.entries(folder, clip)[:most]
        contents = sample.read(folder, clip, entries)
        if size_px and folder.is_frames:
            contents = [resized(content, size_px) for content in contents]
        writer.write(folder, name, list(zip([entry.name for entry in entries], contents, strict=True)))
    masks(root, root).run(root, root, layout="packed")
    paths = ["video", "mask", "draw/style1", "txt", "label", "meta"]
    return {path: next(file for file in (root / path).iterdir() if file.name.startswith(name)).read_bytes()
            for path in paths}  # fmt: skip


def resized(picture: bytes, size_px: int) -> bytes:
    import cv2
    import numpy as np

    pixels = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_UNCHANGED)
    assert pixels is not None
    return cv2.imencode(".png", cv2.resize(pixels, (size_px, size_px), interpolation=cv2.INTER_AREA))[1].tobytes()


def masks(*_: Any) -> Any:
    """The pipeline whose run is finished."""
    from mmvoxceleb.processing import MaskStage, Pipeline
    from mmvoxceleb.processing.masks.stage import make_parser

    return Pipeline([MaskStage(make_parser("sample", device="cpu"))])


SUFFIXES = {"video": ".zip", "mask": ".zip", "draw/style1": ".zip", "txt": ".txt", "label": ".txt", "meta": ".json"}


def make_packed(root: Path, count: int, files: dict[str, bytes]) -> None:
    first = next(names_of(1))
    for path, content in files.items():
        folder, suffix = root / path, SUFFIXES[path]
        folder.mkdir(parents=True)
        for at, name in enumerate(names_of(count)):
            target = f"{folder}/{name}{suffix}"
            if path == "meta":
                data = content.replace(first.encode(), name.encode())
                descriptor = os.open(target, os.O_WRONLY | os.O_CREAT, 0o644)
                os.write(descriptor, data)
                os.close(descriptor)
                continue
            original = f"{root}/.originals-{path.replace('/', '-')}-{at // _MOST_LINKS}"
            if at % _MOST_LINKS == 0:
                Path(original).write_bytes(content)
            os.link(original, target)


def make_zips(root: Path, count: int, files: dict[str, bytes]) -> None:
    first = next(names_of(1))
    for path, content in files.items():
        root.mkdir(parents=True, exist_ok=True)
        with LargeZip(root / f"{path.partition('/')[0]}.zip") as archive:
            if SUFFIXES[path] == ".zip":
                (root / ".one.zip").write_bytes(content)
                with zipfile.ZipFile(root / ".one.zip") as one:
                    parts = [(name, one.read(name)) for name in one.namelist()]
                (root / ".one.zip").unlink()
                for name in names_of(count):
                    for inner, data in parts:
                        archive.add(f"{path}/{name}/{inner}", data)
            else:
                for name in names_of(count):
                    archive.add(f"{path}/{name}{SUFFIXES[path]}", content.replace(first.encode(), name.encode()))


class LargeZip:
    """Writes a stored ZIP64 without an object for each entry."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")
        self._directory = bytearray()
        self._count = self._offset = 0

    def __enter__(self) -> "LargeZip":
        return self

    def add(self, name: str, data: bytes) -> None:
        raw, size = name.encode(), len(data)
        fields = (20, 0, 0, 0, 33, zlib.crc32(data), size, size, len(raw))
        self._file.write(struct.pack("<4s5H3L2H", b"PK\3\4", *fields, 0) + raw + data)
        extra = struct.pack("<2HQ", 1, 8, self._offset)
        self._directory += struct.pack("<4s6H3L5H2L", b"PK\1\2", 0x031E, *fields, len(extra), 0, 0, 0, 0, 0xFFFFFFFF)
        self._directory += raw + extra
        self._count, self._offset = self._count + 1, self._offset + 30 + len(raw) + size

    def __exit__(self, *_: object) -> None:
        end = self._offset + len(self._directory)
        self._file.write(self._directory)
        counts = (self._count, self._count, len(self._directory), self._offset)
        self._file.write(struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, *counts))
        self._file.write(struct.pack("<4sLQL", b"PK\6\7", 0, end, 1))
        self._file.write(struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0))
        self._file.close()


def make(root: Path, count: int, layout: str) -> None:
    """Make the dataset, unless it is there."""
    if (root / ".done").exists():
        return
    begun = time.perf_counter()
    one = root.with_name(f".{root.name}-one")
    files = template(one, size_px=32 if layout == "zips" else None)
    shutil.rmtree(one)
    (make_packed if layout == "packed" else make_zips)(root, count, files)
    (root / ".done").touch()
    print(f"made {count:,} clips, {layout}, in {time.perf_counter() - begun:.0f} s", flush=True)


def _open(root: Path, cache: Path) -> str:
    from mmvoxceleb.stores import open_store

    store = open_store(root)
    lists = {str(folder): store.clips(folder) for folder in store.folders()}
    return f"{len(lists)} folders, {max(map(len, lists.values())):,} clips"


def _fingerprint(root: Path, cache: Path) -> str:
    from mmvoxceleb.modalities import DRAWINGS, LABEL, MASKS, TEXT, VIDEO
    from mmvoxceleb.stores import open_store

    folders = VIDEO, MASKS, DRAWINGS, TEXT, LABEL
    return open_store(root).fingerprint([kind.folder("style1" if kind is DRAWINGS else "") for kind in folders])[:8]


def _load(root: Path, cache: Path, **options: Any) -> Any:
    import datasets

    import mmvoxceleb  # noqa: F401  registers the name

    datasets.disable_progress_bars()
    return datasets.load_dataset("mmvoxceleb", data_dir=str(root), cache_dir=str(cache), split="train", **options)


def _load_in_place(root: Path, cache: Path) -> str:
    dataset = _load(root, cache, in_place=True)
    return f"{len(dataset):,} rows, the first of {dataset[0]['num_frames']} frames"


def _stream(root: Path, cache: Path) -> str:
    return str(next(iter(_load(root, cache, streaming=True)))["clip_id"])


def _shuffle(root: Path, cache: Path) -> str:
    return str(next(iter(_load(root, cache, streaming=True).shuffle(seed=1, buffer_size=1)))["clip_id"])


def _person(root: Path, cache: Path) -> str:
    return f"{sum(1 for _ in _load(root, cache, streaming=True, persons=['id10001'])):,} clips"


def _plan(root: Path, cache: Path) -> str:
    work = masks().work(root, root if (root / "mask").is_dir() else cache / "out", layout="packed")
    plan = work.plan(work.units())
    return f"{len(plan.finished):,} finished, {len(plan.todo):,} to do"


def _resume(root: Path, cache: Path) -> str:
    summary = masks().run(root, root if (root / "mask").is_dir() else cache / "out", layout="packed", limit=0)
    return f"{summary.skipped:,} skipped, {summary.done:,} done"


def _validate(root: Path, cache: Path) -> str:
    from mmvoxceleb.stores import open_store
    from mmvoxceleb.validation import validate_store

    return f"{validate_store(open_store(root)).num_problems:,} problems"


def _export(root: Path, cache: Path) -> str:
    from mmvoxceleb.hub.plan import plan_shards
    from mmvoxceleb.hub.settings import ExportSettings
    from mmvoxceleb.meta.removals import Removals
    from mmvoxceleb.stores import open_store

    return f"{len(plan_shards(open_store(root), ExportSettings(), Removals()).shards):,} shards"


def _select(root: Path, cache: Path) -> str:
    from mmvoxceleb.select import Choice, select_clips

    return f"{len(select_clips(root, Choice(split='train', per_person=20)).clips):,} clips"


def _select_meta(root: Path, cache: Path) -> str:
    from mmvoxceleb.select import Choice, select_clips

    return f"{len(select_clips(root, Choice(('mask.flicker >= 0',))).clips):,} clips"


def _diff(root: Path, cache: Path) -> str:
    from mmvoxceleb.diff import diff_stores
    from mmvoxceleb.stores import open_store

    return f"same: {diff_stores(open_store(root), open_store(root), modalities=['label']).is_same}"


def _remove(root: Path, cache: Path) -> str:
    from mmvoxceleb.meta.removals import Removals
    from mmvoxceleb.modalities import VIDEO
    from mmvoxceleb.processing.removal import remove_from_store
    from mmvoxceleb.stores import open_store

    last = open_store(root).clips(VIDEO.folder())[-1].partition("#")[0]
    report = remove_from_store(root, Removals(frozenset({last})))
    return f"{len(report.clips):,} clips of {last}; {len(report.holding)} zips still hold them"


def _rewrite(root: Path, cache: Path) -> str:
    from mmvoxceleb.meta.removals import Removals
    from mmvoxceleb.modalities import VIDEO
    from mmvoxceleb.processing.removal import remove_from_store
    from mmvoxceleb.stores import open_store

    first = open_store(root).clips(VIDEO.folder())[0].partition("#")[0]
    report = remove_from_store(root, Removals(frozenset({first})), rewrite_zips=True)
    size = sum(path.stat().st_size for path in report.rewritten)
    return f"{len(report.clips):,} clips of {first}; rewrote {len(report.rewritten)} zips, {size / 1e9:.1f} GB"


STEPS: dict[str, Callable[[Path, Path], str]] = {
    "open": _open, "open again": _open, "stream": _stream, "shuffle": _shuffle, "person": _person,
    "fingerprint": _fingerprint, "fingerprint again": _fingerprint, "plan": _plan, "plan again": _plan,
    "resume": _resume, "resume again": _resume, "export": _export, "select": _select,
    "select meta": _select_meta, "diff": _diff, "validate": _validate, "load in place": _load_in_place,
    "load in place again": _load_in_place, "remove": _remove, "rewrite": _rewrite,
}  # fmt: skip


def peak_mb() -> int:
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) >> 10 for line in file if line.startswith("VmHWM"))


def spent() -> float:
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def measure(step: str, root: Path, cache: Path) -> None:
    """Run one step in this process, and print its figures as JSON."""
    import mmvoxceleb.processing
    import mmvoxceleb.validation  # noqa: F401

    if "load" in step or step in ("stream", "shuffle", "person"):
        import datasets  # noqa: F401
    if step.startswith(("plan", "resume")):
        masks()
    imported, cpu, begun = peak_mb(), spent(), time.perf_counter()
    found = STEPS[step](root, cache)
    took = time.perf_counter() - begun, spent() - cpu
    print(json.dumps({"seconds": took[0], "cpu": took[1], "mb": peak_mb() - imported, "found": found}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=20_000)
    parser.add_argument("--layout", choices=("packed", "zips"), default="packed")
    parser.add_argument("--scratch", type=Path, required=True)
    parser.add_argument("--steps", nargs="+", default=list(STEPS), metavar="STEP", help=", ".join(STEPS))
    parser.add_argument("--profile", action="store_true", help="of each step what takes most of its time")
    parser.add_argument("--clean", action="store_true")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    options = parser.parse_args()
    root = options.scratch / f"{options.layout}-{options.clips}"
    cache = options.scratch / f"cache-{options.layout}-{options.clips}"
    if options.measure:
        measure(options.measure, root, cache)
        return
    options.scratch.mkdir(parents=True, exist_ok=True)
    make(root, options.clips, options.layout)
    (root / "meta" / "removed.jsonl").unlink(missing_ok=True)  # of an earlier measurement
    environment = {**os.environ, "MMVOXCELEB_CACHE": str(cache / "mmvoxceleb"), "HF_HUB_OFFLINE": "1"}
    print(f"{options.clips:,} clips, {options.layout}\n{'':22}    seconds        CPU   us/clip        MB")
    for step in options.steps:
        profiling = ["-m", "cProfile", "-s", "tottime"] if options.profile else []
        command = [sys.executable, *profiling, __file__, "--clips", str(options.clips), "--layout", options.layout]
        command += ["--scratch", str(options.scratch), "--measure", step]
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        lines = [line for line in done.stdout.splitlines() if line.startswith('{"seconds')]
        if not lines:
            print(f"{step:22} failed: {(done.stderr.strip().splitlines() or ['?'])[-1][:200]}", flush=True)
            continue
        got = json.loads(lines[0])
        print(f"{step:22} {got['seconds']:10.2f} {got['cpu']:10.2f} {got['cpu'] / options.clips * 1e6:9.1f} "
              f"{got['mb']:9,}   {got['found']}", flush=True)  # fmt: skip
        if options.profile:
            print("\n".join(done.stdout.splitlines()[1:45]))
    if options.clean:
        shutil.rmtree(root)
        shutil.rmtree(cache, ignore_errors=True)


if __name__ == "__main__":
    main()
