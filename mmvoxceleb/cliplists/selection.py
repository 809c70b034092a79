"""Which clips of a store have all that is wanted, and in which split each is."""

import logging
from collections.abc import Mapping, Sequence

from mmvoxceleb.ahead import results_ahead
from mmvoxceleb.cliplists import ClipList
from mmvoxceleb.cliplists.chosen_store import Missing, choose_in
from mmvoxceleb.errors import ConfigError, MissingModalityError
from mmvoxceleb.meta.removals import Removals
from mmvoxceleb.modalities import Folder, Modality, modalities, styles_in
from mmvoxceleb.sample import copied_first
from mmvoxceleb.schema import SPLITS, ClipId, split_of
from mmvoxceleb.stores import Store

__all__ = ["choose_clips", "split_clips"]

_MOST_CHECKED = 64

logger = logging.getLogger(__name__)


def choose_clips(
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
) -> list[str]:
    """List the clips that have all of ``folders``, sorted.

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
        ways += filter(None, [_how_to_make(store, [folder for folder, found in by_folder.items() if not found])])
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
    chosen = everywhere.intersection(*by_folder.values())
    lacking = {str(folder): sorted(everywhere - found) for folder, found in by_folder.items() if everywhere - found}
    if lacking:
        _check_names(store, by_folder, everywhere - chosen)
        counts = "; ".join(f"{len(missing)} lack {name}, such as {missing[0]}" for name, missing in lacking.items())
        number = len(everywhere) - len(chosen)
        message = f"{store.location}: {number} of {len(everywhere)} clips are incomplete: {counts}"
        if strict or not chosen:
            wanted = [folder for folder in folders if str(folder) in lacking]
            ways = [*filter(None, [_how_to_make(store, wanted), fewer])]
            raise MissingModalityError(f"{message}; {', or '.join(ways) or 'complete them first'}")
        how = _how_to_make(store, [folder for folder in folders if str(folder) in lacking])
        told = [f"to complete them, {how}"] if how else []
        told += [f"{strictly} makes this an error"] if strictly else []
        logger.warning("%s. They are left out%s", message, "".join(f"; {each}" for each in told))
    return sorted(chosen)


def _how_to_make(store: Store, folders: Sequence[Folder]) -> str:
    """Say which commands make what a store lacks; empty if none does."""
    first, place = copied_first(store.location)
    wanted, present = {folder.kind.name for folder in folders}, {folder.kind.name for folder in store.folders()}
    ordered: dict[str, None] = {}

    def add(kind: Modality, above: tuple[str, ...]) -> None:
        for source in modalities():
            is_lacking = source.name in wanted or source.name not in present
            if source.name in kind.made_of and is_lacking and source.name not in above:
                add(source, (*above, source.name))
        if kind.made_by:
            ordered[f"mmvoxceleb regenerate {kind.made_by} {place}"] = None

    for kind in modalities():
        if kind.name in wanted:
            add(kind, (kind.name,))
    return f"run: {first}{', then '.join(ordered)}" if ordered else ""


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
