"""Hallo3: a folder of videos and one of captions, from which its own preparation makes the rest."""

from mmvoxceleb.modalities import AUDIO, TEXT, VIDEO
from mmvoxceleb.trainers.content import ClipContent
from mmvoxceleb.trainers.settings import TrainerSettings
from mmvoxceleb.trainers.trainer import Trainer

__all__ = ["HALLO3"]


class Hallo3(Trainer):
    """``<split>/videos/<clip>.mp4`` and ``<split>/caption/<clip>.txt``.

    Its loader also reads embeddings of the face (InsightFace) and of the sound (wav2vec 2.0). Their networks are not
    part of this project; ``scripts/data_preprocess.sh`` of Hallo3 runs them on this folder.
    """

    name = "hallo3"
    source = "fudan-generative-vision/hallo3 e342dce: README.md, hallo3/data_preprocess.py, extract_meta_info.py"
    needs = (VIDEO, AUDIO, TEXT)
    fewest_frames = 3 + 49 + 2 + 1
    """``random.randint(skip_frms_num, ori_vlen - max_num_frames - audio_margin - 1)`` must find a start
    (data_video.py, at the 49 frames of its configurations)."""

    swapped_in_paths = "images"
    """``extract_meta_info.py`` finds all other files of a clip by ``str.replace``."""

    def files(self, clip: ClipContent, settings: TrainerSettings) -> dict[str, bytes]:
        return {
            f"{clip.split}/videos/{clip.name}.mp4": clip.mp4(crf=settings.crf, change=clip.resizer(settings.size)),
            f"{clip.split}/caption/{clip.name}.txt": clip.sentence().encode(),
        }

    def next_steps(self, out: str) -> str:
        return f"in a clone of Hallo3: bash scripts/data_preprocess.sh {out}/train 1 0 NAME; it writes data/NAME.json"


HALLO3 = Hallo3()
