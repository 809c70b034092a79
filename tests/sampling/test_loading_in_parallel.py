"""DataLoaders: the same samples with any number of workers, each once, and streams that go on where they stopped."""

from typing import Any

import pytest
import torch
from datasets import Dataset, IterableDataset, load_dataset
from datasets.distributed import split_dataset_by_node
from torch.utils.data import DataLoader, DistributedSampler

from mmvoxceleb import ClipSampler
from mmvoxceleb.errors import ConfigError
from mmvoxceleb.sampling import ClipStream
from tests.support.corpus import Corpus

SETTINGS: dict[str, Any] = {
    "image_size": 16, "num_frames": 3, "frame_step": 2, "min_frames": 0,
    "crop_scale": (0.6, 1.0), "flip": 0.5, "seed": 5,
}  # fmt: skip


def digest(samples: Any) -> list[tuple[Any, ...]]:
    """What tells samples apart: clip, frames, text, flip, and the pixels."""
    return [
        (s["clip_id"], tuple(s["frame_indices"].tolist()), s["text"], bool(s["flipped"]), float(s["frames"].sum()))
        for s in samples
    ]


def loader(data: Any, workers: int, **options: Any) -> DataLoader[Any]:
    return DataLoader(data, batch_size=None, num_workers=workers, **options)


def test_samples_do_not_depend_on_workers_or_order(prepared: Dataset) -> None:
    sampler = ClipSampler(prepared, windows=2, **SETTINGS)
    alone = digest(sampler[index] for index in range(len(sampler)))
    assert len(set(alone)) == 12
    assert digest(sampler[index] for index in reversed(range(12))) == alone[::-1]
    assert digest(ClipSampler(prepared, windows=2, **SETTINGS)[index] for index in range(12)) == alone
    for workers in (0, 1, 4):
        sampler.set_epoch(0)
        assert digest(loader(sampler, workers)) == alone
    sampler.set_epoch(0)
    assert digest(loader(sampler, 1, multiprocessing_context="spawn")) == alone
    assert digest(ClipSampler(prepared, windows=2, **{**SETTINGS, "seed": 6})[index] for index in range(12)) != alone


def test_set_epoch_reaches_workers_that_are_running(prepared: Dataset) -> None:
    sampler = ClipSampler(prepared, **SETTINGS)
    running = loader(sampler, 2, persistent_workers=True)
    first = digest(running)
    sampler.set_epoch(0)
    assert digest(running) == first
    sampler.set_epoch(1)
    second = digest(running)
    assert second != first
    assert second == digest(sampler[index] for index in range(6))
    sampler.set_epoch(0)
    assert digest(running) == first


def test_batches_have_the_documented_shapes(prepared: Dataset) -> None:
    sampler = ClipSampler(prepared, mask_format="one_hot", image_at="other_clip", **SETTINGS)
    batch = next(iter(DataLoader(sampler, batch_size=4, num_workers=1)))
    shapes = {key: tuple(value.shape) for key, value in batch.items() if isinstance(value, torch.Tensor)}
    assert shapes == {
        "frames": (4, 3, 3, 16, 16), "frame_indices": (4, 3), "mask": (4, 19, 16, 16), "mask_index": (4,),
        "drawing": (4, 1, 16, 16), "drawing_index": (4,), "image": (4, 3, 16, 16), "image_index": (4,),
        "label": (4, 40), "flipped": (4,),
    }  # fmt: skip
    assert len(batch["text"]) == len(batch["clip_id"]) == 4


def test_ranks_share_the_samples(prepared: Dataset) -> None:
    sampler = ClipSampler(prepared, **SETTINGS)
    ranks = [
        DataLoader(sampler, batch_size=None, sampler=DistributedSampler(sampler, 2, rank, shuffle=True))
        for rank in range(2)
    ]
    seen = [digest(rank) for rank in ranks]
    assert sorted(seen[0] + seen[1]) == sorted(digest(sampler[index] for index in range(6)))


def streamed(parquet: list[str]) -> IterableDataset:
    return load_dataset("parquet", data_files=parquet, split="train", streaming=True)


def test_a_stream_gives_each_clip_once_whoever_reads_it(videos: Corpus, parquet: list[str]) -> None:
    from_folder = load_dataset("mmvoxceleb", data_dir=str(videos.root), split="train", streaming=True)
    sampler = ClipSampler(streamed(parquet), windows=2, **SETTINGS)
    assert isinstance(sampler, ClipStream)
    alone = digest(sampler)
    assert [sample[0] for sample in alone[::2]] == list(videos.clips)
    assert digest(sampler) == alone
    assert digest(ClipSampler(from_folder, windows=2, **SETTINGS)) == alone
    for workers in (1, 3):
        sampler.set_epoch(0)
        assert sorted(digest(loader(sampler, workers))) == sorted(alone)
    sampler.set_epoch(0)
    assert digest(loader(sampler, 1, multiprocessing_context="spawn")) == alone
    nodes = [ClipSampler(split_dataset_by_node(streamed(parquet), rank, 3), windows=2, **SETTINGS) for rank in range(3)]
    assert sorted(sample for node in nodes for sample in digest(node)) == sorted(alone)
    sampler.set_epoch(1)
    assert digest(sampler) != alone


@pytest.mark.parametrize("stop", [0, 1, 2, 3, 4, 7, 12])
def test_a_stream_goes_on_behind_the_last_sample(parquet: list[str], stop: int) -> None:
    whole = digest(ClipSampler(streamed(parquet), windows=2, **SETTINGS))
    first = ClipSampler(streamed(parquet), windows=2, **SETTINGS)
    samples = iter(first)
    seen = digest(next(samples) for _ in range(stop))
    state = first.state_dict()
    second = ClipSampler(streamed(parquet), windows=2, **SETTINGS)
    second.load_state_dict(state)
    assert seen + digest(second) == whole


def test_a_stream_leaves_short_clips_out_and_says_what_it_cannot_do(parquet: list[str]) -> None:
    sampler: Any = ClipSampler(streamed(parquet), image_size=16)
    assert len(list(sampler)) == 5
    with pytest.raises(ConfigError, match="need all clips at once; prepare the dataset"):
        ClipSampler(streamed(parquet), negative_text=True)
    with pytest.raises(ConfigError, match="need all clips at once"):
        ClipSampler(streamed(parquet), image_at="other_clip")
