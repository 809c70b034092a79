"""Compare the files of clips that several stores have."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeAlias

from mmvoxceleb.ahead import results_ahead
from mmvoxceleb.counting import counted
from mmvoxceleb.errors import CorruptSourceError, IncompatibleOutputError, MMVoxCelebError, UnsafeArchiveError
from mmvoxceleb.meta.earlier import differences
from mmvoxceleb.meta.provenance import COMPUTATION
from mmvoxceleb.modalities import META, Folder
from mmvoxceleb.stores import Store
from mmvoxceleb.stores.clip import StoredClip

__all__ = ["ContradictionError", "PlannedClip", "Progress", "merged_meta", "refuse_contradictions"]

Progress: TypeAlias = Callable[[str, int, int], None]

_MOST_NAMED = 5
_PENDING = "pending"


@dataclass
class PlannedClip:
    """A clip, and the stores that have each of its folders."""

    clip_id: str
    holders: dict[Folder, list[int]] = field(default_factory=dict)


def refuse_contradictions(
    stores: Sequence[Store], plan: Sequence[PlannedClip], *, workers: int, progress: Progress | None = None
) -> None:
    """Compare the clips that several stores have.

    Args:
        stores: The stores.
        plan: The clips, with the numbers of the stores that have each folder.
        workers: Number of threads that read.
        progress: As in :func:`mmvoxceleb.processing.copying.copy_stores`.

    Raises:
        IncompatibleOutputError: The stores contradict each other.
    """
    shared = [planned for planned in plan if any(len(holders) > 1 for holders in planned.holders.values())]
    found: list[str] = []
    for _, result in results_ahead(partial(_contradiction, stores), shared, ahead=workers):
        try:
            reason = result()
        except (CorruptSourceError, UnsafeArchiveError):  # which is found again when it is copied
            reason = ""
        if reason:
            found.append(reason)
        if progress is not None:
            progress("compare (clips)", 1, len(shared))
    if found:
        more = f"; and {len(found) - _MOST_NAMED} more" if len(found) > _MOST_NAMED else ""
        count = counted(len(found), "clip")
        raise IncompatibleOutputError(
            f"{' and '.join(store.location for store in stores)} contradict each other in {count}: "
            f"{'; '.join(found[:_MOST_NAMED])}{more}. Nothing was written; leave these clips out with --clips, or keep "
            "one version of them: copy the other store without them (mmvoxceleb copy --clips), and merge the copy"
        )


def _contradiction(stores: Sequence[Store], planned: PlannedClip) -> str:
    """Describe the first difference between the stores' versions of a clip; empty if there is none."""
    for folder, holders in planned.holders.items():
        first, *others = holders
        for other in others:
            if folder.kind is META:
                try:
                    merged_meta([StoredClip(stores[number], planned.clip_id).meta for number in (first, other)])
                except ContradictionError as contradiction:
                    stage = str(contradiction)
                    cause = _cause(stores[first], stores[other], stage, planned.clip_id)
                    return f"{planned.clip_id}: {META.folder()} tells two things of {stage}{cause}"
            elif different := _difference(stores[first], stores[other], folder, planned.clip_id):
                cause = _cause(stores[first], stores[other], folder.path, planned.clip_id)
                return f"{planned.clip_id}: {folder}, {different}{cause}"
    return ""


def _cause(first: Store, other: Store, stage: str, clip_id: str) -> str:
    """Say which settings the stores' provenance gives for a stage, where they differ; empty if it does not say."""
    try:
        sections = [(StoredClip(store, clip_id).meta or {}).get(stage) for store in (first, other)]
    except MMVoxCelebError:  # a contradiction stays one, whatever its cause
        return ""
    settings = [section.get("settings") for section in sections if isinstance(section, Mapping)]
    known = [value for value in settings if isinstance(value, Mapping)]
    if len(known) < 2:
        return ""
    told = [f"{key} is {one} and {other}" for key, one, other in differences(known[0], known[1])]
    return f" ({'; '.join(told)})" if told else ""


def _difference(first: Store, other: Store, folder: Folder, clip_id: str) -> str:
    one, two = (store.entries(folder, clip_id) for store in (first, other))
    if folder.is_frames and [entry.name for entry in one] != [entry.name for entry in two]:
        return f"{counted(len(one), 'file')} and {counted(len(two), 'file')} of other names"
    for entry, same in zip(one, two, strict=True):
        if entry.size >= 0 and same.size >= 0 and entry.size != same.size:
            return f"{entry.name} differs"
    contents = (store.read(folder, clip_id) for store in (first, other))
    for entry, data, same_data in zip(one, *contents, strict=True):
        if data != same_data:
            return f"{entry.name} differs"
    return ""


class ContradictionError(Exception):
    """Two provenances contradict each other about a stage. The message is the name of the stage."""


def merged_meta(metas: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Merge the provenances of one clip from several stores.

    How a stage computed (:data:`COMPUTATION`) may differ; the first store counts.

    Raises:
        ContradictionError: Two provenances differ in another way.
    """
    merged: dict[str, Any] = {}
    pending: set[str] = set()
    for meta in metas:
        pending |= set(meta.get(_PENDING, ()))
        for stage, section in meta.items():
            if stage == _PENDING:
                continue
            if stage in merged and _compared(merged[stage]) != _compared(section):
                raise ContradictionError(stage)
            merged.setdefault(stage, section)
    if pending:
        merged[_PENDING] = sorted(pending)
    return merged


def _compared(section: Any) -> Any:
    return (
        {key: value for key, value in section.items() if key != COMPUTATION}
        if isinstance(section, Mapping)
        else section
    )
