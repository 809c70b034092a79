"""EchoMimic: no trainer is published; the folder that the preparation of its dataset starts from."""

from mmvoxceleb.modalities import AUDIO, VIDEO
from mmvoxceleb.trainers.content import ClipContent
from mmvoxceleb.trainers.settings import TrainerSettings
from mmvoxceleb.trainers.trainer import Trainer

__all__ = ["ECHOMIMIC"]

_FOLDER = "original_videos"


class EchoMimic(Trainer):
    """``<split>/original_videos/<clip>.mp4``, 24 frames a second, with sound.

    None of EchoMimic's repositories (v1, v2, v3) has a loader for training. ``EMTD_dataset/preprocess.py`` of v2 reads
    this folder and makes videos, sound and body poses of it; it needs shoulders in the picture, which crops of
    VoxCeleb's kind show in part only.
    """

    name = "echomimic"
    source = "antgroup/echomimic_v2 a312dec: EMTD_dataset/preprocess.py"
    needs = (VIDEO, AUDIO)
    frames_per_second = 24
    fewest_frames = 2

    def files(self, clip: ClipContent, settings: TrainerSettings) -> dict[str, bytes]:
        data = clip.mp4(crf=settings.crf, change=clip.resizer(settings.size))
        return {f"{clip.split}/{_FOLDER}/{clip.name}.mp4": data}

    def next_steps(self, out: str) -> str:
        return (
            "EchoMimic publishes no trainer; to prepare clips as for its own dataset, set in "
            f'EMTD_dataset/preprocess.py: base_dir = "{out}/train/", tasks = ["{_FOLDER}"]'
        )


ECHOMIMIC = EchoMimic()
