"""Weights and pictures made from integers, the same on every machine, for comparing networks with their originals.

The references in ``tests/processing/reference`` were made by running the original programs on these. The recipe
gives logits a spread of about 3 so that all classes appear, makes styles differ visibly, and is not symmetric in
the colours, so that errors in their order or scale show.
"""

import hashlib
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

REFERENCE = Path(__file__).resolve().parents[1] / "processing" / "reference"
_STYLE_GAIN = 48.0
_MEAN = 4.0 * 65535.0 / 2.0
_DEVIATION = float(np.sqrt(4.0 * (2.0**32 - 1.0) / 12.0))


def read_keys(name: str) -> dict[str, tuple[int, ...]]:
    """Read key and shape of every tensor of a published checkpoint."""
    lines = (REFERENCE / f"{name}_keys.tsv").read_text().splitlines()
    rows = [line.split("\t") for line in lines if line and not line.startswith("#")]
    return {key: () if shape == "scalar" else tuple(map(int, shape.split("x"))) for key, shape, _ in rows}


def fill(shapes: Mapping[str, tuple[int, ...]], seed: int = 0) -> dict[str, torch.Tensor]:
    """Fill every tensor from a random stream of its own, named by its key."""
    return {key: torch.from_numpy(np.asarray(_values(key, shape, seed))) for key, shape in shapes.items()}


def digest(state: Mapping[str, torch.Tensor]) -> str:
    """Hash a state dict, to prove that the recipe gave the tensors that the references were made with."""
    result = hashlib.sha256()
    for key in sorted(state):
        array = state[key].contiguous().numpy()
        for part in (key.encode(), str(array.dtype).encode(), str(array.shape).encode()):
            result.update(part + b"\0")
        result.update(array.tobytes())
    return result.hexdigest()


def picture(index: int, seed: int = 0) -> Any:
    """Draw gradients, 40 half-transparent discs and a little noise: uint8 [256, 256, 3], RGB."""
    raw = np.random.PCG64(np.random.SeedSequence([seed, index])).random_raw(256 * 256 * 3 + 400).astype(np.uint64)
    numbers = (raw[:400] % np.uint64(100000)).astype(np.int64)
    y, x = np.mgrid[:256, :256].astype(np.int64)
    channels = ((x * (index + 1) + y * 2) // 4, (y * 3 + x) // 5, (x + y * (3 - index)) // 4)
    image = np.stack([channel % 256 for channel in channels], -1)
    for disc in range(40):
        column, row, size, *colour = numbers[disc * 8 : disc * 8 + 6]
        inside = (x - column % 256) ** 2 + (y - row % 256) ** 2 < (8 + size % 56) ** 2
        image[inside] = (np.array(colour) % 256 + image[inside]) // 2
    noise = (raw[400:] % np.uint64(25)).astype(np.int64).reshape(256, 256, 3) - 12
    return np.clip(image + noise, 0, 255).astype(np.uint8)


def _values(key: str, shape: tuple[int, ...], seed: int) -> Any:
    leaf = key.rpartition(".")[2]
    if leaf == "num_batches_tracked":
        return np.zeros(shape, np.int64)
    stream = np.random.PCG64(np.random.SeedSequence([seed, zlib.crc32(key.encode())]))
    raw = stream.random_raw(int(np.prod(shape))).astype(np.uint64)
    if leaf == "running_var":
        values = 0.5 + (raw >> np.uint64(11)).astype(np.float64) * 2.0**-53
    elif leaf == "running_mean":
        values = 0.1 * _normal(raw)
    elif len(shape) > 1:
        values = _kernels(raw, shape)
    else:
        values = 0.05 * _normal(raw) if leaf == "bias" else 1.0 + 0.1 * _normal(raw)
    return values.astype(np.float32).reshape(shape)


def _kernels(raw: Any, shape: tuple[int, ...]) -> Any:
    outputs, inputs = shape[:2]
    if inputs == 3:
        values = _normal(raw)
    else:  # rows without a mean, so that the positive mean of ReLU features does not drown the picture
        sums = _lanes(raw).reshape(outputs, -1)
        count = sums.shape[1]
        values = (sums * count - sums.sum(axis=1, keepdims=True)).astype(np.float64) / (count * _DEVIATION)
    values = values.reshape(shape) * np.sqrt(2.0 / np.prod(shape[1:]))
    if outputs == 1:
        values = _smooth(values)
    if inputs > 3 and inputs % 64 == 3:
        values[:, -3:] *= _STYLE_GAIN
    return values


def _lanes(raw: Any) -> Any:
    mask = np.uint64(0xFFFF)
    return sum((raw >> np.uint64(shift)) & mask for shift in (0, 16, 32, 48)).astype(np.int64)


def _normal(raw: Any) -> Any:
    return (_lanes(raw).astype(np.float64) - _MEAN) / _DEVIATION


def _smooth(values: Any) -> Any:
    for _ in range(2):
        for axis in (-2, -1):
            line = np.moveaxis(values, axis, -1)
            result = 2.0 * line
            result[..., 1:] += line[..., :-1]
            result[..., :-1] += line[..., 1:]
            values = np.moveaxis(result, -1, axis) * 0.25
    return values
