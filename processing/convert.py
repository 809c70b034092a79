"""Convert the clips of a store to video files, or back to pictures, together with all their other files."""

import hashlib
import logging
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mmvoxceleb.cliplists.chosen_store import ChosenStore
from mmvoxceleb.codecs.video import VideoFrames
from mmvoxceleb.counting import counted
from mmvoxceleb.errors import ConfigError, ProcessingError
from mmvoxceleb.files.opening import open_tree
from mmvoxceleb.files.retry import is_missing
from mmvoxceleb.hub.quality import measure_quality
from mmvoxceleb.meta.inputs import CONVERT
from mmvoxceleb.meta.ledger import LEDGER_PATH, LedgerRow, parse_ledger
from mmvoxceleb.meta.removal_list import read_removals
from mmvoxceleb.meta.removals import REMOVALS_PATH
from mmvoxceleb.meta.taken_out import doubtful_in, note_taken_out
from mmvoxceleb.meta.videos import CROP
from mmvoxceleb.meta.watch import is_removed, is_within
from mmvoxceleb.modalities import META, VIDEO, Folder
from mmvoxceleb.processing.clip import Clip
from mmvoxceleb.processing.engines.interface import ClipSource
from mmvoxceleb.processing.frame_codec import FrameCodec
from mmvoxceleb.processing.output import StoreWriter
from mmvoxceleb.processing.source import StoredClips
from mmvoxceleb.processing.stage import Stage, StageOutput
from mmvoxceleb.stores.clip import StoredClip
from mmvoxceleb.stores.interface import LARGEST_CLIP_BYTES, Store

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mmvoxceleb.processing.engines.steps import ClipSteps

__all__ = ["CONVERT", "ConvertStage", "ledger_of"]

logger = logging.getLogger(__name__)


class ConvertStage(Stage):
    """Copy the clips of a store into another store, and store their frames in another form.

    Frame indices stay the same, including gaps. All other modalities are copied unchanged, together with their
    provenance. ``meta/<clip_id>.json`` records the loss in quality of the frames (PSNR and SSIM) under ``convert``.

    Args:
        codec: The new form of the frames, such as ``FrameCodec("mp4", crf=16)`` from
            ``mmvoxceleb.processing.frame_codec``. Pictures that stay pictures, and video files that already have these
            settings, are copied unchanged.
    """

    name = CONVERT
    is_streamed = True
    folders = (VIDEO.folder(),)

    def __init__(self, codec: FrameCodec) -> None:
        self.codec = codec
        self.also: tuple[Folder, ...] = ()

    def settings(self) -> dict[str, Any]:
        return self.codec.settings()

    def clips_of(
        self, source: Any, stages: Sequence[Stage], writer: StoreWriter, *, overwrite: bool = False
    ) -> ClipSource:
        clips = super().clips_of(source, stages, writer, overwrite=overwrite)
        assert isinstance(clips, StoredClips)
        store = clips.store
        if is_within(writer.tree.address, store.location):
            raise ConfigError(f"{store.location}: a store cannot be converted into itself; name a new place outside it")
        self.also = tuple(folder for folder in store.folders() if folder.kind not in (VIDEO, META))
        with_frames = set(store.clips(VIDEO.folder()))
        for folder in self.also:
            if left := sorted(set(store.clips(folder)) - with_frames):
                logger.warning(
                    "%s: %s of %s without frames, not copied, such as %s",
                    store.location, counted(len(left), "clip"), folder, left[0],
                )  # fmt: skip
        return _ConvertedClips(store)

    def select(self, clip: Clip) -> Sequence[int]:
        return clip.frame_indices

    def inputs(self, clip: Clip) -> dict[str, Any]:
        lines = [
            f"{folder}\t{entry.name}\t{entry.size}\n"
            for folder in self._others(clip)
            for entry in _stored(clip).entries(folder)
        ]
        return {"others": hashlib.sha256("".join(lines).encode()).hexdigest()}

    def extra_bytes(self, frames: int, height: int, width: int) -> int:
        return 2 * self.codec.most_bytes(frames, height, width)  # the files, and what they are written through

    def process(self, clip: Clip, frames: "NDArray[np.uint8]") -> None:
        """Do nothing: the conversion needs no model."""

    def encode(self, clip: Clip, result: None) -> StageOutput:
        stored, frames = _stored(clip), _Frames(clip)
        files, section = self._encoded(clip, stored, frames)
        others = {
            folder: [(entry.name, data) for entry, data in zip(entries, stored.read(folder, entries), strict=True)]
            for folder in self._others(clip)
            for entries in [stored.entries(folder)]
        }
        if self.name in stored.meta:
            section["before"] = stored.meta[self.name]
        facts = {key: value for key, value in stored.meta.items() if key not in (self.name, "clip_id", "pending")}
        return StageOutput({VIDEO.folder(): files, **others}, section, facts, frames_sha256=frames.sha256)

    def _others(self, clip: Clip) -> Iterator[Folder]:
        return (folder for folder in self.also if _stored(clip).has(folder))

    def _encoded(
        self, clip: Clip, stored: StoredClip, frames: "_Frames"
    ) -> tuple[list[tuple[str, bytes]], dict[str, Any]]:
        """Return the files of the frames, and their provenance."""
        section: dict[str, Any] = {"num_frames": len(clip.frame_indices)}
        if clip.file is None and not self.codec.is_file:
            frames.check()
            names = [entry.name for entry in clip.entries]
            files = list(zip(names, stored.read(VIDEO.folder(), clip.entries), strict=True))
        elif clip.file is not None and self._is_same(stored.meta):
            frames.check()
            files = [(clip.clip_id, stored.content(VIDEO.folder()))]
        else:
            files = self.codec.encode(clip.clip_id, frames, clip.frame_indices)
            if self.codec.is_file:
                section |= self._loss(clip, frames, files[0][1])
        return files, section | {"bytes": sum(len(data) for _, data in files)}

    def _is_same(self, meta: dict[str, Any]) -> bool:
        """Return whether a video file was encoded with the settings of this stage."""
        made: dict[str, Any] = next((meta[name] for name in (self.name, CROP) if isinstance(meta.get(name), dict)), {})
        settings = made.get("settings")
        wanted = self.codec.settings()
        return isinstance(settings, dict) and {key: settings.get(key) for key in wanted} == wanted

    def _loss(self, clip: Clip, frames: "_Frames", data: bytes) -> dict[str, Any]:
        """Decode a video file and compare it with the frames that it was made from."""
        video = VideoFrames(data, clip_id=clip.clip_id)
        if video.indices.tolist() != list(clip.frame_indices):
            raise ProcessingError(f"clip {clip.clip_id}: the encoded video has other frames than the clip")
        is_lossless = self.codec.codec == "mp4-lossless"
        decoded = video.each(range(len(video)))
        if is_lossless and not all(map(np.array_equal, frames, decoded)):
            raise ProcessingError(
                f"clip {clip.clip_id}: the encoder lost something although the encoding should be lossless"
            )
        if is_lossless:
            return {}
        quality = measure_quality(zip(frames, decoded, strict=True))
        return {
            "psnr_db": round(quality.psnr_mean, 2), "psnr_min_db": round(quality.psnr_min, 2),
            "ssim": round(quality.ssim_mean, 4),
        }  # fmt: skip


class _Frames:
    """The frames of a clip one by one, uint8 [H, W, 3], RGB. Each iteration reads and decodes them again.

    Args:
        clip: The clip.
    """

    def __init__(self, clip: Clip) -> None:
        self._clip = clip
        self.sha256 = ""
        """sha256 over the hashes of all frames, hexadecimal; empty before the first complete iteration."""

    def __iter__(self) -> "Iterator[NDArray[np.uint8]]":
        digest = hashlib.sha256()
        for picture, hashed in self._clip.each(self._clip.frame_indices):
            digest.update(hashed)
            yield picture
        self.sha256 = digest.hexdigest()

    def check(self) -> None:
        """Read and decode all frames, to find damaged ones.

        Raises:
            CorruptSourceError: A frame is damaged, or of another size than the first.
        """
        for _ in self:
            pass


class _ConvertedClips(StoredClips):
    """The clips of a store, whose ledger and removal list are copied at the end of the run."""

    def end(self, steps: "ClipSteps") -> None:
        tree, provenance = steps.writer.tree, steps.provenance
        own, ours = (read_removals(place, feeds=False) for place in (self.location, tree.address))
        if own | ours != ours:
            tree.write(REMOVALS_PATH, (own | ours).to_bytes())
            note_taken_out(tree, own, doubtful=doubtful_in(self.store))
        removals = own | read_removals(tree.address)
        known = {(row.clip_id, row.stage) for row in provenance.rows()}
        chosen = self.store.chosen if isinstance(self.store, ChosenStore) else None
        provenance.record(
            row
            for row in ledger_of(self.store)
            if (row.clip_id, row.stage) not in known
            and row.stage != CONVERT
            and (chosen is None or row.clip_id in chosen)
            and not is_removed(row.clip_id, removals)
        )
        super().end(steps)


def ledger_of(store: Store) -> list[LedgerRow]:
    """Read the ledger of a store. The ledger of a zip is in the folder of the zip."""
    from mmvoxceleb.errors import SourceUnavailableError

    location = store.location
    root = location.rpartition("/")[0] or "." if location.lower().split("?", 1)[0].endswith(".zip") else location
    try:
        (data,) = open_tree(root).read_files([LEDGER_PATH], most_bytes=LARGEST_CLIP_BYTES)
    except SourceUnavailableError as error:
        if is_missing(error):
            return []
        raise
    return parse_ledger(data, f"{root}/{LEDGER_PATH}")


def _stored(clip: Clip) -> StoredClip:
    assert clip.stored is not None  # its source is a store
    return clip.stored
