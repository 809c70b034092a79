"""S3FD, through the package ``face-alignment``: the detector of the original crops."""

import os
from collections.abc import Sequence
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mmvoxceleb.errors import MissingExtraError, WeightsError
from mmvoxceleb.extras import install_hint
from mmvoxceleb.processing.detectors.interface import Detection, Detector, in_order
from mmvoxceleb.processing.devices import device_kind
from mmvoxceleb.processing.weights import locate, sha256_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["S3FDDetector"]


class S3FDDetector(Detector):
    """Find faces with S3FD (Zhang et al., ICCV 2017), as run by ``face_alignment.detection.sfd``, without landmarks.

    The original passed BGR pictures, which the release of the time did not convert. Releases since 1.3 convert RGB to
    BGR themselves, so this class passes RGB, and the network gets the same input.

    Args:
        weights: Path of ``s3fd-619a316812.pth``. With None, the published file is used, and verified by its hash.
        device: ``auto`` (CUDA, then MPS, then CPU), ``cuda``, ``mps`` or ``cpu``.
        min_score: Drop faces with a probability below this; 0.5 in the original.
        batch_size: Number of pictures that go through the network together.
    """

    name = "s3fd"
    needs_device = True

    def __init__(
        self,
        *,
        weights: str | os.PathLike[str] | None = None,
        device: str = "auto",
        min_score: float = 0.5,
        batch_size: int = 8,
    ) -> None:
        self.weights = weights
        self.device = device
        self.min_score = min_score
        self.batch_size = batch_size

    @property
    def resolved_device(self) -> str:
        return _choose_device(self.device)

    def settings(self) -> dict[str, Any]:
        _import_face_alignment()
        return {
            "name": self.name,
            "weights_sha256": sha256_of(self._path),
            "min_score": self.min_score,
        }

    def computation(self) -> dict[str, Any]:
        import torch

        return {
            "device": device_kind(torch.device(self.resolved_device)),
            "batch_sizes": [self.batch_size],
            "libraries": {name: version(name) for name in ("face-alignment", "torch")},
        }

    def setup(self) -> None:
        if self._model is None:
            _import_face_alignment()
            from face_alignment.detection.sfd import FaceDetector

            path = self._path
            try:
                # the package reads the file with weights_only and refuses missing and unexpected keys
                self._model = FaceDetector("cpu", str(path), False, self.min_score)
            except Exception as error:
                raise WeightsError(
                    f"{path}: this is not a file of S3FD weights ({error}); pass the file s3fd-619a316812.pth, "
                    "or omit --weights to download it"
                ) from error
            self._model.device = self.resolved_device
            self._model.face_detector.to(self._model.device)

    def detect(
        self, frames: "NDArray[np.uint8] | Sequence[NDArray[np.uint8]]", *, min_face_px: float = 0
    ) -> list[list[Detection]]:
        import torch

        self.setup()
        found: list[list[Detection]] = []
        for start in range(0, len(frames), self.batch_size):
            batch = np.stack(list(frames[start : start + self.batch_size])).transpose(0, 3, 1, 2)
            tensor = torch.from_numpy(np.ascontiguousarray(batch))
            for faces in self._model.detect_from_batch(tensor):
                values = (map(float, face[:5]) for face in faces)
                found.append(in_order([Detection((x, y, to_x, to_y), score) for x, y, to_x, to_y, score in values]))
        return found

    @cached_property
    def _path(self) -> Path:
        return locate("s3fd", self.weights)


def _choose_device(device: str) -> str:
    import torch

    if device != "auto":
        return device
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _import_face_alignment() -> Any:
    try:
        import face_alignment
    except ImportError as error:
        raise MissingExtraError(
            f"the s3fd detector needs the package face-alignment: {install_hint('s3fd')} "
            f"(or choose --detector yunet or haar); {error}"
        ) from error
    return face_alignment
