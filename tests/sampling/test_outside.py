"""Modalities from outside are sampled as ours are, from whichever form the data has."""

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from datasets import load_dataset
from torch.utils.data import DataLoader

from mmvoxceleb import ClipSampler
from mmvoxceleb.errors import ConfigError
from mmvoxceleb.modalities import FileModality, FrameModality, SampleContext, register_modality, registry
from tests.sampling.conftest import planes
from tests.sampling.test_sampler import same
from tests.support.corpus import Corpus, frame, png

NAMES = ("video", "mask", "text", "motion", "gaze")
SETTINGS: dict[str, Any] = {"modalities": NAMES, "image_size": None, "num_frames": 3, "frame_step": 2, "flip": 0.5}


@pytest.fixture(scope="module", autouse=True)
def _registered() -> Iterator[None]:
    before = dict(registry._kinds)
    from tests.support.outside import GAZE, MOTION

    register_modality(MOTION)
    register_modality(GAZE)
    yield
    registry._kinds.clear()
    registry._kinds.update(before)
    registry._by_folder_name.cache_clear()
    registry._pattern_of_names.cache_clear()


@pytest.fixture(scope="module")
def root(videos: Corpus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The corpus, with a motion for every 2nd frame, and gazes."""
    root = tmp_path_factory.mktemp("outside") / "store"
    shutil.copytree(videos.root, root)
    (root / "gaze").mkdir()
    for number, (clip, count) in enumerate(zip(videos.clips, videos.num_frames, strict=True)):
        (root / "motion" / clip).mkdir(parents=True)
        for index in range(0, count, 2):
            (root / "motion" / clip / f"{index:07d}.png").write_bytes(png(255 - frame(number, index)))
        (root / "gaze" / f"{clip}.json").write_text(json.dumps([number + 0.1, 0.3]))
    return root


def test_a_store_a_prepared_dataset_and_a_stream_give_what_the_files_say(
    root: Path, videos: Corpus, tmp_path: Path
) -> None:
    arguments: dict[str, Any] = {"data_dir": str(root), "split": "train", "modalities": NAMES}
    prepared = load_dataset("mmvoxceleb", cache_dir=str(tmp_path), **arguments)
    stream = load_dataset("mmvoxceleb", streaming=True, **arguments)
    settings = {**SETTINGS, "at": {"motion": "every"}}
    of_stream: Any = ClipSampler(stream, **settings)
    of_store, of_rows = ClipSampler(root, **settings), ClipSampler(prepared, **settings)
    assert of_store.modalities == NAMES
    indexed = [of_store[index] for index in range(5)]
    assert all(map(same, indexed, [of_rows[index] for index in range(5)]))
    spawned = DataLoader(of_rows, batch_size=None, num_workers=1, multiprocessing_context="spawn")
    assert all(map(same, indexed, spawned))
    for sample in [*indexed, *of_stream]:
        number = videos.clips.index(sample["clip_id"])
        assert sample["motion"].shape == (3, 3, 24, 40)
        assert sample["motion_index"].tolist() == sample["frame_indices"].tolist()
        for picture, index in zip(sample["motion"], sample["motion_index"].tolist(), strict=True):
            shown = 255 - frame(number, index)
            assert np.array_equal(planes(picture), shown[:, ::-1] if sample["flipped"] else shown)
        assert torch.equal(sample["gaze"], torch.tensor([number + 0.1, 0.3], dtype=torch.float32))


def test_without_a_place_it_is_of_any_frame_and_changes_nothing_else(root: Path) -> None:
    ours = ClipSampler(root, **{**SETTINGS, "modalities": NAMES[:3]})[2]
    sample = ClipSampler(root, **SETTINGS)[2]
    assert sample["motion"].shape == (3, 24, 40)
    assert sample["motion_index"] % 2 == 0
    assert same({key: sample[key] for key in ours}, ours)
    assert "motion_clip_id" in ClipSampler(root, at={"motion": "other_clip"}, **SETTINGS)[2]


class Shown(FileModality):
    """Of the numbers of all frames in its file those that a sample shows, and what it is told of their size."""

    name = "shown"
    suffix = ".json"

    def features(self, styles: Sequence[str]) -> dict[str, Any]:
        from datasets import List, Value

        return {"shown": List(Value("int32"))}

    def parse(self, data: bytes, *, clip_id: str) -> list[int]:
        return [int(number) for number in json.loads(data)]

    def to_file(self, record: Mapping[str, Any]) -> bytes:
        return json.dumps(record["shown"]).encode()

    def frames_of(self, value: list[int]) -> np.ndarray:
        return np.arange(len(value))

    def sampled(self, value: list[int], context: SampleContext) -> dict[str, Any]:
        numbers = [value[index] for index in context.frames]
        return {"shown": torch.tensor([*numbers, *(context.size or (0, 0)), *context.frame_size()])}


def test_a_file_modality_is_told_the_frames_that_the_sample_shows(videos: Corpus, tmp_path: Path) -> None:
    register_modality(Shown)
    root = tmp_path / "store"
    shutil.copytree(videos.root, root)
    (root / "shown").mkdir()
    for clip, count in zip(videos.clips, videos.num_frames, strict=True):
        (root / "shown" / f"{clip}.json").write_text(json.dumps(list(range(1000, 1000 + count))))
    arguments: dict[str, Any] = {"data_dir": str(root), "split": "train", "modalities": ("video", "shown")}
    prepared = load_dataset("mmvoxceleb", cache_dir=str(tmp_path / "cache"), **arguments)
    stream = load_dataset("mmvoxceleb", streaming=True, **arguments)
    for size, seen in ((None, [24, 40, 24, 40]), (16, [16, 16, 24, 40])):
        settings: dict[str, Any] = {"modalities": ("video", "shown"), "image_size": size, "short": "repeat"}
        for data in (root, prepared, stream):
            samples: Any = ClipSampler(data, **settings, num_frames=8, frame_step=4)
            samples = list(samples) if data is stream else [samples[index] for index in range(6)]
            assert len({tuple(sample["frame_indices"].tolist()) for sample in samples}) > 2
            for sample in samples:
                assert sample["shown"].tolist() == [*(sample["frame_indices"] + 1000).tolist(), *seen]
    alone = ClipSampler(root, modalities=("shown",), image_size=None, num_frames=8, short="repeat", start="centre")[1]
    assert alone["shown"].tolist() == [*range(1004, 1036, 4), 0, 0, 24, 40]


def test_impossible_places_and_keys_are_refused() -> None:
    for at, message in (
        ({"text": "every"}, "expected names among mask, drawing, motion"),
        ({"video": "every"}, "expected names among mask, drawing, motion"),
        ({"mask": "first"}, "expected one of 'same', 'every', 'other', 'other_clip'"),
        ({"mask": "every"}, "and mask_at='same'; give one of them"),
    ):
        with pytest.raises(ConfigError, match=message):
            ClipSampler("nowhere", at=at, mask_at="same")

    class Picture(FrameModality):
        name: ClassVar[str] = "image"
        pictures, indices = "pictures", "picture_indices"

    with pytest.raises(ConfigError, match="modality 'image': the key of a sample 'image' is taken"):
        register_modality(Picture)
