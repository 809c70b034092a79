"""What a face mask says to a drawer: where lines matter, and if there is nothing to draw."""

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from mmvoxceleb.processing.drawings.coherent import blurred, highest
from mmvoxceleb.schema import CLASSES, NO_MASK

if TYPE_CHECKING:
    import torch
    from torch import Tensor

__all__ = ["Guide", "guide_of"]

_GAINS = {
    "background": 0.45, "skin": 0.7, "hair": 0.8, "neck": 0.7, "cloth": 0.6, "hat": 0.8, "neck_l": 0.8, "ear_r": 0.8,
    "l_ear": 0.9, "r_ear": 0.9, "nose": 1.2, "eye_g": 1.3, "mouth": 1.5, "u_lip": 1.5, "l_lip": 1.5,
    "l_eye": 1.8, "r_eye": 1.8, "l_brow": 1.4, "r_brow": 1.4,
}  # fmt: skip
"""How much the lines inside each class count; 1 is a drawing without a mask."""
_FILLED = ("l_eye", "r_eye", "l_brow", "r_brow", "nose", "mouth", "u_lip", "l_lip")
_BORDER_GAIN = 1.5
"""Of lines where two classes meet: face outline, hair border, lids, lip line."""


class Guide(NamedTuple):
    """float [N, 1, H, W] each."""

    gain: "Tensor"
    """What a line's strength is multiplied by."""
    spots: "Tensor"
    """1 near the features in which dark spots are filled, 0 elsewhere, such as in hair."""
    kept: "Tensor"
    """0 where nothing is to be drawn, 1 where everything is."""


def guide_of(masks: "Tensor", side: int, *, leave_out: bool) -> Guide:
    """Make a guide of masks.

    Its changes are gradual over some px, since a mask may be a few px off.

    Args:
        masks: uint8 [N, H, W], class ids or :data:`NO_MASK`.
        side: Height and width of the drawing in px.
        leave_out: Whether the background is left out.
    """
    from torch.nn import functional

    ids = functional.interpolate(masks[:, None].float(), size=(side, side), mode="nearest-exact")
    gain, filled = _tables(ids.device)[:, ids.long()]
    low, high = (highest(part, 2) for part in (-ids, ids))
    is_border = ((high + low) > 0).float() * (ids != NO_MASK)
    near = blurred(is_border, 2.0).mul_(1.6).clamp_(max=1.0)
    gain = blurred(gain, 4.0)
    gain = gain + (gain.clamp(min=_BORDER_GAIN) - gain) * near
    kept = ids.new_ones(ids.shape)
    if leave_out:
        # the outline lies on the border and is drawn on both sides of it
        kept = blurred(highest((ids != CLASSES.index("background")).float(), 4), 2.0)
        kept = (kept * 2.0 - 0.5).clamp_(0.0, 1.0)
    return Guide(gain, blurred(highest(filled, 4), 2.0), kept)


@lru_cache
def _tables(device: "torch.device") -> "Tensor":
    """Tabulate the gain of each class, and whether its dark spots are filled: float [2, 256]."""
    import torch

    tables = torch.ones(2, NO_MASK + 1)
    for name, gain in _GAINS.items():
        tables[:, CLASSES.index(name)] = torch.tensor([gain, float(name in _FILLED)])
    return tables.to(device)
