"""Devices: which one, in which number format, in which batches, and how frames get there and back.

What every model here does in the same way. :class:`BatchModel` is what computes batches; a :class:`DeviceLoop` fills
them with frames of several clips.
"""

from mmvoxceleb.processing.devices.batcher import Batcher
from mmvoxceleb.processing.devices.choice import (
    PRECISIONS,
    Backend,
    Precision,
    dtype_of,
    resolve_backend,
    resolve_device,
    resolve_precision,
)
from mmvoxceleb.processing.devices.computation import computation, device_kind
from mmvoxceleb.processing.devices.loop import DeviceLoop, compute_alone
from mmvoxceleb.processing.devices.model import BatchModel, Computed, Request, check_frames
from mmvoxceleb.processing.devices.networks import compiled, faithful_kernels, on_device
from mmvoxceleb.processing.devices.sharing import Answer
from mmvoxceleb.processing.devices.transfer import to_device

__all__ = [
    "PRECISIONS",
    "Answer",
    "Backend",
    "BatchModel",
    "Batcher",
    "Computed",
    "DeviceLoop",
    "Precision",
    "Request",
    "check_frames",
    "compiled",
    "computation",
    "compute_alone",
    "device_kind",
    "dtype_of",
    "faithful_kernels",
    "on_device",
    "resolve_backend",
    "resolve_device",
    "resolve_precision",
    "to_device",
]
