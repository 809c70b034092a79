"""Pictures of a store to look at: a contact sheet of clips, and clips that move."""

from mmvoxceleb.preview.gif import clip_gif, clips_gif
from mmvoxceleb.preview.sheet import contact_sheet

__all__ = ["clip_gif", "clips_gif", "contact_sheet"]
