"""The pipeline against the bare modules, Ray against the local engine, and memory against the number of clips.

    python benchmarks/pipeline.py                        # all parts
    python benchmarks/pipeline.py --parts overhead       # or engines, memory
    python benchmarks/pipeline.py --parts raw --raw VIDEOS   # end to end over a folder of videos (Haar, all stages)

The networks have the weights of the tests' recipe, so that nothing is downloaded. Sides take turns; medians are given.
"""

import argparse
import json
import logging
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import torch

from mmvoxceleb.codecs.masks import encode_palette_mask
from mmvoxceleb.processing import CropSettings, CropStage, DrawStage, FaceParser, MaskStage, Pipeline, PortraitDrawer
from mmvoxceleb.processing.crop import crop_tubes
from mmvoxceleb.processing.crop.sources import annotated_videos
from mmvoxceleb.processing.detectors import open_detector
from mmvoxceleb.processing.frame_codec import FrameCodec
from mmvoxceleb.processing.labels import AttributePredictor
from mmvoxceleb.processing.labels.stage import LabelStage
from mmvoxceleb.processing.pictures import encode_grey
from mmvoxceleb.processing.pipeline import Engine
from mmvoxceleb.processing.stage import Stage
from mmvoxceleb.processing.text.stage import TextStage
from tests.support.attribute_model import save_classifier
from tests.support.pseudo_weights import fill, read_keys
from tests.support.videos import face_boxes, portrait_frames, write_annotation, write_video

SETTINGS = CropSettings(min_frames=16, min_face_px=60, boxes="annotation")
STRIDE = 12


def make_inputs(folder: Path, videos: int, frames: int) -> Path:
    """Write videos of a moving portrait with their annotations."""
    for number in range(videos):
        places = [(20.0 + number % 40 + i % 7, 25.0) for i in range(frames + 1)]
        name = f"{number:03d}bbbbbbbb"
        write_video(folder / "raw" / f"{name}.mp4", portrait_frames(places))
        path = folder / "txt" / "id10001" / name / "00001.txt"
        write_annotation(path, range(frames + 1), face_boxes(places), height=240, person="id10001", video=name)
    return folder


def make_weights(folder: Path) -> tuple[Path, Path]:
    """Save checkpoints of both networks by the recipe."""
    masks, drawings = folder / "79999_iter.pth", folder / "200_net_G_A.pth"
    torch.save(fill(read_keys("bisenet")), masks)
    torch.save(fill(read_keys("drawing")), drawings)
    return masks, drawings


def bare(inputs: Path, out: Path, parse: FaceParser, draw: PortraitDrawer) -> None:
    """The same work as a script would do it with the plain callables: one step after the other."""
    for video in annotated_videos(inputs / "raw", inputs / "txt"):
        for clip in crop_tubes(video, settings=SETTINGS):
            frames = list(clip.frames)
            masks = parse(_every(frames))
            drawings = draw(_every(frames))["style1"]
            written = {
                "video": FrameCodec().encode(clip.clip_id, iter(frames)),
                "mask": [(f"{index * STRIDE:07d}.png", encode_palette_mask(mask)) for index, mask in enumerate(masks)],
                "draw": [(f"{index * STRIDE:07d}.png", encode_grey(one)) for index, one in enumerate(drawings)],
            }
            for name, files in written.items():
                folder = out / name / clip.clip_id
                folder.mkdir(parents=True)
                for file, data in files:
                    (folder / file).write_bytes(data)


def _every(frames: "list[np.ndarray]") -> "np.ndarray":
    return np.stack(frames[::STRIDE])


def overhead(rounds: int) -> None:
    print("\n## Overhead of the pipeline over the bare modules\n")
    print("Crop with annotated boxes, masks and one style of drawings; 3 videos of 24 frames, every 12th one.\n")
    print("| way | seconds (median) | against bare |\n| --- | --- | --- |")
    with tempfile.TemporaryDirectory() as temp:
        folder = Path(temp)
        inputs = make_inputs(folder / "in", 3, 24)
        masks, drawings = make_weights(folder)
        parse, draw = FaceParser(masks), PortraitDrawer(drawings)
        pipeline = Pipeline([CropStage(SETTINGS), MaskStage(parse, stride=STRIDE), DrawStage(draw, stride=STRIDE)])
        videos = annotated_videos(inputs / "raw", inputs / "txt")

        def through(out: Path) -> None:
            pipeline.run(videos, out).raise_if_failed()

        ways: dict[str, Callable[[Path], None]] = {
            "bare modules, one after the other": lambda out: bare(inputs, out, parse, draw),
            "pipeline": through,
        }
        times = _in_turns(ways, rounds, folder)
    _print_times(times)


def engines(rounds: int) -> None:
    print("\n## Local against Ray, on this machine\n")
    print("Masks of 8 clips with 24 frames each, every 4th one; with the start of workers and models. Ray: one node,")
    print("started before the clock.\n")
    print("| way | seconds (median) | against local, 1 worker |\n| --- | --- | --- |")
    import ray

    ray.init(num_cpus=2, logging_level=logging.ERROR, log_to_driver=False, include_dashboard=False)
    with tempfile.TemporaryDirectory() as temp:
        folder = Path(temp)
        inputs = make_inputs(folder / "in", 8, 24)
        masks, _ = make_weights(folder)
        Pipeline([CropStage(SETTINGS)]).run(annotated_videos(inputs / "raw", inputs / "txt"), folder / "store")

        def masks_on(engine: Engine, workers: int) -> Callable[[Path], None]:
            def run(out: Path) -> None:
                stage = MaskStage(FaceParser(masks))
                pipeline = Pipeline([stage])
                pipeline.run(folder / "store", out, engine=engine, workers=workers).raise_if_failed()

            return run

        engines: tuple[Engine, ...] = ("local", "ray")
        ways = {f"{name}, {n} worker{'s' * (n > 1)}": masks_on(name, n) for name in engines for n in (1, 2)}
        times = _in_turns(ways, rounds, folder)
    ray.shutdown()
    _print_times(times)


def memory() -> None:
    print("\n## Memory against the number of clips\n")
    print("Crop, masks by a network of the original's size, labels and text; clips of 24 frames; one worker.\n")
    print("| clips | peak resident memory |\n| --- | --- |")
    for count in (10, 100):
        with tempfile.TemporaryDirectory() as temp:
            make_inputs(Path(temp) / "in", count, 24)
            make_weights(Path(temp))
            save_classifier(Path(temp) / "attributes")
            command = [sys.executable, __file__, "--memory-child", temp]
            output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        clips, peak = output.split()[-2:]
        print(f"| {clips} | {peak} MB |", flush=True)


def memory_child(folder: Path) -> None:
    import resource

    predictor = AttributePredictor(f"transformers:{folder / 'attributes'}")
    stages: list[CropStage | Stage] = [
        CropStage(SETTINGS),
        MaskStage(FaceParser(folder / "79999_iter.pth"), stride=24),
        LabelStage(predictor, None, num_frames=1),
        TextStage(),
    ]
    summary = Pipeline(stages).run(annotated_videos(folder / "in" / "raw", folder / "in" / "txt"), folder / "out")
    summary.raise_if_failed()
    print(summary.done, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)


def raw(videos: Path, stride: int) -> None:
    print(f"\n## End to end: all stages over the videos of a folder, every {stride}th frame\n")
    with tempfile.TemporaryDirectory() as temp:
        folder = Path(temp)
        masks, drawings = make_weights(folder)
        predictor = AttributePredictor(f"transformers:{save_classifier(folder / 'attributes')}")
        stages: list[CropStage | Stage] = [
            CropStage(detector=open_detector("haar")),
            MaskStage(FaceParser(masks), stride=stride),
            DrawStage(PortraitDrawer(drawings), stride=stride),
            LabelStage(predictor, None),
            TextStage(),
        ]
        summary = Pipeline(stages).run(videos, folder / "out")
    print("```json\n" + json.dumps({**summary.as_dict(), "location": "OUT"}, indent=1) + "\n```")


def _in_turns(ways: dict[str, Callable[[Path], None]], rounds: int, folder: Path) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(-1, rounds):  # the first turn warms up
        for number, (name, run) in enumerate(ways.items()):
            start = time.perf_counter()
            run(folder / f"out-{turn}-{number}")
            if turn >= 0:
                times[name].append(time.perf_counter() - start)
    return times


def _print_times(times: dict[str, list[float]]) -> None:
    first = statistics.median(next(iter(times.values())))
    for name, values in times.items():
        middle = statistics.median(values)
        print(f"| {name} | {middle:.2f} ({min(values):.2f} to {max(values):.2f}) | {middle / first:.2f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", default=["overhead", "engines", "memory"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--raw", type=Path, help="a folder of videos, for the part raw")
    parser.add_argument("--stride", type=int, default=4)
    parser.add_argument("--memory-child", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.memory_child is not None:
        memory_child(options.memory_child)
        return
    for part in options.parts:
        if part == "overhead":
            overhead(options.rounds)
        elif part == "engines":
            engines(options.rounds)
        elif part == "memory":
            memory()
        elif part == "raw" and options.raw is not None:
            raw(options.raw, options.stride)
        else:
            parser.error(f"unknown part {part!r}, or no --raw FOLDER for the part raw")


if __name__ == "__main__":
    main()
