"""The scorers of sound, and of sound and lips: what they take of a clip, and why they tell nothing."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mmvoxceleb.codecs.flac import encode_flac
from mmvoxceleb.codecs.landmarks import encode_landmarks
from mmvoxceleb.modalities import AUDIO, LANDMARKS, figures
from mmvoxceleb.processing.scores import Material, make_scorers
from mmvoxceleb.processing.scores.face_crops import longest_track
from mmvoxceleb.processing.scores.lip_sync import LipSync
from mmvoxceleb.processing.scores.sync import SyncScorer
from tests.support.sounds import silero_weights, tones, vowels
from tests.support.syncnet_clip import faces, landmarks_of, sound, weights

COUNT = 14


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("weights")
    torch.save(weights(), folder / "syncnet_v2.model")
    return folder


@pytest.fixture
def scorer(folder: Path, monkeypatch: pytest.MonkeyPatch) -> SyncScorer:
    """SyncNet on weights by the recipe, which wants no long clips."""
    monkeypatch.setenv("MMVOXCELEB_WEIGHTS", str(folder))
    monkeypatch.setattr(SyncScorer, "least_frames", 12)
    return SyncScorer(device="cpu")


def clip(
    samples: Any = None, boxes: Any = None, frames: Any = None, rate: int = 16000, indices: Any = None
) -> Material:
    frames = faces()[:COUNT] if frames is None else frames
    files = {}
    if samples is not None:
        files[AUDIO.folder()] = [("", encode_flac(np.atleast_2d(samples), rate))]
    if boxes is not None:
        files[LANDMARKS.folder()] = [("", encode_landmarks(landmarks_of(boxes)))]
    return Material("x", np.arange(COUNT) if indices is None else indices, faces()[:COUNT], {}, files)


BOX = [60.0, 50, 160, 170]
NONE = [np.nan] * 4


def test_lips_and_sound_of_the_face_that_is_followed(scorer: SyncScorer, folder: Path) -> None:
    boxes = [NONE, NONE, *[BOX] * 12]
    told = scorer.measure(clip(sound(), boxes))
    track = longest_track(landmarks_of(boxes))
    assert track is not None
    sync = LipSync(folder / "syncnet_v2.model", "cpu")(faces()[2:COUNT], track, sound()[2 * 640 : COUNT * 640])
    assert sync is not None
    assert told == {
        "sync_offset": sync.offset,
        "sync_confidence": round(sync.confidence, 3),
        "sync_distance": round(sync.distance, 3),
    }
    assert scorer.settings()["model"] == "syncnet-v2"
    assert scorer.resolved_device == scorer.computation()["device"].split()[0] == "cpu"


def test_why_lips_and_sound_are_not_compared(scorer: SyncScorer) -> None:
    gap = np.delete(np.arange(COUNT + 1), 5)
    for material, reason in (
        (clip(None, [BOX] * COUNT), "no sound: make it with mmvoxceleb regenerate audio --raw VIDEOS"),
        (clip(sound()), "no landmarks: make them with mmvoxceleb regenerate landmarks"),
        (clip(sound(), [NONE] * COUNT), "no face: its landmarks have none in any frame"),
        (clip(sound(), [BOX] * 11 + [NONE] * 3), "too short: a face is followed for under 12 frames"),
        (clip(sound(), [BOX] * COUNT, indices=gap), "frames are missing: SyncNet needs all that follow one another"),
        (clip(np.ones(COUNT * 640, np.int16), [BOX] * COUNT), "silent: below -60 dB all through"),
        (clip(sound()[: 640 * 5], [BOX] * COUNT), "too short: its sound ends before"),
    ):
        assert set(scorer.measure(material).values()) == {reason}
        assert scorer._model._network is None  # nothing of this needs the network


def test_level_of_the_sound() -> None:
    (scorer,) = make_scorers(["loudness"])
    cut = np.clip(tones(3.0).astype(int) * 8, -32768, 32767).astype(np.int16)
    plain, clipped = (scorer.measure(clip(samples)) for samples in (tones(3.0), cut))
    assert plain["clipped_share"] == 0
    assert 0.02 < float(clipped["clipped_share"]) < 0.3
    assert float(clipped["loudness"]) > float(plain["loudness"]) + 5
    assert plain["silent_share"] == pytest.approx(1 / 6, abs=0.01)
    assert scorer.measure(clip(np.zeros(16000, np.int16))) == {
        "loudness": "silent: nowhere louder than -70 LUFS", "clipped_share": 0, "silent_share": 1,
    }  # fmt: skip
    short = scorer.measure(clip(tones(0.01)))
    assert short["loudness"] == short["silent_share"] == "too short: sound of under 0.4 s"
    assert set(scorer.measure(clip()).values()) == {"no sound: make it with mmvoxceleb regenerate audio --raw VIDEOS"}


def test_speech_of_sound_at_another_rate_and_in_stereo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(silero_weights(), tmp_path / "silero_vad.jit")
    monkeypatch.setenv("MMVOXCELEB_WEIGHTS", str(tmp_path))
    (scorer,) = make_scorers(["speech_share"])
    scorer.setup()
    spoken = vowels(3.0)
    share = float(scorer.measure(clip(spoken))["speech_share"])
    assert share > 0.5
    stereo = np.stack([spoken, spoken]).repeat(3, axis=1)
    assert float(scorer.measure(clip(stereo, rate=48000))["speech_share"]) == pytest.approx(share, abs=0.15)
    assert scorer.measure(clip())["speech_share"] == "no sound: make it with mmvoxceleb regenerate audio --raw VIDEOS"


def test_every_figure_is_explained() -> None:
    page = (Path(__file__).parents[3] / "docs" / "scores.md").read_text(encoding="utf-8")
    for figure in figures():
        assert f"| `{figure.name}` | {figure.unit}, " in page, figure.name
        assert figure.meaning in page, figure.name
