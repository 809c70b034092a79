"""Which frames a sample takes."""

from typing import Any

import numpy as np
import pytest

from mmvoxceleb.errors import ConfigError, MissingModalityError
from mmvoxceleb.sampling import SampleOptions
from mmvoxceleb.sampling.windows import choose_frames, valid_starts

ALL = np.arange(40)


def frames(indices: np.ndarray, rng: int = 0, window: int = 0, **options: Any) -> list[int]:
    extra = {key: options.pop(key) for key in ("some_of", "all_of") if key in options}
    chosen = choose_frames(indices, SampleOptions(**options), np.random.default_rng(rng), window=window, **extra)
    return [int(index) for index in chosen]


def test_a_window_fits_wherever_all_its_frames_are() -> None:
    assert valid_starts(ALL, 8, 4).tolist() == list(range(12))
    assert valid_starts(ALL, 1, 4).tolist() == list(range(40))
    assert valid_starts(ALL, 8, 6).tolist() == []
    gap = np.delete(ALL, [9])
    assert valid_starts(gap, 3, 4).tolist() == [s for s in range(32) if 9 not in (s, s + 4, s + 8)]
    assert valid_starts(np.arange(0, 40, 4), 3, 8).tolist() == [0, 4, 8, 12, 16, 20]


def test_random_starts_reach_both_ends_and_no_further() -> None:
    drawn = {tuple(frames(ALL, rng)) for rng in range(300)}
    assert {window[0] for window in drawn} == set(range(12))
    assert all(np.diff(window).tolist() == [4] * 7 for window in drawn)


def test_centred_and_fixed_starts() -> None:
    assert frames(ALL, start="centre")[0] == 5
    assert frames(ALL, start=7)[0] == 7
    assert frames(ALL, start=100)[0] == 11


def test_windows_of_a_clip_share_the_places_among_them() -> None:
    for rng in range(50):
        starts = [frames(ALL, rng, window, windows=3)[0] for window in range(3)]
        assert [start // 4 for start in starts] == [0, 1, 2]
    assert [frames(ALL, start="centre", windows=3, window=window)[0] for window in range(3)] == [1, 5, 9]
    assert [frames(ALL, start=0, num_frames=2, windows=2, window=window)[0] for window in range(2)] == [0, 5]


def test_a_short_clip_repeats_its_last_frame() -> None:
    assert frames(np.arange(6), num_frames=4, frame_step=2) == [0, 2, 4, 5]
    assert frames(np.array([3]), num_frames=3, frame_step=2) == [3, 3, 3]
    for masks in ([0, 4], [0, 8]):  # a frame that is repeated has no mask, and must not get another one's
        with pytest.raises(MissingModalityError, match="no window of 4 frames at step 4 has its masks"):
            frames(np.arange(9), num_frames=4, frame_step=4, short="repeat", all_of=[np.array(masks)])


def test_starts_can_be_held_to_frames_that_have_masks() -> None:
    masks = np.arange(0, 40, 4)
    for rng in range(40):
        assert frames(ALL, rng, all_of=[masks])[0] % 4 == 0
        assert set(frames(ALL, rng, num_frames=3, frame_step=1, some_of=[masks])) & set(masks.tolist())
    with pytest.raises(MissingModalityError, match=r"clip .*: no window of 8 frames at step 3 .*mask_at='other'"):
        frames(ALL, frame_step=3, all_of=[masks])


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"num_frames": 0}, "num_frames=0; expected a number from 1"),
        ({"start": "middle"}, "start='middle'; expected 'random', 'centre' or a frame index"),
        ({"flip": 1.5}, "flip=1.5; expected a probability"),
        ({"mask_format": "rgb"}, "mask_format='rgb'; expected one of 'ids', 'one_hot', 'colours'"),
        ({"crop_scale": (0.9, 0.5)}, "crop_scale"),
        ({"crop_scale": (0.5, 1), "image_size": None}, "crop_scale needs an image_size"),
        ({"image_size": 0}, "image_size=0"),
        ({"modalities": ("masks",)}, "unknown modality 'masks'; the known ones are"),
    ],
)
def test_impossible_options_are_refused(option: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        SampleOptions(**option)
