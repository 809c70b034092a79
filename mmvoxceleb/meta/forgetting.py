"""Take persons, videos and clips out of all that ``meta`` says."""

import contextlib
from collections.abc import Sequence

from mmvoxceleb.files.tree import OutputTree
from mmvoxceleb.meta.ledger import LEDGER_PATH, LedgerRow, format_ledger, parse_ledger
from mmvoxceleb.meta.marks import MARKS_PATH, marks_without
from mmvoxceleb.meta.names import Names
from mmvoxceleb.meta.provenance_table import INDEX_PATH, INDEX_STAMP_PATH
from mmvoxceleb.meta.removals import REMOVALS_PATH, Removals
from mmvoxceleb.meta.runs import RUNS_FOLDER
from mmvoxceleb.meta.scores import SCORES_PATH, forget_scores
from mmvoxceleb.meta.scores import STAMP_PATH as SCORES_STAMP_PATH
from mmvoxceleb.meta.taken_out import TAKEN_OUT_PATH
from mmvoxceleb.meta.videos import RECORDS, VideoRecord, names_video_of
from mmvoxceleb.meta.watch import is_removed
from mmvoxceleb.modalities import META
from mmvoxceleb.schema import ClipId

__all__ = ["clean_files", "forget_rows", "is_ours", "is_record_of", "records_of", "take_away"]

_OTHERS = (REMOVALS_PATH, LEDGER_PATH, SCORES_PATH, INDEX_PATH, INDEX_STAMP_PATH)


def is_ours(path: str) -> bool:
    """Return whether a file is one that this package writes into ``meta``, by its name."""
    folder, _, name = path.rpartition("/")
    if path in _OTHERS or path in (MARKS_PATH, SCORES_STAMP_PATH, TAKEN_OUT_PATH) or folder in (RECORDS, RUNS_FOLDER):
        return True
    clip_id = name.removesuffix(META.suffix)
    return folder == META.folder_name and name != clip_id and ClipId.matches(clip_id)


def is_record_of(path: str, removals: Removals) -> bool:
    """Return whether a file is the record of a video of which all clips are removed, by its name."""
    folder, _, name = path.rpartition("/")
    return folder == RECORDS and names_video_of(name, removals)


def records_of(tree: OutputTree, removals: Removals) -> list[str]:
    """List the records of such videos."""
    return [f"{RECORDS}/{name}" for name in tree.names(RECORDS) if names_video_of(name, removals)]


def forget_rows(tree: OutputTree, removals: Removals) -> None:
    """Take the rows of removed clips out of the ledger, and their names out of the others; delete a table of scores
    that names them.
    """  # noqa: D205

    def without(log: bytes) -> bytes | None:
        if not Names(removals).are_in(log):
            return None
        rows = [row for row in parse_ledger(log, tree.where(LEDGER_PATH)) if not is_removed(row.clip_id, removals)]
        names = Names(removals, {row.clip_id for row in rows if ClipId.matches(row.clip_id)})
        return format_ledger(LedgerRow(row.clip_id, row.stage, row.status, names.cut_from(row.reason)) for row in rows)

    if tree.kind(META.folder_name) == "folder":
        with tree.lock(META.folder_name):
            tree.rewrite_log(LEDGER_PATH, without)
            forget_scores(tree, removals)


def clean_files(tree: OutputTree, paths: Sequence[str], removals: Removals, names: Names) -> None:
    """Take the names out of the files of ``meta``, but for the ledger, the removal list and the tables."""
    ours = [path for path in paths if is_ours(path) and path not in _OTHERS]
    for path, data in zip(ours, tree.read_many(ours), strict=True):
        if data is not None and names.are_in(data):
            _clean_file(tree, path, removals, names)


def _clean_file(tree: OutputTree, path: str, removals: Removals, names: Names) -> None:
    """Take the names out of a file of ``meta``, while no run changes it."""
    with tree.lock(META.folder_name):
        data = tree.read(path)
        if data is not None and path.startswith(f"{RECORDS}/"):
            record = VideoRecord.parse(data)
            kept = record.without(removals) if record is not None else None
            data = None if kept is None else kept.to_bytes()
            if data is None:
                take_away(tree, path)
        if data is not None and path == MARKS_PATH:
            kept_marks = marks_without(data, removals, tree.where(path))
            data = data if kept_marks is None else kept_marks
        if data is not None and names.are_in(data):
            data = names.cut_from_file(data)
        if data is not None:
            tree.write(path, data)


def take_away(tree: OutputTree, path: str) -> None:
    """Delete a file or folder that somebody else may be deleting at this moment."""
    with contextlib.suppress(FileNotFoundError):  # somebody else was quicker
        tree.remove(path)
