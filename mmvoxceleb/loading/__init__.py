"""``load_dataset("mmvoxceleb")``: the builder, its configuration, and the name under which ``datasets`` finds it."""

from mmvoxceleb.loading.builder import MMVoxCeleb
from mmvoxceleb.loading.config import MMVoxCelebConfig

__all__ = ["MMVoxCeleb", "MMVoxCelebConfig"]
