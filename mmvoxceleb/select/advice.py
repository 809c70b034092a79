"""What to run where clips lack the values that a condition asks for."""

from mmvoxceleb.modalities import figures
from mmvoxceleb.schema import ATTRIBUTE_INDEX
from mmvoxceleb.select.conditions import Condition
from mmvoxceleb.stores import Store

__all__ = ["how_to_know"]

_MADE_BY = {"landmarks": "landmarks", "masks": "mask", "audio": "audio"}
"""Of each part that a figure is computed from: its modality, which ``regenerate`` makes under the same name."""


def how_to_know(condition: Condition, store: Store) -> str:
    """Say which commands make the values of a condition; empty if none does.

    Args:
        condition: The condition.
        store: Where the clips are.
    """
    asked = [figure for figure in figures() if figure.name in condition.columns()]
    if asked:
        there = {folder.kind.name for folder in store.folders()}
        needs = dict.fromkeys(need for figure in asked for need in figure.needs if need in _MADE_BY)
        lacking = [_MADE_BY[need] for need in needs if _MADE_BY[need] not in there]
        commands = [f"mmvoxceleb regenerate {what} {store.location}" for what in (*lacking, "score")]
        return f"to measure {' and '.join(figure.name for figure in asked)}, run: {', then '.join(commands)}"
    if not ATTRIBUTE_INDEX.keys().isdisjoint(condition.columns()):
        return f"to predict attributes, run: mmvoxceleb regenerate label {store.location}"
    return ""
