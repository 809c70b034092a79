"""The trainers that an export can be for."""

from mmvoxceleb.trainers.echomimic import ECHOMIMIC
from mmvoxceleb.trainers.hallo3 import HALLO3
from mmvoxceleb.trainers.latentsync import LATENTSYNC
from mmvoxceleb.trainers.musetalk import MUSETALK
from mmvoxceleb.trainers.talkvid import TALKVID
from mmvoxceleb.trainers.trainer import Trainer

__all__ = ["TRAINERS"]

TRAINERS: dict[str, Trainer] = {trainer.name: trainer for trainer in (LATENTSYNC, MUSETALK, HALLO3, TALKVID, ECHOMIMIC)}
"""By the name that ``mmvoxceleb export --for`` takes."""
