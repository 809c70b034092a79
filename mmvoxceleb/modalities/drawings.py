"""The line drawings of a clip."""

from mmvoxceleb.modalities.base import DEFAULT_STYLE, FrameModality

__all__ = ["DEFAULT_STYLE", "DRAWINGS", "STYLES"]

STYLES: tuple[str, ...] = (DEFAULT_STYLE, "style2", "style3")
"""The line drawing styles of Unpaired-Portrait-Drawing; the original dataset holds ``style1`` only."""


class Drawings(FrameModality):
    """``draw/style1/<clip>/0000004.png``: grey, 0 black to 255 white."""

    name = "drawing"
    folder_name = "draw"
    aliases = ("draws", "drawing", "drawings")
    has_styles = True
    drive_id = "15UiX1KtyPPSagLjPhnEpm0ynG8PpMT8u"
    pictures, indices = "drawings", "drawing_indices"
    title = "line drawings"
    meaning = "8-bit grey line drawings, PNG"
    tags = ("line-drawing",)


DRAWINGS = Drawings()
