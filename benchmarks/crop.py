"""Measure the crop: against the original, by decoder, by stage, and memory by length of the video.

    python benchmarks/crop.py [--video FILE] [--parts resize,decoders,stages,memory]

The original's side needs ``pip install scikit-image imageio imageio-ffmpeg``. It is rewritten here from its
description: imageio frames, slicing, ``skimage.transform.resize(anti_aliasing=True)``, ``img_as_ubyte``.
"""

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import av
import cv2
import numpy as np

from mmvoxceleb.codecs.pictures import encode_frame
from mmvoxceleb.hub.quality import psnr
from mmvoxceleb.processing.crop.boxes import iou
from mmvoxceleb.processing.crop.resize import crop_and_resize, shrink_to_height
from mmvoxceleb.processing.crop.settings import CropSettings
from mmvoxceleb.processing.crop.stage import CropStage
from mmvoxceleb.processing.crop.tubes import FaceFollower
from mmvoxceleb.processing.decoders import open_decoder
from mmvoxceleb.processing.detectors import Detection, open_detector
from mmvoxceleb.processing.pipeline import Pipeline
from tests.support.videos import portrait, resized


def write_portrait_video(
    path: Path, seconds: int, *, bit_rate: int = 800_000, size: tuple[int, int] = (1280, 720)
) -> Path:
    """At 25 fps: the portrait on a slow circle, ten seconds long and repeated without encoding it again."""
    width, height = size
    side = height * 5 // 6
    face = resized(portrait(), side, side, cv2.INTER_CUBIC)
    wall = resized(np.random.default_rng(0).integers(60, 130, (9, 16, 3), np.uint8), width, height)
    packets = []
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = width, height, "yuv420p", bit_rate
        stream.options = {"preset": "veryfast", "g": "50", "bf": "0"}
        stream.time_base = stream.codec_context.time_base = Fraction(1, 25)
        for number in range(250):
            angle = 2 * np.pi * number / 250
            x = (width - side) // 2 + round(height / 24 * np.cos(angle))
            y = (height - side) // 2 + round(height / 36 * np.sin(angle))
            frame = wall.copy()
            frame[y : y + side, x : x + side] = face
            packets += stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24"))
        packets += stream.encode()
        copies = [(bytes(packet), packet.pts, packet.dts, packet.is_keyframe) for packet in packets]
        for repeat in range(seconds // 10):
            for data, pts, dts, is_key in copies:
                packet = av.Packet(data)
                packet.stream, packet.time_base, packet.is_keyframe = stream, Fraction(1, 25), is_key
                assert pts is not None
                assert dts is not None
                packet.pts, packet.dts = pts + 250 * repeat, dts + 250 * repeat
                container.mux(packet)
    return path


def rate(run: Callable[[], object], count: int, repeats: int = 5) -> tuple[float, float]:
    """Median frames a second and the spread (largest less smallest) of ``repeats`` runs over ``count`` frames."""
    rates = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        rates.append(count / (time.perf_counter() - start))
    return statistics.median(rates), max(rates) - min(rates)


def bench_resize(video: Path) -> None:
    import imageio.v2 as imageio
    from skimage import img_as_ubyte
    from skimage.transform import resize

    print("\n## Crop and resize against the original's step\n")
    print("| box | original, frames/s | ours, frames/s | ratio | PSNR, worst frame |\n| --- | --- | --- | --- | --- |")
    with open_decoder(video) as decoder:
        frames = list(decoder.frames(0, 40))
    height, width = frames[0].shape[:2]
    for side in (307, 400, 500, 680):
        if side > min(height, width):
            continue
        left, top = (width - side) // 2, (height - side) // 2

        def original(left: int = left, top: int = top, side: int = side) -> list[np.ndarray]:
            parts = (frame[top : top + side, left : left + side] for frame in frames)
            return [img_as_ubyte(resize(part, (256, 256), anti_aliasing=True)) for part in parts]

        def ours(left: int = left, top: int = top, side: int = side) -> list[np.ndarray]:
            return [crop_and_resize(frame, (left, top, left + side, top + side), 256) for frame in frames]

        theirs_rate, ours_rate = [], []
        for _ in range(3):  # in turns, so that both see the same machine
            theirs_rate.append(rate(original, len(frames), 1)[0])
            ours_rate.append(rate(ours, len(frames), 1)[0])
        worst = min(psnr(a, b) for a, b in zip(ours(), original(), strict=True))
        a, b = statistics.median(theirs_rate), statistics.median(ours_rate)
        print(f"| {side}x{side} | {a:.0f} | {b:.0f} | {b / a:.1f}x | {worst:.1f} dB |")

    side = 400
    left, top = (width - side) // 2, (height - side) // 2

    def original_step() -> list[np.ndarray]:
        reader = imageio.get_reader(str(video), "ffmpeg")
        return [
            img_as_ubyte(resize(frame[top : top + side, left : left + side], (256, 256), anti_aliasing=True))
            for frame, _ in zip(reader, range(150), strict=False)
        ]

    def our_step() -> list[np.ndarray]:
        with open_decoder(video, num_threads=0) as decoder:
            return [crop_and_resize(f, (left, top, left + side, top + side), 256) for f in decoder.frames(0, 150)]

    count = len(our_step())
    pairs = [(rate(original_step, count, 1)[0], rate(our_step, count, 1)[0]) for _ in range(3)]
    a, b = (statistics.median(column) for column in zip(*pairs, strict=True))
    print(f"\nWith decoding (imageio's ffmpeg process, PyAV; both choose their threads), {side}x{side}: ", end="")
    print(f"{a:.0f} and {b:.0f} frames/s, {b / a:.1f}x.")


def bench_decoders(video: Path) -> None:
    print("\n## Decoders on the same file\n")
    with open_decoder(video) as decoder:
        reference = [frame.copy() for frame in decoder.frames(0, 250)]
    print(f"{len(reference)} frames {reference[0].shape[1]}x{reference[0].shape[0]} in a row, opening included.\n")
    print("| decoder | threads | frames/s (spread) | largest difference to PyAV |\n| --- | --- | --- | --- |")
    for threads in (1, 0):
        for name in ("pyav", "torchcodec", "decord"):

            def run(name: str = name, threads: int = threads) -> None:
                with open_decoder(video, decoder=name, num_threads=threads) as decoder:
                    for _ in decoder.frames(0, len(reference)):
                        pass

            try:
                with open_decoder(video, decoder=name, num_threads=threads) as decoder:
                    worst = max(
                        int(cv2.absdiff(a, b).max())
                        for a, b in zip(decoder.frames(0, len(reference)), reference, strict=True)
                    )
            except ImportError as error:
                print(f"| {name} | {threads or 'auto'} | not run: {str(error)[:60]} | |")
                continue
            median, spread = rate(run, len(reference))
            print(f"| {name} | {threads or 'auto'} | {median:.0f} ({spread:.0f}) | {worst} |")


def bench_stages(video: Path) -> None:
    print("\n## Stages, one thread each\n")
    cv2.setNumThreads(1)
    with open_decoder(video) as decoder:
        frames = [frame.copy() for frame in decoder.frames(0, 100)]
    small = [shrink_to_height(frame, 360) for frame in frames]
    side = min(400, *frames[0].shape[:2])
    crops = [crop_and_resize(frame, (0, 0, side, side), 256) for frame in frames]
    haar = open_detector("haar")
    haar.setup()

    def decode() -> None:
        with open_decoder(video) as decoder:
            for _ in decoder.frames(0, len(frames)):
                pass

    stages: dict[str, tuple[Callable[[], object], int]] = {
        "decode to RGB (PyAV)": (decode, len(frames)),
        "shrink to 360 px": (lambda: [shrink_to_height(frame, 360) for frame in frames], len(frames)),
        "detect (Haar, 360 px, faces from 64 px)": (lambda: haar.detect(small[:25], min_face_px=64), 25),
        "detect (Haar, 360 px, all faces)": (lambda: haar.detect(small[:25]), 25),
        f"crop {side} px and resize": (
            lambda: [crop_and_resize(frame, (0, 0, side, side), 256) for frame in frames],
            len(frames),
        ),
        "encode PNG": (lambda: [encode_frame(crop) for crop in crops], len(frames)),
    }
    print(f"{video.name}, {frames[0].shape[1]}x{frames[0].shape[0]}.\n\n| stage | frames/s (spread) |\n| --- | --- |")
    for name, (run, count) in stages.items():
        median, spread = rate(run, count, 3)
        print(f"| {name} | {median:.0f} ({spread:.0f}) |")
    cv2.setNumThreads(-1)


def bench_follow(raw: Path) -> None:
    print("\n## Following a face: a full search in every frame against a search near its last box, one thread\n")
    print(
        "The face of the full search: IoU is that of both boxes. Trembling: mean second difference of the edges, px.\n"
    )
    print("| video | full, frames/s | near, frames/s | ratio | without a face | mean IoU | trembling |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    cv2.setNumThreads(1)
    detector = open_detector("haar")
    detector.setup()
    for path in sorted(raw.glob("*.mp4")):
        with open_decoder(path) as decoder:
            frames = [shrink_to_height(frame, 360) for frame in decoder.frames(0, 10**9)]
            min_face_px = 0.5 * 128 * 360 / decoder.info.height_px

        def search(
            near: bool, frames: list[np.ndarray] = frames, min_face_px: float = min_face_px
        ) -> tuple[np.ndarray, float]:
            follower, last, boxes = FaceFollower(max_gap_frames=5), None, []
            faces: list[Detection]
            start = time.perf_counter()
            for frame in frames:
                faces = detector.detect_near(frame, last.box_xyxy_px, min_face_px=min_face_px) if near and last else []
                last = follower.follow(faces or detector.detect([frame], min_face_px=min_face_px)[0])
                boxes.append(last.box_xyxy_px if last else [np.nan] * 4)
            return np.array(boxes), len(frames) / (time.perf_counter() - start)

        (full, full_rate), (near, near_rate) = search(False), search(True)
        overlap = np.nanmean(np.where(np.isnan(full + near).any(1), np.nan, iou(full, near)))
        missing = " / ".join(str(int(np.isnan(boxes[:, 0]).sum())) for boxes in (full, near))
        shake = " / ".join(f"{np.nanmean(np.abs(np.diff(boxes, n=2, axis=0))):.2f}" for boxes in (full, near))
        rates = f"{full_rate:.1f} | {near_rate:.0f} | {near_rate / full_rate:.1f}x"
        print(f"| {path.stem} | {rates} | {missing} of {len(frames)} | {overlap:.3f} | {shake} |", flush=True)
    cv2.setNumThreads(-1)


HEADER = "| workers | frames | clips | seconds | frames/s | bytes a frame |\n| --- | --- | --- | --- | --- | --- |"


def bench_command(raw: Path) -> None:
    print(f"\n## The whole command, {raw.name}, Haar, PNG folders, the start of the program included\n")
    print(HEADER)
    for workers in (1, 2, 1, 2):
        run_command(raw, str(workers), "--detector", "haar", "--min-face", "128", "--workers", str(workers))


def bench_metadata(raw: Path) -> None:
    """Crop by known boxes, as vox-metadata.csv gives them, the middle 0.6 of each video's shorter side."""
    print(f"\n## The whole command with --metadata, {raw.name}, PNG folders\n")
    print(HEADER)
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "rows.csv"
        lines = ["video_id,start,end,bbox,fps,width,height,partition,person_id"]
        for number, path in enumerate(sorted(raw.glob("*.mp4"))):
            with open_decoder(path) as decoder:
                width, height = decoder.info.width_px, decoder.info.height_px
                frames = int((decoder.info.duration_seconds_from_header or 0) * 25) - 2
            x, y, half = width // 2, height // 2, int(0.3 * min(width, height))
            box = f"{x - half}-{y - half}-{x + half}-{y + half}"
            lines.append(f"{path.stem},0,{frames},{box},25,{width},{height},train,id1{number:04d}")
        table.write_text("\n".join(lines) + "\n")
        for workers in ("1", "2"):
            run_command(raw, workers, "--metadata", str(table), "--workers", workers)


def run_command(raw: Path, name: str, *options: str) -> None:
    code = "from mmvoxceleb.cli.main import main; main()"
    with tempfile.TemporaryDirectory() as out:
        start = time.perf_counter()
        command = [sys.executable, "-c", code, "regenerate", "crop", str(raw), out, *options]
        subprocess.run(command, check=True, capture_output=True)
        seconds = time.perf_counter() - start
        pictures = list(Path(out).glob("video/*/*.png"))
        clips = len({picture.parent for picture in pictures})
        size = sum(picture.stat().st_size for picture in pictures) / len(pictures)
    print(
        f"| {name} | {len(pictures)} | {clips} | {seconds:.1f} | {len(pictures) / seconds:.1f} | {size:.0f} |",
        flush=True,
    )


def memory_child(video: Path) -> None:
    settings = CropSettings.for_free_videos(detection_height_px=90)
    with tempfile.TemporaryDirectory() as out:
        stage = CropStage(settings, open_detector("haar"))
        summary = Pipeline([stage]).run(video, out, layout="packed")
    print(summary.clips, summary.frames, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)


def bench_memory() -> None:
    print("\n## Peak memory against the length of the video\n")
    print("1280x720, 25 fps, faces detected (Haar on 90 px), packed PNG, one process.\n")
    print("| video | clips | frames | peak resident memory |\n| --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as folder:
        for minutes in (1, 10):
            path = write_portrait_video(Path(folder) / f"{minutes}min.mp4", 60 * minutes)
            command = [sys.executable, __file__, "--memory-child", str(path)]
            output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            clips, frames, peak = output.split()[-3:]
            print(f"| {minutes} min | {clips} | {frames} | {peak} MB |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--video", type=Path, help="a video with a face; made from the bundled sample by default")
    parser.add_argument("--raw", type=Path, help="a folder of videos for the whole command")
    parser.add_argument("--parts", default="resize,decoders,stages,follow,command,metadata,memory")
    parser.add_argument("--memory-child", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.memory_child:
        memory_child(options.memory_child)
        return
    parts = options.parts.split(",")
    with tempfile.TemporaryDirectory() as folder:
        video = options.video or write_portrait_video(Path(folder) / "portrait.mp4", 20)
        if "resize" in parts:
            bench_resize(video)
        if "decoders" in parts:
            bench_decoders(video)
        if "stages" in parts:
            bench_stages(video)
        for part, bench in (("follow", bench_follow), ("command", bench_command), ("metadata", bench_metadata)):
            if part in parts and options.raw:
                bench(options.raw)
        if "memory" in parts:
            bench_memory()


if __name__ == "__main__":
    main()
