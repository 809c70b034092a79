"""Where in a picture the person is: MediaPipe's selfie segmenter, run by LiteRT."""

import os
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mmvoxceleb.errors import WeightsError
from mmvoxceleb.processing.networks.lite import LiteNetwork
from mmvoxceleb.processing.weights import locate, sha256_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["PersonOutline", "SelfieSegmenter"]

WEIGHTS = "selfie-segmenter"
_INPUT = (1, 256, 256, 3)


class PersonOutline(ABC):
    """Tells person from background. The constructor is cheap and picklable; ``setup`` loads."""

    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """Everything that changes what is found, as JSON values: name, the weights' sha256."""

    def setup(self) -> None:  # noqa: B027  there may be nothing to load
        """Load the model. The call does it when nobody did. May be called again."""

    def teardown(self) -> None:  # noqa: B027
        """Release what ``setup`` loaded."""

    @abstractmethod
    def __call__(self, frame: "NDArray[np.uint8]") -> "NDArray[np.float32]":
        """Find the person in a picture.

        Args:
            frame: uint8 [H, W, 3], RGB; the aspect ratio is ignored.

        Returns:
            float32 [256, 256], the probability of a person, 0 to 1.
        """


class SelfieSegmenter(PersonOutline):
    """``selfie_segmenter.tflite``, which sees pictures of 256 px.

    Args:
        weights: The file; None means the published one, downloaded and checked.
    """

    def __init__(self, weights: str | os.PathLike[str] | None = None) -> None:
        self.weights = weights
        self._path: Path | None = None
        self._network: LiteNetwork | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Be pickled without what ``setup`` loaded."""
        return {**vars(self), "_network": None}

    def settings(self) -> dict[str, Any]:
        return {"model": "mediapipe-selfie-segmenter", "weights_sha256": sha256_of(self._locate())}

    def setup(self) -> None:
        """Load the network.

        Raises:
            ImportError: LiteRT is not installed.
            WeightsError: The file is not ``selfie_segmenter.tflite``.
        """
        if self._network is not None:
            return
        path = self._locate()
        advice = "leave the weights out to download it"
        try:
            network = LiteNetwork(path.read_bytes())
        except (ValueError, RuntimeError) as error:
            raise WeightsError(f"{path}: not MediaPipe's selfie_segmenter.tflite ({error}); {advice}") from error
        if network.input_shape != _INPUT:
            raise WeightsError(f"{path}: wants pictures {network.input_shape}, not {_INPUT}; {advice}")
        self._network = network

    def teardown(self) -> None:
        self._network = None

    def __call__(self, frame: "NDArray[np.uint8]") -> "NDArray[np.float32]":
        import cv2

        self.setup()
        assert self._network is not None
        seen = cv2.resize(frame, (_INPUT[2], _INPUT[1]), interpolation=cv2.INTER_AREA)
        (found,) = self._network(np.asarray(seen[None], np.float32) / np.float32(255))
        return np.asarray(found[0, ..., 0], np.float32)

    def _locate(self) -> Path:
        if self._path is None:
            self._path = locate(WEIGHTS, self.weights)
        return self._path
