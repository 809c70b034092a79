"""Epochs differ by themselves in the loop that everybody writes, and are the same again with the same seed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import Dataset
from torch.utils.data import DataLoader, DistributedSampler, Subset

from mmvoxceleb import ClipSampler
from mmvoxceleb.errors import ConfigError
from tests.sampling.test_loading_in_parallel import SETTINGS, digest, streamed
from tests.support.corpus import Corpus

EPOCHS = 3
WAYS: dict[str, dict[str, Any]] = {
    "this process": {"num_workers": 0},
    "workers": {"num_workers": 2},
    "persistent workers": {"num_workers": 2, "persistent_workers": True},
}


def passes(loader: DataLoader[Any], count: int = EPOCHS) -> list[list[tuple[Any, ...]]]:
    """The plain loop: for each epoch what the loader gave, in order of the clips."""
    return [sorted(row for batch in loader for row in digest(unbatched(batch))) for _ in range(count)]


def unbatched(batch: Any) -> list[dict[str, Any]]:
    if isinstance(batch["clip_id"], str):
        return [batch]
    return [{key: value[place] for key, value in batch.items()} for place in range(len(batch["clip_id"]))]


@pytest.fixture(params=["prepared", "stream"])
def make(request: pytest.FixtureRequest, prepared: Dataset, parquet: list[str]) -> Callable[[], ClipSampler]:
    if request.param == "prepared":
        return lambda: ClipSampler(prepared, **SETTINGS)
    return lambda: ClipSampler(streamed(parquet), **SETTINGS)


def by_set_epoch(sampler: ClipSampler) -> list[list[tuple[Any, ...]]]:
    found = []
    for epoch in range(EPOCHS):
        sampler.set_epoch(epoch)
        found.append(
            sorted(digest(sampler[index] for index in range(6)) if hasattr(sampler, "_source") else digest(sampler))
        )
    return found


@pytest.mark.parametrize("way", WAYS)
def test_each_pass_is_the_next_epoch(make: Callable[[], ClipSampler], way: str) -> None:
    expected = by_set_epoch(make())
    assert len({str(epoch) for epoch in expected}) == EPOCHS
    assert passes(DataLoader(make(), batch_size=2, **WAYS[way])) == expected
    assert passes(DataLoader(make(), batch_size=None, **WAYS[way])) == expected


@pytest.mark.parametrize("way", WAYS)
def test_new_loaders_go_on_from_one_another(make: Callable[[], ClipSampler], way: str) -> None:
    sampler = make()
    found = [passes(DataLoader(sampler, batch_size=3, **WAYS[way]), 1)[0] for _ in range(EPOCHS)]
    assert found == by_set_epoch(make())


def test_workers_may_change_between_epochs_of_a_stream(parquet: list[str]) -> None:
    sampler = ClipSampler(streamed(parquet), **SETTINGS)
    found = [passes(DataLoader(sampler, batch_size=None, num_workers=count), 1)[0] for count in (1, 3, 0)]
    assert found == by_set_epoch(ClipSampler(streamed(parquet), **SETTINGS))


def test_workers_do_not_share_the_epoch_by_which_datasets_orders_shards(parquet: list[str]) -> None:
    sampler: Any = ClipSampler(streamed(parquet), **SETTINGS)
    sampler.set_epoch(2)
    for _ in range(10):  # workers that set one number at once read shards twice, and others not at all
        passed = passes(DataLoader(sampler, batch_size=None, num_workers=3), 1)[0]
        assert len({clip_id for clip_id, *_ in passed}) == len(passed) == 6
    assert sampler._rows.epoch == 0  # no worker has set that of this process


def test_shuffled_batches_and_datasets_around_ours(prepared: Dataset) -> None:
    expected = by_set_epoch(ClipSampler(prepared, **SETTINGS))
    assert passes(DataLoader(ClipSampler(prepared, **SETTINGS), batch_size=2, shuffle=True)) == expected

    class Around(torch.utils.data.Dataset[Any]):
        def __init__(self, sampler: ClipSampler) -> None:
            self.sampler = sampler

        def __len__(self) -> int:
            return len(self.sampler)

        def __getitem__(self, index: int) -> Any:
            return self.sampler[index]

    assert passes(DataLoader(Around(ClipSampler(prepared, **SETTINGS)), batch_size=2)) == expected
    subset = Subset(ClipSampler(prepared, **SETTINGS), range(6))
    assert passes(DataLoader(subset, batch_size=2, num_workers=1)) == expected


def test_by_hand_a_sample_is_always_the_same(make: Callable[[], ClipSampler], prepared: Dataset) -> None:
    stream = make()
    if not hasattr(stream, "_source"):
        assert digest(stream) == digest(stream)
    sampler = ClipSampler(prepared, **SETTINGS)
    assert digest([sampler[3]]) == digest([sampler[3]])
    passes(DataLoader(sampler, batch_size=2), 1)
    assert digest([sampler[3]]) == digest([ClipSampler(prepared, **SETTINGS)[3]])


def test_a_pass_that_was_left_early_is_not_repeated(prepared: Dataset) -> None:
    sampler = ClipSampler(prepared, **SETTINGS)
    loader = DataLoader(sampler, batch_size=2)
    first, second = (digest(unbatched(next(iter(loader)))) for _ in range(2))
    assert first != second


def test_a_sampler_goes_on_with_the_epochs_of_another(prepared: Dataset) -> None:
    expected = passes(DataLoader(ClipSampler(prepared, **SETTINGS), batch_size=2, num_workers=2))
    sampler = ClipSampler(prepared, **SETTINGS)
    assert passes(DataLoader(sampler, batch_size=2), 1) == expected[:1]
    iterator = iter(DataLoader(sampler, batch_size=2))
    begun = digest(unbatched(next(iterator)))
    state = torch.load(_saved(sampler.state_dict()), weights_only=True)

    resumed = ClipSampler(prepared, **SETTINGS)
    resumed.load_state_dict(state)
    rest = DataLoader(Subset(resumed, range(2, 6)), batch_size=2)
    assert sorted(begun + passes(rest, 1)[0]) == expected[1]
    assert passes(DataLoader(resumed, batch_size=2), 1)[0] == expected[2]
    with pytest.raises(ConfigError, match="state has 6 samples, and these are 12"):
        ClipSampler(prepared, windows=2, **SETTINGS).load_state_dict(state)


def _saved(state: dict[str, Any]) -> Any:
    import io

    buffer = io.BytesIO()
    torch.save(state, buffer)
    buffer.seek(0)
    return buffer


def test_ranks_never_give_the_same_sample_twice(prepared: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    seen: list[tuple[Any, ...]] = []
    loaders, samplers = [], []
    for rank in range(2):
        monkeypatch.setenv("RANK", str(rank))
        samplers.append(ClipSampler(prepared, **SETTINGS))
        shares: DistributedSampler[Any] = DistributedSampler(samplers[-1], 2, rank, shuffle=True, seed=3)
        loaders.append((shares, DataLoader(samplers[-1], batch_size=None, sampler=shares)))
    for epoch in range(EPOCHS):
        for shares, loader in loaders:
            shares.set_epoch(epoch)
            seen += digest(loader)
    assert len(seen) == len(set(seen)) == 6 * EPOCHS
    for sampler in samplers:
        sampler.set_epoch(1)
    agreed = sorted(row for _, loader in loaders for row in digest(loader))
    assert agreed == by_set_epoch(ClipSampler(prepared, **SETTINGS))[1]


def test_the_loop_of_the_readme(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (Path(__file__).resolve().parents[2] / "README.md").read_text()
    code = text.split("## Train\n")[1].split("```python\n")[1].split("```")[0]
    assert "for epoch in range(" in code
    seen: list[list[int]] = []
    code = code.replace("/data/mmvoxceleb", str(corpus.root)).replace("num_frames=8, frame_step=4", "num_frames=2")
    code = code.replace('batch["frames"]', 'seen.append((epoch, batch["clip_id"], batch["frame_indices"].tolist()))', 1)
    exec(compile(code, "README.md", "exec"), {"seen": seen})
    epochs = {epoch for epoch, *_ in seen}
    assert len(epochs) > 1
    assert len({str(sorted(zip(*row[1:], strict=True))) for row in seen}) > 1
