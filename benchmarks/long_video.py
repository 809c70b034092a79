"""Measure the crop of a long 1080p video against decoding alone, and its memory by length of the video.

    python benchmarks/long_video.py [--minutes 10] [--memory-minutes 1,60] [--detector haar]

The video shows the bundled portrait moving slowly in a circle. Ten seconds are encoded once and repeated. The crop
decodes a video twice, once to find the face and once for the frames of the clips, so the limit is half the rate of
decoding. Memory is measured at 640x360, so that a video of an hour does not take too long.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from crop import write_portrait_video

from mmvoxceleb.processing.crop import crop_tubes
from mmvoxceleb.processing.crop.settings import CropSettings
from mmvoxceleb.processing.crop.sources import free_videos
from mmvoxceleb.processing.crop.stage import CropStage
from mmvoxceleb.processing.decoders import open_decoder
from mmvoxceleb.processing.detectors import open_detector
from mmvoxceleb.processing.frame_codec import FrameCodec
from mmvoxceleb.processing.pipeline import Pipeline


def decode(video: Path) -> int:
    """Decode all frames to RGB at 25 a second, on one thread."""
    with open_decoder(video) as decoder:
        return sum(1 for _ in decoder.frames(0, 10**9))


def crop(video: Path, detector: str, *, encoded: bool) -> int:
    """Find the face and crop its clips on one thread; PNGs are encoded on a few more."""
    (source,) = free_videos(video)
    frames = 0
    for clip in crop_tubes(source, settings=CropSettings.for_free_videos(), detector=open_detector(detector)):
        frames += len(FrameCodec().encode(clip.clip_id, clip.frames)) if encoded else sum(1 for _ in clip.frames)
    return frames


def bench_speed(folder: Path, minutes: int, detector: str) -> None:
    video = write_portrait_video(folder / "long.mp4", 60 * minutes, size=(1920, 1080))
    print(f"## {minutes} minutes at 1920x1080, H.264, one thread, {detector}\n")
    print("Seconds of the processor, so that other work on the machine counts less.\n")
    print("| what | frames | seconds | frames/s | of decoding alone |\n| --- | --- | --- | --- | --- |")
    alone = 0.0
    runs: list[tuple[str, Callable[[], int]]] = [
        ("decoding alone", lambda: decode(video)),
        ("crop, frames in memory", lambda: crop(video, detector, encoded=False)),
        ("crop to PNG", lambda: crop(video, detector, encoded=True)),
        ("decoding alone, again", lambda: decode(video)),
    ]
    for name, run in runs:
        start = time.process_time()
        frames = run()
        seconds = time.process_time() - start
        alone = alone or frames / seconds
        print(
            f"| {name} | {frames} | {seconds:.1f} | {frames / seconds:.1f} | {frames / seconds / alone:.2f} |",
            flush=True,
        )


def memory_child(video: Path, detector: str) -> None:
    with tempfile.TemporaryDirectory() as out:
        stage = CropStage(CropSettings.for_free_videos(detection_height_px=90, min_face_px=64), open_detector(detector))
        summary = Pipeline([stage]).run(video, out, layout="packed")
    print(summary.clips, summary.frames, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)


def bench_memory(folder: Path, lengths: list[int], detector: str) -> None:
    print(f"\n## Peak memory, 640x360, {detector} on 90 px, packed PNG, one process\n")
    print("| video | clips | frames | peak resident memory |\n| --- | --- | --- | --- |")
    for minutes in lengths:
        path = write_portrait_video(folder / f"{minutes}min.mp4", 60 * minutes, size=(640, 360))
        command = [sys.executable, __file__, "--detector", detector, "--memory-child", str(path)]
        output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        clips, frames, peak = output.split()[-3:]
        print(f"| {minutes} min | {clips} | {frames} | {peak} MB |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=int, default=10, help="length of the video for the speed; 0 leaves it out")
    parser.add_argument("--memory-minutes", default="1,60", help="lengths for the memory; empty leaves it out")
    parser.add_argument("--detector", default="haar")
    parser.add_argument("--memory-child", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.memory_child:
        memory_child(options.memory_child, options.detector)
        return
    with tempfile.TemporaryDirectory() as folder:
        if options.minutes:
            bench_speed(Path(folder), options.minutes, options.detector)
        if options.memory_minutes:
            bench_memory(Path(folder), [int(each) for each in options.memory_minutes.split(",")], options.detector)


if __name__ == "__main__":
    main()
