"""SyncNet's figures against those of the original program, on weights made by a recipe, and on sound that is moved."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from mmvoxceleb.errors import WeightsError
from mmvoxceleb.processing.networks.syncnet import SyncNet
from mmvoxceleb.processing.scores.cepstra import cepstra
from mmvoxceleb.processing.scores.face_crops import FaceTrack, longest_track
from mmvoxceleb.processing.scores.lip_sync import LipSync, compare
from tests.support.pseudo_weights import REFERENCE, digest, read_keys
from tests.support.syncnet_clip import NUM_FRAMES, STEP, faces, landmarks_of, sound, weights

ORIGINAL = np.load(REFERENCE / "syncnet_seed0.npz")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "syncnet_v2.model"
    torch.save(weights(), path, _use_new_zipfile_serialization=False)  # as the published file is
    return path


class Whole(FaceTrack):
    """A track whose crops are the frames."""

    def __init__(self, count: int) -> None:
        super().__init__(0, np.zeros((count, 2)), np.ones(count))

    def crop(self, frame: Any, place: int) -> Any:
        return frame


def test_recipe_gives_the_weights_of_the_reference() -> None:
    assert digest(weights()) == "df5b62259c2b29d45fd49a949f6e6c502fbf00d50b03ce5643c5c78ac2337d08"


def test_keys_and_shapes_are_the_published_ones() -> None:
    with torch.device("meta"):
        state = SyncNet().state_dict()
    assert {key: tuple(value.shape) for key, value in state.items()} == read_keys("syncnet")


def test_cepstra_are_those_of_python_speech_features() -> None:
    assert np.abs(cepstra(sound()) - ORIGINAL["cepstra"]).max() < 1e-5
    silence = cepstra(np.zeros(401, np.int16))
    assert silence.shape == (2, 13)
    assert silence[0, 0] == pytest.approx(np.log(np.finfo(float).eps))
    assert len(cepstra(np.zeros(16000 * 90, np.int16))) == 8999  # more than is transformed at once


def test_vectors_and_figures_are_the_originals(checkpoint: Path) -> None:
    model = LipSync(checkpoint, "cpu")
    seen, heard = model.vectors(faces(), Whole(NUM_FRAMES), sound())
    for ours, name in ((seen, "seen"), (heard, "heard")):
        assert len(ours) == NUM_FRAMES - 5
        assert np.abs(ours[:, ::STEP] - ORIGINAL[name]).max() < 1e-4 * np.abs(ORIGINAL[name]).max()
    sync = compare(seen, heard)
    assert sync.offset == ORIGINAL["offset"]
    assert sync.confidence == pytest.approx(float(ORIGINAL["confidence"]), rel=1e-3)
    assert sync.distance == pytest.approx(ORIGINAL["distances"].mean(axis=0).min(), rel=1e-5)


def distances_of_the_original(seen: Any, heard: Any, reach: int) -> Any:
    """Its loop over windows, each against those from ``reach`` before to ``reach`` after."""
    padded = torch.nn.functional.pad(heard, (0, 0, reach, reach))
    rows = []
    for place in range(len(seen)):
        window = seen[[place]].repeat(2 * reach + 1, 1)
        rows.append(torch.nn.functional.pairwise_distance(window, padded[place : place + 2 * reach + 1]))
    return torch.stack(rows, 1).mean(1)


@pytest.mark.parametrize("moved", [-15, -7, -1, 0, 4, 15])
def test_offset_of_moved_sound_is_found_as_by_the_original(moved: int) -> None:
    rng = np.random.default_rng(moved + 20)
    true = rng.normal(0, 1, (120, 1024)).astype(np.float32)
    seen = true[30:90] + rng.normal(0, 0.5, (60, 1024)).astype(np.float32)
    heard = true[30 - moved : 90 - moved]  # what belongs to a frame is heard so many frames later
    sync = compare(seen, heard)
    means = distances_of_the_original(torch.from_numpy(seen), torch.from_numpy(heard), 15)
    assert sync.offset == -moved == 15 - int(means.argmin())
    assert sync.confidence == pytest.approx(float(means.median() - means.min()), rel=1e-4)
    assert sync.distance == pytest.approx(float(means.min()), rel=1e-5)


def test_sound_moved_in_the_file_moves_the_windows(checkpoint: Path) -> None:
    """From samples to vectors: the window of frame k hears what the one of frame k - 3 heard of sound 3 frames late."""
    model = LipSync(checkpoint, "cpu")
    _, heard = model.vectors(faces()[:11], Whole(11), sound())
    late = np.concatenate([np.zeros(3 * 640, np.int16), sound()])
    _, later = model.vectors(faces()[:11], Whole(11), late)
    assert np.abs(later[3:] - heard[:-3]).max() < 1e-3 * np.abs(heard).max()


def test_too_short_is_not_judged(checkpoint: Path) -> None:
    model = LipSync(checkpoint, "cpu")
    assert model(faces()[:5], Whole(5), sound()) is None
    assert model(faces()[:9], Whole(9), sound()[: 640 * 5]) is None
    assert model(faces()[:6], Whole(6), sound()) is not None


def test_weights_of_another_network(tmp_path: Path) -> None:
    torch.save({"netcnnaud.0.weight": torch.zeros(3)}, tmp_path / "other.model")
    with pytest.raises(WeightsError, match=r"other\.model: does not fit SyncNet: 101 missing"):
        LipSync(tmp_path / "other.model", "cpu").setup()


def test_crops_are_those_of_the_original() -> None:
    rng = np.random.default_rng(0)
    boxes = np.array([30, 20, 110, 130]) + rng.normal(0, 3, (20, 4)).cumsum(axis=0)
    track = longest_track(landmarks_of(boxes))
    assert track is not None
    frame = rng.integers(0, 256, (120, 140, 3)).astype(np.uint8)
    boxes = boxes.astype(np.float32).astype(np.float64)
    for place in range(20):
        # run_pipeline.py, crop_video: medians of 13 with zeros beyond the ends, then a padded picture, then slices
        near = [boxes[k] if 0 <= k < 20 else None for k in range(place - 6, place + 7)]
        halves = [0 if box is None else max(box[3] - box[1], box[2] - box[0]) / 2 for box in near]
        half, x, y = np.median(
            [halves, *([0 if box is None else (box[k] + box[k + 2]) / 2 for box in near] for k in (0, 1))], axis=1
        )
        border = int(half * 1.8)
        padded = np.pad(frame, ((border, border), (border, border), (0, 0)), constant_values=110)
        rows = slice(int(y + border - half), int(y + border + half * 1.8))
        columns = slice(int(x + border - half * 1.4), int(x + border + half * 1.4))
        assert np.array_equal(track.crop(frame, place), cv2.resize(padded[rows, columns], (224, 224)))


def test_longest_stretch_of_one_face_is_followed() -> None:
    box, away, none = [10, 10, 50, 50], [200, 10, 240, 50], [np.nan] * 4
    track = longest_track(landmarks_of([box] * 10 + [none] * 24 + [box] * 10))
    assert track is not None
    assert (track.first, len(track)) == (0, 44)
    assert track.halves[20] == 20
    track = longest_track(landmarks_of([none] * 2 + [box] * 8 + [none] * 25 + [box] * 30 + [away] * 5))
    assert track is not None
    assert (track.first, len(track)) == (35, 30)
    assert longest_track(landmarks_of([none] * 3)) is None
