"""What to run where clips lack the values that a condition asks for."""

import contextlib

from mmvoxceleb.cliplists.commands import command_for
from mmvoxceleb.errors import MMVoxCelebError
from mmvoxceleb.modalities import AUDIO, LABEL, LANDMARKS, MASKS, SCORES, VIDEO, Modality, figures
from mmvoxceleb.sample import copied_first
from mmvoxceleb.schema import ATTRIBUTE_INDEX
from mmvoxceleb.select.conditions import Condition
from mmvoxceleb.stores import Store
from mmvoxceleb.stores.clip import StoredClip

__all__ = ["how_to_know"]

_MOST_ASKED = 20

_MADE_BY: dict[str, Modality] = {"landmarks": LANDMARKS, "masks": MASKS, "audio": AUDIO}
"""Of each part that a figure is computed from: its modality."""


def how_to_know(condition: Condition, store: Store) -> str:
    """Say which commands make the values of a condition; empty if none does.

    Args:
        condition: The condition.
        store: Where the clips are.
    """
    asked = [figure for figure in figures() if figure.name in condition.columns()]
    first, place = copied_first(store.location)
    if asked:
        there = {folder.kind.name for folder in store.folders()}
        needs = dict.fromkeys(need for figure in asked for need in figure.needs if need in _MADE_BY)
        lacking = [_MADE_BY[need] for need in needs if _MADE_BY[need].name not in there]
        names = [figure.name for figure in asked]
        commands = [command_for(kind, place) for kind in (*lacking, SCORES)]
        commands[-1] += f" --figures {','.join(names)}"  # named, they are an error where their model is missing
        if not lacking and (reason := _reason(names, store)):
            return f"the scores say why, for example {reason}"
        return f"to measure {' and '.join(names)}, run: {first}{', then '.join(commands)}"
    if not ATTRIBUTE_INDEX.keys().isdisjoint(condition.columns()):
        if set(store.clips(LABEL.folder())).issuperset(store.clips(VIDEO.folder())):
            return f"the labels leave it open; to set it by hand: {first}mmvoxceleb view {place}"
        return f"to predict attributes, run: {first}mmvoxceleb regenerate label {place}"
    return ""


def _reason(names: list[str], store: Store) -> str:
    """Say why the first clips have no value of a figure, by their scores; empty if these do not say."""
    for clip_id in store.clips(SCORES.folder())[:_MOST_ASKED]:
        with contextlib.suppress(MMVoxCelebError):
            scores = StoredClip(store, clip_id).value(SCORES)
            for name in names:
                if name in scores.reasons:
                    return f"{name}: {scores.reasons[name]}"
    return ""
