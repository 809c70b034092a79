"""A store in folders is what MMVID's loader expects, and ClipSampler gives what that loader would give.

The reader below is written from the loader's documented behaviour (docs/mmvid.md); it imports nothing of ours.
"""

import os
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from datasets import Dataset
from PIL import Image

from mmvoxceleb import ClipSampler
from mmvoxceleb.schema import PALETTE
from tests.support.corpus import Corpus, frame, label_of, mask_ids

SIZE = 12


class MmvidReader:
    """What the original does with a folder, in its deterministic mode: first frames, first sentence, centre crop."""

    def __init__(self, root: Path, frame_num: int, frame_step: int) -> None:
        self.root, self.num, self.step = str(root), frame_num, frame_step
        texts = os.listdir(os.path.join(self.root, "txt"))
        self.videos: dict[str, list[str]] = {}
        for key in os.listdir(os.path.join(self.root, "video")):
            if os.path.isdir(os.path.join(self.root, "video", key)) and key + ".txt" in texts:
                names = sorted(
                    os.listdir(os.path.join(self.root, "video", key)),
                    key=lambda name: [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)],
                )
                kinds = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm")
                images = [name for name in names if name.lower().endswith(kinds)]
                if len(images) >= max(8, (frame_num - 1) * frame_step + 1):
                    self.videos[key] = [os.path.join("video", key, name) for name in images]

    def tensor(self, path: str) -> torch.Tensor:
        image = Image.open(os.path.join(self.root, path)).convert("RGB")
        return torch.from_numpy(np.array(image)).permute(2, 0, 1).float().div(255)

    def frames(self, key: str) -> torch.Tensor:
        chosen = self.videos[key][: self.num * self.step : self.step]
        frames = torch.stack([self.tensor(path) for path in chosen])
        height, width = frames.shape[-2:]
        scale = SIZE / min(height, width)
        frames = torch.nn.functional.interpolate(
            frames, (round(height * scale), round(width * scale)), mode="bilinear", align_corners=False
        )
        top, left = (frames.shape[-2] - SIZE) // 2, (frames.shape[-1] - SIZE) // 2
        return frames[..., top : top + SIZE, left : left + SIZE]

    def sentence(self, key: str) -> str:
        with open(os.path.join(self.root, "txt", key + ".txt")) as file:
            return next(line for line in file.read().split("\n") if line)

    def label(self, key: str) -> list[int]:
        with open(os.path.join(self.root, "label", key + ".txt")) as file:
            return [int(value) for value in file.read().rstrip().split(",")]

    def masks(self, key: str) -> list[str]:
        return [os.path.join("mask", key, name) for name in os.listdir(os.path.join(self.root, "mask", key))]

    def same_person_and_video(self, key: str) -> set[str]:
        return {other for other in self.videos if other.split("#")[:2] == key.split("#")[:2]}


@pytest.mark.parametrize(("frame_num", "frame_step"), [(8, 4), (8, 2), (1, 1), (10, 4)])
def test_both_keep_the_same_clips(videos: Corpus, frame_num: int, frame_step: int) -> None:
    theirs = MmvidReader(videos.root, frame_num, frame_step)
    ours = ClipSampler(videos.root, num_frames=frame_num, frame_step=frame_step)
    assert ours.clip_ids == sorted(theirs.videos)
    assert len(ours) < len(videos.clips)


def test_a_deterministic_sample_is_theirs(videos: Corpus, prepared: Dataset) -> None:
    theirs = MmvidReader(videos.root, 8, 4)
    ours = ClipSampler(prepared, start=0, sentences="first", image_size=SIZE, mask_format="colours")
    for index, key in enumerate(ours.clip_ids):
        sample = ours[index]
        # torchvision resized tensors without antialiasing then; ours is the same to half a grey level
        assert torch.abs(sample["frames"] - theirs.frames(key)).max() <= 0.5 / 255 + 1e-6
        assert sample["text"] == theirs.sentence(key)
        assert sample["label"].tolist() == theirs.label(key)
        path = f"mask/{key}/{sample['mask_index']:07d}.png"
        assert path in theirs.masks(key)
        colours = {tuple(colour) for colour in (sample["mask"] * 255).round().flatten(1).T.int().tolist()}
        assert colours <= {tuple(colour) for colour in PALETTE.tolist()}


def test_the_appearance_comes_from_a_clip_that_they_would_choose(videos: Corpus, prepared: Dataset) -> None:
    theirs = MmvidReader(videos.root, 8, 4)
    ours = ClipSampler(prepared, image_at="other_clip", image_size=SIZE)
    for index, key in enumerate(ours.clip_ids):
        assert ours[index]["image_clip_id"] in theirs.same_person_and_video(key)


@pytest.mark.usefixtures("videos")
def test_what_an_exporter_must_write_for_them_is_what_the_fixture_writes(
    videos: Corpus, frame_of_clip: Callable[[str, int], np.ndarray]
) -> None:
    theirs = MmvidReader(videos.root, 8, 4)
    for number, key in enumerate(videos.clips[:5]):
        assert theirs.label(key) == label_of(number // 2)
        assert torch.equal(
            (theirs.tensor(theirs.videos[key][3]) * 255).round().byte(),
            torch.from_numpy(frame(number, 3)).permute(2, 0, 1),
        )
        assert np.array_equal(frame_of_clip(key, 3), frame(number, 3))
        colours = (theirs.tensor(f"mask/{key}/0000004.png") * 255).round().byte().permute(1, 2, 0).numpy()
        assert np.array_equal(colours, PALETTE[mask_ids(number, 4)])
