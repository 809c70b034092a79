"""Source videos as where clips come from: each is cropped, and its clips go through the other stages at once."""

import copy
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from mmvoxceleb.errors import MissingModalityError, MMVoxCelebError, ProcessingError
from mmvoxceleb.files.atomic import reason_and_advice
from mmvoxceleb.meta.earlier import Earlier, OtherResultsError
from mmvoxceleb.meta.ledger import LedgerRow
from mmvoxceleb.meta.provenance import Provenance
from mmvoxceleb.meta.removal_list import read_removals
from mmvoxceleb.meta.removals import Removals
from mmvoxceleb.meta.videos import CROP, VideoRecord
from mmvoxceleb.meta.watch import REMOVED, is_removed
from mmvoxceleb.modalities import META
from mmvoxceleb.processing.clip import Clip, clip_in_memory, video_in_memory
from mmvoxceleb.processing.crop.clip_files import VIDEO, WrittenClip
from mmvoxceleb.processing.crop.job import CropJob
from mmvoxceleb.processing.crop.result import SourceResult
from mmvoxceleb.processing.crop.videos import BAD_ROW, SourceVideo, SourceVideos, inputs_of
from mmvoxceleb.processing.detectors import Detection, Detector
from mmvoxceleb.processing.engines.interface import ClipSource, Host
from mmvoxceleb.processing.engines.memory import Room
from mmvoxceleb.processing.engines.outcomes import ClipOutcome, Plan
from mmvoxceleb.processing.source import StoredClips
from mmvoxceleb.schema import ClipId
from mmvoxceleb.stores import open_store
from mmvoxceleb.stores.interface import Store

if TYPE_CHECKING:
    from mmvoxceleb.processing.engines.steps import ClipSteps

__all__ = ["CroppedVideos"]

_TOLD_FRAMES = 25
"""After so many decoded frames it is told how far a crop is."""


class CroppedVideos(ClipSource):
    """Source videos, each of which is cropped to clips; their frames are in memory while they go through the stages.

    Args:
        videos: From :mod:`mmvoxceleb.processing.crop.sources`.
        job: How to crop, and where to.
    """

    unit = "video"
    stages = (CROP,)
    folders = (VIDEO,)

    def __init__(self, videos: Sequence[SourceVideo], job: CropJob) -> None:
        self.videos = {video.key: video for video in videos}
        self.refused = videos.refused if isinstance(videos, SourceVideos) else ()
        self.not_taken = videos.not_taken if isinstance(videos, SourceVideos) else ""
        self.job = job
        self._unrecorded: dict[str, list[str]] = {}
        self._local = _PerThread()
        self._stored: Store | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_local": None, "_stored": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__ = {**state, "_local": _PerThread()}

    @property
    def device(self) -> str:
        detector = self.job.detector
        return detector.resolved_device if detector is not None and detector.needs_device else "cpu"

    def units(self) -> list[str]:
        return sorted(self.videos)

    def plan(self, units: Sequence[str], steps: "ClipSteps") -> Plan:
        job = self.job.snapshot()
        removals = read_removals(job.tree.address)
        wanted = units
        units = [key for key in wanted if not self.is_removed(key, removals)]
        left_out = sum(len(self.videos[key].utterances) for key in wanted if self.is_removed(key, removals))
        recorded = {key for key in units if job.records.has(key)}
        records = {key: job.records.read(key) for key in recorded}
        clips = {key: removals.keep(record.clips if (record := records.get(key)) else []) for key in units}
        self._unrecorded = self._find_unrecorded(job.tree.names(META.folder_name), clips)
        options = job.options() if recorded else {}
        changed = {key for key, record in records.items() if record and self._is_other(job, options, key, record)}
        conflicts = self._conflicts(job, sorted(recorded), changed) or self._conflicts_of_clips(job)
        try:
            todo = set(steps.plan([clip_id for written in clips.values() for clip_id in written]).todo)
        except OtherResultsError as error:
            conflicts.append(error.reason)
        if conflicts:
            raise OtherResultsError.of(job.tree.location, conflicts)
        without_stages = not steps.stages
        unchanged = recorded - changed
        finished = [key for key in units if key in unchanged and (without_stages or todo.isdisjoint(clips[key]))]
        left_out += _removed_of({key: records[key] for key in finished}, removals)
        return Plan(
            tuple(key for key in units if key not in set(finished)),
            tuple(finished),
            left_out,
            rejected=tuple(ClipOutcome(row.clip_id, rejected=row.reason) for row in self._refused(removals)),
            notes=tuple(filter(None, (self.not_taken, self._renamed(units)))),
        )

    def _renamed(self, units: Sequence[str]) -> str:
        """Say which clips have other names than their files or rows; empty if none has."""
        renamed = [utterance for key in units for utterance in self.videos[key].utterances if utterance.note]
        if not renamed:
            return ""
        first = next(video for key in units if (video := self.videos[key]).note)
        name = first.input_name(next(each for each in first.utterances if each.note))
        all_of_them = f"; {self.job.tree.location}/meta/ledger.jsonl names all {len(renamed):,}"
        return f"{name.removesuffix('.txt')}: {first.note}{all_of_them if len(renamed) > 1 else ''}"

    def _is_other(self, job: CropJob, options: Mapping[str, Any], key: str, record: VideoRecord) -> bool:
        """Return whether a video is to be cropped again: its file is another, or the settings are, and may be."""
        if self._has_other_size(key, record):
            return True
        try:
            return not job.records.is_same(record, options, record.inputs, overwrite=job.overwrite)
        except OtherResultsError:  # is told by all of them
            return False

    def _has_other_size(self, key: str, record: VideoRecord) -> bool:
        """Return whether a file is another than it was, as far as its size tells; a run compares more."""
        before, path = record.inputs.get("video"), self.videos[key].path
        try:
            return path is not None and isinstance(before, Mapping) and path.stat().st_size != before.get("size_bytes")
        except OSError:
            return False

    def _conflicts(self, job: CropJob, recorded: Sequence[str], changed: Collection[str]) -> list[str]:
        """Say what keeps the crops of earlier runs from being continued; empty if nothing does."""
        options = job.options() if recorded else {}
        for key in recorded:
            try:
                job.check(key, options, inputs_of(self.videos[key]) if key in changed else None)
            except OtherResultsError as error:
                return [f"{CROP}: {error.reason} ({key})"]
        return []

    def _conflicts_of_clips(self, job: CropJob) -> list[str]:
        """Do the same for clips whose video has no record, as in a store that was converted or put together by hand."""
        provenance, options = Provenance(job.tree), job.options()
        earlier = Earlier(provenance, job.overwrite)
        for clip_id in [clip_id for clips in self._unrecorded.values() for clip_id in clips]:
            section = provenance.section(clip_id, CROP) or {}
            settings = section.get("settings")
            try:
                if isinstance(settings, Mapping):
                    earlier.is_same(clip_id, (settings, options))
                    job.refuse_converted(clip_id)
            except OtherResultsError as error:
                return [f"{CROP}: {error.reason} ({clip_id})"]
        return []

    def _find_unrecorded(self, names: Iterable[str], clips: Mapping[str, Collection[str]]) -> dict[str, list[str]]:
        """Find the clips of each unit that no record speaks of: a run was stopped in their video."""
        found: dict[str, list[str]] = {}
        for name in (name.removesuffix(".json") for name in names if ClipId.matches(name.removesuffix(".json"))):
            clip = ClipId.parse(name)
            video = f"{clip.person_id}#{clip.video_id}"
            for key in (video, f"{video}#{clip.utterance}"):
                wanted = {each.name for each in self.videos[key].utterances} if key in clips else ()
                if clip.utterance in wanted and name not in clips[key]:
                    found.setdefault(key, []).append(name)
        return found

    def _refused(self, removals: Removals) -> list[LedgerRow]:
        return [row for row in self.refused if not is_removed(row.clip_id, removals)]

    def is_removed(self, unit: str, removals: Removals) -> bool:
        video = self.videos[unit]
        return removals.has_video(video.person_id, video.video_id)

    def run(self, unit: str, steps: "ClipSteps", host: Host) -> Iterator[ClipOutcome]:
        result = SourceResult(unit)
        if self.is_removed(unit, self.job.removed.now()):  # since the run began
            yield ClipOutcome(unit, rejected=REMOVED)
            return
        with host.room() as room:
            yield from self._cropped(unit, result, steps, host, room)
        for clip_id in result.removed:
            yield ClipOutcome(clip_id, rejected=REMOVED)
        for row in result.rows:
            if row.status == "rejected":
                yield ClipOutcome(row.clip_id, rejected=row.reason)

    def _cropped(
        self, unit: str, result: SourceResult, steps: "ClipSteps", host: Host, room: Room
    ) -> Iterator[ClipOutcome]:
        """Crop a video, and take each of its clips through the stages while its frames are in memory."""
        waited, num_decoded = 0.0, 0

        def look() -> None:
            nonlocal num_decoded
            host.check()
            num_decoded += 1
            if num_decoded % _TOLD_FRAMES == 0:
                host.doing(f"{CROP}, {num_decoded:,} frames")

        def keep(clip: Clip) -> Collection[int]:
            nonlocal waited
            start = time.perf_counter()
            side = self.job.settings.size_px
            files = self.job.frame_codec.most_bytes(len(clip.frame_indices), side, side)
            room.take(files + steps.need(clip, side, side))
            waited = time.perf_counter() - start
            return steps.select(clip)

        clips = self.job.clips(
            self.videos[unit],
            result,
            check=look,
            keep=keep,
            detector=self._detector(host),
            unrecorded=self._unrecorded.get(unit, ()),
        )
        while True:
            start, waited = time.perf_counter(), 0.0
            host.doing(CROP)
            try:
                with host.away():  # a video may be decoded for minutes before it gives a clip
                    clip = next(clips, None)
            except MMVoxCelebError:
                raise
            except OSError as error:
                raise ProcessingError(
                    f"{steps.writer.location}: cannot be written, at video {unit} {reason_and_advice(error)}; what is "
                    "finished is kept"
                ) from error
            spent = time.perf_counter() - start - waited
            if clip is None:
                break
            if not clip.files:  # it was there: what was held is of one that was rejected
                room.keep(0)
            outcome = self._through_stages(clip, spent, steps, host, room)
            clip.let_go()
            room.keep(0)
            yield outcome

    def end(self, steps: "ClipSteps") -> None:
        provenance = steps.provenance
        job = self.job.snapshot()
        removals = self.job.removed.now()
        rows = job.records.rows(removals)
        ledger = [row for row in provenance.rows() if not is_removed(row.clip_id, removals)]
        refused = self._refused(removals)
        if not rows and not ledger and not refused:
            return
        known = {row.clip_id for row in rows}
        given_up = [row for row in ledger if row.stage == CROP and row.status == "failed"]
        finished = {key for key in self.videos if job.records.has(key)}
        rows += [row for row in given_up if row.clip_id not in known | finished]
        rows += {*refused, *(row for row in ledger if self._is_of_other_list(row))}
        provenance.replace(CROP, rows)

    def _is_of_other_list(self, row: LedgerRow) -> bool:
        """Whether a row tells of a bad row in a list of an earlier run, on videos that this run has not."""
        video = row.clip_id.rpartition("#")[0]
        return row.stage == CROP and row.reason.startswith(f"{BAD_ROW}:") and video not in {"", *self.videos}

    def _through_stages(
        self, clip: WrittenClip, crop_seconds: float, steps: "ClipSteps", host: Host, held: Room
    ) -> ClipOutcome:
        new = clip.num_new_frames > 0
        outcome = ClipOutcome(clip.clip_id)
        if steps.stages:
            with_frames = any(stage.reads_frames for stage in steps.stages)
            outcome = steps.run(clip.clip_id, self._opened(clip, with_frames=with_frames), host, held)
        if outcome.rejected:
            self.job.take_away(clip.clip_id)
            return outcome
        return ClipOutcome(
            clip.clip_id,
            done=((CROP,) if new else ()) + outcome.done,
            skipped=(() if new else (CROP,)) + outcome.skipped,
            failed=outcome.failed,
            frames=max(clip.num_new_frames, outcome.frames),
            seconds={CROP: crop_seconds, **outcome.seconds},
            device_seconds=outcome.device_seconds,
            figures=outcome.figures,
            source_frames=clip.source_frames,
            remarks=tuple(filter(None, (clip.remark, *outcome.remarks, self._told_of_outdated(clip.outdated, steps)))),
        )

    def _told_of_outdated(self, stages: Sequence[str], steps: "ClipSteps") -> str:
        """Say which results of earlier frames were deleted, and are not made again by this run; empty if none was."""
        lost = [stage for stage in stages if stage not in {each.name for each in steps.stages}]
        return f"frames replaced, and what was made of the earlier ones deleted ({', '.join(lost)})" if lost else ""

    def _opened(self, made: WrittenClip, *, with_frames: bool) -> Callable[..., Clip]:
        """How to describe a clip: from memory, or from the store where an earlier run wrote it."""
        described = self._described(made, with_frames=with_frames)
        return lambda **options: replace(described(**options), source=made.source)

    def _described(self, made: WrittenClip, *, with_frames: bool) -> Callable[..., Clip]:
        if not with_frames:
            return lambda **_: Clip(made.clip_id, (), location=self.job.writer.location)
        if made.files:
            location = self.job.writer.location
            if self.job.frame_codec.is_file:
                return lambda **_: video_in_memory(location, made.clip_id, *made.files[0])
            return lambda **_: clip_in_memory(location, made.clip_id, made.files, made.pictures)
        for store in (self._stored, None):
            if store is None:  # none was opened yet, or the clip was written after it was
                store = self._stored = open_store(self.job.writer.tree.address)
            try:
                store.entries(VIDEO, made.clip_id)
            except MissingModalityError:
                continue
            break
        return partial(StoredClips(store or open_store(self.job.writer.tree.address)).clip, made.clip_id)

    def _detector(self, host: Host) -> Detector | None:
        """A detector for this thread: its own copy, or the one of the device."""
        shared = self.job.detector
        if shared is None:
            return None
        if shared.needs_device:
            return _OnDevice(shared, host)
        if self._local.detector is None:
            self._local.detector = copy.deepcopy(shared)
        return self._local.detector


def _removed_of(records: Mapping[str, VideoRecord | None], removals: Removals) -> int:
    """Count the single clips on the removal list that records of finished videos no longer name."""
    count = 0
    for clip_id in removals.clip_id:
        clip = ClipId.parse(clip_id)
        video = f"{clip.person_id}#{clip.video_id}"
        record = records.get(video) or records.get(f"{video}#{clip.utterance}")
        count += record is not None and clip_id not in record.clips
    return count


class _PerThread(threading.local):
    detector: Detector | None = None


class _OnDevice(Detector):
    """Calls a detector in turn with all else that uses the device."""

    name = "on device"

    def __init__(self, detector: Detector, host: Host) -> None:
        self._detector = detector
        self._host = host

    def settings(self) -> dict[str, Any]:
        return self._detector.settings()

    def computation(self) -> dict[str, Any]:
        return self._detector.computation()

    def detect(self, frames: Any, *, min_face_px: float = 0) -> list[list[Detection]]:
        found = self._host.on_device(lambda: self._detector.detect(frames, min_face_px=min_face_px))
        return list(found)
