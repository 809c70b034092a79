"""Batches of samples that are made side by side: what ``default_collate`` gives, without its copies and files."""

import functools
import pickle
from typing import Any

import pytest
import torch
from datasets import Dataset
from torch.multiprocessing import reductions
from torch.utils.data import DataLoader, Subset, default_collate

from mmvoxceleb import ClipSampler
from mmvoxceleb.sampling.batches import BatchRoom, _SentBatch

EVERYTHING: dict[str, Any] = {
    "num_frames": 3,
    "flip": 0.5,
    "mask_at": "every",
    "drawing_at": "same",
    "image_at": "other_clip",
    "image_size": (96, 64),
}


class Brightened(torch.utils.data.Dataset[dict[str, Any]]):
    """What a user may wrap around a sampler: frames of its own in the samples of every batch."""

    def __init__(self, sampler: ClipSampler) -> None:
        self.sampler = sampler

    def __len__(self) -> int:
        return len(self.sampler)

    def __getitems__(self, indices: list[int]) -> list[dict[str, Any]]:
        samples = self.sampler.__getitems__(indices)
        for sample in samples:
            sample["frames"] = sample["frames"] + 1
        return samples[::-1]


def assert_same(batch: dict[str, Any], expected: dict[str, Any]) -> None:
    assert type(batch) is dict
    assert list(batch) == list(expected)
    for key, value in expected.items():
        if isinstance(value, torch.Tensor):
            assert batch[key].dtype == value.dtype
            assert torch.equal(batch[key], value), key
        else:
            assert batch[key] == value


@pytest.mark.parametrize("workers", [0, 1])
def test_batches_are_what_default_collate_makes_of_samples(prepared: Dataset, workers: int) -> None:
    alone, sampler = ClipSampler(prepared, **EVERYTHING), ClipSampler(prepared, **EVERYTHING)
    loader = DataLoader(sampler, batch_size=3, num_workers=workers)
    for number, batch in enumerate(loader):
        samples = [alone[index] for index in range(number * 3, min(number * 3 + 3, len(alone)))]
        assert all(type(sample) is dict for sample in samples)
        assert_same(batch, default_collate(samples))
        for value in batch.values():
            if isinstance(value, torch.Tensor):
                value.zero_()  # nothing is read-only


def test_pictures_of_a_batch_are_not_copied(prepared: Dataset) -> None:
    samples = ClipSampler(prepared, num_frames=3).__getitems__([2, 0, 1])
    batch = default_collate(samples)
    for key in ("frames", "mask", "drawing"):
        assert batch[key].data_ptr() == samples[0][key].data_ptr()
        assert batch[key].is_contiguous()
    assert batch["label"].data_ptr() != samples[0]["label"].data_ptr()


def test_a_worker_sends_one_piece_of_memory_for_each_large_tensor(
    prepared: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrived = []
    received: Any = reductions.rebuild_storage_fd

    def counted(*arguments: Any) -> Any:
        arrived.append(arguments)
        return received(*arguments)

    monkeypatch.setattr(reductions, "rebuild_storage_fd", functools.wraps(received)(counted))
    sampler = ClipSampler(prepared, modalities=("video", "mask", "label"), num_frames=3)
    (batch,) = DataLoader(sampler, batch_size=len(sampler), num_workers=1, multiprocessing_context="fork")
    assert set(batch) == {"clip_id", "frames", "frame_indices", "mask", "mask_index", "label"}
    assert len(arrived) == 2  # frames and mask
    assert batch["frames"].is_shared()
    assert not batch["frame_indices"].is_shared()


@pytest.mark.parametrize("workers", [0, 1])
def test_changed_samples_are_put_together_as_they_are(prepared: Dataset, workers: int) -> None:
    sampler = ClipSampler(prepared, num_frames=3)
    plain = default_collate([ClipSampler(prepared, num_frames=3)[index] for index in (1, 0)])
    (batch,) = DataLoader(Subset(Brightened(sampler), [0, 1]), batch_size=2, num_workers=workers)
    assert torch.equal(batch["frames"], plain["frames"] + 1)
    assert torch.equal(batch["mask"], plain["mask"])
    assert batch["clip_id"] == plain["clip_id"]


def test_pictures_of_other_sizes_have_memory_of_their_own() -> None:
    room = BatchRoom(2)
    first, second = room.part(0, "frames", (1, 3, 8, 8), "uint8"), room.part(1, "frames", (1, 3, 8, 6), "uint8")
    assert first.shape == (1, 3, 8, 8)
    assert second.shape == (1, 3, 8, 6)
    assert first.untyped_storage().data_ptr() != second.untyped_storage().data_ptr()


def test_what_numpy_does_not_know_is_sent_as_it_is() -> None:
    batch = {"half": torch.ones(3, dtype=torch.bfloat16), "whole": torch.arange(3), "text": ["a", "b", "c"]}
    assert_same(pickle.loads(pickle.dumps(_SentBatch(batch))), batch)
