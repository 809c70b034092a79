"""Choose clips of a store by conditions, at random, and in balance; nothing is copied, and nothing deleted."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, Literal

from mmvoxceleb.cliplists import ChoiceStep, ClipList, StoreMark
from mmvoxceleb.cliplists.chosen_store import Missing, choose_in
from mmvoxceleb.cliplists.reading import Clips, as_clip_list
from mmvoxceleb.errors import ConfigError, MissingModalityError
from mmvoxceleb.meta.removal_list import read_removals
from mmvoxceleb.modalities import META
from mmvoxceleb.schema import SPLITS, ClipId
from mmvoxceleb.select.advice import how_to_know
from mmvoxceleb.select.chance import at_most, share_of
from mmvoxceleb.select.columns import ClipColumns, Progress
from mmvoxceleb.select.conditions import Condition, parse_conditions
from mmvoxceleb.select.presets import preset_of
from mmvoxceleb.stores import Store, open_store

__all__ = ["Choice", "Selected", "select_clips"]

ON_LIST = "on a list of sha256 "
"""Begins the condition that clips are on a list, which hashes of lists are made of."""


@dataclass(frozen=True)
class Choice:
    """Criteria for choosing clips. They apply in this order: preset, identities, split, ``where``, random choices.

    Args:
        where: Conditions such as ``"face_px > 200"``, which a clip must all fulfil; see docs/clip-lists.md.
        preset: Name of a preset of :data:`mmvoxceleb.select.PRESETS`, whose conditions a clip must fulfil as well.
        persons: Keep only these identities; empty for all.
        split: Keep only this split; None for both.
        share: Keep this share of the remaining clips at random, over 0 to 1.
        per_video: Keep at most this many clips of each source video, at random.
        per_person: Keep at most this many clips of each identity, at random.
        seed: Seed of the random choices.

    Raises:
        ConfigError: A value is unknown or out of its range, or a condition cannot be parsed.
    """

    where: Sequence[str] = ()
    preset: str | None = None
    persons: Sequence[str] = ()
    split: Literal["train", "test"] | None = None
    share: float = 1.0
    per_video: int | None = None
    per_person: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.split not in (None, *SPLITS):
            raise ConfigError(f"split={self.split!r}; the known ones are {', '.join(SPLITS)}")
        if not 0 < self.share <= 1:
            raise ConfigError(f"share={self.share!r}; expected a share over 0, up to 1")
        for name in ("per_video", "per_person"):
            number = getattr(self, name)
            if number is not None and number < 1:
                raise ConfigError(f"{name}={number!r}; expected a number from 1")
        self.conditions()

    def conditions(self) -> list[Condition]:
        """Parse all conditions, in this order: preset, identities, split, ``where``.

        Raises:
            ConfigError: A condition cannot be parsed, or the preset is unknown.
        """
        texts = list(preset_of(self.preset).conditions) if self.preset is not None else []
        if self.persons:
            texts.append(f"person_id in ({', '.join(map(repr, sorted(set(self.persons))))},)")
        if self.split is not None:
            texts.append(f"split == {self.split!r}")
        return [condition for text in (*texts, *self.where) for condition in parse_conditions(text)]


@dataclass(frozen=True)
class Selected:
    """Result of a choice of clips.

    Args:
        clips: Ids of the chosen clips, sorted; empty if no clip fulfils the conditions.
        steps: Each condition, with the number of clips that fulfil it and that remain after it.
        store: Number and hash of the clips that the store has.
        versions: Versions of this package and of the scores that were used, by name.
        location: Path or URL of the store, for messages.
        notes: Differences between the preset and the conditions that its authors published.
        advice: By condition, what to run where clips lack the values that it asks for.
    """

    clips: tuple[str, ...]
    steps: tuple[ChoiceStep, ...]
    store: StoreMark
    versions: Mapping[str, str]
    location: str
    notes: tuple[str, ...] = field(default=())
    advice: Mapping[str, str] = field(default_factory=dict)

    def clip_list(self) -> ClipList:
        """Return the chosen clips as a clip list.

        Raises:
            MissingModalityError: No clip was chosen.
        """
        if not self.clips:
            last = next(step for step in self.steps if not step.left)
            unknown = f"; it is unknown for {last.unknown:,} of them" if last.unknown else ""
            advice = self.advice.get(last.condition) or "loosen the conditions; --dry-run shows what each leaves"
            raise MissingModalityError(
                f"{self.location}: no clip is left, so no list is written: {last.condition} leaves none{unknown}. "
                f"Next step: {advice}"
            )
        created = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        return ClipList(self.clips, self.steps, self.store, self.versions, created)


def select_clips(
    store: Store | str | os.PathLike[str],
    choice: Choice,
    *,
    clips: Clips | None = None,
    missing: Missing = "raise",
    storage_options: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> Selected:
    """Choose clips of a store by conditions and at random. This never reads pictures.

    It reads the names of the clips, and their labels, provenance and scores if a condition needs them.

    Args:
        store: A store, or the path or URL of one. Clips on its removal list are left out and not counted.
        choice: The criteria.
        clips: Choose only among these clips: clip ids, a clip list, or the path or URL of one. None for all.
        missing: Whether a clip of ``clips`` that the store lacks is an error (``raise``), or is skipped with a warning
            (``skip``).
        storage_options: Passed to fsspec for URLs.
        progress: Called with what is read, the number of clips read so far, and their total.

    Raises:
        ConfigError: A condition names a column that does not exist, or compares it with a value of another type; or a
            clip of ``clips`` is missing.
        MissingModalityError: The store has no clips, or those of ``clips`` were all removed.
        SourceUnavailableError: The store cannot be read.
    """
    opened = store if isinstance(store, Store) else open_store(store, storage_options=storage_options)
    removals = read_removals(opened.location, storage_options=storage_options)
    folders = [folder for folder in opened.folders() if folder.kind is not META]
    every = removals.keep(sorted({clip for folder in folders for clip in opened.clips(folder)}))
    names = [clip for clip in every if ClipId.matches(clip)]
    if not names:
        raise MissingModalityError(f"{opened.location}: has no clips to choose from")
    kept, steps = names, list[ChoiceStep]()
    listed = as_clip_list(clips)
    if listed is not None:
        among = choose_in(set(names), listed, opened.location, missing=missing, removals=removals)
        kept = [clip for clip in names if clip in among]
        steps.append(ChoiceStep(f"{ON_LIST}{listed.sha256}", len(kept), 0, len(kept)))
    columns = ClipColumns(opened, kept, progress)
    conditions = choice.conditions()
    kept = _fulfilling(conditions, columns, kept, steps)
    lacking = {step.condition for step in steps if step.unknown}
    advice = {each.text: how_to_know(each, opened) for each in conditions if each.text in lacking}
    for text, left in _by_chance(choice, kept):
        steps.append(ChoiceStep(text, len(left), 0, len(left)))
        kept = left
    notes = preset_of(choice.preset).notes if choice.preset is not None else ()
    return Selected(
        tuple(kept), tuple(steps), StoreMark.of(names), _versions(columns), opened.location, notes,
        {condition: command for condition, command in advice.items() if command},
    )  # fmt: skip


def _fulfilling(
    conditions: Sequence[Condition], columns: ClipColumns, clips: list[str], steps: list[ChoiceStep]
) -> list[str]:
    import numpy as np
    import pyarrow.compute as pc

    left = np.ones(len(clips), np.bool_)
    for condition in conditions:
        held = condition.holds(columns.get)
        passed = np.asarray(pc.fill_null(held, False).to_numpy(zero_copy_only=False), np.bool_)
        left &= passed
        steps.append(ChoiceStep(condition.text, int(passed.sum()), held.null_count, int(left.sum())))
    return [clip for clip, stays in zip(clips, left, strict=True) if stays]


def _by_chance(choice: Choice, clips: list[str]) -> Iterable[tuple[str, list[str]]]:
    """Yield what is left after each choice at random, with its text."""
    if choice.share < 1:
        clips = share_of(clips, choice.share, choice.seed)
        yield f"a share of {choice.share:g}, seed {choice.seed}", clips
    groups: tuple[tuple[str, int | None, Callable[[str], str]], ...] = (
        ("video", choice.per_video, lambda clip: "#".join(clip.split("#")[:2])),
        ("person", choice.per_person, lambda clip: clip.partition("#")[0]),
    )
    for name, most, group_of in groups:
        if most is not None:
            clips = at_most(clips, most, choice.seed, group_of=group_of)
            yield f"at most {most} a {name}, seed {choice.seed}", clips


def _versions(columns: ClipColumns) -> dict[str, str]:
    import mmvoxceleb

    return {"mmvoxceleb": mmvoxceleb.__version__} | columns.versions()
