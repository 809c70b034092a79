"""The scores of all clips as one table: ``meta/scores.parquet``, made of the clips' files and never the truth."""

import hashlib
import io
import json
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mmvoxceleb.ahead import results_ahead
from mmvoxceleb.counting import counted
from mmvoxceleb.errors import CorruptSourceError, MMVoxCelebError
from mmvoxceleb.files.json_text import parse_json_object
from mmvoxceleb.files.local import LocalTree
from mmvoxceleb.files.opening import open_tree
from mmvoxceleb.files.ranges import is_url
from mmvoxceleb.files.tree import FileTree, OutputTree
from mmvoxceleb.meta.removal_list import read_removals
from mmvoxceleb.meta.removals import Removals
from mmvoxceleb.modalities import META, SCORES, ClipScores, figures
from mmvoxceleb.stores import Store, open_store
from mmvoxceleb.stores.clip import StoredClip

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["SCORES_PATH", "forget_scores", "read_scores", "save_scores", "table_names"]

SCORES_PATH = f"{META.folder_name}/scores.parquet"
STAMP_PATH = f"{META.folder_name}/.scores.json"
"""Of which files, by size and time, the table was made. It is not a part of the data, as ``meta/runs`` is none."""

_IDENTITY, _FRAMES, _VERSIONS = "clip_id", "num_frames", "versions"
_READ_AHEAD, _READ_AHEAD_OF_URLS = 4, 16
_MOST_BYTES = 4 << 30

logger = logging.getLogger(__name__)


def read_scores(store: "Store | str | os.PathLike[str]") -> "pa.Table":
    """Read the scores of all clips of a store as one table.

    It reads ``meta/scores.parquet`` if that table is up to date, and otherwise the score file of each clip; damaged
    files are left out with a warning. Clips on the removal list are left out. The table has one row for each clip that
    has scores, sorted by ``clip_id``. Columns of figures that are in the files but not registered follow the columns of
    registered ones (:func:`mmvoxceleb.modalities.figures`).

    Args:
        store: A store, or its path or URL.

    Returns:
        The table. ``clip_id`` is a string, ``num_frames`` (int32) the number of frames that were measured. Each figure
        has a column by its name (float32, null if unknown). ``versions`` (a map of string to int32) holds the version
        of each figure's formula.

    Raises:
        SourceUnavailableError: The store cannot be read.
        CorruptSourceError: The removal list of the store is damaged.
    """
    opened = store if isinstance(store, Store) else open_store(store)
    clips = read_removals(opened.location).keep(opened.clips(SCORES.folder()))
    table = _kept(opened) if clips else None
    if table is None:
        return _table_of(_files(opened, clips))
    import pyarrow as pa
    import pyarrow.compute as pc

    return table.filter(pc.is_in(table[_IDENTITY], pa.array(clips, pa.string())))


def save_scores(tree: OutputTree) -> None:
    """Make ``meta/scores.parquet`` of the clips' files, unless it is of these; delete it if there are none.

    Raises:
        OSError: It cannot be written.
        SourceUnavailableError: The clips' files cannot be read.
    """
    import pyarrow.parquet as pq

    folder = SCORES.folder()
    if tree.kind(folder.path) != "folder" or not tree.names(folder.path):
        for path in (SCORES_PATH, STAMP_PATH):
            tree.remove(path)
        return
    store = open_store(tree.address)
    if _kept(store) is not None:
        return
    content = store.fingerprint([folder])
    buffer = io.BytesIO()
    pq.write_table(_table_of(_files(store, store.clips(folder))), buffer, compression="zstd")
    data = buffer.getvalue()
    tree.write(SCORES_PATH, data)
    stamp = {"files": content, "table": hashlib.sha256(data).hexdigest()}
    tree.write(STAMP_PATH, (json.dumps(stamp, indent=1) + "\n").encode())


def forget_scores(tree: OutputTree, removals: Removals) -> None:
    """Delete the table where it names a removed clip; the next run makes it again."""
    data = tree.read(SCORES_PATH)
    if data is not None and table_names(data, removals):
        tree.remove(STAMP_PATH)
        tree.remove(SCORES_PATH)


def table_names(data: bytes, removals: Removals) -> bool:
    """Return whether a Parquet file with a row per clip names a removed clip; True if it cannot be read."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        names = pq.read_table(io.BytesIO(data), columns=[_IDENTITY])[_IDENTITY].to_pylist()
    except (pa.ArrowException, OSError, KeyError, ValueError):
        return True
    return len(removals.keep(names)) < len(names)


def _kept(store: Store) -> "pa.Table | None":
    """Read the table; None if there is none, or it is not of the files that are there now."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not is_url(store.location) and not os.path.isdir(store.location):
        return None
    tree = open_tree(store.location)
    data = _read_if_there(tree, STAMP_PATH)
    try:
        stamp = parse_json_object(data, STAMP_PATH, "it is made again") if data is not None else {}
    except CorruptSourceError:
        return None
    if not stamp or stamp.get("files") != store.fingerprint([SCORES.folder()]):
        return None
    data = _read_if_there(tree, SCORES_PATH)
    if data is None or hashlib.sha256(data).hexdigest() != stamp.get("table"):
        return None
    try:
        return pq.read_table(io.BytesIO(data))
    except (pa.ArrowException, OSError) as error:
        logger.warning("%s: cannot be read (%s); the clips' files are read", tree.where(SCORES_PATH), error)
        return None


def _read_if_there(tree: FileTree, path: str) -> bytes | None:
    if isinstance(tree, LocalTree):
        return tree.read(path)
    try:
        return tree.read_files([path], most_bytes=_MOST_BYTES)[0]
    except MMVoxCelebError:
        return None


def _files(store: Store, clips: Sequence[str]) -> "Iterator[tuple[str, ClipScores]]":
    """Read the clips' files, in order."""
    ahead = _READ_AHEAD_OF_URLS if is_url(store.location) else _READ_AHEAD
    damaged: list[MMVoxCelebError] = []
    for clip, result in results_ahead(lambda clip: StoredClip(store, clip).value(SCORES), clips, ahead=ahead):
        try:
            yield clip, result()
        except MMVoxCelebError as error:
            damaged.append(error)
    if damaged:
        logger.warning(
            "%s: the scores of %s cannot be read and are left out, such as: %s",
            store.location, counted(len(damaged), "clip"), damaged[0],
        )  # fmt: skip


def _table_of(rows: "Iterator[tuple[str, ClipScores]]") -> "pa.Table":
    import pyarrow as pa

    found = list(rows)
    known = [figure.name for figure in figures()]
    others = sorted({name for _, scores in found for name in scores.figures} - set(known))
    columns: Mapping[str, Any] = {
        _IDENTITY: pa.array([clip for clip, _ in found], pa.string()),
        _FRAMES: pa.array([scores.num_frames for _, scores in found], pa.int32()),
        **{
            name: pa.array([scores.figures.get(name) for _, scores in found], pa.float32())
            for name in [*known, *others]
        },
        _VERSIONS: pa.array([sorted(scores.versions.items()) for _, scores in found], pa.map_(pa.string(), pa.int32())),
    }
    return pa.table(columns)
