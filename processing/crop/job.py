"""Crop one source video into a store, whole or not at all, and remember that it is done."""

import contextlib
import hashlib
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from mmvoxceleb.codecs.h264 import encode_h264
from mmvoxceleb.errors import CorruptSourceError, IncompatibleOutputError, SourceUnavailableError
from mmvoxceleb.files.opening import Place, open_output
from mmvoxceleb.files.tree import OutputTree
from mmvoxceleb.meta.provenance import COMPUTATION, LedgerRow, Provenance, differences
from mmvoxceleb.meta.videos import CROP, VideoRecord, VideoRecords
from mmvoxceleb.meta.watch import RemovalWatch, is_removed
from mmvoxceleb.modalities import LABEL
from mmvoxceleb.processing.crop.cropping import CroppedClip, Rejection, crop_tubes
from mmvoxceleb.processing.crop.encoding import encode_pngs, keeping
from mmvoxceleb.processing.crop.fetch import YOUTUBE, fetch_video
from mmvoxceleb.processing.crop.listed import ManualLabel
from mmvoxceleb.processing.crop.scratch import fetched
from mmvoxceleb.processing.crop.settings import CropSettings
from mmvoxceleb.processing.crop.videos import SourceVideo, fingerprint
from mmvoxceleb.processing.decoders import FPS
from mmvoxceleb.processing.detectors import Detector
from mmvoxceleb.processing.labels.stage import MANUAL, format_label
from mmvoxceleb.processing.output import Layout, StoreWriter
from mmvoxceleb.processing.stage import Clip
from mmvoxceleb.schema import Folder

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["CropJob", "SourceResult", "WrittenClip"]

VIDEO = Folder("video")
_CRF, _KEY_FRAME_EVERY = 16, 12
"""Of clips as mp4 files."""


@dataclass
class SourceResult:
    """What came of one source video.

    Args:
        key: Person and video.
        rows: A ledger row for every tube, and for every utterance that gave none.
        num_frames: Frames written, or found written by an earlier run.
        removed: Clips that were not made, or were deleted again, because they are on the removal list.
    """

    key: str
    rows: list[LedgerRow] = field(default_factory=list)
    num_frames: int = 0
    removed: list[str] = field(default_factory=list)


@dataclass
class WrittenClip:
    """A clip that is in the store.

    Args:
        clip_id: The key.
        num_new_frames: Frames that this run wrote; 0 for a clip of an earlier run.
        files: The files of ``video/<clip_id>``, where this run wrote them as pictures.
        pictures: uint8 [size, size, 3], RGB, of the frames that were to be kept, by index.
        source_frames: How many frames of the video were ``dropped``, ``doubled`` and ``undecodable`` on the way.
    """

    clip_id: str
    num_new_frames: int = 0
    files: list[tuple[str, bytes]] = field(default_factory=list)
    pictures: "dict[int, NDArray[np.uint8]]" = field(default_factory=dict)
    source_frames: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class CropJob:
    """Where the clips go and how they are made. Cheap to pickle, for the workers.

    Args:
        out: The store's folder or URL.
        settings: The rules.
        detector: Finds the faces; None where the boxes are known.
        decoder: Name of the decoder.
        codec: ``png``, or ``mp4`` for one H.264 file a clip, which ``load_dataset`` does not read.
        layout: ``folder`` or ``packed``, only for ``png``; by default that of
            :class:`~mmvoxceleb.processing.output.StoreWriter`.
        overwrite: Replace the work of other settings in place of refusing to mix.
        download_to: Folder for the videos that are not there; None leaves them out.
        url_template: Where they come from.
        num_threads: Threads of the decoder.
    """

    out: Place
    settings: CropSettings
    detector: Detector | None = None
    decoder: str = "pyav"
    codec: Literal["png", "mp4"] = "png"
    layout: Layout | None = None
    overwrite: bool = False
    download_to: Path | None = None
    url_template: str = YOUTUBE
    num_threads: int = 1

    @cached_property
    def writer(self) -> StoreWriter:
        """What writes the clips.

        Raises:
            ConfigError: The output cannot be written to, or not in this layout.
        """
        return StoreWriter(open_output(self.out), self.layout)

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
        detector = None if self.detector is None else self.detector.settings()
        return {**self.settings.as_dict(), "codec": self.codec, "detector": detector}

    @property
    def records(self) -> VideoRecords:
        """Which videos are done."""
        return VideoRecords(self.tree)

    def check(self, key: str, options: dict[str, Any]) -> None:
        """Refuse to mix the work of different settings, unless it is to be replaced.

        Raises:
            IncompatibleOutputError: The video was cropped with other settings before, and something was written.
        """
        if not self.overwrite:
            self.records.check(key, options)

    def clips(
        self,
        video: SourceVideo,
        result: SourceResult,
        *,
        check: Callable[[], None] | None = None,
        keep: Callable[[Clip], Collection[int]] | None = None,
        detector: Detector | None = None,
    ) -> Iterator[WrittenClip]:
        """Crop one video, and hand out each of its clips as soon as it is in the store.

        The video counts as done when the last clip was taken back. Clips that an earlier run wrote are not written
        again; where all of them are there, the video is not even opened.

        Args:
            video: The video.
            result: Filled with what became of it; complete at the end.
            check: Called for every frame that is decoded; what it raises ends the work.
            keep: Chooses frames of a clip whose pictures are to be handed out; none by default.
            detector: Used in place of the job's own, whose settings it must have.

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
                    path = fetch_video(video.video_id, self.download_to, url_template=self._url_of(video))
                    video = replace(video, path=path)
            except SourceUnavailableError as error:
                unreachable = str(error)
            yield from self._clips(video, unreachable, result, check, keep, detector)

    def _clips(
        self,
        video: SourceVideo,
        unreachable: str | None,
        result: SourceResult,
        check: Callable[[], None] | None,
        keep: Callable[[Clip], Collection[int]] | None,
        detector: Detector | None,
    ) -> Iterator[WrittenClip]:
        options = self.options()
        inputs = _inputs(video)
        record = self.records.read(video.key)
        if record is not None:
            self.check(video.key, options)
            is_lost = unreachable is not None and bool(record.clips)  # then what was made of it stands
            is_same = record.options == options and (is_lost or record.inputs == inputs)
            if is_same and self._is_whole(record, video, is_lost):
                result.rows = list(record.rows)
                result.num_frames = record.num_frames
                yield from map(WrittenClip, record.clips)
                return
            if record.inputs != inputs and record.clips and not self.overwrite:
                raise IncompatibleOutputError(
                    f"{self.tree.location}: {video.key} was cropped from another video or another annotation "
                    f"({'; '.join(differences(record.inputs, inputs))}); choose another output folder, or give "
                    "--overwrite"
                )
        if unreachable is not None:
            for utterance in video.utterances:
                result.rows.append(_rejected(Rejection(video.input_name(utterance), "unreachable", unreachable)))
        else:
            yield from self._crop(video, result, options, check, keep, detector or self.detector)
        self._forget_others(record, result)
        result.rows = sorted(_noted(row, video.note) for row in result.rows)
        done = VideoRecord(video.key, inputs, options, result.num_frames, tuple(result.rows))
        removals = self.records.write(done, self.removed)
        result.rows = [row for row in result.rows if not is_removed(row.clip_id, removals)]

    def _url_of(self, video: SourceVideo) -> str:
        """What the user named goes before what the list names."""
        return video.url if video.url and self.url_template == YOUTUBE else self.url_template

    def has(self, clip_id: str) -> bool:
        """Tell whether a clip's pictures are in the output, in the form wanted."""
        if self.codec == "mp4":
            return self.tree.kind(_mp4_path(clip_id)) == "file"
        return self.writer.has(VIDEO, clip_id)

    def _is_whole(self, record: VideoRecord, video: SourceVideo, is_lost: bool) -> bool:
        """What could not be had before is tried again."""
        return (is_lost or video.path is not None) and all(self.has(name) for name in record.clips)

    def _crop(
        self,
        video: SourceVideo,
        result: SourceResult,
        options: dict[str, Any],
        check: Callable[[], None] | None,
        keep: Callable[[Clip], Collection[int]] | None,
        detector: Detector | None,
    ) -> Iterator[WrittenClip]:
        versions = _versions(self.decoder)
        computation = detector.computation() if detector is not None else {}
        computed = {COMPUTATION: computation} if computation else {}
        provenance = Provenance(self.tree)
        cropped = crop_tubes(
            video,
            settings=self.settings,
            detector=detector,
            decoder=self.decoder,
            num_threads=self.num_threads,
            rejected=lambda rejection: result.rows.append(_rejected(rejection)),
            progress=check,
        )
        for clip in cropped:
            if clip.clip_id in self.removed.now():
                result.removed.append(clip.clip_id)
                continue
            section = self._finished_section(provenance, clip, options)
            if section is not None:
                result.rows.append(LedgerRow(clip.clip_id, CROP, "done"))
                result.num_frames += section["num_frames"]
                yield WrittenClip(clip.clip_id)
                continue
            self._guard(provenance, clip.clip_id)
            written = WrittenClip(clip.clip_id)
            try:
                data = self._encode(clip, keep, written)
            except CorruptSourceError as error:
                result.rows.append(_rejected(Rejection(clip.clip_id, "broken video", str(error))))
                continue
            count = clip.meta["num_frames"]
            if count < self.settings.min_frames:
                detail = f"it ends after {count} frames of the clip, {self.settings.min_frames} wanted"
                result.rows.append(_rejected(Rejection(clip.clip_id, "video too short", detail)))
                continue
            if clip.clip_id not in self.removed.now():
                provenance.begin(clip.clip_id, [CROP] if clip.label is None else [CROP, LABEL.folder().path])
                self._write(clip.clip_id, data)
                content = {CROP: {**clip.meta, **computed, "settings": options, "versions": versions}}
                content.update(self._write_label(clip.clip_id, clip.label))
                provenance.finish(clip.clip_id, content)
                if clip.label is not None:
                    provenance.record([LedgerRow(clip.clip_id, LABEL.folder().path, "done")])
            if clip.clip_id in self.removed.now():
                self.take_away(clip.clip_id)
                result.removed.append(clip.clip_id)
                continue
            result.rows.append(LedgerRow(clip.clip_id, CROP, "done"))
            result.num_frames += count
            written.num_new_frames, written.source_frames = count, clip.meta["frames"]
            yield written

    def _encode(
        self, clip: CroppedClip, keep: Callable[[Clip], Collection[int]] | None, written: WrittenClip
    ) -> "bytes | list[tuple[str, bytes]]":
        if self.codec == "mp4":
            return encode_h264(clip.frames, fps=FPS, crf=_CRF, key_frame_every=_KEY_FRAME_EVERY)
        expected = Clip(clip.clip_id, range(clip.meta["end"] - clip.meta["start"]), clip.meta)
        kept = frozenset(keep(expected)) if keep is not None else frozenset()
        written.files = encode_pngs(keeping(clip.frames, kept, written.pictures))
        return written.files

    def _finished_section(
        self, provenance: Provenance, clip: CroppedClip, options: dict[str, Any]
    ) -> dict[str, Any] | None:
        """Give the provenance of a clip that a run, which was stopped in the middle of the video, finished."""
        section = provenance.section(clip.clip_id, CROP)
        if section is None or not self.has(clip.clip_id) or section.get("settings") != options:
            return None
        same = all(section.get(key) == clip.meta[key] for key in ("source", "start", "face_box_xyxy_px"))
        return section if same and isinstance(section.get("num_frames"), int) else None

    def _write(self, clip_id: str, data: "bytes | list[tuple[str, bytes]]") -> None:
        if isinstance(data, bytes):
            self.writer.remove(VIDEO, clip_id)
            self.tree.write(_mp4_path(clip_id), data)
        else:
            self._remove_mp4(clip_id)
            self.writer.write(VIDEO, clip_id, data)

    def _write_label(self, clip_id: str, label: ManualLabel | None) -> dict[str, Any]:
        """Write what a list says of the person; return what the provenance says of that."""
        if label is None:
            return {}
        self.writer.write(LABEL.folder(), clip_id, [("", format_label(label.values))])
        section = {"label_source": MANUAL, "annotation_file": label.file, "annotation_sha256": label.sha256}
        return {LABEL.folder().path: section, "label_source": MANUAL}

    def take_away(self, clip_id: str) -> None:
        """Delete a clip and what is said of it, because it was removed while it was being made."""
        self.writer.remove_clip(clip_id)

    def _remove_mp4(self, clip_id: str) -> None:
        if self.tree.kind(_mp4_path(clip_id)) == "file":
            self.tree.remove(_mp4_path(clip_id))

    def _guard(self, provenance: Provenance, clip_id: str) -> None:
        if self.overwrite or not (self.has(clip_id) or self.tree.kind(_mp4_path(clip_id))):
            return
        if provenance.section(clip_id, CROP) is None and not provenance.was_interrupted(clip_id, CROP):
            raise IncompatibleOutputError(
                f"{self.tree.location}: the clip {clip_id} is there already and was not cropped by this program; "
                "choose another output folder, or give --overwrite"
            )

    def _forget_others(self, record: VideoRecord | None, result: SourceResult) -> None:
        """Delete the clips of an earlier record that are not made any more, with all that was made of them."""
        kept = {row.clip_id for row in result.rows if row.status == "done"}
        gone = sorted(set(record.clips) - kept) if record is not None else []
        for clip_id in gone:
            self.writer.remove_clip(clip_id)
        Provenance(self.tree).record(LedgerRow(clip_id, CROP, "rejected", "no longer made") for clip_id in gone)


def _mp4_path(clip_id: str) -> str:
    return f"{VIDEO.path}/{clip_id}"


def _inputs(video: SourceVideo) -> dict[str, Any]:
    digest = hashlib.sha256()
    for utterance in video.utterances:
        digest.update(f"{utterance.name}\n{utterance.row}\n".encode())
        if utterance.listed is not None:
            digest.update(f"{utterance.listed}\n".encode())
        if utterance.annotation is not None:
            try:
                digest.update(utterance.annotation.read_bytes())
            except OSError:
                digest.update(b"-")  # the utterance is rejected for it
    try:
        source = None if video.path is None else fingerprint(video.path)
    except SourceUnavailableError:
        source = None
    return {"video": source, "annotations_sha256": digest.hexdigest()}


def _versions(decoder: str) -> dict[str, str]:
    from importlib.metadata import version

    packages = {"pyav": "av", "torchcodec": "torchcodec", "decord": "decord"}
    return {name: version(name) for name in ("mmvoxceleb", packages[decoder])} | {"opencv": _opencv_version()}


def _opencv_version() -> str:
    import cv2

    return str(cv2.__version__)


def _noted(row: LedgerRow, note: str) -> LedgerRow:
    if not note:
        return row
    between = "" if not row.reason else "; " if ":" in row.reason else ": "  # up to the colon it is a word for counting
    return replace(row, reason=f"{row.reason}{between}{note}")


def _rejected(rejection: Rejection) -> LedgerRow:
    return LedgerRow(rejection.name, CROP, "rejected", str(rejection))
