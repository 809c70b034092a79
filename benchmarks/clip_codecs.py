"""Compare ways of storing the frames of a clip: bytes, loss, and training samples per second.

    python benchmarks/clip_codecs.py VIDEOS [--weights yunet.onnx] [--rounds 5] [--samples 40]

The program crops the faces of real videos to PNGs of 256 px (with YuNet, or with Haar without ``--weights``), writes
the same clips in each form, and draws samples of 8 frames at step 4, resized to 128 px, from each store with one
thread. Forms take turns. The results are medians of the rounds, by CPU time, because other work may run on the machine.
PSNR is computed over RGB.
"""

import argparse
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import date
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from mmvoxceleb import ClipSampler
from mmvoxceleb.codecs.views import WHOLE, rgb_of
from mmvoxceleb.hub.quality import measure_quality
from mmvoxceleb.modalities import VIDEO
from mmvoxceleb.processing import CropSettings, CropStage, Pipeline, open_detector
from mmvoxceleb.processing.frame_codec import Codec, FrameCodec
from mmvoxceleb.stores import open_store
from mmvoxceleb.stores.clip import StoredClip

Frames = list[NDArray[np.uint8]]
Files = list[tuple[str, bytes]]
SETTINGS: dict[str, Any] = {
    "num_frames": 8, "frame_step": 4, "image_size": 128, "modalities": ("video",), "threads": 1, "short": "repeat",
}  # fmt: skip


def pictures(suffix: str, options: Sequence[int]) -> Callable[[str, Frames], Files]:
    """A form of one picture file per frame."""

    def encode(clip_id: str, frames: Frames) -> Files:
        return [
            (f"{n:07d}{suffix}", cv2.imencode(suffix, frame[..., ::-1], options)[1].tobytes())
            for n, frame in enumerate(frames)
        ]

    return encode


def video(codec: str, container: str, pixels: str, options: dict[str, str]) -> Callable[[str, Frames], Files]:
    """A form of one video file per clip, in any container."""

    def encode(clip_id: str, frames: Frames) -> Files:
        buffer = BytesIO()
        with av.open(buffer, "w", format=container) as file:
            stream: Any = file.add_stream(codec, rate=25)
            stream.height, stream.width = frames[0].shape[:2]
            stream.pix_fmt, stream.options = pixels, options
            for number, picture in enumerate(frames):
                frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
                if pixels.startswith("yuv"):
                    frame = frame.reformat(format=pixels, dst_colorspace=5, dst_color_range=1)
                frame.pts, frame.time_base = number, Fraction(1, 25)
                file.mux(stream.encode(frame))
            file.mux(stream.encode())
        return [(clip_id, buffer.getvalue())]

    return encode


def ours(codec: Codec, crf: int = 16, every: int = 12) -> Callable[[str, Frames], Files]:
    """A form that ``regenerate crop`` and ``convert`` write."""
    return FrameCodec(codec, crf, every).encode


FORMS: dict[str, Callable[[str, Frames], Files]] = {
    "png": ours("png"),
    "jpeg, quality 95": pictures(".jpg", [cv2.IMWRITE_JPEG_QUALITY, 95]),
    "webp, lossless": pictures(".webp", [cv2.IMWRITE_WEBP_QUALITY, 101]),
    "ffv1 (mkv)": video("ffv1", "matroska", "bgr0", {"level": "3", "slicecrc": "1"}),
    **{f"av1 (SVT) crf 20, key frame every {n}": video(
        "libsvtav1", "mp4", "yuv420p", {"crf": "20", "preset": "6", "g": str(n), "svtav1-params": "lp=1"}
    ) for n in (2, 12)},
    **{f"h264 crf {crf}, key frame every {n}": ours("mp4", crf, n) for crf in (12, 18) for n in (1, 2, 12, 25)},
    **{f"mp4-lossless, key frame every {n}": ours("mp4-lossless", every=n) for n in (2, 12)},
}  # fmt: skip


def crop(videos: Path, out: Path, weights: Path | None) -> dict[str, Frames]:
    """Crop the faces, and return the frames of each clip."""
    detector = open_detector("yunet", weights=weights) if weights else open_detector("haar")
    settings = CropSettings.for_free_videos(min_face_px=64, min_frames=32)
    Pipeline([CropStage(settings, detector)]).run(videos, out).raise_if_failed()
    return {clip_id: frames_of(out, clip_id) for clip_id in open_store(out).clips(VIDEO.folder())}


def frames_of(root: Path, clip_id: str) -> Frames:
    """Decode all frames of a clip, as a sampler does."""
    clip = StoredClip(open_store(root), clip_id)
    read = clip.pictures(VIDEO.folder(), range(clip.num_frames(VIDEO.folder())))
    return [rgb_of(data, WHOLE, None, where=clip_id)[..., :3].copy() for data in read]


def write(root: Path, clips: dict[str, Frames], encode: Callable[[str, Frames], Files]) -> int:
    """Write a store, and return its bytes."""
    total = 0
    (root / "video").mkdir(parents=True)
    for clip_id, frames in clips.items():
        files = encode(clip_id, frames)
        folder = root / "video"
        if files[0][0] != clip_id:
            folder = folder / clip_id
            folder.mkdir()
        for name, data in files:
            (folder / name).write_bytes(data)
            total += len(data)
    return total


def seconds_of(sampler: Any, count: int) -> float:
    """CPU time of so many samples."""
    began = time.process_time()
    for number in range(count):
        sampler[number % len(sampler)]
    return time.process_time() - began


def main() -> None:
    """Measure, and print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("videos", type=Path)
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--samples", type=int, default=40)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        clips = crop(options.videos, root / "crop", options.weights)
        count = sum(map(len, clips.values()))
        machine = f"{platform.machine()}, {os.cpu_count()} cores, PyAV {av.__version__}, load {os.getloadavg()[0]:.1f}"
        print(f"{len(clips)} clips, {count} frames of 256 px; {date.today()}, {machine}\n", flush=True)
        sizes, levels, encoding, samplers = {}, {}, {}, {}
        for number, (form, encode) in enumerate(FORMS.items()):
            began = time.process_time()
            sizes[form] = write(root / str(number), clips, encode)
            encoding[form] = time.process_time() - began
            quality = measure_quality(
                pair
                for clip_id, frames in clips.items()
                for pair in zip(frames, frames_of(root / str(number), clip_id), strict=True)
            )
            levels[form] = "exact" if quality.is_exact else f"{quality.psnr_mean:.1f} ({quality.psnr_min:.1f})"
            samplers[form] = ClipSampler(root / str(number), **SETTINGS)
            seconds_of(samplers[form], len(clips))
        taken: dict[str, list[float]] = {form: [] for form in FORMS}
        for _ in range(options.rounds):
            for form, sampler in samplers.items():
                taken[form].append(seconds_of(sampler, options.samples))
        rates = {form: options.samples / statistics.median(times) for form, times in taken.items()}
        print("| form | kB a clip | of png | PSNR, dB: mean (worst frame) | samples/s | of png | frames/s encoded |")
        print("| --- | --- | --- | --- | --- | --- | --- |")
        for form in FORMS:
            size, rate = sizes[form], rates[form]
            print(
                f"| {form} | {size / len(clips) / 1000:,.0f} | {size / sizes['png']:.3f} | {levels[form]} | "
                f"{rate:.0f} | {rate / rates['png']:.2f} | {count / encoding[form]:.0f} |"
            )


if __name__ == "__main__":
    main()
