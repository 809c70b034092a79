"""Clips that exist, by the video that they were cut from, which is opened once for all of them."""

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmvoxceleb.cliplists.chosen_store import ChosenStore
from mmvoxceleb.errors import MissingModalityError, MMVoxCelebError, SourceUnavailableError
from mmvoxceleb.meta.removal_list import read_removals
from mmvoxceleb.meta.removals import Removals
from mmvoxceleb.meta.taken_out import tell_doubtful_entries
from mmvoxceleb.meta.videos import CROP
from mmvoxceleb.modalities import VIDEO
from mmvoxceleb.processing.clip import Clip
from mmvoxceleb.processing.crop.scratch import fetched
from mmvoxceleb.processing.crop.sources.files import FoundVideo, VideoFiles
from mmvoxceleb.processing.crop.videos import fingerprint
from mmvoxceleb.processing.engines.interface import ClipSource, Host
from mmvoxceleb.processing.engines.outcomes import ClipOutcome, Plan
from mmvoxceleb.processing.source_file import SourceFile
from mmvoxceleb.stores import Store
from mmvoxceleb.stores.clip import StoredClip

if TYPE_CHECKING:
    from mmvoxceleb.processing.engines.steps import ClipSteps

__all__ = ["ClipsByVideo"]


class ClipsByVideo(ClipSource):
    """The clips of a store, a video of theirs at a time. A clip whose meta names no video is a unit of its own.

    Args:
        store: Any store with ``meta/<clip_id>.json`` of clips that were cropped.
        raw: Folder of the videos, or one; on disk or behind a URL.

    Raises:
        SourceUnavailableError: There is no such folder, or no video in it.
    """

    unit = "video"

    def __init__(self, store: Store, raw: str | os.PathLike[str]) -> None:
        self.store = store
        self.raw = os.fspath(raw)
        videos = VideoFiles(raw)
        videos.require()
        self._found = tuple(videos.found)
        self._clips: dict[str, list[str]] = {}

    @property
    def location(self) -> str:  # type: ignore[override]  # read of the store
        """The path or URL of the store."""
        return self.store.location

    def units(self) -> list[str]:
        """List the videos, each by its name and the hash of its ends.

        Raises:
            MissingModalityError: The store has no clip.
        """
        self._clips = {}
        has_frames = self.store.clips(VIDEO.folder())
        if not has_frames:
            raise MissingModalityError(
                f"{self.location}: holds no clips; name the folder or zip above 'video', or make clips first with: "
                "mmvoxceleb regenerate crop"
            )
        for clip_id in has_frames:
            source = _source_of(self._meta(clip_id))
            name = f"{source['file']} {str(source.get('sha256_of_ends'))[:12]}" if source else clip_id
            self._clips.setdefault(name, []).append(clip_id)
        return sorted(self._clips)

    def plan(self, units: Sequence[str], steps: "ClipSteps") -> Plan:
        removals = read_removals(self.location) | read_removals(steps.writer.tree.address)
        every = [clip_id for unit in units for clip_id in self._clips_of(unit)]
        if not isinstance(self.store, ChosenStore):
            tell_doubtful_entries(removals, every, self.location)
        kept = set(removals.keep(every))
        todo = set(steps.plan([clip_id for clip_id in every if clip_id in kept]).todo)
        wanted = tuple(unit for unit in units if not todo.isdisjoint(self._clips_of(unit)))
        finished = tuple(unit for unit in units if unit not in wanted and not kept.isdisjoint(self._clips_of(unit)))
        return Plan(wanted, finished, removed=len(every) - len(kept))

    def run(self, unit: str, steps: "ClipSteps", host: Host) -> Iterator[ClipOutcome]:
        removed = steps.removed.now()
        with contextlib.ExitStack() as scratch:
            clip_ids = sorted(
                (clip_id for clip_id in self._clips_of(unit) if clip_id not in removed),
                key=lambda clip_id: (_start_of(self._meta(clip_id)), clip_id),
            )
            source, reason = None, ""
            try:
                source = self._opened(self._meta(clip_ids[0]), scratch, host) if clip_ids else None
            except SourceUnavailableError as error:
                reason = str(error)
            for clip_id in clip_ids:
                yield steps.run(clip_id, partial(self._clip, clip_id, source, reason), host)

    def is_removed(self, unit: str, removals: Removals) -> bool:
        return all(clip_id in removals for clip_id in self._clips_of(unit))

    def end(self, steps: "ClipSteps") -> None:
        steps.provenance.compact()

    def _clips_of(self, unit: str) -> list[str]:
        if unit not in self._clips:  # in another process than that which listed them
            self.units()
        return self._clips[unit]

    def _clip(self, clip_id: str, source: SourceFile | None, reason: str, *, with_label: bool = False) -> Clip:
        if reason:
            raise SourceUnavailableError(f"clip {clip_id}: {reason}")
        meta = StoredClip(self.store, clip_id).meta
        return Clip(clip_id, (), meta=meta, location=self.location, source=source)

    def _meta(self, clip_id: str) -> Mapping[str, Any]:
        try:
            return StoredClip(self.store, clip_id).meta
        except MMVoxCelebError:
            return {}  # said when the clip is worked on

    def _opened(self, meta: Mapping[str, Any], scratch: contextlib.ExitStack, host: Host) -> SourceFile | None:
        """Open the video that a clip names; None if it names none.

        Raises:
            SourceUnavailableError: It is not among those that are here, or another file is in its place.
        """
        source = _source_of(meta)
        if not source:
            return None
        for found in self._candidates(source):
            path = found.path
            if path is None:
                path = scratch.enter_context(fetched(found.remote, check=host.check))
            with contextlib.suppress(SourceUnavailableError):
                if fingerprint(path)["sha256_of_ends"] == source.get("sha256_of_ends"):
                    return scratch.enter_context(SourceFile(path))
        raise SourceUnavailableError(
            f"its video, {source['file']} of {source.get('size_bytes')} bytes, is not in {self.raw} (a file of that "
            "name but of another content does not count); add it and rerun the command"
        )

    def _candidates(self, source: Mapping[str, Any]) -> list[FoundVideo]:
        """The files that may be a video: those of its size on this machine, whatever their name; of its name else."""
        named = [found for found in self._found if found.path is None and found.relative.name == source["file"]]
        return [*self._by_size.get(source.get("size_bytes") or -1, ()), *named]

    @cached_property
    def _by_size(self) -> dict[int, list[FoundVideo]]:
        sizes: dict[int, list[FoundVideo]] = {}
        for found in self._found:
            if found.path is not None:
                with contextlib.suppress(OSError):
                    sizes.setdefault(Path(found.path).stat().st_size, []).append(found)
        return sizes


def _source_of(meta: Mapping[str, Any]) -> Mapping[str, Any]:
    section = meta.get(CROP)
    source = section.get("source") if isinstance(section, Mapping) else None
    return source if isinstance(source, Mapping) and isinstance(source.get("file"), str) else {}


def _start_of(meta: Mapping[str, Any]) -> int:
    section = meta.get(CROP)
    start = section.get("start") if isinstance(section, Mapping) else None
    return start if isinstance(start, int) else 0
