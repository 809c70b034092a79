"""``load_dataset("mmvoxceleb")``: the builder and its configuration; and reading in what a dataset refers to."""

from mmvoxceleb.loading.builder import MMVoxCeleb
from mmvoxceleb.loading.config import MMVoxCelebConfig
from mmvoxceleb.loading.embedding import embed
from mmvoxceleb.loading.obeying import without_removed

__all__ = ["MMVoxCeleb", "MMVoxCelebConfig", "embed", "without_removed"]
