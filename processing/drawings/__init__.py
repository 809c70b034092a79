"""Line drawings: :class:`PortraitDrawer`, the original's, from array to array; :class:`DrawStage` on clips."""

from mmvoxceleb.processing.drawings.drawer import DRAWING_SIZE_PX, Drawer, PortraitDrawer
from mmvoxceleb.processing.drawings.stage import DrawStage, make_drawer

__all__ = ["DRAWING_SIZE_PX", "DrawStage", "Drawer", "PortraitDrawer", "make_drawer"]
