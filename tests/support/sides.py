"""On which side of the picture the classes of a mask lie."""

import numpy as np

from mmvoxceleb.schema import CLASSES, SIDE_PAIRS


def places(ids: np.ndarray, least: int = 5) -> dict[str, float]:
    """Give the mean x of each class of :data:`SIDE_PAIRS` that has ``least`` pixels, in widths of the picture."""
    found = {}
    for class_id in (class_id for pair in SIDE_PAIRS for class_id in pair):
        columns = np.nonzero(ids == class_id)[1]
        if len(columns) >= least:
            found[CLASSES[class_id]] = float(columns.mean()) / ids.shape[1]
    return found


def assert_sides_are_the_persons(ids: np.ndarray, *, wanted: tuple[str, ...] = ("eye",)) -> None:
    """``l_`` is the person's left, which is at the right of an upright picture."""
    at = places(ids)
    for name in wanted:
        assert {f"l_{name}", f"r_{name}"} <= at.keys(), at
    for name in ("brow", "eye", "ear"):
        if f"l_{name}" in at and f"r_{name}" in at:
            assert at[f"l_{name}"] > at[f"r_{name}"], at
