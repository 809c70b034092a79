"""What the provenance tells of how a model computed."""

import importlib.metadata
import platform
from typing import TYPE_CHECKING, Any

from mmvoxceleb.processing.devices.batcher import Batcher

if TYPE_CHECKING:
    import torch

__all__ = ["computation", "device_kind"]


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
    device: "torch.device", batcher: Batcher | None, *, backend: str = "torch", compile: bool = False
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
