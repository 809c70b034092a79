"""The line drawings of a clip."""

from typing import TYPE_CHECKING

from mmvoxceleb.codecs.planes import put_grey
from mmvoxceleb.codecs.views import WHOLE, View, grey_of
from mmvoxceleb.modalities.base import DEFAULT_STYLE
from mmvoxceleb.modalities.frame_modality import FrameModality, PictureForm

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from mmvoxceleb.sampling.options import SampleOptions

__all__ = ["DEFAULT_STYLE", "DRAWINGS", "STYLES"]

STYLES: tuple[str, ...] = (DEFAULT_STYLE, "style2", "style3")
"""The line drawing styles of Unpaired-Portrait-Drawing; the original dataset holds ``style1`` only."""


class Drawings(FrameModality):
    """``draw/style1/<clip>/0000004.png``: grey, 0 black to 255 white."""

    name = "drawing"
    made_by = "draw"
    folder_name = "draw"
    aliases = ("draws", "drawing", "drawings")
    has_styles = True
    drive_id = "15UiX1KtyPPSagLjPhnEpm0ynG8PpMT8u"
    pictures, indices = "drawings", "drawing_indices"
    title = "line drawings"
    meaning = "8-bit grey line drawings, PNG"
    tags = ("line-drawing",)

    def decode(
        self, data: "bytes | memoryview", view: View = WHOLE, size: tuple[int, int] | None = None, *, where: str
    ) -> "NDArray[np.uint8]":
        """Decode a drawing, cut, resize and mirror it: uint8 [H, W], 0 black to 255 white."""
        return grey_of(data, view, size, where=where)

    def form(self, options: "SampleOptions") -> PictureForm:
        return PictureForm((1,), options.number_type, put_grey)


DRAWINGS = Drawings()
