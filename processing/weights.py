"""Model weights: found or downloaded, checked, read without running any code in them, and fitted to a network."""

import logging
import os
import zipfile
from collections.abc import Collection, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from mmvoxceleb.cache import cache_dir
from mmvoxceleb.errors import ConfigError, WeightsError
from mmvoxceleb.files import hashing
from mmvoxceleb.processing.download import download
from mmvoxceleb.processing.published import PUBLISHED, WeightFile

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = [
    "PUBLISHED",
    "WEIGHTS_VARIABLE",
    "WeightFile",
    "fetch",
    "find",
    "fit_state_dict",
    "load_state_dict",
    "locate",
    "sha256_of",
    "weights_cache_dir",
]

WEIGHTS_VARIABLE = "MMVOXCELEB_WEIGHTS"
"""Environment variable: a folder, or several joined by the path separator, to look in before the cache."""

PINNED_HASHES: frozenset[str] = frozenset(record.sha256 for record in PUBLISHED.values() if record.sha256)
"""The known hashes of :data:`PUBLISHED`."""

logger = logging.getLogger(__name__)


def weights_cache_dir() -> Path:
    """Name the folder that downloads go to; it need not exist."""
    return cache_dir() / "weights"


def locate(name: str, path: str | os.PathLike[str] | None = None) -> Path:
    """Return a local file of weights, downloading it when it is not on this machine yet.

    In this order: ``path``; a file of the published name in a folder of ``MMVOXCELEB_WEIGHTS``; the cache;
    a download, checked against the published size and hash where they are known.

    Args:
        name: A key of :data:`PUBLISHED`.
        path: The user's own file, which is taken as it is.

    Raises:
        ConfigError: ``name`` is unknown, or ``MMVOXCELEB_WEIGHTS`` names no folder.
        WeightsError: ``path`` is no file, or a download is not what was published.
        SourceUnavailableError: No source gives the file.
    """
    weights = _published(name)
    if path is not None:
        chosen = Path(path).expanduser()
        if not chosen.is_file():
            raise WeightsError(
                f"{chosen}: there is no such file of weights ({weights.purpose}); "
                f"give the path of {weights.file_name}, or leave it out to have it downloaded"
            )
        return chosen
    return find(weights) or fetch(weights)


def find(weights: WeightFile) -> Path | None:
    """Look for a published file on this machine, without a download.

    A file in a folder of ``MMVOXCELEB_WEIGHTS`` is its owner's choice: where its hash is not the published one it
    is used with a warning. A file in the cache has been checked when it came.

    Raises:
        ConfigError: ``MMVOXCELEB_WEIGHTS`` names something that is no folder.
    """
    for folder in _own_folders():
        candidate = folder / weights.file_name
        if candidate.is_file():
            if weights.sha256 is not None and sha256_of(candidate) != weights.sha256:
                _warn_once(f"{candidate} differs from the published file of this name; it is used as it is")
            return candidate
    cached = weights_cache_dir() / weights.file_name
    return cached if cached.is_file() else None


def fetch(weights: WeightFile, folder: str | os.PathLike[str] | None = None) -> Path:
    """Download a file of weights, going on where an earlier attempt broke off, and check it.

    Args:
        weights: What to get; an entry of :data:`PUBLISHED`, or a record of your own.
        folder: Where to; the cache by default.

    Raises:
        WeightsError: What came is not what was published: wrong size or hash. It is deleted.
        SourceUnavailableError: No source gives the file; every one is named with the reason.
    """
    target = Path(folder or weights_cache_dir()) / weights.file_name
    download(
        weights.sources,
        target,
        size_bytes=weights.size_bytes,
        sha256=weights.sha256,
        advice=(
            f"get {weights.file_name} ({weights.paper}) by hand and put it into a folder named by "
            f"{WEIGHTS_VARIABLE}, or pass its path as --weights"
        ),
    )
    if weights.sha256 is None:
        logger.warning("%s: no hash of this file was published; it came as sha256 %s", target, sha256_of(target))
    return target


def sha256_of(path: str | os.PathLike[str]) -> str:
    """Hash a file; once per process as long as its size and time of change stay the same."""
    path = Path(path).resolve()
    status = path.stat()
    return _sha256(path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=64)
def _sha256(path: Path, size: int, mtime_ns: int) -> str:
    return hashing.sha256_of(path)


def load_state_dict(path: str | os.PathLike[str], *, pinned: Collection[str] = PINNED_HASHES) -> "dict[str, Tensor]":
    """Read the tensors of a checkpoint onto the CPU.

    Nothing in the file is executed: ``.safetensors`` holds tensors only, every other file is read by
    ``torch.load(weights_only=True)``. A TorchScript archive is a program, so it is opened only when its hash
    is a pinned one.

    Args:
        path: The file.
        pinned: sha256 of the TorchScript archives that may be opened.

    Raises:
        WeightsError: The file is absent, truncated, no checkpoint, not a plain dict of tensors, or carries code.
    """
    path = Path(path)
    if not path.is_file():
        raise WeightsError(f"{path}: there is no such file of weights; check the path")
    state = _read_safetensors(path) if path.suffix == ".safetensors" else _read_torch(path, pinned)
    others = [key for key, value in state.items() if not (isinstance(key, str) and _is_tensor(value))]
    if others:
        raise WeightsError(
            f"{path}: holds {', '.join(map(repr, others[:5]))} that are no tensors, so it is not a plain state dict; "
            "save the model's entry alone: torch.save(model.state_dict(), ...)"
        )
    return state


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
        WeightsError: Keys are missing or unexpected or have another shape; all are listed.
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
    ]
    if any(problems):
        raise WeightsError(
            f"{source}: does not fit {type(network).__name__}: {'; '.join(filter(None, problems))}. "
            "It belongs to another model or another version of it: check which file you passed"
        )
    network.load_state_dict(given)


def _read_safetensors(path: Path) -> "dict[str, Tensor]":
    try:
        from safetensors import SafetensorError
        from safetensors.torch import load_file
    except ImportError as error:
        raise ImportError(f"{path}: reading .safetensors needs: pip install 'mmvoxceleb[processing]'") from error
    try:
        return load_file(path)
    except (SafetensorError, ValueError) as error:
        raise WeightsError(f"{path}: is broken or truncated ({error}); delete it and get it again") from error


def _read_torch(path: Path, pinned: Collection[str]) -> "dict[str, Tensor]":
    import pickle

    import torch

    if _is_torchscript(path):
        return _read_torchscript(path, pinned)
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if "weights_only" not in str(error).lower():
            raise WeightsError(f"{path}: is broken or no checkpoint ({error}); get it again") from error
        raise WeightsError(
            f"{path}: holds more than tensors, and opening it could run code that it carries; refused. "
            "Get the published file, or have its owner save model.state_dict() alone or as .safetensors"
        ) from error
    except (RuntimeError, EOFError, OSError, ValueError, KeyError, IndexError, AttributeError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise WeightsError(f"{path}: is truncated or no checkpoint ({reason}); delete it and get it again") from error
    if not isinstance(state, dict):
        raise WeightsError(f"{path}: holds a {type(state).__name__} instead of a state dict; check the file")
    return dict(state)


def _is_torchscript(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return any("/code/" in name or name.endswith("/constants.pkl") for name in archive.namelist())
    except zipfile.BadZipFile:
        return False


def _read_torchscript(path: Path, pinned: Collection[str]) -> "dict[str, Tensor]":
    import torch

    if sha256_of(path) not in pinned:
        raise WeightsError(
            f"{path}: is a TorchScript archive, which is a program, and its sha256 {sha256_of(path)} is not a "
            "published one; refused. Get the published file, or save the model's state_dict() alone"
        )
    return dict(torch.jit.load(path, map_location="cpu").state_dict())  # type: ignore[no-untyped-call]


def _is_tensor(value: object) -> bool:
    import torch

    return isinstance(value, torch.Tensor)


def _is_norm_buffer(network: "nn.Module", key: str) -> bool:
    """Tell whether ``key`` is a statistic of an InstanceNorm that keeps none."""
    from torch import nn

    owner, _, leaf = key.rpartition(".")
    if leaf not in ("running_mean", "running_var", "num_batches_tracked"):
        return False
    try:
        return isinstance(network.get_submodule(owner), nn.InstanceNorm2d)
    except AttributeError:
        return False


def _listed(what: str, keys: list[str], limit: int = 20) -> str:
    if not keys:
        return ""
    more = f" and {len(keys) - limit} more" if len(keys) > limit else ""
    return f"{len(keys)} {what}: {', '.join(keys[:limit])}{more}"


@lru_cache(maxsize=64)
def _warn_once(message: str) -> None:
    logger.warning(message)


def _published(name: str) -> WeightFile:
    if name not in PUBLISHED:
        raise ConfigError(f"unknown weights {name!r}; the known ones are {', '.join(PUBLISHED)}")
    return PUBLISHED[name]


def _own_folders() -> list[Path]:
    folders = [Path(part).expanduser() for part in os.environ.get(WEIGHTS_VARIABLE, "").split(os.pathsep) if part]
    for folder in folders:
        if not folder.is_dir():
            raise ConfigError(f"{WEIGHTS_VARIABLE} names {folder}, which is no folder; make it or unset the variable")
    return folders
