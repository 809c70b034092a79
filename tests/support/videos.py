"""Videos made by code: frames that carry their number, and a portrait that moves on a known path."""

import struct
import zipfile
from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import cv2
import numpy as np
from av.stream import Disposition
from av.video import VideoStream

import mmvoxceleb

FACE_BOX = (63.0, 67.0, 186.0, 190.0)
"""Left, top, right, bottom of the face in :func:`portrait`, brows to chin."""

IDENTITY = struct.pack(">9i", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)


def portrait() -> np.ndarray:
    """The public-domain portrait of the bundled sample: uint8 [256, 256, 3], RGB."""
    with zipfile.ZipFile(Path(mmvoxceleb.__file__).parent / "sample" / "video.zip") as archive:
        name = min(name for name in archive.namelist() if name.endswith(".png"))
        picture = cv2.imdecode(np.frombuffer(archive.read(name), np.uint8), cv2.IMREAD_COLOR)
    return np.asarray(picture)[..., ::-1].copy()


def resized(picture: np.ndarray, width: int, height: int, how: int = cv2.INTER_LINEAR) -> np.ndarray:
    """uint8 [height, width, 3]."""
    return np.asarray(cv2.resize(picture, (width, height), interpolation=how), np.uint8)


def numbered(number: int, width: int = 96, height: int = 64) -> np.ndarray:
    """A frame that shows its number as 8 black or white blocks in the upper half, and a red corner below left."""
    frame = np.full((height, width, 3), 60, np.uint8)
    for bit in range(8):
        frame[: height // 2, bit * width // 8 : (bit + 1) * width // 8] = 235 if number >> bit & 1 else 20
    frame[height // 2 :, : width // 4] = (220, 30, 30)
    return frame


def number_of(frame: np.ndarray) -> int:
    height, width = frame.shape[:2]
    return sum((frame[height // 4, (2 * bit + 1) * width // 16].mean() > 128) << bit for bit in range(8))


def write_video(
    path: Path,
    frames: Iterable[np.ndarray],
    *,
    fps: int = 25,
    times_ms: Sequence[int] | None = None,
    codec: str = "libx264",
    lossless: bool = False,
    gop: int = 12,
    container_options: dict[str, str] | None = None,
) -> Path:
    """Encode RGB frames; ``times_ms`` gives them times of their own in place of a steady rate."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", options=container_options or {}) as container:
        stream: VideoStream | None = None
        for number, frame in enumerate(frames):
            if stream is None:
                stream = cast(VideoStream, container.add_stream(codec, rate=fps))
                stream.height, stream.width = frame.shape[:2]
                stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv444p" if lossless else "yuv420p"
                if codec == "libx264":
                    stream.options = {"g": str(gop), "preset": "ultrafast", "crf": "0" if lossless else "12"}
                if times_ms is not None:
                    stream.codec_context.time_base = Fraction(1, 1000)
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
            if times_ms is not None:
                picture.pts, picture.time_base = times_ms[number], Fraction(1, 1000)
            container.mux(stream.encode(picture))
        if stream is not None:
            container.mux(stream.encode())
    return path


def write_sound(path: Path, seconds: float = 1.0, *, cover: bool = False) -> Path:
    """Write silence; with a cover picture if wanted, as music has it."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=44100)
        picture = container.add_stream("png", rate=1) if cover else None
        if picture is not None:
            picture.width, picture.height, picture.pix_fmt = 64, 64, "rgb24"
            picture.disposition = Disposition.attached_pic
            container.mux(picture.encode(av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")))
        samples = np.zeros((1, int(44100 * seconds)), np.float32)
        frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
        frame.rate = 44100
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def with_matrix(path: Path, target: Path, a: float, b: float, c: float, d: float) -> Path:
    """Copy an MP4 file and give its picture a display matrix: a stored (x, y) is shown at (a x + c y, b x + d y)."""
    data = path.read_bytes()
    at = data.index(IDENTITY, data.index(b"tkhd"))
    values = (a, b, 0, c, d, 0, 0, 0, 0x4000)
    matrix = struct.pack(">9i", *(round(value * 0x10000) for value in values))
    target.write_bytes(data[:at] + matrix + data[at + 36 :])
    return target


def portrait_frames(
    places: Sequence[tuple[float, float]], *, width: int = 320, height: int = 240, side: int = 180
) -> Iterable[np.ndarray]:
    """Frames with the portrait scaled to ``side``, its upper left corner at each of ``places``, on a textured wall."""
    rng = np.random.default_rng(5)
    wall = cv2.resize(
        rng.integers(60, 120, (12, 16, 3), dtype=np.uint8), (width, height), interpolation=cv2.INTER_CUBIC
    )
    picture = cv2.resize(portrait(), (side, side), interpolation=cv2.INTER_AREA)
    for x, y in places:
        frame = wall.copy()
        frame[round(y) : round(y) + side, round(x) : round(x) + side] = picture
        yield frame


def face_boxes(places: Sequence[tuple[float, float]], *, side: int = 180) -> np.ndarray:
    """Where the face is in :func:`portrait_frames`: float64 [N, 4]."""
    scale = side / 256
    left, top, right, bottom = (edge * scale for edge in FACE_BOX)
    return np.array(
        [[round(x) + left, round(y) + top, round(x) + right, round(y) + bottom] for x, y in places], np.float64
    )


def write_annotation(
    path: Path,
    frames: Sequence[int],
    boxes: np.ndarray,
    *,
    height: int,
    width: int | None = None,
    person: str = "id10001",
    video: str = "abcdefghijk",
    newline: str = "\n",
) -> Path:
    """Write boxes in pixels of the video as VoxCeleb1 does, in pixels at 360; or with ``width`` as VoxCeleb2."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [f"Identity  : \t{person}", f"Reference : \t{video}", "Offset    : \t-1", "FV Conf   : \t17.997\t(1)"]
    lines += ["ASD Conf  : \t6.338", "", "FRAME \tX \tY \tW \tH"]
    for frame, (left, top, right, bottom) in zip(frames, boxes, strict=True):
        values = np.array([left, top, right - left, bottom - top])
        if width is None:
            text = " \t".join(str(round(value * 360 / height)) for value in values)
        else:
            text = " \t".join(f"{value:.3f}" for value in values / (width, height, width, height))
        lines.append(f"{frame:06d} \t{text}")
    path.write_text(newline.join(lines) + newline, newline="")
    return path
