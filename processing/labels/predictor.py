"""Predict attributes of faces: probabilities from frames and landmarks, and labels from probabilities."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mmvoxceleb.errors import ConfigError, CorruptSourceError
from mmvoxceleb.files.json_text import parse_json_object
from mmvoxceleb.processing.devices import (
    PRECISIONS,
    Batcher,
    Precision,
    Request,
    check_frames,
    computation,
    dtype_of,
    resolve_device,
    resolve_precision,
)
from mmvoxceleb.processing.labels.alignment import similarity
from mmvoxceleb.processing.labels.models import PREFIX, AttributeModel, FaRLModel, TransformersModel
from mmvoxceleb.processing.sample_models import SAMPLE
from mmvoxceleb.schema import ATTRIBUTES, attribute_index

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

__all__ = ["AttributePredictor", "label_of", "read_thresholds", "thresholds_of"]


_BYTES_PER_FRAME = 100_000_000
"""FaRL's activations of a frame and the frame itself in fp32, counted generously; not measured on a GPU."""


class AttributePredictor:
    """Predict the probabilities of the 40 CelebA attributes of faces. The constructor loads nothing.

    Args:
        weights: None uses the published FaRL checkpoint, which is downloaded once; a path uses your own copy of it.
            ``transformers:`` followed by a folder or a Hub repository uses an image classifier whose labels are names
            of attributes. ``sample`` uses a small model included in the package, trained on generated faces, for
            demonstration.
        device: ``auto`` (CUDA, then MPS, then CPU), ``cpu``, ``cuda``, ``cuda:1`` or ``mps``.
        precision: Precision of the network: ``auto``, ``fp32``, ``fp16`` or ``bf16``. ``auto`` is fp16 on CUDA, which
            rounds less than bf16, and fp32 elsewhere. The effect of fp16 on the logits was not measured. Faces are
            always cropped in fp32.
        batch_size: Frames per batch on a GPU. None chooses a size that fits its memory. A CPU always computes one frame
            at a time.

    Raises:
        ConfigError: ``precision`` is unknown, or ``batch_size`` is less than 1.
    """

    def __init__(
        self,
        weights: str | os.PathLike[str] | None = None,
        *,
        device: str = "auto",
        precision: Precision = "auto",
        batch_size: int | None = None,
    ) -> None:
        if precision not in PRECISIONS:
            raise ConfigError(f"unknown precision {precision!r}; the known ones are {', '.join(PRECISIONS)}")
        if batch_size is not None and batch_size < 1:
            raise ConfigError(f"batch_size must be at least 1, got {batch_size}")
        self.device = device
        self.precision: Precision = precision
        self.batch_size = batch_size
        self.model = _open_model(weights)

    @property
    def needs_landmarks(self) -> bool:
        """Whether a call must pass landmarks. FaRL needs them, other models do not."""
        return self.model.needs_landmarks

    @property
    def label_source(self) -> str:
        """The ``label_source`` of labels from this model: ``predicted:<model>@<sha256>``."""
        return f"predicted:{self.model.name}@{self.model.sha256()}"

    def settings(self) -> dict[str, Any]:
        """Return everything that changes the probabilities, as JSON values.

        Raises:
            ConfigError: The device is unknown, or not on this machine.
            WeightsError: The weights cannot be found.
            SourceUnavailableError: The weights cannot be downloaded.
        """
        return {
            "model": self.model.name,
            "weights_sha256": self.model.sha256(),
            "precision": self._resolve()[1],
        }

    def computation(self) -> dict[str, Any]:
        """Return how the last call computed, for the provenance: device, batch sizes and library versions."""
        return computation(self._resolve()[0], self.model.batcher)

    def setup(self) -> None:
        """Load the model. Otherwise the first call does."""
        if self.model.batcher is None:
            device, precision = self._resolve()
            self.model.load(device, dtype_of(precision))
            self.model.batcher = Batcher(device, self.batch_size, most=16, bytes_per_frame=_BYTES_PER_FRAME)

    def teardown(self) -> None:
        """Release the model."""
        self.model.unload()
        self.model.batcher = None

    def __call__(
        self, frames: "NDArray[np.uint8]", landmarks: "NDArray[np.float32] | Sequence[Any] | None" = None
    ) -> "NDArray[np.float32]":
        """Predict the attributes of one face in each frame.

        Args:
            frames: uint8 [N, H, W, 3], RGB, of any size.
            landmarks: float [N, 5, 2]: (x, y), in continuous pixels, of the left eye, the right eye, the tip of the
                nose, and the left and right corners of the mouth. Left is the smaller x, and the centre of pixel i is
                at i + 0.5. Required if :attr:`needs_landmarks` is True, otherwise ignored.

        Returns:
            float32 [N, 40]: probabilities (0 to 1) in CelebA order; NaN for attributes that the model does not know.

        Raises:
            ConfigError: An argument has another shape or type, or the landmarks of a frame are missing, not finite, or
                all in one place.
            WeightsError: The weights are missing, do not fit, or are not safe to read.
            SourceUnavailableError: The weights cannot be downloaded.
            ImportError: A ``transformers:`` model is used, and transformers is not installed.
            ProcessingError: The device has too little memory for one frame.
        """
        request = self.request(frames, landmarks)
        if not len(request):
            return np.empty((0, len(ATTRIBUTES)), np.float32)
        self.setup()
        (probabilities,) = self.model.computed(*request.arrays)
        return probabilities

    def request(
        self, frames: "NDArray[np.uint8]", landmarks: "NDArray[np.float32] | Sequence[Any] | None" = None
    ) -> Request:
        """Return the request to predict frames, for an engine. The arguments are those of ``__call__``.

        Raises:
            ConfigError: An argument is not as ``__call__`` requires.
        """
        frames = check_frames(frames)
        if not self.needs_landmarks:
            return Request(self.model, (frames,))
        if landmarks is None:
            raise ConfigError(f"{self.model.name} needs landmarks: float [N, 5, 2]; YuNet provides them")
        points = np.asarray(landmarks, dtype=np.float32)
        if points.shape != (len(frames), 5, 2):
            raise ConfigError(f"landmarks must be [{len(frames)}, 5, 2] for these frames; got {points.shape = }")
        similarity(points)  # names a frame of the call, where a batch would name one of its own
        return Request(self.model, (frames, points))

    @property
    def resolved_device(self) -> str:
        """The device that is used on this machine, such as ``cuda`` for ``auto``."""
        return str(self._resolve()[0])

    def _resolve(self) -> tuple["torch.device", str]:
        """Settle what ``auto`` means on this machine."""
        device = resolve_device(self.device)
        return device, resolve_precision(self.precision, device)


def label_of(probabilities: Sequence[float], thresholds: Sequence[float]) -> list[int]:
    """Turn probabilities into a label.

    Args:
        probabilities: 40 values in CelebA order, 0 to 1, or NaN if unknown.
        thresholds: 40 values in CelebA order, 0 to 1.

    Returns:
        40 values in CelebA order: 1 if the probability is above its threshold, 0 if it is not, -1 if it is NaN.

    Raises:
        ValueError: The two have different lengths.
    """
    return [
        -1 if np.isnan(probability) else int(probability > threshold)
        for probability, threshold in zip(probabilities, thresholds, strict=True)
    ]


def thresholds_of(default: float = 0.5, by_attribute: Mapping[str, float] | None = None) -> list[float]:
    """Return the thresholds of all 40 attributes in CelebA order.

    Args:
        default: Threshold of every attribute that ``by_attribute`` does not name.
        by_attribute: Thresholds by name. Names match regardless of case, spaces and underscores.

    Raises:
        ConfigError: A name is not an attribute, or a threshold is not in 0 to 1.
    """
    thresholds = [default] * len(ATTRIBUTES)
    for name, value in (by_attribute or {}).items():
        thresholds[attribute_index(name)] = value
    for name, value in zip(ATTRIBUTES, thresholds, strict=True):
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
            raise ConfigError(f"the threshold of {name} is {value!r}; it must be a number from 0 to 1")
    return [float(value) for value in thresholds]


def read_thresholds(path: str | os.PathLike[str]) -> dict[str, float]:
    """Read a JSON file of thresholds, ``{"Smiling": 0.4, "Young": 0.6}``.

    Raises:
        ConfigError: The file cannot be read, or is not a JSON object.
    """
    try:
        return parse_json_object(Path(path).read_bytes(), str(path), "fix the file")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read as JSON thresholds ({error})") from error
    except CorruptSourceError as error:
        reason = str(error).removeprefix(f"{path}: ")
        raise ConfigError(
            f'{path}: must hold a JSON object of thresholds by attribute, such as {{"Smiling": 0.4}}, but {reason}'
        ) from error


def _open_model(weights: str | os.PathLike[str] | None) -> AttributeModel:
    """Choose the model that ``weights`` names: ``transformers:...``, ``sample``, or else FaRL with these weights."""
    if weights == SAMPLE:
        from mmvoxceleb.processing.labels.sample_model import SampleAttributes

        return SampleAttributes()
    if isinstance(weights, str) and weights.startswith(PREFIX):
        return TransformersModel(weights.removeprefix(PREFIX))
    return FaRLModel(weights)
