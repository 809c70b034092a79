"""Tell of finished clips that another kind of device computed than the one of this run."""

import logging
from collections import Counter
from collections.abc import Mapping
from typing import Any

from mmvoxceleb.meta.provenance import COMPUTATION
from mmvoxceleb.processing.device import device_kind
from mmvoxceleb.processing.stage import Stage

__all__ = ["Elsewhere"]

logger = logging.getLogger(__name__)


class Elsewhere:
    """Counts results of other devices. They are kept: at the same settings rounding alone tells them apart."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str, str]] = Counter()
        self._here: dict[str, str] = {}

    def note(self, stage: Stage, section: Mapping[str, Any]) -> None:
        """Look at the section of a finished stage of a clip. Older stores say nothing of devices."""
        computation = section.get(COMPUTATION)
        there = computation.get("device") if isinstance(computation, Mapping) else None
        if not isinstance(there, str):
            return
        if stage.name not in self._here:
            import torch

            self._here[stage.name] = device_kind(torch.device(stage.device))
        here = self._here[stage.name]
        if there != here:
            self._counts[stage.name, there, here] += 1

    def tell(self) -> None:
        """Warn, once for each stage and device."""
        for (name, there, here), count in sorted(self._counts.items()):
            logger.warning(
                "%s: %d finished clips were computed on another device (%s) than this one (%s) and stay; the same "
                "frames may differ in single pixels between the two. meta/<clip>.json records the device",
                name, count, there, here,
            )  # fmt: skip
