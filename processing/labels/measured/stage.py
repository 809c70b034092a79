"""The stage that measures labels, from points, blendshapes, colours and masks instead of a network."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mmvoxceleb.codecs.masks import read_mask_ids
from mmvoxceleb.errors import CorruptSourceError
from mmvoxceleb.modalities import LABEL, LANDMARKS, MASKS, ORIGINAL_STRIDE, Folder
from mmvoxceleb.processing.labels.measured.figures import Face, figures_of
from mmvoxceleb.processing.labels.measured.rules import ABSENT_UP_TO, PRESENT_FROM, clip_figures, decided, scores_of
from mmvoxceleb.processing.labels.stage import NUM_FRAMES, LabelingStage, format_label, spread_evenly
from mmvoxceleb.processing.landmarks import FaceLandmarker, Landmarker
from mmvoxceleb.processing.selection import every
from mmvoxceleb.processing.stage import Clip, StageOutput
from mmvoxceleb.schema import ATTRIBUTES
from mmvoxceleb.stores.interface import frame_index_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mmvoxceleb.codecs.landmarks import FaceLandmarks

__all__ = ["MODEL", "VERSION", "MeasuredLabelStage"]

MODEL = "measurements"
"""Its name in the provenance."""

VERSION = 2
"""Goes up when the same frames give another label, so that old labels are not taken for new."""

_DIGITS = 4


class MeasuredLabelStage(LabelingStage):
    """Measure the label of each clip and write it to ``label/<clip_id>.txt``.

    The stage reads the clip's landmarks and masks. It finds landmarks itself if the clip has none; without masks,
    attributes that only masks show stay unknown. An attribute without a rule, or whose score is between its two
    thresholds, is -1. The provenance has the measurements and the scores. A clip without a face in any of the frames
    used fails at this stage and gets no label.

    Args:
        landmarker: Finds the landmarks of clips that have none. The default is MediaPipe's face landmarker.
        num_frames: Number of frames to use, spread evenly over every 4th frame, which are the frames with masks.
        overwrite_manual: Whether to replace manual labels.
    """

    reads: tuple[Folder, ...] = (LANDMARKS.folder(), MASKS.folder())

    def __init__(
        self,
        landmarker: Landmarker | None = None,
        *,
        num_frames: int = NUM_FRAMES,
        overwrite_manual: bool = False,
    ) -> None:
        super().__init__(num_frames=num_frames, overwrite_manual=overwrite_manual)
        self.landmarker = FaceLandmarker(looks_twice=True) if landmarker is None else landmarker

    @property
    def label_source(self) -> str:
        """The ``label_source`` of its labels."""
        return f"predicted:{MODEL}@{VERSION}"

    def settings(self) -> dict[str, Any]:
        return {
            "model": MODEL,
            "version": VERSION,
            "landmarker": self.landmarker.settings(),
            "frames": self.num_frames,
            "absent_up_to": ABSENT_UP_TO,
            "present_from": PRESENT_FROM,
        }

    def computation(self) -> dict[str, Any]:
        import cv2

        return {**self.landmarker.computation(), "opencv": cv2.__version__}

    def setup(self) -> None:
        self.landmarker.setup()

    def teardown(self) -> None:
        self.landmarker.teardown()

    def select(self, clip: Clip) -> Sequence[int]:
        return spread_evenly(every(clip.frame_indices, ORIGINAL_STRIDE) or clip.frame_indices, self.num_frames)

    def process(self, clip: Clip, frames: "NDArray[np.uint8]") -> tuple[list[int], dict[str, float]]:
        """Return the indices of the frames with a face, and the measurements of the clip.

        Raises:
            CorruptSourceError: The clip has no frames, or none with a face; or its landmarks or a mask are damaged.
        """
        indices = list(self.select(clip))
        if not indices:
            raise CorruptSourceError(f"clip {clip.clip_id} has no label: it has no frames")
        found = self._landmarks(clip, frames, np.array(indices, np.int64))
        masks = self._masks(clip, indices)
        measured, used = [], []
        for place, index in enumerate(indices):
            if found.has_face[place]:
                used.append(index)
                measured.append(
                    figures_of(
                        Face(
                            frames[place], found.points[place], found.blendshapes[place], found.head_pose[place],
                            masks.get(index),
                        )
                    )
                )  # fmt: skip
        if not used:
            raise CorruptSourceError(
                f"clip {clip.clip_id} has no label: no face was found in any of the {len(indices)} frames used; use "
                "more frames, or label it manually"
            )
        return used, clip_figures(measured)

    def encode(self, clip: Clip, result: tuple[list[int], dict[str, float]]) -> StageOutput:
        used, figures = result
        # what is decided on is what is kept, so that the last bits of another machine rarely show
        scores = {name: round(score, _DIGITS) for name, score in scores_of(figures).items()}
        label = [decided(scores.get(name, float("nan"))) for name in ATTRIBUTES]
        return StageOutput(
            {LABEL.folder(): [("", format_label(label))]},
            {
                "label_source": self.label_source,
                "frames_used": used,
                "probabilities": {name: _told(scores.get(name, float("nan"))) for name in ATTRIBUTES},
                "measured": {name: _told(round(value, _DIGITS)) for name, value in figures.items()},
            },
            {"label_source": self.label_source},
        )

    def _landmarks(self, clip: Clip, frames: "NDArray[np.uint8]", indices: "NDArray[np.int64]") -> "FaceLandmarks":
        """Take the landmarks of the frames from the clip, or find them."""
        files = clip.files.get(LANDMARKS.folder())
        if files:
            there = LANDMARKS.parse(files[0][1], clip_id=clip.clip_id)
            if np.isin(indices, there.indices).all():
                return there.at(indices)
        return self.landmarker(frames, indices=indices)

    @staticmethod
    def _masks(clip: Clip, indices: Sequence[int]) -> "dict[int, NDArray[np.uint8]]":
        """Decode the masks of some frames, by frame index."""
        wanted = frozenset(indices)
        named = ((frame_index_of(name), name, data) for name, data in clip.files.get(MASKS.folder(), ()))
        return {
            index: read_mask_ids(data, clip_id=clip.clip_id, name=f"mask {name}")
            for index, name, data in named
            if index in wanted
        }


def _told(value: float) -> float | None:
    return None if np.isnan(value) else value
