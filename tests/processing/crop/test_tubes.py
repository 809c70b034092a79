from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from mmvoxceleb.processing.crop.boxes import grow_to_square, iou, move_inside, overhang_px, smooth_boxes, union
from mmvoxceleb.processing.crop.tubes import NO_FACE, FaceFollower, bridge_gaps, cut_tubes, match_annotation
from mmvoxceleb.processing.detectors import Detection
from mmvoxceleb.processing.detectors.interface import Box

FACE = (100.0, 50.0, 200.0, 170.0)


def shifted(box: Box, x: float, y: float = 0.0) -> Box:
    return (box[0] + x, box[1] + y, box[2] + x, box[3] + y)


def tubes_of(boxes: Sequence[Box], **options: Any) -> list[tuple[int, int, int, Any]]:
    return [(t.number, t.start, t.stop, t.box_xyxy_px) for t in cut_tubes(np.array(boxes, np.float64), **options)]


def test_overlap_counts_the_last_pixel() -> None:
    assert iou((0, 0, 9, 9), (5, 0, 14, 9)) == pytest.approx(50 / 150)
    assert iou((0, 0, 9, 9), (9, 9, 18, 18)) == pytest.approx(1 / 199)
    assert iou((0, 0, 9, 9), (11, 0, 20, 9)) == 0
    assert iou(NO_FACE, NO_FACE) == 1
    assert np.allclose(iou([(0, 0, 9, 9), (5, 0, 14, 9)], (0, 0, 9, 9)), [1, 1 / 3])


def test_a_tube_ends_when_the_overlap_with_its_first_box_is_gone() -> None:
    # each step is small; only the distance to the first box cuts
    boxes = [shifted(FACE, 10 * i) for i in range(9)]
    overlaps = [float(iou(boxes[0], box)) for box in boxes]
    cut = next(i for i, overlap in enumerate(overlaps) if overlap < 0.25)
    assert cut == 7
    assert overlaps[6] >= 0.25
    assert tubes_of(boxes) == [
        (0, 0, 7, (100, 50, 260, 170)),  # the box of the cut frame is not in the union
        (1, 7, 9, (170, 50, 280, 170)),  # it begins the next tube
    ]


def test_a_tube_ends_at_the_longest_length() -> None:
    assert [(start, stop) for _, start, stop, _ in tubes_of([FACE] * 2500)] == [(0, 1024), (1024, 2048), (2048, 2500)]
    assert [(start, stop) for _, start, stop, _ in tubes_of([FACE] * 7, max_frames=3)] == [(0, 3), (3, 6), (6, 7)]


def test_frames_without_a_face_are_a_tube_of_their_own_that_takes_a_number() -> None:
    boxes = [FACE] * 3 + [NO_FACE] * 2 + [FACE] * 4
    tubes = cut_tubes(np.array(boxes))
    assert [(t.number, t.start, t.stop, t.has_face) for t in tubes] == [
        (0, 0, 3, True),
        (1, 3, 5, False),
        (2, 5, 9, True),
    ]


def test_scene_cuts_end_tubes() -> None:
    assert [(start, stop) for _, start, stop, _ in tubes_of([FACE] * 9, cuts=(4,))] == [(0, 4), (4, 9)]


@pytest.mark.parametrize("seed", range(5))
def test_tubes_cover_every_frame_once(seed: int) -> None:
    rng = np.random.default_rng(seed)
    boxes = np.array([shifted(FACE, *rng.normal(0, 60, 2)) if rng.random() > 0.2 else NO_FACE for _ in range(200)])
    tubes = cut_tubes(boxes, max_frames=20)
    assert [tube.number for tube in tubes] == list(range(len(tubes)))
    assert [tube.start for tube in tubes] == [0, *[tube.stop for tube in tubes[:-1]]]
    assert tubes[-1].stop == 200
    for tube in tubes:
        inside = boxes[tube.start : tube.stop]
        assert (iou(inside, inside[0]) >= 0.25).all()
        assert tube.box_xyxy_px == union(inside)


def test_growth_makes_a_square_of_six_fifths_of_the_longer_side() -> None:
    assert grow_to_square((100, 100, 200, 300), 0.1) == (30, 80, 270, 320)
    assert grow_to_square((100, 100, 200, 200), 0.1) == (90, 90, 210, 210)
    assert grow_to_square((624, 48, 1018, 553), 0) == (568, 48, 1073, 553)


def test_growth_cuts_fractions_off_towards_zero() -> None:
    # 1.2 * 301 = 361.2: the edges are 100.5 - 30.1 = 70.4 and 401.5 + 30.1 = 431.6
    assert grow_to_square((100.5, 100.5, 401.5, 401.5), 0.1) == (70, 70, 431, 431)
    left, *_ = grow_to_square((30, 100, 331, 401), 0.1)
    assert left == 0  # -0.1 becomes 0, so this crop does not reach beyond the picture
    assert overhang_px((left, 0, 361, 361), 640, 480) == 0


def test_moving_a_box_inside() -> None:
    assert move_inside((-10, 20, 90, 120), 640, 480) == (0, 20, 100, 120)
    assert move_inside((600, 400, 700, 500), 640, 480) == (540, 380, 640, 480)
    assert move_inside((100, -100, 700, 500), 640, 480) == (160, 0, 640, 480)
    assert move_inside((5, 5, 50, 50), 640, 480) == (5, 5, 50, 50)


def test_the_annotated_face_is_the_one_with_the_best_overlap() -> None:
    left, right = Detection((0, 0, 50, 50), 0.9), Detection((100, 0, 150, 50), 0.6)
    assert match_annotation([left, right], (95, 5, 140, 55))[0] is right
    assert match_annotation([left, right], (0, 0, 60, 60))[0] is left
    assert match_annotation([], (0, 0, 60, 60)) == (None, 0.0)
    face, overlap = match_annotation([left, right], (300, 300, 400, 400))
    assert (face, overlap) == (right, 0.0)


def test_the_follower_takes_the_largest_face_and_stays_with_it() -> None:
    big, small = Detection(FACE, 0.5), Detection((300, 0, 340, 40), 0.99)
    growing = Detection((290, 0, 600, 300), 0.99)
    follower = FaceFollower(max_gap_frames=2)
    assert follower.follow([small, big]) is big
    assert follower.follow([growing, big]) is big
    assert follower.follow([growing]) is None
    assert follower.follow([growing]) is None
    assert follower.follow([growing]) is None
    assert follower.follow([growing]) is growing  # lost for more than two frames
    assert follower.follow([growing, big]) is growing
    assert follower.follow([small, big], is_cut=True) is big


def test_short_gaps_are_bridged_but_not_across_cuts() -> None:
    boxes = np.array([FACE, NO_FACE, NO_FACE, shifted(FACE, 30), NO_FACE, NO_FACE, NO_FACE, FACE, NO_FACE])
    bridged = bridge_gaps(boxes, max_gap_frames=2)
    assert np.allclose(bridged[:4], [shifted(FACE, x) for x in (0, 10, 20, 30)])
    assert np.array_equal(bridged[4:], boxes[4:])
    assert np.array_equal(bridge_gaps(boxes, max_gap_frames=2, cuts=[2]), boxes)
    assert not boxes[1].any()


def test_smoothing_keeps_what_stands_still_and_calms_what_shakes() -> None:
    still = np.tile(np.array(FACE), (40, 1))
    assert np.allclose(smooth_boxes(still, 5), still)
    shaky = still + np.random.default_rng(0).normal(0, 4, (40, 4))
    smooth = smooth_boxes(shaky, 5)
    assert np.abs(np.diff(smooth, axis=0)).mean() < 0.1 * np.abs(np.diff(shaky, axis=0)).mean()
    assert np.abs(smooth - still).mean() < 2
    assert np.array_equal(smooth_boxes(shaky, 0), shaky)
