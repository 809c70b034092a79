"""Write the sentences of a clip from its label."""

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
"""Goes up when a grammar gives other lines for the same arguments, so that old text is not taken for new."""


class TextStage(Stage):
    """Writes ``txt/<clip_id>.txt``: lines joined by newlines, without one at the end, as the original has them.

    A clip's label is an input: where it has changed, the text is out of date.

    Args:
        num_lines: Lines for a clip.
        seed: A different seed gives different lines.
        style: The grammar.
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
        """Nothing needs the device."""

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
