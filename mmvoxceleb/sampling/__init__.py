"""Train on it: chosen frames of clips as tensors, at the speed of decoding them.

Needs PyTorch; ``import mmvoxceleb`` alone does not import it.
"""

from mmvoxceleb.errors import MissingExtraError
from mmvoxceleb.extras import install_hint

try:
    import torch as _torch  # noqa: F401
except ImportError as error:
    raise MissingExtraError(f"ClipSampler makes torch tensors; {install_hint('train')}") from error

from mmvoxceleb.sampling.options import SampleOptions
from mmvoxceleb.sampling.sampler import ClipSampler
from mmvoxceleb.sampling.stream import ClipStream

__all__ = ["ClipSampler", "ClipStream", "SampleOptions"]
