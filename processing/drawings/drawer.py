"""From pictures of faces to line drawings, from array to array."""

import os
from abc import abstractmethod
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from mmvoxceleb.errors import ConfigError
from mmvoxceleb.modalities import DEFAULT_STYLE, STYLES
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
from mmvoxceleb.processing.resize import resized_on
from mmvoxceleb.processing.weights import load_network, locate, sha256_of

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

__all__ = ["DRAWING_SIZE_PX", "Drawer", "PortraitDrawer"]

DRAWING_SIZE_PX = 512
"""Side of a drawing in px, as in the original. The style map of the published weights fits no other size."""


class Drawer(BatchModel):
    """Turn faces into line drawings. The constructor loads nothing; the first call does.

    Args:
        styles: One or more of ``known_styles``.
        device: ``auto`` (CUDA, then MPS, then CPU), ``cpu``, ``cuda``, ``cuda:1`` or ``mps``.
        precision: ``auto``, ``fp32``, ``fp16`` or ``bf16``. ``auto`` is fp16 on CUDA and fp32 elsewhere. ``fp32`` is
            closest to the original.
        compile: Whether to compile the network, which takes time at first and is faster afterwards.
        batch_size: Frames per batch on a GPU. None chooses a size that fits its memory. A CPU always computes one frame
            at a time.

    Raises:
        ConfigError: A style, device or precision is unknown or not available.
    """

    backend: Literal["torch", "ncnn"] = "torch"
    known_styles: ClassVar[tuple[str, ...]] = STYLES
    uses_masks: ClassVar[bool] = False
    """Whether the drawer takes the masks of the frames."""
    needs_masks: bool = False
    """Whether the drawer cannot draw a frame without its mask."""
    _is_compiled = False

    def __init__(
        self,
        styles: Iterable[str] = (DEFAULT_STYLE,),
        device: str = "auto",
        precision: str = "auto",
        *,
        compile: bool = False,
        batch_size: int | None = None,
    ) -> None:
        self.styles = check_styles(styles, self.known_styles)
        self.device = resolve_device(device)
        self.precision = resolve_precision(precision, self.device)
        self.compile = compile
        self._batch_size = batch_size

    @abstractmethod
    def identity(self) -> dict[str, Any]:
        """Return which model this is, for the provenance: its name and the sha256 of its weights."""

    def computation(self) -> dict[str, Any]:
        """Return how the last call computed: see :func:`~mmvoxceleb.processing.devices.computation`."""
        return computation(self.device, self.batcher, backend=self.backend, compile=self._is_compiled)

    @abstractmethod
    def setup(self) -> None:
        """Load the network and move it to the device. Otherwise the first call does."""

    @abstractmethod
    def compute(self, *prepared: "torch.Tensor") -> "tuple[torch.Tensor, ...]":
        """Draw one batch: uint8 [N, 512, 512] for each of ``styles``."""

    def __call__(
        self, frames: "NDArray[np.uint8]", masks: "NDArray[np.uint8] | None" = None
    ) -> "dict[str, NDArray[np.uint8]]":
        """Draw pictures.

        Args:
            frames: uint8 [N, H, W, 3], RGB, of any size. The aspect ratio is ignored, as in the original.
            masks: uint8 [N, H, W], class ids of each frame, 255 where unknown. Only for a drawer that uses masks.

        Returns:
            The drawings in each style, by its name: uint8 [N, 512, 512], 0 (black) to 255 (white).

        Raises:
            ConfigError: ``frames`` or ``masks`` has another shape or type, or the drawer takes no masks.
            WeightsError: The weights are missing or do not fit.
        """
        request = self.request(frames, masks)
        if not len(request):
            return {style: np.empty((0, DRAWING_SIZE_PX, DRAWING_SIZE_PX), np.uint8) for style in self.styles}
        self.setup()
        return self.by_style(self.computed(*request.arrays))

    def request(self, frames: "NDArray[np.uint8]", masks: "NDArray[np.uint8] | None" = None) -> Request:
        """Return the request to draw frames, for an engine. Arguments and errors are those of ``__call__``."""
        frames = check_frames(frames)
        return Request(self, (frames,) if masks is None else (frames, self._checked(masks, len(frames))))

    def by_style(self, drawings: "Sequence[NDArray[np.uint8]]") -> "dict[str, NDArray[np.uint8]]":
        """Return computed drawings by the names of their styles."""
        return dict(zip(self.styles, drawings, strict=True))

    def teardown(self) -> None:
        """Release the network."""
        self.batcher = None

    def _checked(self, masks: "NDArray[np.uint8]", count: int) -> "NDArray[np.uint8]":
        masks = np.asarray(masks)
        if not self.uses_masks:
            raise ConfigError("this drawer uses no masks; leave them out, or use the open drawer")
        if masks.dtype != np.uint8 or masks.ndim != 3 or len(masks) != count:
            raise ConfigError(
                f"masks must be uint8 [N, H, W], one for each of {count} frames, got {masks.dtype} {list(masks.shape)}"
            )
        return masks


class PortraitDrawer(Drawer):
    """Turn faces into line drawings with the model of the original drawings. Its authors gave the weights no licence.

    Calling the object with frames, uint8 [N, H, W, 3], RGB, of any size, returns the drawings in each style, by its
    name: uint8 [N, 512, 512], 0 (black) to 255 (white). The first call loads the weights. Further styles cost less than
    the first, because all styles share the encoder.

    Args:
        weights: Path of the checkpoint ``200_net_G_A.pth``. With None, the published one is found or downloaded.
        styles: One or more of ``style1``, ``style2`` and ``style3``. The original dataset has ``style1``.
        device: ``auto`` (CUDA, then MPS, then CPU), ``cpu``, ``cuda``, ``cuda:1`` or ``mps``.
        precision: ``auto``, ``fp32``, ``fp16`` or ``bf16``. ``auto`` is fp16 on CUDA and fp32 elsewhere. ``fp32`` is
            closest to the original.
        compile: Whether to compile the network, which takes time at first and is faster afterwards.
        batch_size: Frames per batch on a GPU. None chooses a size that fits its memory. A CPU always computes one frame
            at a time.
        backend: ``auto``, ``torch`` or ``ncnn``. ``auto`` is ncnn for uncompiled fp32 on the CPU if ncnn is installed,
            and torch otherwise.

    Raises:
        ConfigError: A style, device, precision or backend is unknown or not available, or they do not go together.
        ImportError: ``backend`` is ``ncnn``, and ncnn is not installed.
    """

    takes_any_size = True

    def __init__(
        self,
        weights: str | os.PathLike[str] | None = None,
        styles: Iterable[str] = (DEFAULT_STYLE,),
        device: str = "auto",
        precision: str = "auto",
        *,
        compile: bool = False,
        batch_size: int | None = None,
        backend: str = "auto",
    ) -> None:
        super().__init__(styles, device, precision, compile=compile, batch_size=batch_size)
        self.weights = weights
        self.backend = resolve_backend(backend, self.device, self.precision, compile)
        self._encode: Any = None
        self._decode: Any = None

    def identity(self) -> dict[str, Any]:
        return {"model": "portrait-drawing", "sha256": sha256_of(locate("portrait-drawing", self.weights))}

    def setup(self) -> None:
        import torch

        from mmvoxceleb.processing.networks.portrait import PortraitGenerator

        if self.batcher is not None:
            return
        network = load_network(PortraitGenerator, locate("portrait-drawing", self.weights))
        self.batcher = Batcher(self.device, self._batch_size, most=8, bytes_per_frame=500_000_000)
        if self.backend == "ncnn":
            from mmvoxceleb.processing.networks.ncnn_networks import NcnnPortrait

            faster = NcnnPortrait(network)
            self._encode, self._decode = faster.encode, faster.decode
            return
        on_device(network, self.device, self.precision)
        self._encode, self._decode = network.encode, network.decode
        if self.compile:
            shape = (self.batcher.size, DRAWING_SIZE_PX, DRAWING_SIZE_PX, 3)
            example = torch.zeros(shape, dtype=torch.uint8, device=self.device)
            with torch.inference_mode(), faithful_kernels():
                pictures = self._normalised(example)
                self._encode = compiled(network.encode, pictures)
                features = self._encode(pictures)
                self._decode = compiled(network.decode, features, STYLES.index(self.styles[0]))
                # bound methods are made anew by each look at them, so that `is` would never hold
                self._is_compiled = (self._encode, self._decode) != (network.encode, network.decode)

    def teardown(self) -> None:
        super().teardown()
        self._encode = self._decode = None

    def prepare(self, *arrays: "torch.Tensor") -> "tuple[torch.Tensor, ...]":
        """Resize frames as Pillow does, from uint8 [N, H, W, 3] to uint8 [N, 512, 512, 3]."""
        (frames,) = arrays
        return (resized_on(self.device, frames, DRAWING_SIZE_PX, DRAWING_SIZE_PX),)

    def compute(self, *prepared: "torch.Tensor") -> "tuple[torch.Tensor, ...]":
        (pictures,) = prepared
        features = self._encode(self._normalised(pictures))
        return tuple(_quantised(self._decode(features, STYLES.index(style))) for style in self.styles)

    def _normalised(self, pictures: "torch.Tensor") -> "torch.Tensor":
        """Bring to -1 to 1: float [N, 3, 512, 512] in channels-last order."""
        import torch

        values = pictures.to(torch.float32).div_(255.0).sub_(0.5).div_(0.5)
        return values.to(dtype_of(self.precision)).permute(0, 3, 1, 2)


def check_styles(styles: Iterable[str], known: Sequence[str] = STYLES) -> tuple[str, ...]:
    """Return ``styles`` without repeats, in the order of ``known``.

    Raises:
        ConfigError: A style is unknown, or ``styles`` is empty.
    """
    wanted = {styles} if isinstance(styles, str) else set(styles)
    unknown = sorted(wanted - set(known))
    if unknown or not wanted:
        what = f"unknown style {', '.join(map(repr, unknown))}" if unknown else "no style was asked for"
        raise ConfigError(f"{what}; the known ones are {', '.join(known)}")
    return tuple(style for style in known if style in wanted)


def _quantised(drawing: "torch.Tensor") -> "torch.Tensor":
    """Turn -1 to 1 into 0 to 255, cutting the fraction off as the original does: uint8 [N, H, W]."""
    import torch

    return drawing[:, 0].float().add_(1).div_(2).mul_(255).to(torch.uint8)
