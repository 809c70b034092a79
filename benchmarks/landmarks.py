"""Measure frames per second of landmarks, blendshapes and head pose, against MediaPipe's own loop.

MediaPipe needs a separate environment. Rates are given by the clock and by CPU time, which other work on the machine
disturbs less.

python benchmarks/landmarks.py VIDEO... --mediapipe /path/to/other/environment/bin/python
"""

import argparse
import json
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import av
import numpy as np

from mmvoxceleb.processing.landmarks import FaceLandmarker
from mmvoxceleb.processing.weights import locate

MEDIAPIPE = """
import json, sys, time
import mediapipe as mp, numpy as np
from mediapipe.tasks.python import BaseOptions, vision
weights, repeats, *files = sys.argv[1:]
frames = [np.load(file) for file in files]
rates = []
for _ in range(int(repeats)):
    start = time.perf_counter(), time.process_time()
    for clip in frames:
        options = vision.FaceLandmarkerOptions(
            base_options=BaseOptions(model_asset_path=weights), running_mode=vision.RunningMode.VIDEO,
            output_face_blendshapes=True, output_facial_transformation_matrixes=True)
        with vision.FaceLandmarker.create_from_options(options) as landmarker:
            for number, frame in enumerate(clip):
                landmarker.detect_for_video(mp.Image(image_format=mp.ImageFormat.SRGB, data=frame), number * 40)
    rates.append([sum(map(len, frames)) / t for t in (time.perf_counter() - start[0], time.process_time() - start[1])])
print("RATES", json.dumps(rates))
"""


def frames_of(path: Path, count: int) -> np.ndarray:
    with av.open(str(path), "r") as container:
        decoded = [frame.to_ndarray(format="rgb24") for _, frame in zip(range(count), container.decode(video=0))]  # noqa: B905
    return np.stack(decoded)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("videos", type=Path, nargs="+")
    parser.add_argument("--mediapipe", help="python of an environment that has mediapipe")
    parser.add_argument("--frames", type=int, default=100, help="of each video")
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    clips = [frames_of(video, options.frames) for video in options.videos]
    weights = locate("face-landmarker")
    landmarker = FaceLandmarker(weights)
    landmarker.setup()
    rates: dict[str, list[list[float]]] = {"here, one process": []}
    for _ in range(options.repeats):
        start = time.perf_counter(), time.process_time()
        for clip in clips:
            landmarker(clip)
        seconds = time.perf_counter() - start[0], time.process_time() - start[1]
        rates["here, one process"].append([sum(map(len, clips)) / each for each in seconds])
    if options.mediapipe:
        with tempfile.TemporaryDirectory() as folder:
            files = [str(Path(folder) / f"{number}.npy") for number in range(len(clips))]
            for file, clip in zip(files, clips, strict=True):
                np.save(file, clip)
            command = [options.mediapipe, "-c", MEDIAPIPE, str(weights), str(options.repeats), *files]
            output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        line = next(line for line in output.splitlines() if line.startswith("RATES "))
        rates["mediapipe, mode VIDEO"] = json.loads(line.removeprefix("RATES "))
    for name, values in rates.items():
        for unit, each in zip(("second", "CPU second"), zip(*values, strict=True), strict=True):
            spread = f"{min(each):.1f} to {max(each):.1f}"
            print(f"{name}: {statistics.median(each):.1f} frames a {unit} ({spread}, {len(each)} runs)")


if __name__ == "__main__":
    main()
