"""What modalities say of every frame: figures over time, and lines over the frames."""

import numpy as np
import pytest

from mmvoxceleb.modalities import LANDMARKS, MASKS, VIDEO
from mmvoxceleb.processing.crop.quality import QualityMeter
from mmvoxceleb.processing.landmarks.geometry import angles_of
from mmvoxceleb.processing.masks.smoothing import flicker
from tests.support.faces import landmarks_of


def turned(axis: int, degrees: float) -> np.ndarray:
    angle = np.radians(degrees)
    rotation = np.eye(3)
    one, other = (axis + 1) % 3, (axis + 2) % 3
    rotation[[one, other], [one, other]] = np.cos(angle)
    rotation[one, other], rotation[other, one] = -np.sin(angle), np.sin(angle)
    return rotation


@pytest.mark.parametrize(("yaw", "pitch", "roll"), [(0, 0, 0), (30, 0, 0), (0, 20, 0), (0, 0, -15), (-40, 25, 60)])
def test_the_axes_of_the_head_point_where_its_angles_say(yaw: float, pitch: float, roll: float) -> None:
    rotation = turned(1, yaw) @ turned(0, -pitch) @ turned(2, -roll)  # y up, z to the viewer
    value = landmarks_of(0, 1)
    object.__setattr__(value, "head_pose", angles_of(rotation).astype(np.float32)[None])
    _, pose = LANDMARKS.outlines(value)
    axes = pose.points[0, 1:] - pose.points[0, :1]
    wanted = rotation[:2].T * (1, -1)  # in the picture y goes down
    length = np.linalg.norm(value.points[0, 10, :2] - value.points[0, 152, :2])
    assert axes == pytest.approx(wanted * 0.4 * length, abs=1e-3)


def test_curves_are_those_whose_means_stand_in_the_provenance() -> None:
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 256, (6, 32, 48, 3), np.uint8)
    meter = QualityMeter()
    for frame in frames:
        meter.add(frame)
    sharpness, motion = VIDEO.curves((4 + number, frame) for number, frame in enumerate(frames))
    assert sharpness.indices.tolist() == [4, 5, 6, 7, 8, 9]
    assert round(float(np.median(sharpness.values)), 1) == round(meter.figures()["sharpness"], 1)
    assert float(np.nanmean(motion.values)) == pytest.approx(meter.figures()["motion"], abs=1e-3)
    ids = rng.integers(0, 3, (5, 16, 16), np.uint8)
    *shares, changed = MASKS.curves((4 * number, each) for number, each in enumerate(ids))
    assert float(np.nanmean(changed.values)) == pytest.approx(flicker(ids))
    assert {each.name for each in shares} == {"skin", "l_brow"}
    assert shares[0].values[2] == pytest.approx((ids[2] == (1 if shares[0].name == "skin" else 2)).mean())


def test_frames_without_a_face_have_neither_curve_nor_line() -> None:
    value = landmarks_of(0, 6)
    points, pose = LANDMARKS.outlines(value)
    assert np.isnan(points.points[2]).all()
    assert np.isnan(pose.points[2]).all()
    assert all(np.isnan(curve.values).tolist() == [False, False, True, False, False, False]
               for curve in LANDMARKS.curves(value))  # fmt: skip
