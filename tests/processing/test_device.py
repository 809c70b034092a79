"""Batches, memory and the compiler."""

import logging
import platform
from typing import Any

import numpy as np
import pytest
import torch

from mmvoxceleb.errors import ConfigError, ProcessingError
from mmvoxceleb.processing.devices import Batcher, compiled, device_kind, resolve_device, resolve_precision

CPU = torch.device("cpu")
GPU = torch.device("cuda")
"""A name alone: batches are cut for it, and nothing is computed on it."""


def frames(count: int) -> "np.ndarray":
    return np.arange(count, dtype=np.uint8).reshape(count, 1, 1, 1).repeat(3, axis=3)


def test_batches_have_one_size_and_the_last_is_filled_up() -> None:
    seen = []

    def compute(batch: Any) -> Any:
        seen.append(batch)
        return batch

    batcher = Batcher(GPU, 3, most=8, bytes_per_frame=1)
    parts = list(batcher.run(frames(7), compute))
    assert [batch[:, 0, 0, 0].tolist() for batch in seen] == [[0, 1, 2], [3, 4, 5], [6, 6, 6]]
    assert [count for count, _ in parts] == [3, 3, 1]
    assert batcher.used == [3]


@pytest.mark.parametrize("asked", [None, 1, 3])
def test_a_cpu_takes_one_frame_at_a_time_whatever_is_asked_for(asked: int | None) -> None:
    batcher = Batcher(CPU, asked, most=8, bytes_per_frame=1)
    assert [len(batch) for _, batch in batcher.run(frames(4), lambda batch: batch)] == [1, 1, 1, 1]
    assert batcher.used == [1]


def test_what_goes_with_the_frames_is_cut_and_filled_up_like_them() -> None:
    batcher = Batcher(GPU, 2, most=8, bytes_per_frame=1)
    points = np.arange(3.0)
    parts = [result for _, result in batcher.run(frames(3), lambda batch, beside: (batch, beside), points)]
    assert [beside.tolist() for _, beside in parts] == [[0, 1], [2, 2]]
    assert [batch[:, 0, 0, 0].tolist() for batch, _ in parts] == [[0, 1], [2, 2]]


def test_the_kind_of_a_cpu_is_its_instructions() -> None:
    name, machine, instructions = device_kind(CPU).split()
    assert (name, machine) == ("cpu", platform.machine())
    assert instructions == torch.backends.cpu.get_cpu_capability()


def test_out_of_memory_halves_the_batch_and_loses_no_frame(caplog: pytest.LogCaptureFixture) -> None:
    def hungry(batch: "np.ndarray") -> "np.ndarray":
        if len(batch) > 2:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        return batch

    batcher = Batcher(GPU, 8, most=8, bytes_per_frame=1)
    with caplog.at_level(logging.WARNING):
        parts = [batch[:count] for count, batch in batcher.run(frames(5), hungry)]
    assert np.concatenate(parts)[:, 0, 0, 0].tolist() == [0, 1, 2, 3, 4]
    assert batcher.size == 2
    assert batcher.used == [2]
    assert "batches of 4" in caplog.text
    assert "batches of 2" in caplog.text


def test_batches_that_shrank_on_the_way_are_all_told() -> None:
    calls = []

    def tight(batch: "np.ndarray") -> "np.ndarray":
        calls.append(len(batch))
        if len(calls) == 2:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        return batch

    batcher = Batcher(GPU, 4, most=8, bytes_per_frame=1)
    assert sum(count for count, _ in batcher.run(frames(7), tight)) == 7
    assert calls == [4, 4, 2, 2]
    assert batcher.used == [4, 2]
    list(batcher.run(frames(1), tight))
    assert batcher.used == [2]


def test_no_memory_for_one_frame_is_said() -> None:
    def starving(batch: "np.ndarray") -> None:
        raise torch.cuda.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(ProcessingError, match="too little free memory for one frame"):
        list(Batcher(GPU, 4, most=8, bytes_per_frame=1).run(frames(5), starving))


def test_batch_of_nothing_is_refused() -> None:
    with pytest.raises(ConfigError, match="at least 1, got 0"):
        Batcher(CPU, 0, most=8, bytes_per_frame=1)


def test_without_a_compiler_it_goes_on_with_a_warning(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, tmp_path: "object"
) -> None:
    import torch._inductor.config as config

    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(config.cpp, "cxx", ("/no/such/compiler",))
    monkeypatch.setattr(config, "fx_graph_cache", False)

    def twice(x: torch.Tensor) -> torch.Tensor:
        return torch.sin(x) * 2 + 1

    example = torch.arange(3.0)
    with caplog.at_level(logging.WARNING):
        result = compiled(twice, example)
    assert result is twice
    assert "torch.compile does not work here" in caplog.text


def test_auto_means_fp32_off_cuda_and_fp16_on_it() -> None:
    assert resolve_precision("auto", CPU) == "fp32"
    assert resolve_precision("auto", torch.device("cuda")) == "fp16"
    assert resolve_precision("bf16", CPU) == "bf16"
    assert resolve_device("cpu") == CPU
