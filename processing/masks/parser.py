"""Face parsers, from pictures to class ids: a base class for all, and one for networks that compute in batches."""

import os
from abc import ABC, abstractmethod
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from mmvoxceleb.processing.devices import (
    Batcher,
    BatchModel,
    Request,
    check_frames,
    compiled,
    computation,
    dtype_of,
    faithful_kernels,
    on_device,
    resolve_backend,
    resolve_device,
    resolve_precision,
)
from mmvoxceleb.processing.devices.transfer import host_tensor
from mmvoxceleb.processing.resize import resized_on
from mmvoxceleb.processing.weights import load_network, locate, sha256_of
from mmvoxceleb.schema import NUM_CLASSES

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

    from mmvoxceleb.codecs.landmarks import FaceLandmarks

__all__ = ["MASK_SIZE_PX", "FaceParser", "NetworkParser", "Parser"]

MASK_SIZE_PX = 512
"""Side of a mask in px, as in the original."""

_IMAGENET_MEAN = (0.485, 0.456, 0.406)
_IMAGENET_STD = (0.229, 0.224, 0.225)


class Parser(ABC):
    """Assign one of the 19 classes to every pixel of a picture. The constructor loads nothing; the first call does."""

    device: "torch.device"
    precision: str
    backend: Literal["torch", "ncnn", "litert"] = "torch"
    follows_clips: ClassVar[bool] = False
    """Whether each call needs the frames of one clip, in order, because the parser learns from all of them. Otherwise
    the mask of a frame depends on that frame alone."""

    @abstractmethod
    def identity(self) -> dict[str, Any]:
        """Return which model this is, for the provenance: its name and the sha256 of its weights."""

    @abstractmethod
    def computation(self) -> dict[str, Any]:
        """Return how the last call computed: see :func:`~mmvoxceleb.processing.devices.computation`."""

    @abstractmethod
    def setup(self) -> None:
        """Load the model and move it to the device. Otherwise the first call does."""

    @abstractmethod
    def teardown(self) -> None:
        """Release the model."""

    @abstractmethod
    def __call__(
        self,
        frames: "NDArray[np.uint8]",
        *,
        landmarks: "FaceLandmarks | None" = None,
        indices: "NDArray[np.int64] | None" = None,
    ) -> "NDArray[np.uint8]":
        """Parse pictures.

        Args:
            frames: uint8 [N, H, W, 3], RGB, of any size. The aspect ratio is ignored, as in the original.
            landmarks: Landmarks of the clip, for a parser with :attr:`follows_clips`. With None, it finds landmarks
                itself.
            indices: int64 [N], the index of each frame in the clip, for a parser with :attr:`follows_clips`. By
                default 0 to N - 1.

        Returns:
            uint8 [N, 512, 512], class ids 0 to 18. A parser with :attr:`follows_clips` gives a mask in which all pixels
            are :data:`mmvoxceleb.schema.NO_MASK` (255) for a frame without a face.

        Raises:
            ConfigError: ``frames`` has another shape or type.
            WeightsError: The weights are missing or do not fit.
        """


class NetworkParser(Parser, BatchModel):
    """A parser that is a torch network. It can compute frames of several clips in one batch.

    Args:
        device: ``auto`` (CUDA, then MPS, then CPU), ``cpu``, ``cuda``, ``cuda:1`` or ``mps``.
        precision: ``auto``, ``fp32``, ``fp16`` or ``bf16``. ``auto`` is fp16 on CUDA and fp32 elsewhere. ``fp32`` is
            closest to the original.
        compile: Whether to compile the network, which takes time at first and is faster afterwards.
        batch_size: Frames per batch on a GPU. None chooses a size that fits its memory. A CPU always computes one frame
            at a time.
    """

    takes_any_size = True
    align_corners: ClassVar[bool] = False
    input_size: tuple[int, int] = (MASK_SIZE_PX, MASK_SIZE_PX)
    mean: tuple[float, ...] = _IMAGENET_MEAN
    std: tuple[float, ...] = _IMAGENET_STD

    def __init__(
        self, *, device: str = "auto", precision: str = "auto", compile: bool = False, batch_size: int | None = None
    ) -> None:
        self.device = resolve_device(device)
        self.precision = resolve_precision(precision, self.device)
        self.compile = compile
        self._batch_size = batch_size

    @abstractmethod
    def _load(self) -> "torch.nn.Module":
        """Build the network with its weights, in eval mode, on the CPU."""

    def computation(self) -> dict[str, Any]:
        return computation(self.device, self.batcher, backend=self.backend, compile=self._is_compiled)

    def __call__(
        self,
        frames: "NDArray[np.uint8]",
        *,
        landmarks: "FaceLandmarks | None" = None,
        indices: "NDArray[np.int64] | None" = None,
    ) -> "NDArray[np.uint8]":
        frames = check_frames(frames)
        if not len(frames):
            return np.empty((0, MASK_SIZE_PX, MASK_SIZE_PX), np.uint8)
        self.setup()
        (ids,) = self.computed(frames)
        return ids

    def request(self, frames: "NDArray[np.uint8]") -> Request:
        """Return the request to parse one or more frames, uint8 [N, H, W, 3], RGB, for an engine."""
        return Request(self, (check_frames(frames),))

    def prepare(self, *arrays: "torch.Tensor") -> "tuple[torch.Tensor, ...]":
        """Resize frames as Pillow does, from uint8 [N, H, W, 3] to uint8 [N, h, w, 3]."""
        (frames,) = arrays
        return (resized_on(self.device, frames, *self.input_size),)

    def compute(self, *prepared: "torch.Tensor") -> "tuple[torch.Tensor, ...]":
        """Compute the class ids of prepared frames: uint8 [N, 512, 512]."""
        return (first_largest(self._enlarged(*prepared)),)

    def probabilities(self, frames: "NDArray[np.uint8]") -> "Iterator[torch.Tensor]":
        """Compute the class probabilities of frames, uint8 [N, H, W, 3], RGB.

        Yields:
            For each frame float32 [19, 512, 512], on the device. The values of a pixel sum to 1.
        """
        import torch

        frames = check_frames(frames)
        if not len(frames):
            return
        self.setup()
        assert self.batcher is not None

        def of_batch(part: "NDArray[np.uint8]") -> "torch.Tensor":
            with torch.inference_mode(), faithful_kernels():
                return self._enlarged(*self.prepare(host_tensor([part], self.device))).softmax(dim=1)

        for count, batch in self.batcher.run(frames, of_batch):
            yield from batch[:count]

    def setup(self) -> None:
        import torch

        if self.batcher is not None:
            return
        self._logits = self._ready(self._load())
        self.batcher = Batcher(self.device, self._batch_size, most=16, bytes_per_frame=200_000_000)
        if self.compile:
            example = torch.zeros((self.batcher.size, *self.input_size, 3), dtype=torch.uint8, device=self.device)
            with torch.inference_mode(), faithful_kernels():
                plain = self._logits
                self._logits = compiled(plain, self._normalised(example))
                self._is_compiled = self._logits is not plain

    def teardown(self) -> None:
        self.batcher = None
        self._logits = None

    _logits: Any = None
    _is_compiled = False

    def _ready(self, network: "torch.nn.Module") -> Any:
        """Make a callable from the network that computes logits from normalised pictures."""
        return on_device(network, self.device, self.precision)

    def _normalised(self, pictures: "torch.Tensor") -> "torch.Tensor":
        """Normalise as torchvision does.

        Args:
            pictures: uint8 [N, h, w, 3], of the network's size.

        Returns:
            float [N, 3, h, w]; in memory channels last for torch, plane by plane for ncnn.
        """
        import torch

        pictures = pictures.permute(0, 3, 1, 2)
        if self.backend == "ncnn":
            pictures = pictures.contiguous()
        mean, std = (_by_channel(numbers, self.device) for numbers in (self.mean, self.std))
        return pictures.to(torch.float32).div_(255.0).sub_(mean).div_(std).to(dtype_of(self.precision))

    def _enlarged(self, pictures: "torch.Tensor") -> "torch.Tensor":
        from torch.nn import functional

        logits = self._logits(self._normalised(pictures)).float()
        size = (MASK_SIZE_PX, MASK_SIZE_PX)
        return functional.interpolate(logits, size, mode="bilinear", align_corners=self.align_corners)


class FaceParser(NetworkParser):
    """Parse faces with the model of the original masks: BiSeNet, trained on CelebAMask-HQ.

    The weights are for research only, not for commercial use.

    Calling the object with frames, uint8 [N, H, W, 3], RGB, of any size, returns masks, uint8 [N, 512, 512], whose
    values are class ids from 0 to 18. The first call loads the weights.

    Args:
        weights: Path of the checkpoint ``79999_iter.pth``. With None, the published one is found or downloaded.
        device: ``auto`` (CUDA, then MPS, then CPU), ``cpu``, ``cuda``, ``cuda:1`` or ``mps``.
        precision: ``auto``, ``fp32``, ``fp16`` or ``bf16``. ``auto`` is fp16 on CUDA and fp32 elsewhere. ``fp32`` is
            closest to the original.
        compile: Whether to compile the network, which takes time at first and is faster afterwards.
        batch_size: Frames per batch on a GPU. None chooses a size that fits its memory. A CPU always computes one frame
            at a time.
        backend: ``auto``, ``torch`` or ``ncnn``. ``auto`` is ncnn for uncompiled fp32 on the CPU if ncnn is installed,
            and torch otherwise.

    Raises:
        ConfigError: The device, precision or backend is unknown or not available, or they do not go together.
        ImportError: ``backend`` is ``ncnn``, and ncnn is not installed.

    Example:
        >>> from mmvoxceleb.processing.masks import FaceParser
        >>> ids = FaceParser()(frames)  # uint8 [N, H, W, 3] -> uint8 [N, 512, 512]
    """

    align_corners = True

    def __init__(
        self,
        weights: str | os.PathLike[str] | None = None,
        device: str = "auto",
        precision: str = "auto",
        *,
        compile: bool = False,
        batch_size: int | None = None,
        backend: str = "auto",
    ) -> None:
        super().__init__(device=device, precision=precision, compile=compile, batch_size=batch_size)
        self.weights = weights
        self.backend = resolve_backend(backend, self.device, self.precision, compile)

    def identity(self) -> dict[str, Any]:
        return {"model": "bisenet", "sha256": sha256_of(locate("bisenet", self.weights))}

    def _load(self) -> "torch.nn.Module":
        from mmvoxceleb.processing.networks.bisenet import BiSeNet

        return load_network(lambda: BiSeNet(NUM_CLASSES), locate("bisenet", self.weights)).fold()

    def _ready(self, network: "torch.nn.Module") -> Any:
        if self.backend == "torch":
            return super()._ready(network)
        from mmvoxceleb.processing.networks.ncnn_networks import ncnn_bisenet

        return ncnn_bisenet(network)  # type: ignore[arg-type]  # what _load made


def first_largest(scores: "torch.Tensor") -> "torch.Tensor":
    """Choose for each pixel the class with the largest score, the first one of equals, as argmax does.

    On a CPU torch's argmax takes one value after the other from planes that lie far apart; going plane by plane, it
    takes a tenth of the time.

    Args:
        scores: float [N, 19, H, W], none of them NaN.

    Returns:
        uint8 [N, H, W].
    """
    import torch

    if scores.device.type != "cpu":
        return scores.argmax(dim=1).to(torch.uint8)
    first, *others = scores.unbind(dim=1)
    largest = first.clone()
    ids = torch.zeros(largest.shape, dtype=torch.uint8)
    for number, plane in enumerate(others, start=1):
        torch.maximum(ids, (plane > largest).view(torch.uint8).mul_(number), out=ids)
        torch.maximum(largest, plane, out=largest)
    return ids


@lru_cache
def _by_channel(numbers: tuple[float, ...], device: "torch.device") -> "torch.Tensor":
    """Keep numbers on a device, for copying them there would wait until it has computed all that it was told."""
    import torch

    return torch.tensor(numbers, device=device).view(3, 1, 1)
