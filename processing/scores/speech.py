"""The share of speech in a sound, by Silero VAD."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mmvoxceleb.processing.weights import load_network, load_state_dict, locate, sha256_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["SpeechDetector"]

_LEAST_PROBABILITY = 0.5
_KEY_START = "_model."
"""Prefix of the keys of the network for 16 kHz. The file also has one for 8 kHz."""


class SpeechDetector:
    """Detect speech with Silero VAD, on the CPU in fp32. The constructor loads nothing; ``setup`` does.

    Args:
        weights: Path of ``silero_vad.jit``. With None, the published file is found or downloaded.
    """

    def __init__(self, weights: str | os.PathLike[str] | None = None) -> None:
        self.weights = weights
        self._path: Path | None = None
        self._network: Any = None

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what ``setup`` loaded when the object is pickled."""
        return {**vars(self), "_network": None}

    def settings(self) -> dict[str, Any]:
        """Return everything that changes the figure, as JSON values."""
        return {"model": "silero-vad-6.2", "weights_sha256": sha256_of(self._locate())}

    def computation(self) -> dict[str, Any]:
        """Return how it computes, for the provenance: see ``Stage.computation``."""
        import torch

        return {"device": "cpu", "libraries": {"torch": torch.__version__}}

    def setup(self) -> None:
        """Load the network.

        Raises:
            WeightsError: The weights do not fit, are broken, or are unsafe to read.
            SourceUnavailableError: The weights cannot be downloaded.
        """
        if self._network is not None:
            return
        from mmvoxceleb.processing.networks.silero_vad import SileroVad

        path = self._locate()
        state = load_state_dict(path)
        kept = {key.removeprefix(_KEY_START): value for key, value in state.items() if key.startswith(_KEY_START)}
        self._network = load_network(SileroVad, path, state=kept or state).requires_grad_(False)

    def teardown(self) -> None:
        """Release what ``setup`` loaded."""
        self._network = None

    def probabilities(self, sound: "NDArray[np.float32]") -> "NDArray[np.float32]":
        """Return the probability of speech in each window of 512 samples.

        Args:
            sound: float32 [N], 16 kHz, mono, -1 to 1.

        Returns:
            float32 [ceil(N / 512)], 0 to 1.
        """
        import torch

        self.setup()
        with torch.inference_mode():
            result: NDArray[np.float32] = self._network(torch.from_numpy(np.ascontiguousarray(sound))).numpy()
        return result

    def share(self, sound: "NDArray[np.float32]") -> float:
        """Return the share of windows of 32 ms with a probability of at least 0.5.

        Args:
            sound: float32 [N], 16 kHz, mono, -1 to 1; N is at least 1.
        """
        return float((self.probabilities(sound) >= _LEAST_PROBABILITY).mean())

    def _locate(self) -> Path:
        if self._path is None:
            self._path = locate("silero-vad", self.weights)
        return self._path
