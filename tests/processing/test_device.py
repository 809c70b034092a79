"""Batches, memory and the compiler."""

import logging

import numpy as np
import pytest
import torch

from mmvoxceleb.errors import ConfigError, ProcessingError
from mmvoxceleb.processing.device import Batcher, compiled, resolve_device, resolve_precision

CPU = torch.device("cpu")


def frames(count: int) -> "np.ndarray":
    return np.arange(count, dtype=np.uint8).reshape(count, 1, 1, 1).repeat(3, axis=3)


def test_batches_have_one_size_and_the_last_is_filled_up() -> None:
    seen = []
    batcher = Batcher(CPU, 3, most=8, bytes_per_frame=1)
    parts = [(count, batch) for count, batch in batcher.run(frames(7), lambda batch: seen.append(batch) or batch)]
    assert [batch[:, 0, 0, 0].tolist() for batch in seen] == [[0, 1, 2], [3, 4, 5], [6, 6, 6]]
    assert [count for count, _ in parts] == [3, 3, 1]
    assert Batcher(CPU, None, most=8, bytes_per_frame=1).size == 1


def test_out_of_memory_halves_the_batch_and_loses_no_frame(caplog: pytest.LogCaptureFixture) -> None:
    def hungry(batch: "np.ndarray") -> "np.ndarray":
        if len(batch) > 2:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        return batch

    batcher = Batcher(CPU, 8, most=8, bytes_per_frame=1)
    with caplog.at_level(logging.WARNING):
        parts = [batch[:count] for count, batch in batcher.run(frames(5), hungry)]
    assert np.concatenate(parts)[:, 0, 0, 0].tolist() == [0, 1, 2, 3, 4]
    assert batcher.size == 2
    assert "batches of 4" in caplog.text
    assert "batches of 2" in caplog.text


def test_no_memory_for_one_frame_is_said() -> None:
    def starving(batch: "np.ndarray") -> None:
        raise torch.cuda.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(ProcessingError, match="too little free memory for one frame"):
        list(Batcher(CPU, 4, most=8, bytes_per_frame=1).run(frames(5), starving))


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
