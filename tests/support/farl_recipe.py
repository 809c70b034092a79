"""Weights and pictures of the FaRL reference, made from integers, so that they are the same on every machine.

The numbers in ``reference/farl_seed0.npz`` were computed by the published code from these weights and pictures.
"""

import zlib
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

WIDTH = 768


def shapes() -> Iterator[tuple[str, tuple[int, ...]]]:
    """Key and shape of each of the 158 tensors of the published checkpoint."""
    yield "backbone.class_embedding", (WIDTH,)
    yield "backbone.positional_embedding", (197, WIDTH)
    yield "backbone.conv1.weight", (WIDTH, 3, 16, 16)
    yield from norm("backbone.ln_pre")
    for block in range(12):
        base = f"backbone.transformer.resblocks.{block}"
        yield f"{base}.attn.in_proj_weight", (3 * WIDTH, WIDTH)
        yield f"{base}.attn.in_proj_bias", (3 * WIDTH,)
        yield from linear(f"{base}.attn.out_proj", WIDTH, WIDTH)
        yield from norm(f"{base}.ln_1")
        yield from linear(f"{base}.mlp.c_fc", 4 * WIDTH, WIDTH)
        yield from linear(f"{base}.mlp.c_proj", WIDTH, 4 * WIDTH)
        yield from norm(f"{base}.ln_2")
    yield "head.weights", (1, 3, 1)
    yield from linear("head.final_fc", 40, WIDTH)
    for view in range(3):
        yield from norm(f"head.norm_{view}")


def norm(base: str) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield f"{base}.weight", (WIDTH,)
    yield f"{base}.bias", (WIDTH,)


def linear(base: str, outputs: int, inputs: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield f"{base}.weight", (outputs, inputs)
    yield f"{base}.bias", (outputs,)


def bell(key: str, count: int, seed: int = 0) -> NDArray[np.float64]:
    """Numbers of mean 0 and deviation 1: the sum of the four 16-bit parts of each word of a PCG64 stream."""
    stream = np.random.PCG64(np.random.SeedSequence([seed, zlib.crc32(key.encode())]))
    parts = stream.random_raw(count).view(np.uint16).reshape(count, 4)
    return np.asarray((parts.sum(1, dtype=np.int64) - 2 * 65535.0) / np.sqrt((2.0**32 - 1) / 3))


def tensor(key: str, shape: tuple[int, ...]) -> torch.Tensor:
    values = bell(key, int(np.prod(shape))).reshape(shape)
    leaf = key.rpartition(".")[2]
    if len(shape) == 4:
        values *= np.sqrt(2 / (shape[1] * shape[2] * shape[3]))
    elif leaf == "positional_embedding":
        values *= 0.5
    elif leaf == "in_proj_weight":
        values *= np.sqrt(1 / shape[1])
        values[: 2 * shape[0] // 3] *= 1.5
    elif leaf == "weight" and len(shape) == 2:
        values *= np.sqrt(1 / shape[1])
        if key == "head.final_fc.weight":
            values *= 2
    elif leaf == "weight":
        values = 1 + 0.1 * values
    elif leaf in ("bias", "in_proj_bias"):
        values *= 0.05
    return torch.from_numpy(values.astype(np.float32))


def state_dict() -> dict[str, torch.Tensor]:
    """The whole checkpoint, 343 MB."""
    return {key: tensor(key, shape) for key, shape in shapes()}


def picture(index: int) -> NDArray[np.uint8]:
    """Gradients, 40 half-transparent discs and noise: uint8 [256, 256, 3], RGB."""
    raw = np.random.PCG64(np.random.SeedSequence([0, index])).random_raw(256 * 256 * 3 + 400)
    numbers = (raw[:400] % np.uint64(100_000)).astype(np.int64).reshape(-1, 8)
    y, x = np.indices((256, 256))
    ramps = [(x * (index + 1) + y * 2) // 4, (y * 3 + x) // 5, (x + y * (3 - index)) // 4]
    image = np.stack(ramps, -1) % 256
    for centre_x, centre_y, size, *colour in numbers[:40, :6]:
        inside = (x - centre_x % 256) ** 2 + (y - centre_y % 256) ** 2 < (8 + size % 56) ** 2
        image[inside] = (np.array(colour) % 256 + image[inside]) // 2
    noise = (raw[400:] % np.uint64(25)).astype(np.int64).reshape(256, 256, 3) - 12
    return np.clip(image + noise, 0, 255).astype(np.uint8)


def pictures() -> NDArray[np.uint8]:
    """The three pictures of the reference: uint8 [3, 256, 256, 3]."""
    return np.stack([picture(index) for index in range(3)])
