"""The sample models: one small network of ours, trained on generated faces, that comes with the package.

It lets the whole pipeline run without a download. It is for demonstration: it knows drawn faces, not real ones.
"""

import logging
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from mmvoxceleb.errors import ConfigError, WeightsError
from mmvoxceleb.processing.weights import load_network, load_state_dict, sha256_of
from mmvoxceleb.sample import sample_path

if TYPE_CHECKING:
    from mmvoxceleb.processing.networks.sample import SampleNetwork

__all__ = [
    "SAMPLE",
    "SAMPLE_ATTRIBUTES",
    "SAMPLE_NOTICE",
    "SAMPLE_SHA256",
    "check_sample_options",
    "load_sample_network",
    "sample_weights",
]

SAMPLE = "sample"
"""What chooses the sample models: ``make_parser("sample")``, ``--weights sample``."""

SAMPLE_NOTICE = (
    "sample models: trained on generated faces, for demonstration only; their masks and labels of real faces are "
    "meaningless. For real faces, choose the open models or the published ones (docs/licences.md)"
)

SAMPLE_SHA256 = "67d3ecec74ca0eaaffa3e4035017a90eaee3db1a2bd65decc4ae61747ce00fd0"
"""Of the weights in this version of the package."""

SAMPLE_ATTRIBUTES: tuple[str, ...] = (
    "Arched_Eyebrows", "Bangs", "Black_Hair", "Blond_Hair", "Brown_Hair", "Bushy_Eyebrows", "Eyeglasses", "Goatee",
    "Gray_Hair", "Mouth_Slightly_Open", "Mustache", "No_Beard", "Rosy_Cheeks", "Smiling", "Straight_Hair",
    "Wavy_Hair", "Wearing_Earrings", "Wearing_Hat", "Wearing_Lipstick", "Wearing_Necklace",
)  # fmt: skip
"""What a generated face can show. A drawn figure has no sex, age or beauty: the other 20 stay unknown."""

logger = logging.getLogger(__name__)


def sample_weights() -> Path:
    """Name the file of the weights."""
    return Path(sample_path()) / "models" / "sample-models.safetensors"


def load_sample_network() -> "SampleNetwork":
    """Build the network with its weights, in eval mode, on the CPU. Says once per process what it is.

    Raises:
        WeightsError: The file is not there or is not the one of this version.
    """
    from mmvoxceleb.processing.networks.sample import SampleNetwork

    path = sample_weights()
    state = load_state_dict(path)
    if sha256_of(path) != SAMPLE_SHA256:
        raise WeightsError(f"{path}: is not the file of this version of mmvoxceleb; reinstall the package")
    network = load_network(SampleNetwork, path, state=state)
    _say_what_it_is()
    return network


def check_sample_options(weights: object, backend: str) -> None:
    """Check that nobody asks of the sample models what only the published ones can do.

    Raises:
        ConfigError: Weights are given, or the ncnn backend.
    """
    if weights is not None:
        raise ConfigError("the sample models come with their weights; leave --weights out")
    if backend == "ncnn":
        raise ConfigError("the sample models run on torch; use the backend auto")


@lru_cache(maxsize=1)
def _say_what_it_is() -> None:
    logger.warning(SAMPLE_NOTICE)
