"""Line drawings of real faces without weights, for any use."""

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from mmvoxceleb.errors import ConfigError
from mmvoxceleb.processing.devices import Batcher, to_device
from mmvoxceleb.processing.drawings.coherent import (
    Flow,
    blurred,
    even_contrast,
    flow_of,
    line_response,
    smeared,
    spots,
    walks,
)
from mmvoxceleb.processing.drawings.drawer import DRAWING_SIZE_PX, Drawer
from mmvoxceleb.processing.drawings.mask_guide import Guide, guide_of
from mmvoxceleb.processing.resize import resized_on
from mmvoxceleb.schema import NO_MASK

if TYPE_CHECKING:
    import torch
    from torch import Tensor

__all__ = ["MODEL", "OPEN_STYLES", "Background", "OpenDrawer"]

OPEN_STYLES: tuple[str, ...] = ("lines", "sketch")
"""``lines``: black lines on white. ``sketch``: the same lines, greyer, over strokes of grey where it is dark."""

MODEL = "coherent-lines"
"""Its name in the provenance."""

Background = Literal["keep", "white"]

_VERSION = 1
"""Goes up when the same frame gives another drawing, so that old drawings are not taken for new."""

_PARAMETERS: dict[str, Any] = {
    "surroundings_px": 40.0,
    "line_px": 0.9,
    "along_px": 5.0,
    "ink": [0.008, 0.045],
    "spot_px": 24,
    "spot": [0.8, 1.3],
    "patch": [800.0, 500.0, 0.5],
    "speck": [14.0, 45.0, 0.08],
}
"""In px of the drawing; see :class:`OpenDrawer`. All go into the provenance."""


class OpenDrawer(Drawer):
    """Draw faces by coherent line drawing (Kang, Lee and Chui, NPAR 2007), guided by the face mask if there is one.

    There is no network and nothing to download. Call the object with frames, uint8 [N, H, W, 3], RGB, of any size, and
    if you have them their masks, uint8 [N, H, W], class ids, 255 where unknown. It returns the drawings in each style,
    by its name: uint8 [N, 512, 512], 0 (black) to 255 (white). The drawing of a frame depends only on that frame and
    its mask. On the CPU it is identical to the bit for any batch, number of threads and place in the clip.

    Args:
        styles: One or both of ``lines`` (black lines on white) and ``sketch`` (the same lines, greyer, over grey
            strokes in dark areas).
        device: ``auto`` (CUDA, then MPS, then CPU), ``cpu``, ``cuda``, ``cuda:1`` or ``mps``.
        precision: ``auto`` or ``fp32``, which are the same: positions along a line need fp32.
        compile: Must be False, because there is no network to compile.
        batch_size: Frames per batch on a GPU. None chooses a size that fits its memory. A CPU always computes one frame
            at a time.
        background: ``keep``, or ``white`` to leave out the background, which needs masks.

    Raises:
        ConfigError: A style, device, precision or background is unknown, or ``compile`` is True.
    """

    known_styles = OPEN_STYLES
    uses_masks = True
    takes_any_size = True

    def __init__(
        self,
        styles: Iterable[str] = OPEN_STYLES[:1],
        device: str = "auto",
        precision: str = "auto",
        *,
        compile: bool = False,
        batch_size: int | None = None,
        background: str = "keep",
    ) -> None:
        if precision not in ("auto", "fp32"):
            raise ConfigError(f"the open drawer computes in fp32, got precision {precision!r}; leave --precision out")
        if compile:
            raise ConfigError("the open drawer has no network to compile; leave --compile out")
        if background not in get_args(Background):
            raise ConfigError(f"unknown background {background!r}; use {' or '.join(get_args(Background))}")
        super().__init__(styles, device, "fp32", batch_size=batch_size)
        self.background = background
        self.needs_masks = background == "white"
        self._noise: Tensor | None = None

    def identity(self) -> dict[str, Any]:
        return {
            "model": MODEL,
            "weights": "none",
            "version": _VERSION,
            "background": self.background,
            **_PARAMETERS,
        }

    def setup(self) -> None:
        import torch

        if self.batcher is None:
            grain = np.random.RandomState(0).standard_normal((1, 1, DRAWING_SIZE_PX, DRAWING_SIZE_PX))
            self._noise = torch.from_numpy(grain.astype(np.float32)).to(self.device)
            self.batcher = Batcher(self.device, self._batch_size, most=16, bytes_per_frame=150_000_000)

    def teardown(self) -> None:
        super().teardown()
        self._noise = None

    def prepare(self, *arrays: "Tensor") -> "tuple[Tensor, ...]":
        """Resize frames as Pillow does: uint8 [N, 512, 512, 3]; masks, where there are any, stay as they are."""
        frames, *masks = arrays
        resized = resized_on(self.device, frames, DRAWING_SIZE_PX, DRAWING_SIZE_PX)
        return resized, *(to_device(ids, self.device) for ids in masks)

    def compute(self, *prepared: "Tensor") -> "tuple[Tensor, ...]":
        import torch

        pictures, *masks = prepared
        with torch.inference_mode(), _one_thread(self.device):
            guide = self._guide(*masks) if masks else None
            tone = even_contrast(pictures, _PARAMETERS["surroundings_px"])
            flow = flow_of(tone)
            paths = walks(flow, _PARAMETERS["along_px"])
            ink = self._ink(tone, flow, paths, guide)
            drawn = []
            for style in self.styles:
                white = 1.0 - ink if style == "lines" else self._sketch(tone, ink, paths, guide)
                drawn.append(white.mul(255.0).round_()[:, 0].to(torch.uint8))
            return tuple(drawn)

    def _guide(self, masks: "Tensor") -> Guide | None:
        """Make the guide of a batch; a frame without a mask is drawn as where there is none at all."""
        import torch

        is_known = (masks != NO_MASK).flatten(1).any(dim=1)
        if not is_known.any():
            return None
        guide = guide_of(masks, DRAWING_SIZE_PX, leave_out=self.background == "white")
        if is_known.all():
            return guide
        chosen = is_known.view(-1, 1, 1, 1)
        return Guide(*(torch.where(chosen, part, torch.ones_like(part)) for part in guide))

    def _ink(
        self, tone: "Tensor", flow: Flow, paths: "Sequence[tuple[Tensor, float]]", guide: Guide | None
    ) -> "Tensor":
        """Decide where lines are and how dark: float [N, 1, H, W], 0 white to 1 black."""
        import torch

        response = line_response(blurred(tone, 0.7), flow, _PARAMETERS["line_px"], paths)
        dark = spots(tone, _PARAMETERS["spot_px"])
        if guide is not None:
            response, dark = response * guide.gain, dark * guide.spots
        dark = _by_size(_smoothstep(dark, *_PARAMETERS["spot"]), *_PARAMETERS["patch"])
        ink = torch.maximum(_smoothstep(response, *_PARAMETERS["ink"]), blurred(dark, 0.8))
        if guide is not None:
            ink = ink * guide.kept
        return _by_size(ink, *_PARAMETERS["speck"])

    def _sketch(
        self, tone: "Tensor", ink: "Tensor", paths: "Sequence[tuple[Tensor, float]]", guide: Guide | None
    ) -> "Tensor":
        assert self._noise is not None
        both = smeared(_beside(blurred(tone, 1.5), self._noise), paths)
        # the grain is the same in every frame, so that what does not move does not flicker
        grain = both[:, 1:].mul(1.7).clamp_(-1.0, 1.0)
        shade = both[:, :1].neg().sub_(0.15).clamp_(0.0, 1.5).div_(1.5)
        if guide is not None:
            shade = shade * guide.kept
        strokes = shade.mul_(grain.mul_(0.4).add_(0.45)).clamp_(0.0, 0.8)
        return (1.0 - 0.8 * ink) * (1.0 - strokes)


@contextlib.contextmanager
def _one_thread(device: "torch.device") -> Iterator[None]:
    """Compute on one thread of the CPU: the operations are so small that threads wait for each other on a busy machine.

    There, two threads took over ten times as long as one.
    """
    import torch

    before = torch.get_num_threads()
    if device.type != "cpu" or before == 1:
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _smoothstep(values: "Tensor", low: float, high: float) -> "Tensor":
    share = ((values - low) / (high - low)).clamp_(0.0, 1.0)
    return share.square() * (3.0 - 2.0 * share)


def _beside(values: "Tensor", more: "Tensor") -> "Tensor":
    import torch

    return torch.cat([values, more.expand(len(values), -1, -1, -1)], 1)


def _by_size(ink: "Tensor", gone: float, whole: float, faintest: float) -> "Tensor":
    """Keep connected strokes of some size, and fade those of a little other size, so that none flickers in and out.

    Args:
        ink: float [N, 1, H, W], 0 to 1.
        gone: Sum of the ink of a stroke at which it goes: up to this if it is under ``whole``, else from this on.
        whole: At which it stays as it is.
        faintest: Ink up to this is not a part of a stroke, and goes.
    """
    import cv2
    import torch

    drawn = ink[:, 0].cpu().numpy()
    kept = np.empty_like(drawn)
    for picture, result in zip(drawn, kept, strict=True):
        count, strokes = cv2.connectedComponents((picture > faintest).astype(np.uint8), connectivity=8)
        sums = np.bincount(strokes.ravel(), weights=picture.ravel(), minlength=count)
        share = np.clip((sums - gone) / (whole - gone), 0.0, 1.0).astype(np.float32)
        share[0] = 0.0
        np.multiply(picture, share[strokes], out=result)
    return torch.from_numpy(kept[:, None]).to(ink.device)
