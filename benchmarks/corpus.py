"""Generate a corpus in the original layout, with files as large as the real ones.

    python benchmarks/corpus.py OUT --clips 16 --frames 96 --layout folder

Frames are 256 px RGB PNGs of about 70 kB: a panned picture with texture and camera noise. For every 4th frame there are
a mask in the original colours and a grey drawing, both of 512 px. Each clip has 20 sentences and 40 attribute values.
"""

import argparse
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import cv2
import numpy as np

from mmvoxceleb.schema import ORIGINAL_STRIDE, ClipId, colours_of
from tests.support.corpus import png

FRAME_PX, MASK_PX = 256, 512
NOISE = 0.6
"""Standard deviation of the noise, in grey levels: it sets the size of the PNGs."""

_ELLIPSES = (
    (17, (256, 212), (160, 188)), (14, (256, 446), (66, 66)), (16, (256, 476), (196, 60)), (1, (256, 250), (126, 170)),
    (2, (195, 198), (35, 8)), (3, (317, 198), (35, 8)), (4, (197, 228), (27, 12)), (5, (315, 228), (27, 12)),
    (10, (256, 270), (20, 40)), (12, (256, 342), (50, 8)), (11, (256, 354), (40, 5)), (13, (256, 367), (46, 9)),
    (7, (122, 255), (10, 35)), (8, (390, 255), (10, 35)),
)  # fmt: skip


def clip_id_of(number: int) -> str:
    """Two clips of each video, from the test persons on."""
    return str(ClipId(f"id{10266 + number // 2:05d}", f"video-{number // 2:05d}", f"{1 + number % 7:05d}", number % 3))


def _backdrop(rng: np.random.Generator) -> np.ndarray:
    """uint8 [320, 320, 3]: smooth patches at several scales."""
    picture = np.zeros((320, 320, 3), np.float32)
    for cells, strength in ((4, 90), (12, 40), (40, 8), (120, 2)):
        noise = rng.standard_normal((cells, cells, 3)).astype(np.float32)
        picture += strength * cv2.resize(noise, (320, 320), interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.clip(picture * 0.6 + 120, 0, 255))


def _mask(shift: int) -> np.ndarray:
    ids = np.zeros((MASK_PX, MASK_PX), np.uint8)
    for class_id, (x, y), axes in _ELLIPSES:
        cv2.ellipse(ids, (x + shift, y), axes, 0, 0, 360, class_id, -1)
    return ids


def _png(picture: np.ndarray) -> bytes:
    return cv2.imencode(".png", picture)[1].tobytes()


def files_of(number: int, frames: int) -> Iterator[tuple[str, str, bytes]]:
    """Yield modality, path and content of each file of a clip."""
    rng = np.random.default_rng(number)
    clip_id, backdrop = clip_id_of(number), _backdrop(rng)
    for index in range(frames):
        x, y = (int(32 + 30 * wave(index / 17 + number)) for wave in (np.sin, np.cos))
        clean = backdrop[y : y + FRAME_PX, x : x + FRAME_PX]
        noisy = clean + NOISE * rng.standard_normal((FRAME_PX, FRAME_PX, 3), np.float32)
        frame = np.clip(np.rint(noisy), 0, 255).astype(np.uint8)
        name = f"{index:07d}.png"
        # as Pillow does it, which wrote the original's: adaptive filters, zlib's default level
        yield "video", f"video/{clip_id}/{name}", png(frame)
        if index % ORIGINAL_STRIDE == 0:
            ids = _mask((index * 3) % 40 - 20)
            yield "mask", f"mask/{clip_id}/{name}", _png(colours_of(ids)[..., ::-1])
            grey = cv2.resize(cv2.cvtColor(clean.astype(np.uint8), cv2.COLOR_RGB2GRAY), (MASK_PX, MASK_PX))
            lines = 255 - cv2.GaussianBlur(cv2.Canny(cv2.GaussianBlur(grey, (0, 0), 2), 4, 10), (3, 3), 0)
            yield "draw", f"draw/style1/{clip_id}/{name}", _png(lines)
    label = (rng.random(40) < 0.25).astype(int)
    yield "label", f"label/{clip_id}.txt", ",".join(map(str, label)).encode()
    lines_of_text = (f"This person speaks in clip {number}, sentence {k}." for k in range(20))
    yield "txt", f"txt/{clip_id}.txt", "\n".join(lines_of_text).encode()


def make_corpus(
    folder: str | Path, clips: int, frames: int, *, layout: Literal["folder", "zip", "packed"] = "folder"
) -> Path:
    """Write a corpus; one that is there already is kept.

    Args:
        folder: Where; made if absent.
        clips: Number of clips, two of each video.
        frames: Frames of a clip.
        layout: ``folder``: files in folders. ``zip``: ``video.zip``, ``mask.zip``, ``draw.zip``, ``txt.zip``,
            ``label.zip``, stored. ``packed``: a zip for each clip and modality of pictures, stored.

    Returns:
        ``folder``.
    """
    folder = Path(folder)
    done = folder / f".{layout}-{clips}-{frames}"
    if done.exists():
        return folder
    archives: dict[Path, zipfile.ZipFile] = {}
    for number in range(clips):
        for modality, name, data in files_of(number, frames):
            path = folder / name
            if layout == "folder" or (layout == "packed" and modality in ("txt", "label")):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
                continue
            of_clip = path.parent.with_name(path.parent.name + ".zip")
            archive = folder / f"{modality}.zip" if layout == "zip" else of_clip
            if archive not in archives:
                archive.parent.mkdir(parents=True, exist_ok=True)
                archives[archive] = zipfile.ZipFile(archive, "w")
            archives[archive].writestr(name if layout == "zip" else path.name, data)
        if layout == "packed":
            while archives:
                archives.popitem()[1].close()
    for opened in archives.values():
        opened.close()
    done.touch()
    return folder


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--clips", type=int, default=16)
    parser.add_argument("--frames", type=int, default=96)
    parser.add_argument("--layout", choices=("folder", "zip", "packed"), default="folder")
    arguments = parser.parse_args()
    print(make_corpus(arguments.folder, arguments.clips, arguments.frames, layout=arguments.layout))
