"""H.264 files depend on their frames, and not on what memory held before."""

import os
import subprocess
import sys

import pytest

ENCODE = """
import hashlib, sys
import cv2, numpy as np
from mmvoxceleb.hub.mp4 import encode_mp4
from mmvoxceleb.codecs.h264 import encode_h264

rng = np.random.default_rng(0)
still = cv2.resize(rng.integers(0, 256, (30, 30, 3), np.uint8), (400, 400), interpolation=cv2.INTER_CUBIC)
for width in map(int, sys.argv[1:]):
    moved = [still[3 * step : 3 * step + 96, 2 * step : 2 * step + width].astype(int) for step in range(24)]
    frames = [np.clip(frame + rng.normal(0, 4, frame.shape), 0, 255).astype(np.uint8) for frame in moved]
    files = [cv2.imencode(".png", frame)[1].tobytes() for frame in frames]
    data = encode_mp4(files, crf=18, lossless=False, clip_id="a")[0]
    cropped = encode_h264(frames, fps=25, crf=16, key_frame_every=12)
    print(width, hashlib.sha256(data).hexdigest(), hashlib.sha256(cropped).hexdigest())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="MALLOC_PERTURB_ is glibc's")
def test_the_same_frames_give_the_same_file_whatever_was_in_memory() -> None:
    printed = set()
    for filling in ("1", "170", "255"):
        settings = {**os.environ, "MALLOC_PERTURB_": filling}
        command = [sys.executable, "-c", ENCODE, "64", "128", "224", "256"]
        done = subprocess.run(command, env=settings, capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == 0, done.stderr
        printed.add(done.stdout)
    assert len(printed) == 1
