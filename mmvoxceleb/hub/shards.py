"""Write the shards of an export, each whole under its name before its marker is written."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from mmvoxceleb.errors import CorruptSourceError
from mmvoxceleb.files.atomic import replacing
from mmvoxceleb.files.hashing import sha256_of
from mmvoxceleb.files.inside import inside
from mmvoxceleb.hub.derived import derived_table, source_columns
from mmvoxceleb.hub.folder import write_clip
from mmvoxceleb.hub.layout import INDEX, PREVIEW, features_among, features_of
from mmvoxceleb.hub.manifest import ExportFolder
from mmvoxceleb.hub.notes import ClipNote, ShardNote
from mmvoxceleb.hub.parquet import ShardWriter, column_bytes, read_rows
from mmvoxceleb.hub.plan import Shard
from mmvoxceleb.hub.quality import Quality
from mmvoxceleb.hub.rows import Row
from mmvoxceleb.hub.settings import ExportSettings
from mmvoxceleb.hub.tars import TarWriter
from mmvoxceleb.modalities import LABEL, frame_modalities

__all__ = ["write_projection", "write_shard"]

logger = logging.getLogger(__name__)


def write_shard(
    folder: ExportFolder,
    shard: Shard,
    rows: Iterator[tuple[str, Row | str]],
    settings: ExportSettings,
    advance: Callable[[int], None],
) -> ShardNote:
    """Write one shard and its marker.

    Args:
        folder: The export.
        shard: Where, and which clips.
        rows: They, in order; the reason instead of a clip that is left out.
        settings: Of the export.
        advance: Called with 1 for each clip.

    Raises:
        OSError: It cannot be written.
    """
    clips: list[ClipNote] = []
    models: set[tuple[str, str]] = set()
    quality: Quality | None = None
    skipped: dict[str, str] = {}
    size = 0

    def write_all(write: Callable[[Mapping[str, Any]], tuple[int, str] | None]) -> None:
        nonlocal quality, size
        for clip_id, row in rows:
            if isinstance(row, str):
                logger.warning("skipped: %s", row)
                skipped[clip_id] = row
            else:
                written, sha256 = write(row.record) or (0, "")
                size += written
                clips.append(_clip_note(row, sha256))
                models.update((model["stage"], model["sha256"]) for model in row.models)
                if row.quality is not None:
                    quality = row.quality if quality is None else quality + row.quality
            advance(1)

    sha256, columns = "", {}
    if settings.format == "folder":
        write_all(lambda record: write_clip(folder.root, record, settings))
    else:
        with replacing(inside(folder.root, shard.path)) as partial:
            if settings.format == "parquet":
                features = features_of(settings)
                with ShardWriter(partial, features) as writer:
                    write_all(writer.write)
                columns = column_bytes(partial)
            else:
                with TarWriter(partial) as tar:
                    write_all(tar.write)
            sha256, size = sha256_of(partial), partial.stat().st_size
    note = ShardNote(
        path=shard.path,
        part=shard.part,
        split=shard.split,
        rows=len(clips),
        bytes=size,
        sha256=sha256,
        clips=tuple(clips),
        column_bytes=columns,
        models=tuple({"stage": stage, "sha256": sha} for stage, sha in sorted(models)),
        quality=quality,
        skipped=skipped,
    )
    folder.write_note(note)
    return note


def write_projection(
    folder: ExportFolder,
    shard: Shard,
    sources: Sequence[ShardNote],
    columns: Sequence[str],
    settings: ExportSettings,
) -> None:
    """Write one shard of a lighter part, and its marker, from shards with all columns.

    Args:
        folder: The export.
        shard: Where, and which clips.
        sources: The finished shards of its split.
        columns: What it has.
        settings: Of the export.

    Raises:
        OSError: It cannot be written.
        CorruptSourceError: A source does not hold what its marker says.
    """
    wanted = frozenset(shard.clips)
    chosen = features_among(settings, columns)
    is_made = shard.part in (INDEX, PREVIEW)
    taken = source_columns(settings, columns) if is_made else columns
    kept: list[ClipNote] = []
    skipped: dict[str, str] = {}
    with replacing(inside(folder.root, shard.path)) as partial:
        with ShardWriter(partial, chosen) as writer:
            for source in sources:
                found = [ClipNote(clip.clip_id) for clip in source.clips if clip.clip_id in wanted]
                if found:
                    path = inside(folder.root, source.path)
                    rows = read_rows(path, taken, wanted.__contains__)
                    if len(rows) != len(found):
                        raise CorruptSourceError(f"{path}: contains other clips than its marker lists; export it again")
                    if is_made:
                        rows, left = derived_table(rows, settings, chosen, shard.part, source.path)
                        skipped |= left
                    writer.write_table(rows)
                    kept.extend(clip for clip in found if clip.clip_id not in skipped)
        note = ShardNote(
            path=shard.path,
            part=shard.part,
            split=shard.split,
            rows=len(kept),
            bytes=partial.stat().st_size,
            sha256=sha256_of(partial),
            clips=tuple(kept),
            column_bytes=column_bytes(partial),
            skipped=skipped,
        )
    for reason in skipped.values():
        logger.warning("not in the config %s: %s", shard.part, reason)
    folder.write_note(note)


def _clip_note(row: Row, sha256: str) -> ClipNote:
    record = row.record
    label = "".join("-" if value < 0 else str(value) for value in record.get(LABEL.name) or ())
    counts = {
        kind.pictures: len(record[indices])
        for kind in frame_modalities()
        if not kind.is_timeline
        for _, indices in [*kind.pairs_in(record).values()][:1]
    }
    return ClipNote(record["clip_id"], record["num_frames"], label, record.get("label_source"), counts, sha256)
