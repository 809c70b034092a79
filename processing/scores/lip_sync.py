"""Whether the lips fit the sound, and with which offset in frames: SyncNet, used as in the original program."""

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
"""Number of frames by which the sound is shifted in either direction."""

SAMPLES_PER_FRAME = RATE // 25
_CEPSTRA_PER_FRAME = 4

_AT_ONCE_CPU, _AT_ONCE_GPU = 16, 64
"""Number of windows in memory at once. It is fixed, because another number may round differently."""

_EPSILON = 1e-6
"""The value that torch's ``pairwise_distance`` adds to every difference."""


@dataclass(frozen=True)
class Sync:
    """How well sound and picture fit together.

    Args:
        offset: Number of frames by which the sound comes too early, -15 to 15. It fits best if delayed by this many.
        confidence: Median of the mean distances of all offsets minus the smallest one, at least 0. About 0 means that
            they are unrelated; values of several units mean that they clearly belong together.
        distance: The smallest mean distance.
    """

    offset: int
    confidence: float
    distance: float


def compare(seen: "NDArray[np.float32]", heard: "NDArray[np.float32]") -> Sync:
    """Find the offset at which the vectors of pictures and of sound are nearest to each other.

    If the sound is shifted beyond its ends, its vectors there are zeros.

    Args:
        seen: float32 [N, 1024], vectors of the windows of frames that begin at frames 0 to N - 1; N is at least 1.
        heard: float32 [N, 1024], vectors of the sound of the same windows.
    """
    count = len(seen)
    padded = np.pad(heard, ((REACH, REACH), (0, 0)))
    means = np.array([_mean_distance(seen, padded[shift : shift + count]) for shift in range(2 * REACH + 1)])
    best = int(means.argmin())
    return Sync(REACH - best, float(np.median(means) - means[best]), float(means[best]))


def _mean_distance(seen: "NDArray[np.float32]", heard: "NDArray[np.float32]") -> float:
    return float(np.linalg.norm(seen - heard + np.float32(_EPSILON), axis=1).mean(dtype=np.float64))


class LipSync:
    """Compare sound and lips with SyncNet, in fp32 on every device. The constructor loads nothing; ``setup`` does.

    Args:
        weights: Path of ``syncnet_v2.model``, or of a copy as ``.safetensors``. With None, the published file is found
            or downloaded.
        device: ``auto`` (CUDA, then MPS, then CPU), ``cpu``, ``cuda`` or ``mps``.
    """

    def __init__(self, weights: str | os.PathLike[str] | None = None, device: str = "auto") -> None:
        self.weights = weights
        self.device = resolve_device(device)
        self._path: Path | None = None
        self._network: Any = None

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what ``setup`` loaded when the object is pickled."""
        return {**vars(self), "_network": None}

    def settings(self) -> dict[str, Any]:
        """Return everything that changes the figures, as JSON values."""
        return {"model": "syncnet-v2", "weights_sha256": sha256_of(self._locate())}

    def computation(self) -> dict[str, Any]:
        """Return how it computes, for the provenance: see ``Stage.computation``."""
        return {**computation(self.device, None), "batch_sizes": [self._at_once]}

    def setup(self) -> None:
        """Load the network.

        Raises:
            WeightsError: The weights do not fit, are broken, or are unsafe to read.
            SourceUnavailableError: The weights cannot be downloaded.
        """
        if self._network is not None:
            return
        from mmvoxceleb.processing.networks.syncnet import SyncNet

        self._network = load_network(SyncNet, self._locate()).requires_grad_(False).to(self.device)

    def teardown(self) -> None:
        """Release what ``setup`` loaded."""
        self._network = None

    def __call__(self, frames: "NDArray[np.uint8]", track: FaceTrack, sound: "NDArray[np.int16]") -> Sync | None:
        """Compare the sound and the lips of a clip.

        Args:
            frames: uint8 [N, H, W, 3], RGB, the frames of the clip from ``track.first`` on, at 25 frames per second.
            track: The position of the face in each frame.
            sound: int16 [S], 16 kHz, mono. Sample 0 is at the time of ``frames[0]``.

        Returns:
            The result; None if the frames or the sound are shorter than 6 frames.
        """
        vectors = self.vectors(frames, track, sound)
        return compare(*vectors) if len(vectors[0]) else None

    def vectors(
        self, frames: "NDArray[np.uint8]", track: FaceTrack, sound: "NDArray[np.int16]"
    ) -> "tuple[NDArray[np.float32], NDArray[np.float32]]":
        """Compute the vectors for :func:`compare`. The arguments are those of ``__call__``.

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
