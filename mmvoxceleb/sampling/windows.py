"""Choose the frames of a sample, by frame index, and what is shown of them, before anything is decoded."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from mmvoxceleb.codecs.views import View
from mmvoxceleb.errors import MissingModalityError
from mmvoxceleb.sampling.options import SampleOptions

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["choose_frames", "choose_view", "valid_starts"]


def valid_starts(indices: "NDArray[np.int64]", num_frames: int, frame_step: int) -> "NDArray[np.int64]":
    """List the frame indices at which a window of frames that are all there can begin.

    Args:
        indices: int64 [N], frame indices that there are, ascending.
        num_frames: Frames of the window.
        frame_step: Their distance.

    Returns:
        int64 [M], ascending.
    """
    if len(indices) == 0:
        return indices
    span = (num_frames - 1) * frame_step
    if indices[-1] - indices[0] == len(indices) - 1:
        return indices[: max(0, len(indices) - span)]
    fits = indices + span <= indices[-1]
    for k in range(1, num_frames):
        fits &= _are_among(indices + k * frame_step, indices)
    return np.asarray(indices[fits], np.int64)


def choose_frames(
    indices: "NDArray[np.int64]",
    options: SampleOptions,
    rng: np.random.Generator,
    *,
    window: int = 0,
    some_of: Sequence["NDArray[np.int64]"] = (),
    all_of: Sequence["NDArray[np.int64]"] = (),
    clip_id: str = "",
) -> "NDArray[np.int64]":
    """Choose the frame indices of a sample.

    Args:
        indices: int64 [N], frame indices that the clip has, ascending.
        options: Number, step, start and windows.
        rng: Used for a random start only.
        window: Which of the clip's windows, from 0.
        some_of: Each int64 [K]: at least one of the chosen frames must be among them.
        all_of: Each int64 [K]: all of the chosen frames must be among them.
        clip_id: For messages.

    Returns:
        int64 [num_frames]. A clip that is too short gives its last frames again, at the end.

    Raises:
        MissingModalityError: The clip has no frames, or no window meets ``some_of`` and ``all_of``.
    """
    if len(indices) == 0:
        raise MissingModalityError(f"clip {clip_id}: it has no frames")
    steps = np.arange(options.num_frames, dtype=np.int64) * options.frame_step
    starts = valid_starts(indices, options.num_frames, options.frame_step)
    short = None if len(starts) else indices[np.minimum(np.searchsorted(indices, indices[0] + steps), len(indices) - 1)]
    if some_of or all_of:
        meets = _meeting(starts[:, None] + steps if short is None else short[None], some_of, all_of)
        if not meets.any():
            raise MissingModalityError(
                f"clip {clip_id}: no window of {options.num_frames} frames at step {options.frame_step} has its masks "
                "or drawings; use mask_at='other' and drawing_at='other', or a step at which they exist"
            )
        starts = starts[meets[: len(starts)]]
    return _start(starts, options, rng, window) + steps if short is None else np.asarray(short, np.int64)


def choose_view(options: SampleOptions, rng: np.random.Generator) -> View:
    """Draw the cut and the mirroring of a sample. The same numbers are drawn whatever the options."""
    area, left, top, mirror = rng.random(4)
    mirrored = bool(mirror < options.flip)
    if options.crop_scale is None:
        return View(mirrored=mirrored)
    low, high = options.crop_scale
    return View(low + (high - low) * float(area), float(left), float(top), mirrored)


def _meeting(
    windows: "NDArray[np.int64]", some_of: Sequence["NDArray[np.int64]"], all_of: Sequence["NDArray[np.int64]"]
) -> "NDArray[np.bool_]":
    """Tell which windows, a row each, have some frames among each of ``some_of``, and all among each of ``all_of``."""
    meets = np.ones(len(windows), bool)
    for there in some_of:
        meets &= _are_among(windows, there).any(axis=1)
    for there in all_of:
        meets &= _are_among(windows, there).all(axis=1)
    return meets


def _start(starts: "NDArray[np.int64]", options: SampleOptions, rng: np.random.Generator, window: int) -> int:
    if isinstance(options.start, int):
        wanted = options.start + window * options.span
        return int(starts[min(int(np.searchsorted(starts, wanted)), len(starts) - 1)])
    first = window * len(starts) // options.windows
    behind = max(first + 1, (window + 1) * len(starts) // options.windows)
    place = int(rng.integers(first, behind)) if options.start == "random" else (first + behind - 1) // 2
    return int(starts[min(place, len(starts) - 1)])


def _are_among(wanted: "NDArray[np.int64]", there: "NDArray[np.int64]") -> "NDArray[np.bool_]":
    if len(there) == 0:
        return np.zeros(wanted.shape, bool)
    found = there[np.minimum(np.searchsorted(there, wanted), len(there) - 1)]
    return np.asarray(found == wanted)
