"""Line drawings, from array to array, and for clips with :class:`DrawStage`.

:class:`PortraitDrawer` is the model of the original. :class:`OpenDrawer` needs no weights.
"""

from mmvoxceleb.processing.drawings.drawer import DRAWING_SIZE_PX, Drawer, PortraitDrawer
from mmvoxceleb.processing.drawings.open_drawer import OPEN_STYLES, OpenDrawer
from mmvoxceleb.processing.drawings.stage import DrawStage, make_drawer

__all__ = ["DRAWING_SIZE_PX", "OPEN_STYLES", "DrawStage", "Drawer", "OpenDrawer", "PortraitDrawer", "make_drawer"]
