"""Clips that belong together, and clips that do not."""

from collections.abc import Sequence

import numpy as np

from mmvoxceleb.errors import ConfigError

__all__ = ["OtherLabels", "SameVideo"]


class SameVideo:
    """Finds another clip of the same person and video, as the first two parts of the keys tell.

    Args:
        clip_ids: Of all clips.
    """

    def __init__(self, clip_ids: Sequence[str]) -> None:
        videos = np.array(["#".join(clip_id.split("#")[:2]) for clip_id in clip_ids])
        self._order = np.argsort(videos, kind="stable")
        _, self._video, counts = np.unique(videos, return_inverse=True, return_counts=True)
        self._first = np.concatenate([[0], np.cumsum(counts)])

    def choose(self, position: int, rng: np.random.Generator) -> int:
        """Return the position of another clip of that video; ``position`` itself if there is none."""
        video = int(self._video[position])
        members = self._order[self._first[video] : self._first[video + 1]]
        others = members[members != position]
        place = rng.random()
        return int(others[int(place * len(others))]) if len(others) else position


class OtherLabels:
    """Finds a clip whose label differs.

    Args:
        labels: Of each clip, 40 values.

    Raises:
        ConfigError: All labels are the same.
    """

    def __init__(self, labels: Sequence[Sequence[int]]) -> None:
        _, self._kind, counts = np.unique(np.array(labels, np.int8), axis=0, return_inverse=True, return_counts=True)
        self._kind = self._kind.reshape(-1)
        if len(counts) < 2:
            raise ConfigError("negative_text=True needs clips with different labels; these all have the same one")
        self._order = np.argsort(self._kind, kind="stable")
        self._first = np.concatenate([[0], np.cumsum(counts)])

    def choose(self, position: int, rng: np.random.Generator) -> int:
        """Return the position of a clip with another label, each as likely."""
        begin, end = (int(edge) for edge in self._first[self._kind[position] : self._kind[position] + 2])
        place = int(rng.random() * (len(self._order) - (end - begin)))
        return int(self._order[place if place < begin else place + (end - begin)])
