"""Networks of torch, made ready for inference."""

import contextlib
import logging
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from mmvoxceleb.files.quoting import first_line
from mmvoxceleb.processing.devices.choice import dtype_of

if TYPE_CHECKING:
    import torch

__all__ = ["compiled", "faithful_kernels", "on_device"]

logger = logging.getLogger(__name__)
Result = TypeVar("Result")
Network = TypeVar("Network", bound="torch.nn.Module")


def on_device(network: Network, device: "torch.device", precision: str) -> Network:
    """Make a network ready for inference: on the device, in that precision, channels last."""
    import torch

    network.eval().requires_grad_(False).to(device, dtype_of(precision))
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]  # not declared by torch


@contextlib.contextmanager
def faithful_kernels() -> Iterator[None]:
    """Keep cuDNN from rounding fp32 to TF32 and from choosing another algorithm on every run."""
    import torch

    with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
        yield


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
