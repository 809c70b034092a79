"""Crop one source video into a store, whole or not at all, and remember that it is done."""

import contextlib
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from mmvoxceleb.errors import CorruptSourceError, SourceUnavailableError
from mmvoxceleb.files.opening import Place, open_output
from mmvoxceleb.files.tree import OutputTree
from mmvoxceleb.meta.earlier import Earlier, OtherResultsError
from mmvoxceleb.meta.provenance import COMPUTATION, LedgerRow, Provenance
from mmvoxceleb.meta.videos import CROP, VideoRecord, VideoRecords
from mmvoxceleb.meta.watch import RemovalWatch, is_removed
from mmvoxceleb.modalities import LABEL
from mmvoxceleb.processing.crop.clip_files import ClipFiles, WrittenClip
from mmvoxceleb.processing.crop.cropping import crop_tubes, versions_of
from mmvoxceleb.processing.crop.fetch import YOUTUBE, fetch_video
from mmvoxceleb.processing.crop.result import PLACE, CroppedClip, Rejection, SourceResult
from mmvoxceleb.processing.crop.scratch import fetched
from mmvoxceleb.processing.crop.settings import CropSettings
from mmvoxceleb.processing.crop.videos import SourceVideo, digests_of, inputs_of
from mmvoxceleb.processing.detectors import Detector
from mmvoxceleb.processing.frame_codec import Codec, FrameCodec
from mmvoxceleb.processing.outdated import outdated_by_frames, take_away
from mmvoxceleb.processing.output import Layout, StoreWriter
from mmvoxceleb.processing.source_file import SourceFile
from mmvoxceleb.processing.stage import Clip

__all__ = ["CropJob"]

_NOT_OURS = "it is there already and was not cropped by this program; choose another output folder, or give --overwrite"


@dataclass(frozen=True)
class CropJob:
    """Where the clips go and how they are made. Cheap to pickle, for the workers.

    Args:
        out: The store's folder or URL.
        settings: The rules.
        detector: Finds the faces; None where the boxes are known.
        decoder: Name of the decoder.
        codec: ``png``, or ``mp4`` or ``mp4-lossless`` for one video file a clip.
        crf: Quality of ``mp4``; see :class:`~mmvoxceleb.processing.frame_codec.FrameCodec`, for both.
        keyframe_every: Of video files.
        layout: Of ``png``, by default the writer's.
        overwrite: Replace the work of other settings instead of refusing to mix.
        download_to: Folder for the videos that are not there; None leaves them out.
        url_template: Their address.
        num_threads: Threads of the decoder.
        with_sound: Whether the sound of the videos is wanted, too, where they are downloaded.
    """

    out: Place
    settings: CropSettings
    detector: Detector | None = None
    decoder: str = "pyav"
    codec: Codec = "png"
    crf: int = FrameCodec.crf
    keyframe_every: int = FrameCodec.keyframe_every
    layout: Layout | None = None
    overwrite: bool = False
    download_to: Path | None = None
    url_template: str = YOUTUBE
    num_threads: int = 1
    with_sound: bool = False

    @cached_property
    def writer(self) -> StoreWriter:
        """What writes the clips.

        Raises:
            ConfigError: The output cannot be written to, or not in this layout.
        """
        return StoreWriter(open_output(self.out), self.layout)

    @property
    def files(self) -> ClipFiles:
        """The files of the clips."""
        return ClipFiles(self.writer, self.frame_codec)

    @property
    def frame_codec(self) -> FrameCodec:
        """How frames are stored."""
        return FrameCodec(self.codec, self.crf, self.keyframe_every)

    @cached_property
    def removed(self) -> RemovalWatch:
        """Who must not be made."""
        return RemovalWatch(self.tree)

    @property
    def tree(self) -> OutputTree:
        """The output."""
        return self.writer.tree

    def snapshot(self) -> "CropJob":
        """The same job over a view of the output, to ask what is there now with as few requests as possible."""
        return replace(self, out=self.tree.snapshot())

    def options(self) -> dict[str, Any]:
        """Everything that changes the bytes written, as JSON values."""
        detector = self.detector.settings() if self.detector is not None else None
        return {**self.settings.as_dict(), **self.frame_codec.settings(), "detector": detector}

    @property
    def records(self) -> VideoRecords:
        """Which videos are done."""
        return VideoRecords(self.tree)

    def check(self, key: str, options: dict[str, Any], inputs: dict[str, Any] | None = None) -> None:
        """Refuse to mix the work of different settings and, where given, inputs, unless it is to be replaced.

        Raises:
            IncompatibleOutputError: The video was cropped with other settings before, and something was written.
        """
        record = self.records.read(key)
        if record is not None:
            inputs = dict(record.inputs) if inputs is None else inputs
            self.records.is_same(record, options, inputs, overwrite=self.overwrite)

    def clips(
        self,
        video: SourceVideo,
        result: SourceResult,
        *,
        check: Callable[[], None] | None = None,
        keep: Callable[[Clip], Collection[int]] | None = None,
        detector: Detector | None = None,
        unrecorded: Collection[str] = (),
    ) -> Iterator[WrittenClip]:
        """Crop one video, and hand out each of its clips as soon as it is in the store.

        The video counts as done when the last clip was taken back. Clips that an earlier run wrote are not written
        again; where all of them are there, the video is not even opened.

        Args:
            video: The video.
            result: Filled with what became of it; complete at the end.
            check: Called for every frame that is decoded; what it raises ends the work.
            keep: Chooses frames of a clip whose pictures are to be handed out, before any is decoded; none by default.
                Of a clip that becomes a video file none is, as its frames are what is decoded of that.
            detector: Used instead of the job's own, whose settings it must have.
            unrecorded: Clips of the video that a stopped run left, perhaps one with other settings. Those that are not
                made now are deleted.

        Raises:
            IncompatibleOutputError: The output holds clips of these names that were made of something else.
            OSError: The output cannot be written.
        """
        unreachable = None
        with contextlib.ExitStack() as scratch:
            try:
                if video.path is None and video.remote:
                    video = replace(video, path=scratch.enter_context(fetched(video.remote, check=check)))
                elif video.path is None and self.download_to is not None:
                    path = fetch_video(
                        video.video_id, self.download_to, url_template=self._url_of(video), with_sound=self.with_sound
                    )
                    video = replace(video, path=path)
            except SourceUnavailableError as error:
                unreachable = str(error)
            source = None if video.path is None else scratch.enter_context(SourceFile(video.path))
            for written in self._clips(video, unreachable, result, check, keep, detector, unrecorded):
                written.source = source
                yield written

    def _clips(
        self,
        video: SourceVideo,
        unreachable: str | None,
        result: SourceResult,
        check: Callable[[], None] | None,
        keep: Callable[[Clip], Collection[int]] | None,
        detector: Detector | None,
        unrecorded: Collection[str],
    ) -> Iterator[WrittenClip]:
        options = self.options()
        inputs, digests = inputs_of(video), digests_of(video)
        record = self.records.read(video.key)
        if record is not None and self._is_finished(
            record, video, options, inputs, digests, is_gone=unreachable is not None
        ):
            result.rows = list(record.rows)
            result.num_frames = record.num_frames
            yield from map(WrittenClip, record.clips)
            return
        if unreachable is not None:
            for utterance in video.utterances:
                result.reject(Rejection(video.input_name(utterance), "unreachable", unreachable))
        else:
            yield from self._crop(video, result, options, check, keep, detector or self.detector)
        if record is not None and record.clips and (unreachable is not None or video.path is None):
            result.close("what was made of it before stays")  # nothing can take its place
            return
        is_here = unreachable is None and video.path is not None
        self._forget_others(record, result, [each for each in unrecorded if is_here and self._is_unfinished(each)])
        result.close(notes={utterance.name: utterance.note for utterance in video.utterances})
        done = VideoRecord(video.key, inputs, options, result.num_frames, tuple(result.rows), digests)
        removals = self.records.write(done, self.removed)
        result.rows = [row for row in result.rows if not is_removed(row.clip_id, removals)]

    def _url_of(self, video: SourceVideo) -> str:
        """What the user named goes before what the list names."""
        return video.url if video.url and self.url_template == YOUTUBE else self.url_template

    def _is_finished(
        self,
        record: VideoRecord,
        video: SourceVideo,
        options: dict[str, Any],
        inputs: dict[str, Any],
        digests: dict[str, str],
        *,
        is_gone: bool,
    ) -> bool:
        """What could not be had before is tried again; what was made of a video that is gone stands."""
        is_lost = is_gone and bool(record.clips)
        is_whole = (is_lost or video.path is not None) and all(self.files.has(name) for name in record.clips)
        inputs = dict(record.inputs) if is_lost and is_whole else inputs
        if record.is_only_part_of(inputs, digests):
            inputs, is_whole = dict(record.inputs), is_lost and is_whole
        return self.records.is_same(record, options, inputs, overwrite=self.overwrite) and is_whole

    def _crop(
        self,
        video: SourceVideo,
        result: SourceResult,
        options: dict[str, Any],
        check: Callable[[], None] | None,
        keep: Callable[[Clip], Collection[int]] | None,
        detector: Detector | None,
    ) -> Iterator[WrittenClip]:
        versions = versions_of(self.decoder)
        computation = detector.computation() if detector is not None else {}
        computed = {COMPUTATION: computation} if computation else {}
        provenance = Provenance(self.tree)
        earlier = Earlier(provenance, self.overwrite)
        cropped = crop_tubes(
            video,
            settings=self.settings,
            detector=detector,
            decoder=self.decoder,
            num_threads=self.num_threads,
            rejected=result.reject,
            progress=check,
        )
        for clip in cropped:
            if clip.clip_id in self.removed.now():
                result.removed.append(clip.clip_id)
                continue
            is_whole = self.files.has(clip.clip_id)
            is_there = is_whole or self.files.has_other(clip.clip_id)
            section = earlier.section(
                clip.clip_id, CROP, is_whole=is_there, is_there=is_there, unknown=lambda: _NOT_OURS
            )
            if section is not None and clip.is_same(section, options) and is_whole:  # the video has no record
                result.add(clip.clip_id, section["num_frames"], clip.remark)
                yield WrittenClip(clip.clip_id)
                continue
            if section is not None:
                self._refuse_to_replace(earlier, clip, section, options)
            written = WrittenClip(clip.clip_id)
            try:
                self.files.encode(clip, keep, written)
            except CorruptSourceError as error:
                result.reject(Rejection(clip.clip_id, "broken video", str(error)))
                continue
            count = clip.meta["num_frames"]
            if count < self.settings.min_frames:
                detail = f"it ends after {count} frames of the clip, {self.settings.min_frames} wanted"
                result.reject(Rejection(clip.clip_id, "video too short", detail))
                continue
            if clip.clip_id not in self.removed.now():
                outdated = outdated_by_frames(provenance.read(clip.clip_id), clip.meta)
                if outdated and not self.files.are_same(written):
                    written.outdated = take_away(self.writer, clip.clip_id, outdated)
                provenance.begin(clip.clip_id, [CROP] if clip.label is None else [CROP, LABEL.folder().path])
                about_label = self.files.write(clip, written)
                section = {**clip.meta, **computed, "settings": options, "versions": versions}
                provenance.finish(clip.clip_id, {CROP: section, **about_label})
                if clip.label is not None:
                    provenance.record([LedgerRow(clip.clip_id, LABEL.folder().path, "done")])
            if clip.clip_id in self.removed.now():
                self.take_away(clip.clip_id)
                result.removed.append(clip.clip_id)
                continue
            result.add(clip.clip_id, count, clip.remark)
            written.num_new_frames, written.source_frames, written.remark = count, clip.meta["frames"], clip.remark
            yield written

    def _refuse_to_replace(
        self, earlier: Earlier, clip: CroppedClip, section: Mapping[str, Any], options: Mapping[str, Any]
    ) -> None:
        """Refuse to replace a clip that was made in another way, unless it is to be replaced.

        Raises:
            OtherResultsError: It was.
        """
        what, advice = f"clip {clip.clip_id}, {CROP}", "; choose another output folder, or give --overwrite"
        settings = section.get("settings")
        told = ({key: section.get(key) for key in PLACE}, {key: clip.meta[key] for key in PLACE})
        is_same = earlier.is_same(
            f"{what}: made in another way", (settings if isinstance(settings, Mapping) else {}, options), told,
            advice=advice,
        )  # fmt: skip
        if is_same:
            self.refuse_converted(clip.clip_id)

    def refuse_converted(self, clip_id: str) -> None:
        """Refuse to replace the frames of a clip that are stored in another form than wanted.

        Raises:
            OtherResultsError: They are.
        """
        if self.files.has_other(clip_id) and not self.overwrite:
            reason = f"its frames were converted since, and are not stored as {self.codec}"
            raise OtherResultsError(
                f"{self.tree.location}: clip {clip_id}, {CROP}: {reason}; choose another output folder, or give "
                "--overwrite",
                reason,
            )

    def take_away(self, clip_id: str) -> None:
        """Delete a clip and what is said of it, because it was removed while it was being made."""
        self.writer.remove_clip(clip_id)

    def _is_unfinished(self, clip_id: str) -> bool:
        """Return whether to delete a clip that is not made now: a stopped run left it, or it is to be replaced."""
        provenance = Provenance(self.tree)
        is_cropped = provenance.section(clip_id, CROP) is not None
        return (is_cropped and self.overwrite) or provenance.was_interrupted(clip_id, CROP)

    def _forget_others(
        self, record: VideoRecord | None, result: SourceResult, unrecorded: Collection[str] = ()
    ) -> None:
        """Delete the clips of earlier runs that are not made any more, with all that was made of them."""
        kept = {row.clip_id for row in result.rows if row.status == "done"}
        gone = sorted({*unrecorded, *(record.clips if record is not None else ())} - kept)
        for clip_id in gone:
            self.writer.remove_clip(clip_id)
        Provenance(self.tree).record(LedgerRow(clip_id, CROP, "rejected", "no longer made") for clip_id in gone)
