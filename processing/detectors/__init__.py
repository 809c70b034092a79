"""Face detectors with one interface: S3FD, YuNet, MediaPipe's detector and OpenCV's Haar cascade."""

import os
from collections.abc import Callable

from mmvoxceleb.errors import ConfigError
from mmvoxceleb.processing.detectors.face_landmarker import FaceLandmarkerDetector
from mmvoxceleb.processing.detectors.haar import HaarDetector
from mmvoxceleb.processing.detectors.interface import Detection, Detector
from mmvoxceleb.processing.detectors.s3fd import S3FDDetector
from mmvoxceleb.processing.detectors.yunet import YuNetDetector

__all__ = [
    "DETECTORS",
    "Detection",
    "Detector",
    "FaceLandmarkerDetector",
    "HaarDetector",
    "S3FDDetector",
    "YuNetDetector",
    "open_detector",
]

DETECTORS: dict[str, Callable[..., Detector]] = {
    "s3fd": S3FDDetector,
    "yunet": YuNetDetector,
    "mediapipe": FaceLandmarkerDetector,
    "haar": HaarDetector,
}
"""The detectors, by name. Each takes ``weights`` and ``device``."""


def open_detector(name: str, *, weights: str | os.PathLike[str] | None = None, device: str = "auto") -> Detector:
    """Make a face detector by name. The first detection loads its weights.

    Call ``detect(frames)`` with frames, uint8 [N, H, W, 3], RGB. It returns for each frame a list of
    :class:`Detection`, the highest score first.

    Args:
        name: ``s3fd``: the detector of the original crops; gives no landmarks. ``yunet``: small and fast; gives
            landmarks. ``mediapipe``: the detector of MediaPipe's face landmarker, for faces that are large in the
            picture; gives landmarks. ``haar``: OpenCV's cascade, which needs no download and only finds frontal faces;
            gives no landmarks.
        weights: Path of your own weights. With None, the published ones are found or downloaded. ``haar`` has none.
        device: ``auto`` (CUDA, then MPS, then CPU), ``cuda``, ``mps`` or ``cpu``. Only ``s3fd`` uses it; the other
            detectors run on the CPU.

    Raises:
        ConfigError: No detector has this name, or ``weights`` is given for ``haar``.
    """
    if name not in DETECTORS:
        raise ConfigError(f"{name!r} is not a face detector; the known ones are {', '.join(DETECTORS)}")
    return DETECTORS[name](weights=weights, device=device)
