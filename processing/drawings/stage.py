"""The stage that makes drawings in one or more styles, and drawers by name."""

import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from mmvoxceleb.codecs.masks import read_mask_ids
from mmvoxceleb.errors import ConfigError, CorruptSourceError, MissingModalityError
from mmvoxceleb.modalities import DEFAULT_STYLE, DRAWINGS, MASKS, ORIGINAL_STRIDE, Folder
from mmvoxceleb.processing.devices import Backend, Computed, Request
from mmvoxceleb.processing.drawings.drawer import DRAWING_SIZE_PX, Drawer, PortraitDrawer
from mmvoxceleb.processing.model_names import OPEN
from mmvoxceleb.processing.pictures import encode_grey
from mmvoxceleb.processing.sample_models import SAMPLE, check_sample_options
from mmvoxceleb.processing.selection import check_stride, every
from mmvoxceleb.processing.stage import Clip, Stage, StageOutput
from mmvoxceleb.schema import NO_MASK
from mmvoxceleb.stores.interface import frame_index_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["DrawStage", "make_drawer"]


class DrawStage(Stage):
    """Write a drawing for every ``stride``-th frame of a clip to ``draw/<style>/<clip_id>/``, in each style.

    A drawer that uses masks gets the masks of these frames, if the clip has any.

    Args:
        drawer: The model, which has the styles.
        stride: Make a drawing for every ``stride``-th frame; 4 in the original.

    Raises:
        ConfigError: ``stride`` is out of range.
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

    @property
    def reads(self) -> tuple[Folder, ...]:  # type: ignore[override]  # as the drawer does
        return (MASKS.folder(),) if self.drawer.uses_masks else ()

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

    def extra_bytes(self, frames: int, height: int, width: int) -> int:
        # a drawing and its file in each style, and the mask that it is guided by
        return (2 * len(self.drawer.styles) + self.drawer.uses_masks) * frames * DRAWING_SIZE_PX * DRAWING_SIZE_PX

    def request(self, clip: Clip, frames: "NDArray[np.uint8]") -> Request | None:
        if not len(frames):
            return None
        return self.drawer.request(frames, self._masks(clip) if self.drawer.uses_masks else None)

    def finish(self, clip: Clip, computed: Computed) -> "dict[str, NDArray[np.uint8]]":
        return self.drawer.by_style(computed.arrays)

    def process(self, clip: Clip, frames: "NDArray[np.uint8]") -> "dict[str, NDArray[np.uint8]]":
        if not self.drawer.uses_masks:
            return self.drawer(frames)
        return self.drawer(frames, self._masks(clip))

    def encode(self, clip: Clip, result: "dict[str, NDArray[np.uint8]]") -> StageOutput:
        names = [clip.name_of(index) for index in self.select(clip)]
        files = {
            DRAWINGS.folder(style): [
                (name, encode_grey(drawing)) for name, drawing in zip(names, drawings, strict=True)
            ]
            for style, drawings in result.items()
        }
        if not self.drawer.uses_masks:
            return StageOutput(files)
        return StageOutput(files, {"guided_by_masks": len(self._masks_by_frame(clip))})

    def _masks_by_frame(self, clip: Clip) -> dict[int, tuple[str, bytes]]:
        """Find the masks of the frames that are drawn, by frame index."""
        masks = {frame_index_of(name): (name, data) for name, data in clip.files.get(MASKS.folder(), ())}
        return {index: masks[index] for index in self.select(clip) if index in masks}

    def _masks(self, clip: Clip) -> "NDArray[np.uint8] | None":
        """Decode the masks of the frames that are drawn; None if there is none.

        Raises:
            CorruptSourceError: One cannot be decoded, or they differ in size.
            MissingModalityError: A frame has none and the drawer needs one.
        """
        import numpy as np

        wanted = self.select(clip)
        found = self._masks_by_frame(clip)
        if self.drawer.needs_masks and len(found) < len(wanted):
            raise MissingModalityError(
                f"clip {clip.clip_id}: {len(wanted) - len(found)} of {len(wanted)} frames have no mask, without which "
                "the background is not known; make masks first with: mmvoxceleb regenerate mask, or, where the open "
                "parser found no face in these frames, leave --background out"
            )
        ids = {
            index: read_mask_ids(data, clip_id=clip.clip_id, name=f"mask {name}")
            for index, (name, data) in found.items()
        }
        if not ids:
            return None
        shapes = {mask.shape for mask in ids.values()}
        if len(shapes) > 1:
            raise CorruptSourceError(f"clip {clip.clip_id}: its masks differ in size; make them again")
        unknown = np.full(shapes.pop(), NO_MASK, np.uint8)
        return np.stack([ids.get(index, unknown) for index in wanted])


def make_drawer(
    name: str = "portrait",
    weights: str | os.PathLike[str] | None = None,
    styles: Iterable[str] | None = None,
    *,
    backend: Backend = "auto",
    background: str = "keep",
    **options: Any,
) -> Drawer:
    """Make a drawer by name.

    Args:
        name: ``portrait``: the model of the original, :class:`PortraitDrawer`. ``open``: coherent line drawing, which
            needs no weights and allows any use, :class:`OpenDrawer`. ``sample``: a small model included in the package,
            trained on generated faces, for demonstration.
        weights: Path of a checkpoint, for ``portrait`` only.
        styles: One or more styles: ``style1``, ``style2`` and ``style3`` for ``portrait``, ``lines`` and ``sketch`` for
            ``open``, ``style1`` for ``sample``. The default is the first of these.
        backend: ``auto``, ``torch`` or ``ncnn``. Only ``portrait`` runs on ncnn: see :class:`PortraitDrawer`.
        background: ``keep`` or ``white``, which only ``open`` supports: see :class:`OpenDrawer`.
        options: ``device``, ``precision``, ``compile`` and ``batch_size``, as in :class:`PortraitDrawer`.

    Returns:
        A callable from frames, uint8 [N, H, W, 3], RGB, to drawings by style, as :class:`PortraitDrawer` is.

    Raises:
        ConfigError: The name is unknown, or does not support an option.
        ImportError: ``backend`` is ``ncnn``, and ncnn is not installed.
    """
    if name == OPEN:
        from mmvoxceleb.processing.drawings.open_drawer import OPEN_STYLES, OpenDrawer

        if weights is not None or backend == "ncnn":
            what = "weights" if weights is not None else "ncnn backend"
            raise ConfigError(f"the open drawer has no network, and takes no {what}; leave the option out")
        return OpenDrawer(OPEN_STYLES[:1] if styles is None else styles, background=background, **options)
    if background != "keep":
        raise ConfigError("only the open drawer can leave the background out; use --drawer open")
    styles = (DEFAULT_STYLE,) if styles is None else styles
    if name == "portrait":
        return PortraitDrawer(weights, styles, backend=backend, **options)
    if name == SAMPLE:
        from mmvoxceleb.processing.drawings.sample_drawer import SampleDrawer

        check_sample_options(weights, backend)
        return SampleDrawer(styles, **options)
    raise ConfigError(f"unknown drawer {name!r}; use portrait or sample, or open, without weights")
