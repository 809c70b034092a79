"""Checkpoints in the published layout, made once for all tests of the processing."""

from pathlib import Path

import pytest
import torch

from tests.support.pseudo_weights import fill, read_keys


@pytest.fixture(scope="session")
def weights_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for MMVOXCELEB_WEIGHTS with both published files, filled by the recipe."""
    folder = tmp_path_factory.mktemp("weights")
    torch.save(fill(read_keys("bisenet")), folder / "79999_iter.pth")
    torch.save(fill(read_keys("drawing")), folder / "200_net_G_A.pth")
    return folder


@pytest.fixture(scope="session")
def mask_weights(weights_folder: Path) -> Path:
    return weights_folder / "79999_iter.pth"


@pytest.fixture(scope="session")
def drawing_weights(weights_folder: Path) -> Path:
    return weights_folder / "200_net_G_A.pth"
