from collections.abc import Iterable
from itertools import pairwise

import cv2
import numpy as np

from mmvoxceleb.processing.crop.quality import QualityMeter
from mmvoxceleb.processing.crop.scenes import CutDetector
from tests.support.videos import portrait


def cuts(frames: Iterable[np.ndarray]) -> list[int]:
    detector = CutDetector()
    return [place for place, frame in enumerate(frames) if detector.is_cut(frame)]


def walls(count: int, seed: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [cv2.resize(rng.integers(0, 255, (9, 16, 3), np.uint8), (320, 180)) for _ in range(count)]


def test_a_change_of_scene_is_a_cut_and_movement_is_none() -> None:
    first, second = walls(2, 0)
    face = cv2.resize(portrait(), (100, 100))
    frames = []
    for number in range(40):
        frame = (first if number < 25 else second).copy()
        x = 40 + 4 * number
        frame[40:140, x : x + 100] = face
        frames.append(frame)
    assert cuts(frames) == [25]


def test_pans_zooms_and_fades_are_no_cuts() -> None:
    big = cv2.resize(np.hstack([portrait(), portrait()[:, ::-1], portrait()]), (1440, 480))
    pan = [big[100:280, 12 * i : 12 * i + 320] for i in range(90)]
    zoom = [cv2.resize(big[2 * i : 480 - 2 * i, 4 * i : 850 - 4 * i], (320, 180)) for i in range(90)]
    fade = [(big[:180, :320] * (i / 30)).astype(np.uint8) for i in range(30)]
    assert cuts(pan) == cuts(zoom) == cuts(fade) == []


def test_frames_that_are_shown_several_times_make_movement_no_cut() -> None:
    big = cv2.resize(np.hstack([portrait(), portrait()[:, ::-1], portrait()]), (1440, 480))
    pan = [big[100:280, 12 * i : 12 * i + 320] for i in range(90)]
    slow = [pan[i - i % 3] for i in range(90)]
    assert cuts(pan[:30] + slow[30:]) == []  # as of a video whose rate changes
    assert max(float(np.abs(b.astype(int) - a).mean()) for a, b in pairwise(slow)) > 40


def test_cuts_in_close_succession() -> None:
    frames = [wall for wall in walls(4, 1) for _ in range(5)]
    assert cuts(frames) == [5, 10, 15]


def test_quality_figures_tell_sharp_from_blurred_and_still_from_moving() -> None:
    picture = portrait()
    sharp, soft, moving = QualityMeter(), QualityMeter(), QualityMeter()
    for shift in range(5):
        sharp.add(picture)
        soft.add(np.asarray(cv2.GaussianBlur(picture, (0, 0), 3), np.uint8))
        moving.add(np.roll(picture, 3 * shift, axis=1))
    assert sharp.figures()["sharpness"] > 10 * soft.figures()["sharpness"]
    assert sharp.figures()["motion"] == 0
    assert moving.figures()["motion"] > 2
    assert QualityMeter().figures() == {"sharpness": 0.0, "motion": 0.0}
