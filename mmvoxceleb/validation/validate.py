"""Go through a store clip by clip and collect what is wrong."""

import contextlib
import re
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import partial
from typing import Any

from mmvoxceleb.cpus import usable_cpus
from mmvoxceleb.errors import CorruptSourceError, MissingModalityError, MMVoxCelebError, UnsafeArchiveError
from mmvoxceleb.meta.inputs import why_absent
from mmvoxceleb.modalities import META, VIDEO, Folder
from mmvoxceleb.schema import SPLITS, ClipId, split_of
from mmvoxceleb.stores import Entry, Store
from mmvoxceleb.stores.clip import StoredClip
from mmvoxceleb.validation.checks import (
    check_entries,
    check_file,
    check_leaks,
    check_meta,
    check_picture_file,
    is_picture,
)
from mmvoxceleb.validation.outdated import check_outdated
from mmvoxceleb.validation.report import FolderCount, Problem, Report

__all__ = ["validate_store"]

_VIDEO, _META = VIDEO.folder(), META.folder()
_NUMBER = re.compile(r"\d[\d,]*")
_BATCH_BYTES, _BATCH_FILES = 16 << 20, 64
"""Pictures that are read in one go; what memory a deep validation needs depends on these alone."""


def validate_store(
    store: Store,
    deep: bool = False,
    *,
    most_kept: int = 20,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Report:
    """Check a store for missing, damaged and inconsistent files.

    Modalities of one file per clip, such as labels and texts, are always read. Pictures are checked by name and size;
    ``deep`` also decodes them.

    Args:
        store: Any store.
        deep: Decode every picture, and look for mask colours outside the palette and for pictures of several sizes in
            a clip. Also run the slow checks of sound and other files.
        most_kept: Number of problems of each kind to keep in the report, which counts all.
        workers: Number of threads that decode; by default one per core, at most 8.
        progress: Called with the number of clips checked so far and the number of all clips.

    Returns:
        The report. ``report.ok`` is true if there are no problems. Damaged archives are problems, too.

    Raises:
        SourceUnavailableError: The store cannot be read.
    """
    began = time.perf_counter()
    report = Report(store.location, deep=deep, most_kept=most_kept)
    try:
        folders = [folder for folder in store.folders() if folder != _META]
        clips_by_folder = {folder: store.clips(folder) for folder in folders}
        report.add(Problem("name", "is not named as a clip is", file=path) for path in store.strangers())
    except (CorruptSourceError, UnsafeArchiveError) as error:
        report.add([Problem("archive", str(error))])
        return report
    clips = sorted(set().union(*clips_by_folder.values()))
    reference = set(clips_by_folder.get(_VIDEO) or clips)
    _count(report, clips, clips_by_folder, reference)
    report.add(check_leaks(clips))
    lengths: list[int] = []
    with_meta = set(store.clips(_META))
    present = {folder: set(names) for folder, names in clips_by_folder.items()}
    with ThreadPoolExecutor(workers or min(8, usable_cpus())) as pool:
        for done, clip_id in enumerate(clips, 1):
            held = [folder for folder in folders if clip_id in present[folder]]
            clip = StoredClip(store, clip_id)
            meta, unreadable = _meta_of(clip) if clip_id in with_meta else ({}, [])
            report.add(unreadable)
            if clip_id in reference:
                report.add(_missing(clip_id, [folder for folder in folders if folder not in held], meta, report))
            counted = len(lengths)
            report.add(_check_clip(clip, held, report, lengths, pool))
            if clip_id in with_meta:
                report.add(check_meta(clip_id, meta, {folder.modality for folder in held}, *lengths[counted:]))
                report.add(check_outdated(clip, meta, deep=deep))
            if progress:
                progress(done, len(clips))
    if lengths:
        report.frames_per_clip = (min(lengths), int(statistics.median(lengths)), max(lengths))
    report.seconds = round(time.perf_counter() - began, 3)
    return report


def _count(report: Report, clips: Sequence[str], clips_by_folder: dict[Folder, list[str]], reference: Set[str]) -> None:
    """Fill the counts, and note which clips have no video."""
    for folder, names in sorted(clips_by_folder.items()):
        missing, extra = sorted(reference - set(names)), sorted(set(names) - reference)
        report.folders[str(folder)] = FolderCount(len(names), 0, len(missing), len(extra))
        report.add(Problem("extra", f"is in {folder} and not in {_VIDEO}", clip_id) for clip_id in extra)
    parsed = [ClipId.parse(clip_id) for clip_id in clips]
    report.videos = len({clip.video_id for clip in parsed})
    for split in SPLITS:
        inside = [clip.person_id for clip in parsed if split_of(clip.person_id) == split]
        report.clips[split], report.persons[split] = len(inside), len(set(inside))


def _meta_of(clip: StoredClip) -> tuple[dict[str, Any], list[Problem]]:
    """Read the provenance of a clip; empty if it is damaged, and the problem if it cannot be read."""
    for _, data in _read(clip, _META, clip.entries(_META)):
        if isinstance(data, Problem):
            return {}, [data]
        with contextlib.suppress(MMVoxCelebError):  # said where the provenance is needed
            return dict(META.parse(data, clip_id=clip.clip_id)), []
    return {}, []


def _missing(clip_id: str, lacking: Sequence[Folder], meta: Mapping[str, Any], report: Report) -> Iterator[Problem]:
    """Tell what a clip lacks; only count it if its provenance says why there can be none."""
    for folder in lacking:
        if why := why_absent(meta, folder.path):
            reason = f"{folder}: {_NUMBER.sub('N', why)}"
            report.explained[reason] = report.explained.get(reason, 0) + 1
            report.folders[str(folder)].missing -= 1
        else:
            yield Problem("missing", f"is not in {folder}", clip_id)


def _check_clip(
    clip: StoredClip, folders: Sequence[Folder], report: Report, lengths: list[int], pool: Executor
) -> Iterator[Problem]:
    frames: set[int] | None = None
    for folder in sorted(folders, key=lambda folder: folder != _VIDEO):
        try:
            entries = clip.entries(folder)
        except (CorruptSourceError, UnsafeArchiveError, MissingModalityError) as error:
            yield Problem("archive", str(error), clip.clip_id, str(folder))
            continue
        report.folders[str(folder)].files += len(entries)
        if not folder.is_frames:
            yield from _check_single(clip, folder, frames, deep=report.deep)
            continue
        if folder == _VIDEO:
            frames = {entry.index for entry in entries if is_picture(entry)}
            lengths.append(len(frames))
        yield from check_entries(folder, clip.clip_id, entries, frames)
        if not report.deep:
            continue
        if clip.video_file(folder) is not None:
            yield from _check_video(clip, folder, report)
        else:
            yield from _check_pictures(clip, folder, report, pool)


def _check_single(clip: StoredClip, folder: Folder, frames: set[int] | None, *, deep: bool) -> Iterator[Problem]:
    for _, data in _read(clip, folder, clip.entries(folder)):
        if isinstance(data, Problem):
            yield data
        else:
            yield from check_file(folder, clip.clip_id, data, frames, deep=deep)


def _check_pictures(clip: StoredClip, folder: Folder, report: Report, pool: Executor) -> Iterator[Problem]:
    """Decode all pictures of a clip in one folder, a batch at a time."""
    sizes: dict[tuple[int, int], str] = {}
    for batch in _batches([entry for entry in clip.entries(folder) if is_picture(entry) and entry.size != 0]):
        read = list(_read(clip, folder, batch))
        yield from (data for _, data in read if isinstance(data, Problem))
        whole = [(entry.name, data) for entry, data in read if not isinstance(data, Problem)]
        names, contents = [name for name, _ in whole], [data for _, data in whole]
        for name, (problem, size) in zip(
            names, pool.map(partial(check_picture_file, folder, clip.clip_id), names, contents), strict=True
        ):
            report.pictures_decoded += 1
            if problem is not None:
                yield problem
            if size != (0, 0):
                sizes.setdefault(size, name)
    yield from _several_sizes(clip, folder, sizes)


def _check_video(clip: StoredClip, folder: Folder, report: Report) -> Iterator[Problem]:
    """Decode all frames of a video file; after the first that cannot be, the rest is not looked at."""
    entries = clip.entries(folder)
    sizes: dict[tuple[int, int], str] = {}
    for batch in _batches(entries):
        try:
            pictures = clip.decoded(folder, batch)
        except MMVoxCelebError as error:
            yield Problem("picture", str(error).removeprefix(f"clip {clip.clip_id}: "), clip.clip_id, str(folder))
            return
        report.pictures_decoded += len(pictures)
        for entry, picture in zip(batch, pictures, strict=True):
            assert not isinstance(picture, bytes)
            sizes.setdefault((picture.shape[1], picture.shape[0]), entry.name)
    yield from _several_sizes(clip, folder, sizes)


def _several_sizes(clip: StoredClip, folder: Folder, sizes: dict[tuple[int, int], str]) -> Iterator[Problem]:
    if len(sizes) > 1:
        seen = ", ".join(f"{width}x{height} ({name})" for (width, height), name in list(sizes.items())[:4])
        yield Problem("size", f"has pictures of {len(sizes)} sizes: {seen}", clip.clip_id, str(folder))


def _batches(entries: Sequence[Entry]) -> Iterator[list[Entry]]:
    batch: list[Entry] = []
    total = 0
    for entry in entries:
        batch.append(entry)
        total += max(entry.size, 0)
        if total >= _BATCH_BYTES or len(batch) >= _BATCH_FILES:
            yield batch
            batch, total = [], 0
    if batch:
        yield batch


def _read(clip: StoredClip, folder: Folder, entries: Sequence[Entry]) -> Iterator[tuple[Entry, bytes | Problem]]:
    """Read entries; a damaged one gives a problem."""
    for entry, data in clip.read_each(folder, entries):
        if isinstance(data, MMVoxCelebError):
            kind = "picture" if folder.is_frames else folder.modality
            file = f"{folder}/{entry.name}" if folder.is_frames else str(folder)
            yield entry, Problem(kind, str(data), clip.clip_id, file)
        else:
            yield entry, data
