"""Crop one source video into a store, whole or not at all, and remember that it is done."""

import hashlib
import json
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote

from mmvoxceleb.errors import IncompatibleOutputError, SourceUnavailableError
from mmvoxceleb.processing.crop.cropping import CroppedClip, Rejection, crop_tubes
from mmvoxceleb.processing.crop.fetch import YOUTUBE, fetch_video
from mmvoxceleb.processing.crop.settings import CropSettings
from mmvoxceleb.processing.crop.videos import SourceVideo, fingerprint
from mmvoxceleb.processing.decoders import FPS
from mmvoxceleb.processing.detectors import Detector
from mmvoxceleb.processing.h264 import encode_h264
from mmvoxceleb.processing.output import StoreWriter, write_atomically
from mmvoxceleb.processing.provenance import LedgerRow, Provenance, differences
from mmvoxceleb.schema import Folder
from mmvoxceleb.stores.removals import REMOVALS_PATH, read_removals

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["CropJob", "SourceResult"]

STAGE = "crop"
VIDEO = Folder("video")

PNG_THREADS = 2
"""Encoding a PNG takes longer than decoding and cropping its frame."""


@dataclass
class SourceResult:
    """What came of one source video.

    Args:
        key: Person and video.
        rows: A ledger row for every tube, and for every utterance that gave none.
        num_frames: Frames written, or found written by an earlier run.
        was_finished: Whether an earlier run had done it.
    """

    key: str
    rows: list[LedgerRow] = field(default_factory=list)
    num_frames: int = 0
    was_finished: bool = False


@dataclass(frozen=True)
class CropJob:
    """Where the clips go and how they are made. Cheap to pickle, for the workers.

    Args:
        out: The store's folder.
        settings: The rules.
        detector: Finds the faces; None where the boxes are known.
        decoder: Name of the decoder.
        codec: ``png``, or ``mp4`` for one H.264 file a clip, which ``load_dataset`` does not read.
        layout: ``folder`` or ``packed``; only for ``png``.
        overwrite: Replace the work of other settings in place of refusing to mix.
        download_to: Folder for the videos that are not there; None leaves them out.
        url_template: Where they come from.
        num_threads: Threads of the decoder.
    """

    out: Path
    settings: CropSettings
    detector: Detector | None = None
    decoder: str = "pyav"
    codec: Literal["png", "mp4"] = "png"
    layout: Literal["folder", "packed"] = "folder"
    overwrite: bool = False
    download_to: Path | None = None
    url_template: str = YOUTUBE
    num_threads: int = 1

    def options(self) -> dict[str, Any]:
        """Everything that changes the bytes written, as JSON values."""
        detector = None if self.detector is None else self.detector.settings()
        return {**self.settings.as_dict(), "codec": self.codec, "detector": detector}

    def record_path(self, key: str) -> Path:
        """Name the file that says that a source video is done."""
        name = f"{quote(key, safe='')[:80]}-{hashlib.sha256(key.encode()).hexdigest()[:12]}.json"
        return self.out / "meta" / ".crop" / name

    def read_record(self, key: str) -> dict[str, Any] | None:
        """Read it; None where the video is not done."""
        try:
            content = json.loads(self.record_path(key).read_bytes())
        except (FileNotFoundError, ValueError):
            return None
        return content if isinstance(content, dict) else None

    def check(self, key: str, options: dict[str, Any]) -> None:
        """Refuse to mix the work of different settings.

        Raises:
            IncompatibleOutputError: The video was cropped with other settings before, and something was written.
        """
        record = self.read_record(key)
        if record is None or self.overwrite or record["options"] == options or not _written(record):
            return
        what = "; ".join(differences(record["options"], options))
        raise IncompatibleOutputError(
            f"{self.out}: {key} was cropped with other settings ({what}); "
            "choose another output folder, use the same settings, or give --overwrite"
        )

    def run(self, video: SourceVideo, stopping: Callable[[], bool] = lambda: False) -> SourceResult:
        """Crop one video, unless that is done.

        Raises:
            IncompatibleOutputError: The output holds clips of these names that were made of something else.
            KeyboardInterrupt: ``stopping`` said so.
        """
        options = self.options()
        unreachable = None
        if video.path is None and self.download_to is not None:
            try:
                path = fetch_video(video.video_id, self.download_to, url_template=self.url_template)
                video = replace(video, path=path)
            except SourceUnavailableError as error:
                unreachable = str(error)
        inputs = _inputs(video)
        record = self.read_record(video.key)
        if record is not None:
            self.check(video.key, options)
            if record["inputs"] == inputs and record["options"] == options and self._is_whole(record, video):
                return SourceResult(video.key, [_row(row) for row in record["rows"]], record["num_frames"], True)
            if record["inputs"] != inputs and _written(record) and not self.overwrite:
                raise IncompatibleOutputError(
                    f"{self.out}: {video.key} was cropped from another video or another annotation "
                    f"({'; '.join(differences(record['inputs'], inputs))}); choose another output folder, or give "
                    "--overwrite"
                )
        result = SourceResult(video.key)
        if unreachable is not None:
            for utterance in video.utterances:
                result.rows.append(_rejected(Rejection(video.input_name(utterance), "unreachable", unreachable)))
        else:
            self._crop(video, result, options, stopping)
        self._forget_others(record, result)
        result.rows.sort()
        content = {
            "key": video.key,
            "inputs": inputs,
            "options": options,
            "num_frames": result.num_frames,
            "rows": [{"name": row.clip_id, "status": row.status, "reason": row.reason} for row in result.rows],
        }
        write_atomically(self.record_path(video.key), (json.dumps(content, ensure_ascii=False) + "\n").encode())
        return result

    def has(self, clip_id: str) -> bool:
        """Tell whether a clip's pictures are in the output, in the form wanted."""
        if self.codec == "mp4":
            return (self.out / VIDEO.path / clip_id).is_file()
        return StoreWriter(self.out).has(VIDEO, clip_id)

    def _is_whole(self, record: dict[str, Any], video: SourceVideo) -> bool:
        """What could not be had before is tried again."""
        return video.path is not None and all(self.has(name) for name in _written(record))

    def _crop(
        self, video: SourceVideo, result: SourceResult, options: dict[str, Any], stopping: Callable[[], bool]
    ) -> None:
        versions = _versions(self.decoder)
        provenance = Provenance(self.out)
        removals = read_removals(self.out)

        def progress() -> None:
            if stopping():
                raise KeyboardInterrupt

        clips = crop_tubes(
            video,
            settings=self.settings,
            detector=self.detector,
            decoder=self.decoder,
            num_threads=self.num_threads,
            rejected=lambda rejection: result.rows.append(_rejected(rejection)),
            progress=progress,
        )
        for clip in clips:
            if clip.clip_id in removals:
                result.rows.append(_rejected(Rejection(clip.clip_id, "removed", f"it is in {REMOVALS_PATH}")))
                continue
            self._guard(provenance, clip.clip_id)
            data = encode_h264(clip.frames, fps=FPS) if self.codec == "mp4" else _encode_pngs(clip)
            count = clip.meta["num_frames"]
            if count < self.settings.min_frames:
                detail = f"it ends after {count} frames of the clip, {self.settings.min_frames} wanted"
                result.rows.append(_rejected(Rejection(clip.clip_id, "video too short", detail)))
                continue
            provenance.begin(clip.clip_id, [STAGE])
            self._write(clip.clip_id, data)
            section = {**clip.meta, "settings": options, "versions": versions}
            provenance.finish(clip.clip_id, {STAGE: section})
            result.rows.append(LedgerRow(clip.clip_id, STAGE, "done"))
            result.num_frames += count

    def _write(self, clip_id: str, data: "bytes | list[tuple[str, bytes]]") -> None:
        writer = StoreWriter(self.out, self.layout)
        if isinstance(data, bytes):
            writer.remove(VIDEO, clip_id)
            write_atomically(self.out / VIDEO.path / clip_id, data)
        else:
            self._remove_mp4(clip_id)
            writer.write(VIDEO, clip_id, data)

    def _remove_mp4(self, clip_id: str) -> None:
        path = self.out / VIDEO.path / clip_id
        if path.is_file():
            path.unlink()

    def _guard(self, provenance: Provenance, clip_id: str) -> None:
        if self.overwrite or not (self.has(clip_id) or (self.out / VIDEO.path / clip_id).exists()):
            return
        if provenance.section(clip_id, STAGE) is None and not provenance.was_interrupted(clip_id, STAGE):
            raise IncompatibleOutputError(
                f"{self.out}: the clip {clip_id} is there already and was not cropped by this program; choose another "
                "output folder, or give --overwrite"
            )

    def _forget_others(self, record: dict[str, Any] | None, result: SourceResult) -> None:
        """Take away the clips of an earlier record that the new settings no longer give."""
        if record is None:
            return
        provenance = Provenance(self.out)
        kept = {row.clip_id for row in result.rows if row.status == "done"}
        for clip_id in sorted(set(_written(record)) - kept):
            StoreWriter(self.out).remove(VIDEO, clip_id)
            self._remove_mp4(clip_id)
            provenance.drop(clip_id, STAGE)


def _encode_pngs(clip: CroppedClip) -> list[tuple[str, bytes]]:
    """Encode the frames of a clip, ``0000000.png`` and on, on a few threads and in order."""
    files: list[tuple[str, bytes]] = []
    waiting: deque[Future[bytes]] = deque()
    with ThreadPoolExecutor(PNG_THREADS) as pool:
        try:
            for frame in clip.frames:
                waiting.append(pool.submit(_encode_png, frame))
                if len(waiting) > 2 * PNG_THREADS:
                    files.append((f"{len(files):07d}.png", waiting.popleft().result()))
            while waiting:
                files.append((f"{len(files):07d}.png", waiting.popleft().result()))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return files


def _encode_png(frame: "NDArray[np.uint8]") -> bytes:
    import cv2

    # run-length matching: measured as the smallest of the quick settings on faces, 65 kB a frame
    options = [cv2.IMWRITE_PNG_COMPRESSION, 1, cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE]
    done, data = cv2.imencode(".png", cv2.cvtColor(frame, cv2.COLOR_RGB2BGR), options)
    assert done
    return data.tobytes()


def _inputs(video: SourceVideo) -> dict[str, Any]:
    digest = hashlib.sha256()
    for utterance in video.utterances:
        digest.update(f"{utterance.name}\n{utterance.row}\n".encode())
        if utterance.annotation is not None:
            digest.update(utterance.annotation.read_bytes() if utterance.annotation.is_file() else b"-")
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


def _written(record: dict[str, Any]) -> list[str]:
    return [row["name"] for row in record["rows"] if row["status"] == "done"]


def _rejected(rejection: Rejection) -> LedgerRow:
    return LedgerRow(rejection.name, STAGE, "rejected", str(rejection))


def _row(content: dict[str, Any]) -> LedgerRow:
    return LedgerRow(content["name"], STAGE, content["status"], content["reason"])
