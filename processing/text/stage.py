"""The stage that describes the label of a clip in sentences."""

from typing import TYPE_CHECKING, Any

from mmvoxceleb.errors import ConfigError, MissingModalityError
from mmvoxceleb.modalities import TEXT, Folder
from mmvoxceleb.processing.stage import Clip, Stage, StageOutput
from mmvoxceleb.processing.text.describing import STYLES, TextStyle, describe

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["TextStage"]


GRAMMAR_VERSION = 1
"""Increased whenever a grammar gives other lines for the same arguments, so that old text is recognised."""


class TextStage(Stage):
    """Describe the label of each clip in ``txt/<clip_id>.txt``: lines with a newline between them, as in the original.

    A clip without a label fails at this stage. A run writes the text again once the label has changed.

    Args:
        num_lines: Number of lines per clip, at least 1.
        seed: A different seed gives different lines.
        style: The grammar: ``original`` is MMVID's, ``natural`` is this project's.

    Raises:
        ConfigError: ``style`` is unknown, or ``num_lines`` is less than 1.
    """

    name = "text"
    uses_label = True
    reads_frames = False

    def __init__(self, *, num_lines: int = 20, seed: int = 0, style: TextStyle = "original") -> None:
        if style not in STYLES:
            raise ConfigError(f"unknown style {style!r}; the known ones are {', '.join(STYLES)}")
        if num_lines < 1:
            raise ConfigError(f"a text has at least 1 line, got {num_lines}")
        self.num_lines = num_lines
        self.seed = seed
        self.style: TextStyle = style

    @property
    def folders(self) -> tuple[Folder, ...]:
        return (TEXT.folder(),)

    def settings(self) -> dict[str, Any]:
        return {"style": self.style, "lines": self.num_lines, "seed": self.seed, "grammar": GRAMMAR_VERSION}

    def process(self, clip: Clip, frames: "NDArray[np.uint8]") -> None:
        """Do nothing: the text needs no model."""

    def encode(self, clip: Clip, result: None) -> StageOutput:
        """Describe the label.

        Raises:
            MissingModalityError: The clip has no label.
        """
        if clip.label is None:
            raise MissingModalityError(
                f"clip {clip.clip_id} has no label to describe; predict it with mmvoxceleb regenerate label, "
                "or import a manual one with mmvoxceleb label import"
            )
        lines = describe(clip.label, self.num_lines, self.seed, clip.clip_id, self.style)
        return StageOutput({TEXT.folder(): [("", "\n".join(lines).encode())]})
