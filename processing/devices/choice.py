"""Which device, number format and backend, where the user leaves it to us or names one."""

import importlib.util
from typing import TYPE_CHECKING, Literal, TypeAlias

from mmvoxceleb.errors import ConfigError, MissingExtraError
from mmvoxceleb.extras import install_hint

if TYPE_CHECKING:
    import torch

__all__ = ["PRECISIONS", "Backend", "Precision", "dtype_of", "resolve_backend", "resolve_device", "resolve_precision"]

Precision: TypeAlias = Literal["auto", "fp32", "fp16", "bf16"]
Backend: TypeAlias = Literal["auto", "torch", "ncnn"]
PRECISIONS: tuple[str, ...] = ("auto", "fp32", "fp16", "bf16")


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
        raise MissingExtraError(f"the ncnn backend needs: {install_hint('cpu')}")
    return "ncnn" if backend != "torch" and fits and installed else "torch"


def dtype_of(precision: str) -> "torch.dtype":
    """Give torch's name of a resolved precision."""
    import torch

    return {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}[precision]
