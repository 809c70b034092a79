"""Frames, masks and drawings as PNG, palette PNG and JPEG in folders."""

import io
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from PIL import Image

from mmvoxceleb import ClipSampler
from mmvoxceleb.codecs.masks import encode_palette_mask
from mmvoxceleb.loading.record import RecordOptions, read_record
from mmvoxceleb.schema import NUM_CLASSES, PALETTE
from mmvoxceleb.stores import open_store
from tests.fuzz.kind import Kind, damage_file, pick
from tests.fuzz.mutations.jpeg import damage_jpeg
from tests.fuzz.mutations.png import damage_png
from tests.support.corpus import frame, make_corpus, mask_ids

_JPEG_TOLERANCE = 12
"""Decoders differ a little in the inverse transform and in how they enlarge the colour planes."""


class Frames(Kind):
    """PNG frames, in records and in samples."""

    name = "png-frames"
    modality, folder = "video", "video"
    pictures = "frames"
    way = staticmethod(damage_png)
    tolerance = 0

    def build(self, case: Path) -> None:
        make_corpus(case, clips=1, frames=5)

    def damage(self, case: Path, rng: Random) -> str:
        return damage_file(rng, pick(rng, case, f"{self.folder}/*/*"), self.way)

    def read(self, case: Path) -> Any:
        store = open_store(case)
        (clip,) = store.clips(store.folders()[0])
        record = read_record(store, clip, RecordOptions(modalities=(self.modality,)))
        return {"record": [picture["bytes"] for picture in record[self.pictures]], "samples": self.samples(case)}

    def samples(self, case: Path) -> list[Any]:
        """Decode every picture by a sampler."""
        modalities = ("video",) if self.modality == "video" else ("video", self.modality)
        sampler = ClipSampler(
            str(case), num_frames=2, frame_step=4, start=0, modalities=modalities, min_frames=0, image_size=None,
            dtype="uint8", mask_at="every", drawing_at="every", threads=1,
        )  # fmt: skip
        key = {"video": "frames", "mask": "mask", "drawing": "drawing"}[self.modality]
        return [_plain(picture) for picture in sampler[0][key]]

    def fault(self, got: Any, clean: Any, case: Path, told: list[str]) -> str | None:
        """Pixels are those of the undamaged picture or those that Pillow sees in the damaged one."""
        files = sorted(case.glob(f"{self.folder}/*/*"))
        for place, (number, path) in enumerate(self.sampled(files)):
            sample = got["samples"][place]
            allowed = [clean["samples"][place], *self.references(path.read_bytes())]
            if not any(_is_near(sample, picture, self.tolerance) for picture in allowed):
                return f"sample of {path.name} is neither the undamaged picture nor what Pillow sees"
            if what := self.record_fault(got["record"][number], path.read_bytes(), sample):
                return f"record of {path.name} {what}"
        return None

    def sampled(self, files: list[Path]) -> list[tuple[int, Path]]:
        return [(place, path) for place, path in enumerate(files) if place % 4 == 0]

    def record_fault(self, data: bytes, file: bytes, sample: Any) -> str | None:
        if data == file:
            return None
        with Image.open(io.BytesIO(file)) as turned, Image.open(io.BytesIO(data)) as plain:
            is_right = turned.getexif().get(0x0112, 1) != 1 and plain.getexif().get(0x0112, 1) == 1
            same = np.array_equal(np.asarray(turned), np.asarray(plain))
        return None if is_right and same else "is neither the file nor the file without the note that turns it"

    def references(self, data: bytes) -> list[Any]:
        return [_plain(np.asarray(picture.convert("RGB")).transpose(2, 0, 1)) for picture in _by_pillow(data)]


class JpegFrames(Frames):
    """JPEG frames."""

    name = "jpeg-frames"
    way = staticmethod(damage_jpeg)
    tolerance = _JPEG_TOLERANCE

    def build(self, case: Path) -> None:
        (clip,) = make_corpus(case, clips=1, frames=5).clips
        for index in range(5):
            (case / "video" / clip / f"{index:07d}.png").unlink()
            Image.fromarray(frame(0, index)).save(case / "video" / clip / f"{index:07d}.jpg", quality=95, subsampling=0)


class Masks(Frames):
    """Masks in the original colours."""

    name = "png-masks"
    modality, folder = "mask", "mask"
    pictures = "masks"

    def sampled(self, files: list[Path]) -> list[tuple[int, Path]]:
        return list(enumerate(files))

    def record_fault(self, data: bytes, file: bytes, sample: Any) -> str | None:
        pictures = _by_pillow(data)
        if not pictures or pictures[0].mode != "P":
            return "is no palette PNG"
        ids = np.asarray(pictures[0])
        if ids.max(initial=0) >= NUM_CLASSES or ids.tobytes() != sample[1]:
            return "has other classes than the sample"
        return None if pictures[0].convert("RGB").tobytes() == PALETTE[ids].tobytes() else "has another palette"

    def samples(self, case: Path) -> list[Any]:
        return [
            (shape, np.frombuffer(data, np.int64).astype(np.uint8).tobytes()) for shape, data in super().samples(case)
        ]

    def references(self, data: bytes) -> list[Any]:
        found = []
        for picture in _by_pillow(data):
            colours = np.asarray(picture.convert("RGB")).astype(np.int64) @ (1 << 16, 1 << 8, 1)
            known = PALETTE.astype(np.int64) @ (1 << 16, 1 << 8, 1)
            ids = (colours[..., None] == known).argmax(-1).astype(np.uint8)
            if (known[ids] == colours).all():
                found.append(_plain(ids))
        return found


class PaletteMasks(Masks):
    """Masks as palette PNGs of class ids."""

    name = "png-palette"

    def build(self, case: Path) -> None:
        super().build(case)
        for path in case.glob("mask/*/*"):
            path.write_bytes(encode_palette_mask(mask_ids(0, int(path.stem))))

    def record_fault(self, data: bytes, file: bytes, sample: Any) -> str | None:
        return None if data == file else super().record_fault(data, file, sample)


class Drawings(Frames):
    """Grey drawings."""

    name = "png-drawings"
    modality, folder = "drawing", "draw/style1"
    pictures = "drawings"

    def sampled(self, files: list[Path]) -> list[tuple[int, Path]]:
        return list(enumerate(files))

    def references(self, data: bytes) -> list[Any]:
        return [_plain(np.asarray(picture.convert("L"))[None]) for picture in _by_pillow(data)]


def _by_pillow(data: bytes) -> list[Image.Image]:
    """Decode by Pillow, as stored, whatever EXIF says; nothing where Pillow refuses."""
    try:
        with Image.open(io.BytesIO(data)) as picture:
            picture.load()
            return [picture]
    except Exception:
        return []


def _plain(picture: Any) -> tuple[tuple[int, ...], bytes]:
    array = np.asarray(picture)
    return array.shape, array.tobytes()


def _is_near(one: Any, other: Any, tolerance: int) -> bool:
    if one == other:
        return True
    if one[0] != other[0] or not tolerance:
        return False
    first, second = (np.frombuffer(data, np.uint8).astype(int) for _, data in (one, other))
    return bool(abs(first - second).max() <= tolerance)
