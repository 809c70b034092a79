"""Checkpoints: read without running any code in them, checked, and fitted to a network."""

import os
import zipfile
from collections.abc import Callable, Collection, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from mmvoxceleb.errors import MissingExtraError, WeightsError
from mmvoxceleb.extras import install_hint
from mmvoxceleb.files import hashing
from mmvoxceleb.files.quoting import first_line, quoted, shortened
from mmvoxceleb.processing.published import PUBLISHED

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["fit_state_dict", "load_network", "load_state_dict", "sha256_of"]

Network = TypeVar("Network", bound="nn.Module")

PINNED_HASHES: frozenset[str] = frozenset(record.sha256 for record in PUBLISHED.values() if record.sha256)
"""The known hashes of :data:`PUBLISHED`."""


def sha256_of(path: str | os.PathLike[str]) -> str:
    """Hash a file; once per process as long as its size and time of change stay the same."""
    path = Path(path).resolve()
    status = path.stat()
    return _sha256(path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=64)
def _sha256(path: Path, size: int, mtime_ns: int) -> str:
    return hashing.sha256_of(path)


_MOST_LISTED = 20
_FLOATS = ("float16", "bfloat16", "float32", "float64")


def load_state_dict(path: str | os.PathLike[str], *, pinned: Collection[str] = PINNED_HASHES) -> "dict[str, Tensor]":
    """Read the tensors of a checkpoint onto the CPU.

    Nothing in the file is executed: ``.safetensors`` holds tensors only, every other file is read by
    ``torch.load(weights_only=True)``. A TorchScript archive is a program, so it is opened only when its hash
    is a pinned one.

    Args:
        path: The file.
        pinned: sha256 of the TorchScript archives that may be opened.

    Raises:
        WeightsError: The file is absent, damaged, no checkpoint, not a plain dict of dense tensors of finite values, or
            carries code.
    """
    path = Path(path)
    if not path.is_file():
        raise WeightsError(f"{path}: there is no such weights file; check the path")
    try:
        state = _read_safetensors(path) if path.suffix == ".safetensors" else _read_torch(path, pinned)
    except (WeightsError, ImportError):
        raise
    except Exception as error:  # a damaged file can make the readers raise anything, also MemoryError
        raise WeightsError(
            f"{path}: is damaged, truncated or no checkpoint ({shortened(first_line(error))}); get it again"
        ) from error
    others = [key for key, value in state.items() if not (isinstance(key, str) and _is_tensor(value))]
    if others:
        raise WeightsError(
            f"{path}: holds {', '.join(map(quoted, others[:5]))} that are no tensors, so it is not a plain state dict; "
            "save the model's entry alone: torch.save(model.state_dict(), ...)"
        )
    for key, value in state.items():
        if problem := _problem_of(value, path.stat().st_size):
            raise WeightsError(
                f"{path}: {shortened(key, 80)} {problem}; the file is damaged or not a plain state dict: get it again"
            )
    return state


def load_network(
    build: "Callable[[], Network]",
    path: str | os.PathLike[str],
    *,
    state: "Mapping[str, Tensor] | None" = None,
) -> "Network":
    """Build a network with the weights of a checkpoint, without making random ones first.

    Args:
        build: The network's class, or what calls it.
        path: The checkpoint.
        state: What of it is meant, by key; all by default.

    Returns:
        The network, in eval mode, on the CPU.

    Raises:
        WeightsError: As of :func:`load_state_dict` and :func:`fit_state_dict`.
    """
    import torch

    with torch.device("meta"):
        network = build()
    network.to_empty(device="cpu")
    fit_state_dict(network, load_state_dict(path) if state is None else state, source=path)
    return network.eval()


def fit_state_dict(
    network: "nn.Module", state: "Mapping[str, Tensor]", *, source: str | os.PathLike[str] = "the checkpoint"
) -> None:
    """Copy a state dict into a network that it must fit exactly.

    Two harmless traces of training are tolerated: the prefix ``module.`` of DataParallel on every key, and the
    running statistics that InstanceNorm layers saved before torch 0.4.

    Args:
        network: Any module; changed in place.
        state: Tensors by key.
        source: The file, for messages.

    Raises:
        WeightsError: Keys are missing or unexpected, or have another shape or type; all are listed.
    """
    if state and all(key.startswith("module.") for key in state):
        state = {key.removeprefix("module."): value for key, value in state.items()}
    expected = network.state_dict()
    given = {key: value for key, value in state.items() if key in expected or not _is_norm_buffer(network, key)}
    problems = [
        _listed("missing", [key for key in expected if key not in given]),
        _listed("unexpected", [key for key in given if key not in expected]),
        _listed(
            "of another shape",
            [
                f"{key} {tuple(given[key].shape)} instead of {tuple(value.shape)}"
                for key, value in expected.items()
                if key in given and given[key].shape != value.shape
            ],
        ),
        _listed(
            "of another type",
            [
                f"{key} {given[key].dtype} instead of {value.dtype}"
                for key, value in expected.items()
                if key in given and given[key].is_floating_point() != value.is_floating_point()
            ],
        ),
    ]
    if any(problems):
        raise WeightsError(
            f"{source}: does not fit {type(network).__name__}: {'; '.join(filter(None, problems))}. "
            "It belongs to another model or version: check which file you passed"
        )
    network.load_state_dict(given)


def _read_safetensors(path: Path) -> "dict[str, Tensor]":
    try:
        from safetensors import SafetensorError
        from safetensors.torch import load_file
    except ImportError as error:
        raise MissingExtraError(f"{path}: reading .safetensors needs: {install_hint('processing')}") from error
    try:
        return load_file(path)
    except (SafetensorError, ValueError) as error:
        raise WeightsError(
            f"{path}: is broken or truncated ({shortened(error)}); delete it and get it again"
        ) from error


def _read_torch(path: Path, pinned: Collection[str]) -> "dict[str, Tensor]":
    import pickle

    import torch

    if _is_torchscript(path):
        return _read_torchscript(path, pinned)
    _check_archive(path)
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if "weights_only" not in str(error).lower():
            raise WeightsError(f"{path}: is broken or no checkpoint ({shortened(error)}); get it again") from error
        raise WeightsError(
            f"{path}: holds more than tensors, and opening it could run code that it carries; refused. "
            "Get the published file, or have its owner save model.state_dict() alone or as .safetensors"
        ) from error
    if not isinstance(state, dict):
        raise WeightsError(f"{path}: holds a {type(state).__name__} instead of a state dict; check the file")
    return dict(state)


def _is_torchscript(path: Path) -> bool:
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any("/code/" in name or name.endswith("/constants.pkl") for name in archive.namelist())


def _check_archive(path: Path) -> None:
    """Compare the checksums of a checkpoint that is a zip, which torch does not. The legacy form has none."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            # torch takes for a folder what DOS calls one, and gives memory that nothing was written to as its content
            folders = (entry.filename for entry in archive.infolist() if entry.is_dir() or entry.external_attr & 0x10)
            damaged = next(folders, None) or archive.testzip()
        if damaged is not None:
            raise WeightsError(f"{path}: {damaged} in it fails its checksum; the file is damaged: get it again")


def _problem_of(tensor: "Tensor", most_bytes: int) -> str:
    """Say what is wrong with a tensor that no network can have; empty where nothing is.

    Args:
        tensor: A tensor of a file.
        most_bytes: Size of the file. A tensor that is repeated without end by its strides takes none of it.
    """
    import torch

    if tensor.device.type != "cpu" or tensor.layout != torch.strided or tensor.is_quantized:
        return f"is a tensor without plain values ({tensor.device.type}, {tensor.layout})"
    if tensor.is_complex():
        return f"holds complex numbers ({tensor.dtype})"
    if tensor.is_floating_point() and tensor.dtype not in {getattr(torch, name) for name in _FLOATS}:
        return f"holds numbers of a type for storage alone ({tensor.dtype})"
    if tensor.numel() * tensor.element_size() > most_bytes:
        return f"is larger than the file, {tuple(tensor.shape)}"
    if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
        return "holds values that are not finite"
    return ""


def _read_torchscript(path: Path, pinned: Collection[str]) -> "dict[str, Tensor]":
    import torch

    if sha256_of(path) not in pinned:
        raise WeightsError(
            f"{path}: is a TorchScript archive, which is a program, and its sha256 {sha256_of(path)} is not a "
            "published one; refused. Get the published file, or save the model's state_dict() alone"
        )
    return dict(torch.jit.load(path, map_location="cpu").state_dict())


def _is_tensor(value: object) -> bool:
    import torch

    return isinstance(value, torch.Tensor)


def _is_norm_buffer(network: "nn.Module", key: str) -> bool:
    """Return whether ``key`` is a statistic of an InstanceNorm that keeps none."""
    from torch import nn

    owner, _, leaf = key.rpartition(".")
    if leaf not in ("running_mean", "running_var", "num_batches_tracked"):
        return False
    try:
        return isinstance(network.get_submodule(owner), nn.InstanceNorm2d)
    except AttributeError:
        return False


def _listed(what: str, keys: list[str]) -> str:
    more = f" and {len(keys) - _MOST_LISTED} more" if len(keys) > _MOST_LISTED else ""
    return f"{len(keys)} {what}: {', '.join(keys[:_MOST_LISTED])}{more}" if keys else ""
