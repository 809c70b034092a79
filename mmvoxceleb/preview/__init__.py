"""Pictures of a store to look at: a contact sheet of clips, and a clip that moves."""

from mmvoxceleb.preview.gif import clip_gif
from mmvoxceleb.preview.sheet import contact_sheet

__all__ = ["clip_gif", "contact_sheet"]
