"""Figures that other scorers measured in an earlier run. They stay until the clip changes."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mmvoxceleb.errors import CorruptSourceError
from mmvoxceleb.modalities import SCORES, ClipScores
from mmvoxceleb.processing.clip import Clip, EarlierResult
from mmvoxceleb.processing.scores.interface import Scorer
from mmvoxceleb.processing.scores.registry import scorers

if TYPE_CHECKING:
    from mmvoxceleb.processing.scores.stage import ScoreStage

__all__ = ["add_earlier"]

_OUTDATED = "the clip has changed since this was measured: run mmvoxceleb regenerate score to measure it again"
_OF_FRAMES = ("frames", "listing")


def add_earlier(stage: "ScoreStage", clip: Clip, measured: ClipScores) -> tuple[ClipScores, dict[str, Any]]:
    """Add the figures of an earlier run to those that were just measured.

    Args:
        stage: The stage that measured.
        clip: The clip, with what the earlier run left (:attr:`Clip.earlier`).
        measured: The figures of now.

    Returns:
        All figures, and the settings of the scorers whose earlier figures are kept, by name of the scorer. A figure
        whose inputs have changed is null, with that reason.
    """
    earlier = clip.earlier.get(stage.name)
    scores = _scores_of(earlier, clip.clip_id)
    if earlier is None or scores is None:
        return measured, {}
    inputs = earlier.section.get("input")
    recorded = inputs if isinstance(inputs, Mapping) else {}
    now = {**stage.inputs(clip), **clip.digests(stage.reads)}
    changed = {key for key, value in now.items() if recorded.get(key) != value}
    others = {name: kind for name, kind in scorers().items() if name not in {own.name for own in stage.scorers}}
    scorer_of = {figure.name: kind for kind in others.values() for figure in kind.figures}
    numbers, versions, reasons = dict(measured.figures), dict(measured.versions), dict(measured.reasons)
    for name in scores.figures.keys() - measured.figures.keys():
        is_kept = changed.isdisjoint(_inputs_of(scorer_of.get(name), now))
        numbers[name], versions[name] = scores.figures[name] if is_kept else None, scores.versions[name]
        if not is_kept:
            reasons[name] = _OUTDATED
        elif name in scores.reasons:
            reasons[name] = scores.reasons[name]
    settings = earlier.section.get("settings")
    told = settings.get("scorers") if isinstance(settings, Mapping) else None
    made_by = {
        name: value
        for name, value in (told if isinstance(told, Mapping) else {}).items()
        if changed.isdisjoint(_inputs_of(others.get(name), now))
    }
    return ClipScores(measured.num_frames, numbers, versions, reasons), made_by


def _scores_of(earlier: EarlierResult | None, clip_id: str) -> ClipScores | None:
    files = earlier.files.get(SCORES.folder(), ()) if earlier is not None else ()
    try:
        return SCORES.parse(files[0][1], clip_id=clip_id) if files else None
    except CorruptSourceError:  # nothing of it can be kept, and a whole file takes its place
        return None


def _inputs_of(scorer: type[Scorer] | None, every: Mapping[str, Any]) -> set[str]:
    """Name what a scorer computes from; of one that is not registered any more, all."""
    if scorer is None:
        return set(every)
    read = {folder.path for folder in scorer.reads}
    return {"crop", "num_frames", *read, *(_OF_FRAMES if scorer.reads_frames else ())}
