"""Which clips of a store have all that is wanted, and in which split each is."""

import logging
from collections.abc import Mapping, Sequence

from mmvoxceleb.ahead import results_ahead
from mmvoxceleb.cliplists import ClipList
from mmvoxceleb.cliplists.chosen_store import Missing, choose_in
from mmvoxceleb.cliplists.commands import how_to_make
from mmvoxceleb.cliplists.lacking import ChosenClips, Lack
from mmvoxceleb.errors import ConfigError, MissingModalityError
from mmvoxceleb.meta.removals import Removals
from mmvoxceleb.modalities import Folder, styles_in
from mmvoxceleb.schema import SPLITS, ClipId, split_of
from mmvoxceleb.stores import Store

__all__ = ["choose", "split_clips"]

_MOST_CHECKED = 64

logger = logging.getLogger(__name__)


def choose(
    store: Store,
    folders: Sequence[Folder],
    *,
    persons: Sequence[str] | None = None,
    clips: ClipList | None = None,
    missing: Missing = "raise",
    removals: Removals | None = None,
    strict: bool = False,
    fewer: str = "",
    strictly: str = "",
    for_export: bool = False,
) -> ChosenClips:
    """Choose the clips that have all of ``folders``.

    Args:
        store: Where to look. Only ``folders`` are listed.
        folders: What every clip must have.
        persons: Keep only these identities.
        clips: Keep only these clips.
        missing: Whether a clip of ``clips`` that is not there is an error, or is skipped with a warning.
        removals: Who was taken out; their clips may be missing.
        strict: Raise for a clip that lacks something, instead of leaving it out with a warning.
        fewer: How the caller asks for fewer folders, for messages; empty if it cannot.
        strictly: How the caller sets ``strict``, for the warning; empty if it cannot.
        for_export: Take clips that exports may have without a modality (``Modality.exported_without``).

    Raises:
        MissingModalityError: No clip has everything; or one does not, and ``strict``.
        ConfigError: A person or clip asked for is not in the store.
        CorruptSourceError: A clip is incomplete because an archive is damaged.
    """
    listed = results_ahead(store.clips, folders, ahead=store.reads_ahead)
    by_folder = {folder: set(clips()) for folder, clips in listed}
    empty = [str(folder) for folder, found in by_folder.items() if not found]
    if empty:
        has = ", ".join(str(folder) for folder in store.folders()) or "nothing"
        styles = styles_in(store.folders()) if all(folder.style for folder in folders if str(folder) in empty) else ()
        ways = [f"name a style that it has ({', '.join(styles)})"] if styles else []
        ways += filter(
            None, [how_to_make(store, {folder.modality for folder, found in by_folder.items() if not found})]
        )
        ways += [fewer] if fewer and len(empty) < len(folders) else []
        raise MissingModalityError(
            f"{store.location}: has no {', '.join(empty)} (it has: {has}); {', or '.join(ways) or 'add it first'}"
        )
    everywhere = set.union(*by_folder.values())
    chosen_clips = None
    if clips is not None:
        advice = "or leave them out and count them: on_error='skip'"
        chosen_clips = choose_in(everywhere, clips, store.location, missing=missing, removals=removals, advice=advice)
    everywhere = _only(everywhere, store, persons, chosen_clips)
    lacking = [
        Lack.of(
            store,
            folder,
            everywhere - found,
            ask_all=for_export and folder.kind.exported_without == "explained",
        )
        for folder, found in by_folder.items()
        if everywhere - found
    ]
    if not lacking:
        return ChosenClips(sorted(everywhere))
    _check_names(store, by_folder, set().union(*(lack.clips for lack in lacking)))
    excused = {lack.folder: lack.excused() if for_export else frozenset() for lack in lacking}
    incomplete = set().union(*(lack.clips - excused[lack.folder] for lack in lacking))
    chosen = everywhere - incomplete
    left = [lack.only(some) for lack in lacking if (some := lack.clips - excused[lack.folder])]
    if left:
        told = f"{store.location}: {len(incomplete)} of {len(everywhere)} clips are incomplete: "
        told += "; ".join(lack.told() for lack in left)
        how = how_to_make(store, {lack.folder.modality for lack in left if lack.can_be_made})
        if strict or not chosen:
            raise MissingModalityError(f"{told}; {', or '.join(filter(None, [how, fewer])) or 'complete them first'}")
        ways = [f"to complete them, {how}" if how else f"to keep them, {fewer}" if fewer else ""]
        ways += [f"{strictly} makes this an error" if strictly else ""]
        logger.warning("%s. They are left out%s", told, "".join(f"; {each}" for each in ways if each))
    for lack in (lack.only(chosen & excused[lack.folder]) for lack in lacking):
        if lack.clips and lack.can_be_made:
            how = how_to_make(store, {lack.folder.modality})
            logger.warning("%s: %s. They get null for it%s", store.location, lack.told(), f"; or {how}" if how else "")
    left_out: dict[str, list[str]] = {}
    for lack in left:
        for clip in lack.clips:
            left_out.setdefault(clip, []).append(lack.of_clip(clip))
    return ChosenClips(
        sorted(chosen),
        {clip: "; ".join(what) for clip, what in sorted(left_out.items())},
        {lack.folder.modality: found for lack in lacking if (found := sorted(excused[lack.folder] & chosen))},
    )


def _check_names(store: Store, by_folder: Mapping[Folder, set[str]], incomplete: set[str]) -> None:
    """Look whether clips are incomplete because names in an archive are damaged; where it is most, nobody asks."""
    alone = [(folder, clip) for folder, found in by_folder.items() for clip in sorted(found & incomplete)]
    if len(alone) <= _MOST_CHECKED:
        for folder, clip in alone:
            if not folder.is_frames:  # frames of one clip are checked together, when the archive is opened
                store.check_names(folder, clip)


def _only(found: set[str], store: Store, persons: Sequence[str] | None, clips: set[str] | None) -> set[str]:
    if persons is not None:
        wanted = {persons} if isinstance(persons, str) else set(persons)
        by_person = {clip: ClipId.parse(clip).person_id for clip in found}
        absent = sorted(wanted - set(by_person.values()))
        if absent:
            raise ConfigError(f"{store.location}: has no clip of {', '.join(absent)}; check persons=")
        found = {clip for clip, person in by_person.items() if person in wanted}
    if clips is None:
        return found
    if not found & clips:
        raise ConfigError(f"{store.location}: no clip in clips= belongs to persons=; check them")
    return found & clips


def split_clips(clips: Sequence[str]) -> dict[str, list[str]]:
    """Sort clips into the splits, by identity; splits without clips are left out."""
    splits: dict[str, list[str]] = {name: [] for name in SPLITS}
    for clip in clips:
        splits[split_of(ClipId.parse(clip).person_id)].append(clip)
    return {name: members for name, members in splits.items() if members}
