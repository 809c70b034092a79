"""Whether the shards of an export are what their markers say: by size, then by sha256."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from mmvoxceleb.ahead import results_ahead
from mmvoxceleb.errors import CorruptSourceError
from mmvoxceleb.files.hashing import sha256_of
from mmvoxceleb.files.inside import inside
from mmvoxceleb.hub.folder import hash_clip
from mmvoxceleb.hub.notes import ShardNote
from mmvoxceleb.hub.settings import ExportSettings

__all__ = ["check_shards", "damage_of", "require_whole"]

_THREADS = 4
"""Hashing and reading run without Python's lock, and a disk gives little more to more of them."""
_MOST_NAMED = 5


def damage_of(root: Path, note: ShardNote, settings: ExportSettings | None = None) -> str:
    """Say how a shard differs from its marker; empty where it is whole.

    Args:
        root: The export.
        note: The marker.
        settings: Of the export; needed for the original layout, where the files of each clip are read.

    Raises:
        UnsafeArchiveError: The shard is a link out of the export.
    """
    try:
        if note.sha256:
            path = inside(root, note.path)
            if not path.is_file():
                return "is not there"
            if (size := path.stat().st_size) != note.bytes:
                return f"has {size:,} bytes and should have {note.bytes:,}"
            return "" if sha256_of(path) == note.sha256 else "has another sha256 than when it was written"
        for clip in note.clips:
            if settings and (not clip.sha256 or hash_clip(root, clip.clip_id, settings) != clip.sha256):
                return f"has other files of clip {clip.clip_id} than were written"
    except OSError as error:
        return f"cannot be read ({error.strerror or error})"
    return ""


def check_shards(
    root: Path,
    notes: Sequence[ShardNote],
    settings: ExportSettings,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[tuple[ShardNote, str]]:
    """Go through shards, yielding each with what is wrong with it.

    Args:
        root: The export.
        notes: Their markers.
        settings: Of the export.
        progress: Called with the shards just checked, and their total.
    """
    for note, damage in results_ahead(lambda note: damage_of(root, note, settings), notes, ahead=_THREADS):
        found = damage()
        if progress is not None:
            progress(1, len(notes))
        yield note, found


def require_whole(damages: Mapping[str, str], root: Path | str, advice: str) -> None:
    """Refuse to go on with damaged shards.

    Args:
        damages: What is wrong, by path.
        root: The export, for the message.
        advice: What to do, for the message.

    Raises:
        CorruptSourceError: There are damaged shards; the first few are named.
    """
    if damages:
        named = [f"{path} {damage}" for path, damage in sorted(damages.items())[:_MOST_NAMED]]
        more = f"; and {len(damages) - _MOST_NAMED} more" if len(damages) > _MOST_NAMED else ""
        raise CorruptSourceError(f"{root}: {'; '.join(named)}{more}. {advice}")
