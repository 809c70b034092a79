"""Model weights: found on this machine, or downloaded and checked."""

import logging
import os
from functools import lru_cache
from pathlib import Path

from mmvoxceleb.cache import cache_dir
from mmvoxceleb.errors import ConfigError, WeightsError
from mmvoxceleb.processing.checkpoints import fit_state_dict, load_network, load_state_dict, sha256_of
from mmvoxceleb.processing.download import download
from mmvoxceleb.processing.published import PUBLISHED, WeightFile

__all__ = [
    "PUBLISHED",
    "WeightFile",
    "fetch",
    "find",
    "fit_state_dict",
    "load_network",
    "load_state_dict",
    "locate",
    "sha256_of",
    "weights_cache_dir",
]

WEIGHTS_VARIABLE = "MMVOXCELEB_WEIGHTS"
"""Environment variable: a folder, or several joined by the path separator, to look in before the cache."""

_WITH_SAMPLES = ("bisenet", "portrait-drawing", "farl-celeba", "yunet", "face-landmarker", "selfie-segmenter", "s3fd")
"""Those of models and detectors for which the sample models stand in."""

_WITH_OPEN = {"bisenet": "mask --parser", "portrait-drawing": "draw --drawer", "farl-celeba": "label --weights"}
"""Those for which the open models stand in: the command of the stage alone, with its option for the model."""

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
        WeightsError: ``path`` is not a file, or a download is not what was published.
        SourceUnavailableError: No source gives the file.
    """
    weights = _published(name)
    if path is not None:
        chosen = Path(path).expanduser()
        if not chosen.is_file():
            raise WeightsError(
                f"{chosen}: there is no such weights file ({weights.purpose}); "
                f"pass the path of {weights.file_name}, or omit it to download it"
            )
        _tell_if_other(chosen, weights)
        return chosen
    return find(weights) or fetch(weights)


def find(weights: WeightFile) -> Path | None:
    """Look for a published file on this machine, without a download.

    A file in a folder of ``MMVOXCELEB_WEIGHTS`` is its owner's choice: where its hash is not the published one it
    is used with a warning. A file in the cache has been checked when it came.

    Raises:
        ConfigError: ``MMVOXCELEB_WEIGHTS`` names something that is not a folder.
    """
    for folder in _own_folders():
        candidate = folder / weights.file_name
        if candidate.is_file():
            _tell_if_other(candidate, weights)
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
    for_a_trial = "; for a trial, the sample models (--models sample) need no download"
    if weights.key in _WITH_OPEN:
        alone = f"regenerate {_WITH_OPEN[weights.key]}"
        for_a_trial = (
            f"; the open models (regenerate all --models open, {alone} open) know real faces without it; for a trial, "
            f"the sample models (--models sample, {alone} sample) need no download"
        )
    download(
        weights.sources,
        target,
        size_bytes=weights.size_bytes,
        sha256=weights.sha256,
        advice=(
            f"get {weights.file_name} ({weights.paper}) by hand, put it into a folder, and set {WEIGHTS_VARIABLE} to "
            f"that folder{for_a_trial if weights.key in _WITH_SAMPLES else ''}"
        ),
    )
    if weights.sha256 is None:
        logger.warning("%s: this file has no published hash; the download has the sha256 %s", target, sha256_of(target))
    return target


def _tell_if_other(path: Path, weights: WeightFile) -> None:
    """Warn of a file that has the name of a published one and another content: damaged, or its owner's own."""
    if path.name == weights.file_name and weights.sha256 not in (None, sha256_of(path)):
        _warn_once(f"{path} differs from the published file of this name; it is used as it is")


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
            raise ConfigError(f"{WEIGHTS_VARIABLE} names {folder}, which is not a folder; create it, or unset it")
    return folders
