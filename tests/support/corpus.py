"""Small datasets in the original layout: real PNGs, texts and labels, non-square and different per clip."""

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from mmvoxceleb.schema import NUM_CLASSES, ClipId, colours_of

FRAME_SIZE, MASK_SIZE = (40, 24), (64, 48)
PERSONS = ("id10001", "id10001", "id10271", "id11248", "id10271")


@dataclass(frozen=True)
class Corpus:
    root: Path
    clips: tuple[str, ...]
    num_frames: tuple[int, ...]

    def frames_of(self, clip: str) -> int:
        return self.num_frames[self.clips.index(clip)]


def frame(clip: int, index: int) -> np.ndarray:
    """uint8 [24, 40, 3]."""
    width, height = FRAME_SIZE
    y, x = np.indices((height, width))
    return np.stack([x * 6 + index, y * 10 + clip, (x + y + index * 3) * 3], -1).astype(np.uint8)


def mask_ids(clip: int, index: int) -> np.ndarray:
    """uint8 [48, 64]: every class in blocks that shift with the index."""
    width, height = MASK_SIZE
    y, x = np.indices((height, width))
    return ((x // 8 + y // 8 * 8 + index + clip) % NUM_CLASSES).astype(np.uint8)


def drawing(clip: int, index: int) -> np.ndarray:
    """uint8 [48, 64]."""
    return (mask_ids(clip, index).astype(np.uint16) * 13 % 256).astype(np.uint8)


def png(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "PNG")
    return buffer.getvalue()


def label_of(clip: int) -> list[int]:
    return [(index * 7 + clip * 3) % 5 // 4 for index in range(40)]


def text_of(clip: int) -> str:
    return "\n".join(f"Clip {clip} says sentence {number}." for number in range(20))


def clip_id_of(number: int) -> str:
    return str(ClipId(PERSONS[number % len(PERSONS)], f"-video_{number:04d}", f"{number + 1:05d}", number % 3))


def make_corpus(root: Path, *, clips: int = 5, frames: int = 12) -> Corpus:
    """Write folders ``video, mask, draw/style1, txt, label`` under ``root``; clip k has ``frames + k`` frames."""
    keys, counts = [], []
    for number in range(clips):
        key, count = clip_id_of(number), frames + number
        keys.append(key)
        counts.append(count)
        write_clip(root, key, number, count)
    return Corpus(root, tuple(keys), tuple(counts))


def write_clip(root: Path, key: str, number: int, count: int, *, person: int | None = None) -> None:
    """Write a clip of ``count`` frames with a mask and a drawing of every 4th, a text, and the label of a person."""
    for index in range(count):
        name = f"{index:07d}.png"
        _write(root / "video" / key / name, png(frame(number, index)))
        if index % 4 == 0:
            _write(root / "mask" / key / name, png(colours_of(mask_ids(number, index))))
            _write(root / "draw" / "style1" / key / name, png(drawing(number, index)))
    _write(root / "txt" / f"{key}.txt", text_of(number).encode())
    label = label_of(number if person is None else person)
    _write(root / "label" / f"{key}.txt", ",".join(map(str, label)).encode())


def zip_folder(source: Path, target: Path, *, prefix: str = "", deflate: bool = False) -> Path:
    """Zip everything below ``source`` under ``prefix`` + path relative to ``source``'s parent."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED if deflate else zipfile.ZIP_STORED) as archive:
        for path in sorted(source.rglob("*")):
            if path.is_file():
                archive.write(path, prefix + str(path.relative_to(source.parent)))
    return target


def zip_corpus(corpus: Corpus, target: Path, *, prefix: str = "", deflate: bool = False) -> Path:
    """Write one zip per modality into ``target``."""
    for name in ("video", "mask", "draw", "txt", "label"):
        zip_folder(corpus.root / name, target / f"{name}.zip", prefix=prefix, deflate=deflate)
    return target


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
