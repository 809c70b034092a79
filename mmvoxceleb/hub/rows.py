"""Read clips as the rows of an export, some ahead of the writer."""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from mmvoxceleb.ahead import results_ahead
from mmvoxceleb.codecs.h264 import with_sound
from mmvoxceleb.errors import CorruptSourceError, MissingModalityError, MMVoxCelebError
from mmvoxceleb.hub.mp4 import encode_mp4
from mmvoxceleb.hub.quality import Quality
from mmvoxceleb.hub.settings import ExportSettings
from mmvoxceleb.loading.record import record_of
from mmvoxceleb.meta.models import models_in
from mmvoxceleb.modalities import VIDEO, file_modalities
from mmvoxceleb.stores import Store
from mmvoxceleb.stores.clip import StoredClip

if TYPE_CHECKING:
    from mmvoxceleb.codecs.flac import FlacSound

__all__ = ["Row", "RowReader"]


@dataclass(frozen=True)
class Row:
    """One clip as it is exported.

    Args:
        record: The columns of :func:`mmvoxceleb.hub.layout.features_of`.
        models: Models named in the clip's provenance, ``{"stage": ..., "sha256": ...}``.
        quality: The loss of its H.264 video; None without one.
    """

    record: dict[str, Any]
    models: tuple[Mapping[str, str], ...] = field(default_factory=tuple)
    quality: Quality | None = None


class RowReader:
    """Reads rows in order, several clips ahead on threads; at most ``workers + 1`` rows are in memory.

    Args:
        store: Where the clips are.
        settings: What the rows are to be.
        workers: Threads. Reading, decoding and encoding of pictures run without Python's lock.
    """

    def __init__(self, store: Store, settings: ExportSettings, *, workers: int) -> None:
        self._store = store
        self._settings = settings
        self._workers = workers
        self._clips_with_video = frozenset(store.clips(VIDEO.folder()))

    def rows(self, clip_ids: Sequence[str]) -> Generator[tuple[str, Row | str], None, None]:
        """Yield each clip with its row, or with the reason why it was skipped.

        Raises:
            MMVoxCelebError: A clip is damaged, and ``on_error`` is ``raise``.
        """
        for clip_id, result in results_ahead(self._read, clip_ids, ahead=self._workers):
            yield clip_id, result()

    def _read(self, clip_id: str) -> Row | str:
        try:
            return self._read_row(clip_id)
        except MMVoxCelebError as error:
            if self._settings.on_error == "raise":
                raise
            return str(error)

    def _read_row(self, clip_id: str) -> Row:
        options = self._settings.record_options(count_frames=clip_id in self._clips_with_video)
        clip = StoredClip(self._store, clip_id)
        is_file = self._settings.has_mp4 and options.takes_whole_clips and clip.video_file(VIDEO.folder()) is not None
        record = record_of(clip, replace(options, frames_as="video") if is_file else options)
        quality = None
        if is_file:  # the pictures are what they were: nothing is lost once more
            record[VIDEO.indices] = clip.indices(VIDEO.folder()).tolist()
            sound = self._sound(record, clip_id)
            if sound is not None:
                record[VIDEO.name]["bytes"] = with_sound(record[VIDEO.name]["bytes"], sound)
        elif self._settings.has_mp4:
            frames = [frame["bytes"] for frame in record.pop(VIDEO.pictures)]
            if not frames:
                raise MissingModalityError(f"{self._store.location}: clip {clip_id} has no frames to encode")
            data, quality = encode_mp4(
                frames,
                crf=self._settings.crf,
                lossless=self._settings.lossless,
                clip_id=clip_id,
                sound=self._sound(record, clip_id),
            )
            record[VIDEO.name] = {"bytes": data, "path": None}
        return Row(record, _models_of(clip), quality)

    def _sound(self, record: Mapping[str, Any], clip_id: str) -> "FlacSound | None":
        """Return what is to be heard in the clip's video file."""
        for kind in file_modalities(self._settings.modalities):
            if kind.is_null_in(record):
                continue
            sound = kind.sound(kind.value_of(record, clip_id=clip_id))
            if sound is not None:
                return sound
        return None


def _models_of(clip: StoredClip) -> tuple[Mapping[str, str], ...]:
    try:
        meta = clip.meta
    except CorruptSourceError:
        return ()  # a damaged provenance is reported where it is needed, by record_of for the label
    found = {(stage, sha256) for stage, section in meta.items() for sha256 in models_in(section)}
    return tuple({"stage": stage, "sha256": sha256} for stage, sha256 in sorted(found))
