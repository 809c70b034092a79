"""Devices, number formats and batches: what every model here does in the same way."""

import contextlib
import importlib.metadata
import importlib.util
import logging
import platform
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar

import numpy as np

from mmvoxceleb.errors import ConfigError, ProcessingError
from mmvoxceleb.extras import install_hint
from mmvoxceleb.files.quoting import first_line

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

__all__ = [
    "Backend",
    "Batcher",
    "Precision",
    "check_frames",
    "compiled",
    "computation",
    "device_kind",
    "faithful_kernels",
    "resolve_backend",
    "resolve_device",
    "resolve_precision",
]

Precision: TypeAlias = Literal["auto", "fp32", "fp16", "bf16"]
Backend: TypeAlias = Literal["auto", "torch", "ncnn"]
PRECISIONS: tuple[str, ...] = ("auto", "fp32", "fp16", "bf16")

logger = logging.getLogger(__name__)
Result = TypeVar("Result")
Network = TypeVar("Network", bound="torch.nn.Module")


def resolve_device(device: str) -> "torch.device":
    """Turn ``auto`` into CUDA, MPS or the CPU, in this order, and check any other name.

    Raises:
        ConfigError: There is no such device on this machine.
    """
    import torch

    if device == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        chosen = torch.device(device)
    except RuntimeError as error:
        raise ConfigError(f"unknown device {device!r}; use auto, cpu, cuda, cuda:1 or mps") from error
    there = {
        "cpu": True,
        "cuda": (chosen.index or 0) < torch.cuda.device_count(),
        "mps": torch.backends.mps.is_available(),
    }
    if not there.get(chosen.type, False):
        raise ConfigError(f"device {device!r} is not on this machine; use auto or cpu")
    return chosen


def resolve_precision(precision: str, device: "torch.device") -> Literal["fp32", "fp16", "bf16"]:
    """Turn ``auto`` into fp16 on CUDA, which is 8 times finer than bf16, and into fp32 elsewhere.

    Raises:
        ConfigError: ``precision`` is unknown.
    """
    if precision not in PRECISIONS:
        raise ConfigError(f"unknown precision {precision!r}; the known ones are {', '.join(PRECISIONS)}")
    if precision == "auto":
        return "fp16" if device.type == "cuda" else "fp32"
    return precision  # type: ignore[return-value]  # one of PRECISIONS


def resolve_backend(
    backend: str, device: "torch.device", precision: str, compile: bool = False
) -> Literal["torch", "ncnn"]:
    """Turn ``auto`` into ncnn where it can compute and is installed, and into torch elsewhere.

    ncnn is here for fp32 on the CPU alone, where its Winograd convolutions take half of torch's time.

    Args:
        backend: ``auto``, ``torch`` or ``ncnn``.
        device: The device in force.
        precision: The precision in force.
        compile: Whether the network is to be compiled, which is torch's business.

    Raises:
        ConfigError: ``backend`` is unknown, or ncnn does not go with the device, precision or compilation.
        ImportError: ncnn is asked for and not installed.
    """
    if backend not in ("auto", "torch", "ncnn"):
        raise ConfigError(f"unknown backend {backend!r}; the known ones are auto, torch, ncnn")
    fits = device.type == "cpu" and precision == "fp32" and not compile
    installed = importlib.util.find_spec("ncnn") is not None
    if backend == "ncnn" and not fits:
        raise ConfigError("the ncnn backend computes fp32 on the CPU only, uncompiled; use the backend auto")
    if backend == "ncnn" and not installed:
        raise ImportError(f"the ncnn backend needs: {install_hint('cpu')}")
    return "ncnn" if backend != "torch" and fits and installed else "torch"


def dtype_of(precision: str) -> "torch.dtype":
    """Give torch's name of a resolved precision."""
    import torch

    return {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}[precision]


def on_device(network: Network, device: "torch.device", precision: str) -> Network:
    """Make a network ready for inference: on the device, in that precision, channels last."""
    import torch

    network.eval().requires_grad_(False).to(device, dtype_of(precision))
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]  # not declared by torch


def check_frames(frames: "NDArray[np.uint8]") -> "NDArray[np.uint8]":
    """Check that frames are uint8 [N, H, W, 3].

    Raises:
        ConfigError: They are something else.
    """
    frames = np.asarray(frames)
    if frames.dtype != np.uint8 or frames.ndim != 4 or (frames.shape[3] != 3 and len(frames)):
        raise ConfigError(f"frames must be uint8 [N, H, W, 3] in RGB order, got {frames.dtype} {list(frames.shape)}")
    return frames


@contextlib.contextmanager
def faithful_kernels() -> Iterator[None]:
    """Keep cuDNN from rounding fp32 to TF32 and from choosing another algorithm on every run."""
    import torch

    with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
        yield


def device_kind(device: "torch.device") -> str:
    """Name what kind of device computes, as far as it may round otherwise than another kind.

    Returns:
        ``cpu x86_64 AVX512``: the processor's architecture and the instructions that torch chose for it; ``cuda`` and
        the GPU's name; ``mps``. Never a number or a host, so that equal machines say the same.
    """
    import torch

    if device.type == "cuda":
        return f"cuda {torch.cuda.get_device_name(device)}"
    if device.type == "cpu":
        return f"cpu {platform.machine()} {torch.backends.cpu.get_cpu_capability()}"
    return device.type


def computation(
    device: "torch.device", batcher: "Batcher | None", *, backend: str = "torch", compile: bool = False
) -> dict[str, Any]:
    """Tell how a model computed last, for the provenance: what may change the last bits beside its settings.

    Args:
        device: Where the model is.
        batcher: What cut its frames into batches.
        backend: ``torch`` or ``ncnn``.
        compile: Whether the network was compiled.

    Returns:
        ``device`` (see :func:`device_kind`), ``batch_sizes`` (see :attr:`Batcher.used`), ``libraries`` (versions by
        name) and, of a compiled network, ``compiled``.
    """
    libraries = ("torch", "ncnn") if backend == "ncnn" else ("torch",)
    return {
        "device": device_kind(device),
        "batch_sizes": list(batcher.used) if batcher else [],
        "libraries": {name: importlib.metadata.version(name) for name in libraries},
        **({"compiled": True} if compile else {}),
    }


class Batcher:
    """Cuts frames into batches of one size, and into smaller ones when the device's memory does not hold them.

    The last batch is filled up by repeating its last frame: a kernel may round otherwise at another batch size,
    and a frame must give the same result wherever it stands. For the same reason a batch on the CPU is one frame,
    whatever is asked for: there the batch size never changes a bit.

    Args:
        device: Where the model is.
        batch_size: Frames in a batch; None chooses ``most``, or what fits into the free memory. Not for the CPU.
        most: Frames that are enough to keep a GPU busy.
        bytes_per_frame: Memory that the model takes for one frame.
    """

    def __init__(self, device: "torch.device", batch_size: int | None, *, most: int, bytes_per_frame: int) -> None:
        if batch_size is not None and batch_size < 1:
            raise ConfigError(f"batch size must be at least 1, got {batch_size}")
        self.size = 1 if device.type == "cpu" else batch_size or _batch_that_fits(device, most, bytes_per_frame)
        self.used: list[int] = []
        """The sizes of the batches of the last run, each once, in order: several where the memory was too small."""

    def run(
        self, frames: "NDArray[np.uint8]", function: Callable[..., Result], *beside: "NDArray[Any]"
    ) -> Iterator[tuple[int, Result]]:
        """Yield for each batch how many of its frames count, and ``function(batch, ...)``.

        Args:
            frames: [N, ...], what is cut into batches.
            function: Called with a batch of frames and with that of each of ``beside``.
            beside: [N, ...] each, what goes with the frames: cut and filled up in the same way.

        Raises:
            ProcessingError: Even one frame does not fit into memory.
        """
        import torch

        self.used = []
        start = 0
        while start < len(frames):
            count = min(self.size, len(frames) - start)
            parts = [_filled(array[start : start + count], self.size) for array in (frames, *beside)]
            try:
                result = function(*parts)
            except torch.cuda.OutOfMemoryError as error:
                if self.size == 1:
                    raise ProcessingError(
                        "the device has too little free memory for one frame; stop other programs on it, "
                        "or pass --device cpu"
                    ) from error
            else:
                if self.size not in self.used:
                    self.used.append(self.size)
                yield count, result
                start += count
                continue
            # outside the except clause, so that the error no longer holds the memory
            self.size //= 2
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            logger.warning("out of memory on the device; continuing with batches of %d", self.size)


def compiled(function: Callable[..., Result], *example: Any) -> Callable[..., Result]:
    """Compile by ``torch.compile`` and try it on ``example``; give ``function`` itself, with a warning, if it fails."""
    import torch

    try:
        faster: Callable[..., Result] = torch.compile(function, dynamic=False)
        with torch.inference_mode():
            faster(*example)
    except torch.cuda.OutOfMemoryError:
        raise
    except Exception as error:  # whatever a missing or old compiler makes of it
        logger.warning("torch.compile does not work here (%s); continuing without it", first_line(error))
        return function
    return faster


def _filled(batch: "NDArray[Any]", size: int) -> "NDArray[Any]":
    missing = size - len(batch)
    return np.concatenate([batch, np.repeat(batch[-1:], missing, axis=0)]) if missing else batch


def _batch_that_fits(device: "torch.device", most: int, bytes_per_frame: int) -> int:
    import torch

    if device.type != "cuda":
        return min(most, 4)
    free, _ = torch.cuda.mem_get_info(device)
    size = most
    while size > 1 and size * bytes_per_frame > free * 0.8:
        size //= 2
    return size
