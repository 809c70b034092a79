"""Write the sentences of a clip from its label."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mmvoxceleb.errors import ConfigError, CorruptSourceError, MissingModalityError
from mmvoxceleb.processing.source import ClipSource, Frames
from mmvoxceleb.processing.stage import Clip, Stage, StageOutput
from mmvoxceleb.processing.text.describing import STYLES, TextStyle, describe
from mmvoxceleb.records.texts import parse_label
from mmvoxceleb.schema import Folder
from mmvoxceleb.stores.interface import Store

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["LabelSource", "TextStage"]

_LABEL, _META, TEXT = Folder("label"), Folder("meta"), Folder("text")

GRAMMAR_VERSION = 1
"""Goes up when a grammar gives other lines for the same arguments, so that old text is not taken for new."""


class TextStage(Stage):
    """Writes ``txt/<clip_id>.txt``: lines joined by newlines, without one at the end, as the original has them.

    A clip's label is an input: where it has changed, the text is out of date.

    Args:
        num_lines: Lines for a clip.
        seed: Another seed gives other lines.
        style: The grammar.
    """

    name = "text"
    uses_label = True

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
        return (TEXT,)

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
                "or give it by hand with mmvoxceleb label import"
            )
        lines = describe(clip.label, self.num_lines, self.seed, clip.clip_id, self.style)
        return StageOutput({TEXT: [("", "\n".join(lines).encode())]})


class LabelSource(ClipSource):
    """The clips of a store that have a label, without their frames: all that text needs.

    Args:
        store: Any store with the modality ``label``.
    """

    def __init__(self, store: Store) -> None:
        self.store = store

    @property
    def location(self) -> str:
        return self.store.location

    def clip_ids(self) -> list[str]:
        """List the clips that have a label.

        Raises:
            MissingModalityError: The store has no labels.
        """
        clip_ids = self.store.clips(_LABEL)
        if not clip_ids:
            raise MissingModalityError(
                f"{self.location}: holds no label/<clip>.txt, which text is made from; make labels first with "
                "mmvoxceleb regenerate label or mmvoxceleb label import"
            )
        return clip_ids

    def clip(self, clip_id: str, *, with_label: bool = False) -> Clip:
        (data,) = self.store.read(_LABEL, clip_id)
        label = parse_label(data, clip_id=clip_id)
        return Clip(clip_id, (), meta=self._meta(clip_id), label=label if with_label else None)

    def listing(self, clip: Clip, indices: Sequence[int]) -> str:
        # that of no frames, as a source with frames gives it: text made beside masks is the same text
        return hashlib.sha256().hexdigest()

    def frames(self, clip: Clip, indices: Sequence[int]) -> Frames:
        return Frames(np.empty((0, 0, 0, 3), np.uint8), (), ())

    def _meta(self, clip_id: str) -> Mapping[str, Any]:
        try:
            (data,) = self.store.read(_META, clip_id)
            return dict(json.loads(data))
        except MissingModalityError:
            return {}
        except (UnicodeDecodeError, ValueError, TypeError) as error:
            raise CorruptSourceError(
                f"{self.location}: {_META}/{clip_id}.json is no JSON object ({error}); delete it"
            ) from error
