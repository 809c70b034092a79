"""Face detectors behind one interface: S3FD, YuNet, MediaPipe's and OpenCV's Haar cascade."""

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
"""Detectors by name. Each takes ``weights`` and ``device``."""


def open_detector(name: str, *, weights: str | os.PathLike[str] | None = None, device: str = "auto") -> Detector:
    """Make a detector by name. It loads nothing until its ``setup``.

    Args:
        name: ``s3fd``, which made the original crops; ``yunet``, small and fast, with landmarks;
            ``mediapipe``, the one of the landmarks, for faces that are large in the picture, with landmarks;
            ``haar``, which needs no download and finds frontal faces only.
        weights: Your own file of weights; None means the published one. ``haar`` has none.
        device: ``auto``, ``cuda``, ``mps`` or ``cpu``. Only ``s3fd`` runs on anything but the CPU.

    Raises:
        ConfigError: No detector has that name; the message lists the known ones.
    """
    if name not in DETECTORS:
        raise ConfigError(f"{name!r} is not a face detector; the known ones are {', '.join(DETECTORS)}")
    return DETECTORS[name](weights=weights, device=device)
