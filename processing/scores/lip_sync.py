"""Whether a mouth says what is heard, and how many frames apart: SyncNet, fed and read as the original program does."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mmvoxceleb.processing.devices import computation, faithful_kernels, resolve_device
from mmvoxceleb.processing.scores.cepstra import RATE, cepstra
from mmvoxceleb.processing.scores.face_crops import FaceTrack
from mmvoxceleb.processing.weights import load_network, locate, sha256_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["REACH", "SAMPLES_PER_FRAME", "LipSync", "Sync", "compare"]

REACH = 15
"""Frames by which the sound is moved to and fro."""

SAMPLES_PER_FRAME = RATE // 25
_CEPSTRA_PER_FRAME = 4

_AT_ONCE_CPU, _AT_ONCE_GPU = 16, 64
"""Windows in memory together; fixed, as another number may round otherwise."""

_EPSILON = 1e-6
"""What torch's ``pairwise_distance`` adds to every difference."""


@dataclass(frozen=True)
class Sync:
    """How sound and picture go together.

    Args:
        offset: Frames by which the sound comes too early, -15 to 15; delayed by so much, it fits best.
        confidence: Median of the mean distances of all offsets minus the least, at least 0. 0 is no relation, and
            several is a clear one.
        distance: The least mean distance.
    """

    offset: int
    confidence: float
    distance: float


def compare(seen: "NDArray[np.float32]", heard: "NDArray[np.float32]") -> Sync:
    """Find the offset at which vectors of pictures and of sound are nearest.

    Where the sound is moved beyond its ends, zeros stand in for its vectors.

    Args:
        seen: float32 [N, 1024], of the windows that begin at frames 0 to N - 1; N at least 1.
        heard: float32 [N, 1024], of the sound of the same windows.
    """
    count = len(seen)
    padded = np.pad(heard, ((REACH, REACH), (0, 0)))
    means = np.array([_mean_distance(seen, padded[shift : shift + count]) for shift in range(2 * REACH + 1)])
    best = int(means.argmin())
    return Sync(REACH - best, float(np.median(means) - means[best]), float(means[best]))


def _mean_distance(seen: "NDArray[np.float32]", heard: "NDArray[np.float32]") -> float:
    return float(np.linalg.norm(seen - heard + np.float32(_EPSILON), axis=1).mean(dtype=np.float64))


class LipSync:
    """SyncNet. The constructor is cheap and picklable; ``setup`` loads. Computes in fp32 everywhere.

    Args:
        weights: ``syncnet_v2.model``, or a copy as ``.safetensors``; None means the published file.
        device: ``auto`` is CUDA, then MPS, then the CPU.
    """

    def __init__(self, weights: str | os.PathLike[str] | None = None, device: str = "auto") -> None:
        self.weights = weights
        self.device = resolve_device(device)
        self._path: Path | None = None
        self._network: Any = None

    def __getstate__(self) -> dict[str, Any]:
        """Be pickled without what ``setup`` loaded."""
        return {**vars(self), "_network": None}

    def settings(self) -> dict[str, Any]:
        """Everything that changes the figures, as JSON values."""
        return {"model": "syncnet-v2", "weights_sha256": sha256_of(self._locate())}

    def computation(self) -> dict[str, Any]:
        """Tell how it computes, for the provenance, as ``Stage.computation`` does."""
        return {**computation(self.device, None), "batch_sizes": [self._at_once]}

    def setup(self) -> None:
        """Load the network.

        Raises:
            WeightsError: The weights do not fit, are broken, or are unsafe to read.
            SourceUnavailableError: They cannot be downloaded.
        """
        if self._network is not None:
            return
        from mmvoxceleb.processing.networks.syncnet import SyncNet

        self._network = load_network(SyncNet, self._locate()).requires_grad_(False).to(self.device)

    def teardown(self) -> None:
        """Release what ``setup`` loaded."""
        self._network = None

    def __call__(self, frames: "NDArray[np.uint8]", track: FaceTrack, sound: "NDArray[np.int16]") -> Sync | None:
        """Judge a clip.

        Args:
            frames: uint8 [N, H, W, 3], RGB, the clip's frames from ``track.first`` on, 25 a second.
            track: Where the face is.
            sound: int16 [S], 16 kHz, mono; sample 0 is the moment of ``frames[0]``.

        Returns:
            None where frames or sound have fewer than 6 frames.
        """
        vectors = self.vectors(frames, track, sound)
        return compare(*vectors) if len(vectors[0]) else None

    def vectors(
        self, frames: "NDArray[np.uint8]", track: FaceTrack, sound: "NDArray[np.int16]"
    ) -> "tuple[NDArray[np.float32], NDArray[np.float32]]":
        """Compute what :func:`compare` compares; arguments as above.

        Returns:
            float32 [N, 1024] twice. As in the original, the last whole window is left out.
        """
        import torch

        from mmvoxceleb.processing.networks.syncnet import CEPSTRA, FEATURES, WINDOW_CEPSTRA, WINDOW_FRAMES

        count = max(0, min(len(frames), len(track), len(sound) // SAMPLES_PER_FRAME) - WINDOW_FRAMES)
        seen, heard = np.empty((count, FEATURES), np.float32), np.empty((count, FEATURES), np.float32)
        if not count:
            return seen, heard
        self.setup()
        windows = np.lib.stride_tricks.sliding_window_view(cepstra(sound), WINDOW_CEPSTRA, axis=0)
        windows = windows[::_CEPSTRA_PER_FRAME][:count].reshape(count, 1, CEPSTRA, WINDOW_CEPSTRA)
        with torch.inference_mode(), faithful_kernels():
            for start in range(0, count, self._at_once):
                stop = min(start + self._at_once, count)
                places = range(start, stop + WINDOW_FRAMES - 1)
                faces = np.stack([track.crop(frames[place], place)[..., ::-1] for place in places])
                shown = torch.from_numpy(faces).to(self.device).permute(3, 0, 1, 2)[None].float()
                seen[start:stop] = self._network.look(shown.contiguous()).cpu().numpy()
                sounded = torch.from_numpy(np.ascontiguousarray(windows[start:stop])).to(self.device)
                heard[start:stop] = self._network.hear(sounded).cpu().numpy()
        return seen, heard

    @property
    def _at_once(self) -> int:
        return _AT_ONCE_CPU if self.device.type == "cpu" else _AT_ONCE_GPU

    def _locate(self) -> Path:
        if self._path is None:
            self._path = locate("syncnet", self.weights)
        return self._path
