"""Make the bundled sample again: five modalities of a few short clips, from one public-domain portrait.

    python -m pip install --no-deps scikit-image
    python builder_scripts/sample/make_sample.py

It writes the original layout as zips into mmvoxceleb/sample, and the same clips as Parquet into
mmvoxceleb/sample/parquet for `load_dataset` without our package. It needs OpenCV 4.12 or later; the same versions of
OpenCV, Pillow and pyarrow give the same bytes.
"""

import argparse
import math
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from datasets import Dataset
from numpy.typing import NDArray
from sample_render import Camera, Portrait, load_portrait

from mmvoxceleb.loading.record import RecordOptions, read_record
from mmvoxceleb.processing.text import describe
from mmvoxceleb.schema import ATTRIBUTES, ORIGINAL_STRIDE, SPLITS, record_features, split_of
from mmvoxceleb.stores import open_store

__all__ = ["CLIPS", "SampleClip", "main", "make_files"]

_PACKAGE = Path(__file__).resolve().parents[2] / "mmvoxceleb" / "sample"
_ZIP_DATE = (1980, 1, 1, 0, 0, 0)

_PRESENT = (
    "Arched_Eyebrows", "Bangs", "Brown_Hair", "High_Cheekbones", "Mouth_Slightly_Open", "No_Beard", "Oval_Face",
    "Smiling", "Wavy_Hair", "Wearing_Lipstick", "Young",
)  # fmt: skip
"""What holds of the portrait."""


@dataclass(frozen=True)
class SampleClip:
    """A clip of the sample.

    Args:
        clip_id: A key that stands for nobody; the persons are one and the same.
        num_frames: Frames.
        camera: The view at a time from 0, the first frame, to 1, the last.
    """

    clip_id: str
    num_frames: int
    camera: Callable[[float], Camera]


def _ease(time: float) -> float:
    return (1 - math.cos(math.pi * time)) / 2


def _sway(time: float) -> float:
    return math.sin(2 * math.pi * time)


CLIPS: tuple[SampleClip, ...] = (
    SampleClip(
        "id00000#sample-look#00001.txt#000.mp4",
        30,
        lambda t: Camera(227 - 9 * _sway(t), 114 + 4 * _sway(2 * t), 206 - 10 * _sway(t / 2), 5 * _sway(t)),
    ),
    SampleClip(
        "id00000#sample-zoom#00001.txt#000.mp4", 12, lambda t: Camera(226, 112 - 6 * _ease(t), 214 - 54 * _ease(t))
    ),
    SampleClip(
        "id10270#sample-tilt#00001.txt#000.mp4",
        12,
        lambda t: Camera(227, 112, 200, 8 - 14 * _ease(t), mirrored=True),
    ),
    SampleClip(
        "id10270#sample-tilt#00001.txt#001.mp4",
        12,
        lambda t: Camera(214 + 24 * _ease(t), 106, 190, 2 * _sway(t), mirrored=True),
    ),
)
"""Two placeholder identities, one in each split. Those of the test split are mirrored."""


def make_files(portrait: Portrait, clip: SampleClip) -> Iterator[tuple[str, bytes]]:
    """Make the files of a clip, as ``(path in the original layout, bytes)``."""
    for index in range(clip.num_frames):
        camera, name = clip.camera(index / (clip.num_frames - 1)), f"{clip.clip_id}/{index:07d}.png"
        yield f"video/{name}", _png(portrait.frame(camera))
        if index % ORIGINAL_STRIDE == 0:
            yield f"mask/{name}", _png(portrait.mask(camera))
            yield f"draw/style1/{name}", _png(portrait.drawing(camera))
    label = [int(name in _PRESENT) for name in ATTRIBUTES]
    yield f"label/{clip.clip_id}.txt", ",".join(map(str, label)).encode()
    yield f"txt/{clip.clip_id}.txt", "\n".join(describe(label, clip_id=clip.clip_id)).encode()


def _png(picture: NDArray[np.uint8]) -> bytes:
    """Encode without row filters, which suit few colours best."""
    options = [cv2.IMWRITE_PNG_COMPRESSION, 9, cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_NONE]
    options += [cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_DEFAULT]
    as_stored = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR) if picture.ndim == 3 else picture
    return cv2.imencode(".png", as_stored, options)[1].tobytes()


def _write_zips(files: list[tuple[str, bytes]], folder: Path) -> None:
    for top in ("video", "mask", "draw", "txt", "label"):
        with zipfile.ZipFile(folder / f"{top}.zip", "w") as archive:
            for path, data in sorted(files):
                if path.startswith(f"{top}/"):
                    info = zipfile.ZipInfo(path, _ZIP_DATE)
                    info.create_system, info.external_attr = 3, 0o644 << 16
                    info.compress_type = zipfile.ZIP_STORED if path.endswith(".png") else zipfile.ZIP_DEFLATED
                    archive.writestr(info, data)


def _write_parquet(folder: Path) -> None:
    """Write the record of each clip, by split, as the bare ``load_dataset("mmvoxceleb")`` reads them."""
    store = open_store(folder)
    rows = [read_record(store, clip.clip_id, RecordOptions()) for clip in CLIPS]
    (folder / "parquet").mkdir(exist_ok=True)
    for split in SPLITS:
        part = [row for row in rows if split_of(row["person_id"]) == split]
        Dataset.from_list(part, features=record_features()).to_parquet(folder / "parquet" / f"{split}.parquet")


def main() -> None:
    """Write the zips and the Parquet files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=_PACKAGE, help="folder to write to (default: the package's)")
    folder = parser.parse_args().out
    folder.mkdir(parents=True, exist_ok=True)
    portrait = Portrait(load_portrait())
    files = [file for clip in CLIPS for file in make_files(portrait, clip)]
    _write_zips(files, folder)
    _write_parquet(folder)
    for path in sorted([*folder.glob("*.zip"), *folder.glob("parquet/*")]):
        print(f"{path.stat().st_size:>9,} {path}")


if __name__ == "__main__":
    main()
