"""What ``mmvoxceleb remove`` does to one store, export or repository, and what it says about it."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmvoxceleb.cli.telling import say
from mmvoxceleb.cli.wording import counted

if TYPE_CHECKING:
    from mmvoxceleb.meta.removals import Removals

_MOST_LISTED = 20


def from_store(place: str, removals: "Removals", *, rewrite_zips: bool, dry_run: bool) -> dict[str, Any]:
    """Remove from a store, and say what was removed and what is left."""
    from mmvoxceleb.cli.progress import progress_bar
    from mmvoxceleb.meta.removals import REMOVALS_PATH
    from mmvoxceleb.processing.removal import planned_removal, remove_from_store

    if dry_run:
        report = planned_removal(place, removals)
        _list(f"{place}: would lose", report.clips)
    else:
        with progress_bar() as tell:
            report = remove_from_store(
                place,
                removals,
                rewrite_zips=rewrite_zips,
                progress=lambda what, done, total: tell(what, total, done=done),
            )
        _list(f"{place}: on the removal list now; {'leaves out' if report.holding else 'lost'}", report.clips)
    for path in report.rewritten:
        say(f"rewritten without them: {path}")
    holds, names = (
        ("would still hold them", "would still name them") if dry_run else ("STILL HOLDS THEM", "STILL NAMES THEM")
    )
    for path in report.holding if not (dry_run and rewrite_zips) else ():
        how = "rewrite it on the disk of its server" if "://" in place else "pass --rewrite-zips"
        say(
            f"{holds}: {path}. A zip cannot be changed in place; {how}. Loading, runs and exports leave them out all "
            "the same."
        )
    for path in report.naming:
        say(f"{names}: {path}. mmvoxceleb did not write it; edit or delete it")
    _say_some([f"may still name them: {path}; mmvoxceleb cannot search it" for path in report.unsearched])
    if dry_run:
        _doubt(report.unmatched)
    else:
        for entry in report.unmatched:
            say(
                f"no clip here matches {entry}. It is on the removal list now: check the spelling, and delete a wrong "
                f"line from {place.rstrip('/')}/{REMOVALS_PATH}"
            )
    for path in report.caches:
        say(f"may still name them: {path}, a cache of MMVID's loader; delete it, and MMVID makes it again")
    if report.clips and not dry_run:
        say(
            "earlier copies still have them: run the same command on other stores and exports, and delete copies that "
            f"datasets has prepared (in {_datasets_cache()})"
        )
    return {
        name: [str(each) for each in value] if isinstance(value, list) else value
        for name, value in vars(report).items()
    }


def _datasets_cache() -> str:
    """Return where ``datasets`` keeps what it prepared, without importing it."""
    from huggingface_hub.constants import HF_HOME

    return os.environ.get("HF_DATASETS_CACHE") or os.path.join(HF_HOME, "datasets")


def from_export(place: Path, removals: "Removals", *, dry_run: bool) -> dict[str, Any]:
    """Remove from an export, and say what was removed."""
    from mmvoxceleb.cli.progress import progress_bar
    from mmvoxceleb.hub.dropping import planned, remove_from_export
    from mmvoxceleb.hub.manifest import ExportFolder

    if dry_run:
        dropped = planned(ExportFolder(place).notes(), removals)
    else:
        with progress_bar() as tell:
            dropped = remove_from_export(
                place, removals, progress=lambda more, total: tell("checking (shards)", total, more=more)
            )
    _list(f"{place}: {'would lose' if dry_run else 'lost'}", dropped.clips)
    _doubt(dropped.unmatched, is_noted=False)
    be = "to be " if dry_run else ""
    say(f"files {be}written again: {len(dropped.rewritten):,}; {be}deleted: {len(dropped.deleted):,}")
    return {name: getattr(dropped, name) for name in ("clips", "rewritten", "deleted", "unmatched")}


def from_hub(repo_id: str, revision: str, removals: "Removals", *, dry_run: bool) -> dict[str, Any]:
    """Remove from a repository on the Hub, and say what was removed."""
    from huggingface_hub.utils.tqdm import disable_progress_bars

    from mmvoxceleb.hub.hub_client import HubRepo
    from mmvoxceleb.hub.hub_removal import purge_advice, remove_from_hub

    disable_progress_bars()
    report = remove_from_hub(HubRepo(repo_id, revision=revision), removals, dry_run=dry_run)
    _list(f"{repo_id}: {'would lose' if dry_run else 'lost'}", report.clips)
    _doubt(report.unmatched, is_noted=False)
    if dry_run:
        say(f"shards to be sent again: {len(report.rewritten):,}; to be deleted: {len(report.deleted):,}")
    elif report.commit:
        say(
            f"commit {report.commit}: {counted(len(report.rewritten), 'shard')} sent again, "
            f"{len(report.deleted):,} deleted"
        )
        say(purge_advice(repo_id, report.tags, sorted([*report.rewritten, *report.deleted])))
    names = ("clips", "rewritten", "deleted", "unmatched", "commit", "tags")
    return {name: getattr(report, name) for name in names}


def _doubt(unmatched: list[str], *, is_noted: bool = True) -> None:
    """Name entries of a request that match no clip: some are misspelt, others are about clips of other places.

    Args:
        unmatched: The entries.
        is_noted: Whether the place notes who was taken out, so that these are not among the entries.
    """
    why = "check the spelling" if is_noted else "check the spelling, unless it was removed before"
    _say_some([f"no clip here matches {line}; {why}" for line in unmatched])


def _say_some(lines: Sequence[str]) -> None:
    for line in lines[:_MOST_LISTED]:
        say(line)
    if len(lines) > _MOST_LISTED:
        say(f"and {len(lines) - _MOST_LISTED:,} more of this kind")


def _list(what: str, clips: list[str]) -> None:
    say(f"{what} {counted(len(clips), 'clip')}")
    for name in clips:
        say(f"  {name}")


def pushed_exports(places: Sequence[str], removals: "Removals") -> list[Path]:
    """List the exports that push has made on this machine and that hold removed clips, without those that are named."""
    from mmvoxceleb.cache import cache_dir
    from mmvoxceleb.errors import MMVoxCelebError
    from mmvoxceleb.hub.dropping import planned
    from mmvoxceleb.hub.manifest import ExportFolder, is_export

    def holds_them(export: Path) -> bool:
        try:
            return bool(planned(ExportFolder(export).notes(), removals).clips)
        except MMVoxCelebError:
            return True  # perhaps

    named = {Path(place).expanduser().resolve() for place in places if "://" not in place}
    folder = cache_dir() / "exports"
    found = sorted(folder.iterdir()) if folder.is_dir() else []
    return [path for path in found if path.resolve() not in named and is_export(path) and holds_them(path)]
