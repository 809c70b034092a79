"""The stage of drawings: some frames of a clip, drawn in one or more styles."""

import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from mmvoxceleb.errors import ConfigError
from mmvoxceleb.modalities import DEFAULT_STYLE, DRAWINGS, ORIGINAL_STRIDE, Folder
from mmvoxceleb.processing.device import Backend
from mmvoxceleb.processing.drawings.drawer import Drawer, PortraitDrawer
from mmvoxceleb.processing.pictures import encode_grey
from mmvoxceleb.processing.sample_models import SAMPLE, check_sample_options
from mmvoxceleb.processing.selection import check_stride, every
from mmvoxceleb.processing.stage import Clip, Stage, StageOutput

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["DrawStage", "make_drawer"]


class DrawStage(Stage):
    """Draws every ``stride``-th frame of a clip into ``draw/<style>/``.

    Args:
        drawer: What draws, with its styles.
        stride: Every how many frames; 4 in the original.
    """

    def __init__(self, drawer: Drawer, *, stride: int = ORIGINAL_STRIDE) -> None:
        self.drawer = drawer
        self.stride = check_stride(stride)
        self.name = f"draw/{'+'.join(drawer.styles)}"

    @property
    def device(self) -> str:  # type: ignore[override]  # known once the model is
        return str(self.drawer.device)

    @property
    def folders(self) -> tuple[Folder, ...]:
        return tuple(DRAWINGS.folder(style) for style in self.drawer.styles)

    def settings(self) -> dict[str, Any]:
        return {
            **self.drawer.identity(),
            "precision": self.drawer.precision,
            "backend": self.drawer.backend,
            "stride": self.stride,
        }

    def computation(self) -> dict[str, Any]:
        return self.drawer.computation()

    def setup(self) -> None:
        self.drawer.setup()

    def teardown(self) -> None:
        self.drawer.teardown()

    def select(self, clip: Clip) -> Sequence[int]:
        return every(clip.frame_indices, self.stride)

    def process(self, clip: Clip, frames: "NDArray[np.uint8]") -> "dict[str, NDArray[np.uint8]]":
        return self.drawer(frames)

    def encode(self, clip: Clip, result: "dict[str, NDArray[np.uint8]]") -> StageOutput:
        names = [clip.name_of(index) for index in self.select(clip)]
        return StageOutput(
            {
                DRAWINGS.folder(style): [
                    (name, encode_grey(drawing)) for name, drawing in zip(names, drawings, strict=True)
                ]
                for style, drawings in result.items()
            }
        )


def make_drawer(
    name: str = "portrait",
    weights: str | os.PathLike[str] | None = None,
    styles: Iterable[str] = (DEFAULT_STYLE,),
    *,
    backend: Backend = "auto",
    **options: Any,
) -> Drawer:
    """Make a drawer from its name.

    Args:
        name: ``portrait``, the original's, or ``sample``, the small one included in the package: trained on
            generated faces, for demonstration.
        weights: A checkpoint for ``portrait``.
        styles: See :class:`Drawer`; ``sample`` only has ``style1``.
        backend: For ``portrait``, see :class:`PortraitDrawer`.
        options: For :class:`Drawer`.

    Raises:
        ConfigError: The name is unknown, or does not support an option.
    """
    if name == "portrait":
        return PortraitDrawer(weights, styles, backend=backend, **options)
    if name == SAMPLE:
        from mmvoxceleb.processing.drawings.sample_drawer import SampleDrawer

        check_sample_options(weights, backend)
        return SampleDrawer(styles, **options)
    raise ConfigError(f"unknown drawer {name!r}; use portrait or sample")
