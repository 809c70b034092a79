"""The builder behind ``load_dataset("mmvoxceleb")``."""

import difflib
import inspect
import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, replace
from functools import cached_property, partial
from typing import Any, ClassVar, TypeAlias

import datasets
from datasets.exceptions import DatasetGenerationError

from mmvoxceleb.ahead import GrowingAhead, results_ahead
from mmvoxceleb.cliplists.selection import choose, split_clips
from mmvoxceleb.errors import ConfigError, MissingModalityError, MMVoxCelebError, SourceUnavailableError
from mmvoxceleb.loading.about import CITATION, DESCRIPTION
from mmvoxceleb.loading.config import Configs, MMVoxCelebConfig
from mmvoxceleb.loading.record import bytes_of, record_of
from mmvoxceleb.loading.shards import shards_of
from mmvoxceleb.meta.removal_feed import addresses_of, read_feeds
from mmvoxceleb.meta.removal_list import read_removals
from mmvoxceleb.meta.removals import Removals
from mmvoxceleb.meta.taken_out import tell_doubtful_entries
from mmvoxceleb.modalities import META, VIDEO, Folder, RecordOptions, folders_of, modalities, record_features
from mmvoxceleb.stores import Store, open_store
from mmvoxceleb.stores.clip import StoredClip
from mmvoxceleb.stores.reference_system import register_scheme
from mmvoxceleb.stores.styles import settled_styles

__all__ = ["MMVoxCeleb"]

_LEFT_OUT = "Left out: "
"""Begins the line of the description that a load from the cache repeats."""

CLIPS_AHEAD = 2
"""Clips that are read while one is written, in preparing. A stream reads no clip before it is asked for on disk, and
from afar none before the third."""

CLIPS_AHEAD_FROM_AFAR = 16
"""Clips that are read from a URL, at most, as far as :data:`BYTES_AHEAD` go."""

BYTES_AHEAD = 128 << 20

_WRITER_BATCH_SIZE_IN_PLACE = 64
"""Rows of references have some ten kB."""

_Position: TypeAlias = tuple[int, int, str]
_Record: TypeAlias = dict[str, Any] | None
_Records: TypeAlias = Iterator[tuple[_Position, Callable[[], _Record]]]

register_scheme()
logger = logging.getLogger(__name__)


class MMVoxCeleb(datasets.GeneratorBasedBuilder):  # type: ignore[misc]  # datasets has no types
    """Build the dataset for ``datasets``, one row per clip. See :class:`MMVoxCelebConfig` for its arguments."""

    VERSION = datasets.Version("1.0.0")
    BUILDER_CONFIG_CLASS = MMVoxCelebConfig
    BUILDER_CONFIGS: ClassVar = list(Configs().values())
    # where datasets looks them up; its own would not see a modality that is registered later
    builder_configs: ClassVar = Configs()
    DEFAULT_CONFIG_NAME = "all"
    # a row is up to 20 MB, and a batch is held in memory
    DEFAULT_WRITER_BATCH_SIZE = 4

    _store: Store | None = None
    _read_removals: Removals | None = None
    _clips_ahead = 0
    _in_place = False
    _is_read_now = False
    _writer_batch_size: int

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        known = {field.name for field in fields(MMVoxCelebConfig)}
        usual = inspect.signature(datasets.DatasetBuilder.__init__).parameters
        for name in sorted(kwargs.keys() - known - usual.keys()):
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
            meant = f" Do you mean {near[0]}?" if near else ""
            names = ", ".join(sorted(known))
            raise ConfigError(f"load_dataset has no argument {name!r} here.{meant} Beside its own it has {names}")
        super().__init__(*args, **kwargs)

    def _info(self) -> datasets.DatasetInfo:
        self.config.check()
        return datasets.DatasetInfo(
            description=DESCRIPTION,
            citation=CITATION,
            homepage="https://snap-research.github.io/MMVID/",
            features=self._features(),
        )

    def download_and_prepare(self, output_dir: str | None = None, *args: Any, **kwargs: Any) -> None:
        """Prepare the dataset, or reuse the prepared one in the cache if the fingerprint of the source is the same.

        Raises:
            MMVoxCelebError: Reading failed. The error is not wrapped in a ``DatasetGenerationError`` of ``datasets``.
        """
        if output_dir is None:
            self._cache_dir = f"{self._cache_dir_before_content}-{self._content_digest()}"
            self._output_dir = self._cache_dir
        super().download_and_prepare(output_dir, *args, **kwargs)

    def _prepare_split_single(self, *args: Any, **kwargs: Any) -> Iterator[Any]:
        self._clips_ahead = CLIPS_AHEAD
        self._in_place = self.config.reads_in_place and kwargs.get("file_format", "arrow") == "arrow"
        if self._in_place and self._writer_batch_size == self.DEFAULT_WRITER_BATCH_SIZE:
            self._writer_batch_size = _WRITER_BATCH_SIZE_IN_PLACE
        try:
            yield from super()._prepare_split_single(*args, **kwargs)
        except DatasetGenerationError as error:
            if isinstance(error.__cause__, MMVoxCelebError):
                raise error.__cause__ from None
            raise
        finally:
            self._clips_ahead, self._in_place = 0, False

    def as_dataset(self, *args: Any, **kwargs: Any) -> Any:
        """Return the prepared dataset.

        Raises:
            MissingModalityError: All clips were left out, as too short or as damaged.
        """
        if self.info.splits is not None and not any(split.num_examples for split in self.info.splits.values()):
            raise MissingModalityError(
                f"{self._open().location}: no clip is left: all are shorter than min_frames={self.config.min_frames}, "
                "or damaged (on_error='skip'); the log names them"
            )
        if not self._is_read_now:
            for line in (self.info.description or "").splitlines():
                if line.startswith(_LEFT_OUT):
                    logger.warning("%s, prepared earlier: %s", self._open().location, line)
        return super().as_dataset(*args, **kwargs)

    def as_streaming_dataset(self, split: Any = None, base_path: str | None = None) -> Any:
        """Return the dataset as a stream.

        Raises:
            SourceUnavailableError: There is no ``data_dir``; Google Drive cannot be streamed.
        """
        if self.config.name != "sample" and not self.config.data_dir:
            from mmvoxceleb.stores.drive import WAYS_ON

            raise SourceUnavailableError(f"there is nothing to stream from: Google Drive cannot be streamed. {WAYS_ON}")
        return super().as_streaming_dataset(split=split, base_path=base_path)

    @cached_property
    def _from_afar(self) -> GrowingAhead[_Record]:
        return GrowingAhead(most=CLIPS_AHEAD_FROM_AFAR, most_bytes=BYTES_AHEAD, size_of=bytes_of)

    @property
    def _cache_dir_before_content(self) -> str:
        return str(self._build_cache_dir())

    def _folders(self) -> tuple[Folder, ...]:
        folders = folders_of(self.config.read_modalities, self._styles())
        return (*folders, VIDEO.folder()) if self.config.min_frames and VIDEO.folder() not in folders else folders

    def _styles(self, store: Store | None = None) -> tuple[str, ...]:
        """The drawing styles to read; they are asked of the store only where it is read for drawings."""
        is_chosen = self.config.styles is not None
        if is_chosen or not any(kind.has_styles for kind in modalities(self.config.read_modalities)):
            styles: tuple[str, ...] = self.config.read_styles
            return styles
        return settled_styles((), store or self._open())

    def _content_digest(self) -> str:
        folders = self._folders()
        if any(folder.kind.reads_meta for folder in folders):
            folders = (*folders, META.folder())
        from datasets.fingerprint import Hasher

        content = [self._open().fingerprint(folders), *self._removals().lines()]
        if self.config.reads_in_place:
            content.append(os.path.abspath(self._open().location))
        return str(Hasher.hash(content))[:16]

    def _removals(self) -> Removals:
        """Read who was taken out of the store, and is on the lists elsewhere."""
        if self._read_removals is None:
            location = self._open().location
            addresses = addresses_of(self.config.removals)
            own = read_removals(location, storage_options=self._options_for(self.config.data_dir), told_of=addresses)
            self._read_removals = own | read_feeds(addresses, offline=self.config.removals_offline)
        return self._read_removals

    def _open(self) -> Store:
        if self._store is None:
            self._store = open_store(self._location(), storage_options=self._options_for(self.config.data_dir))
        return self._store

    def _location(self) -> str:
        if self.config.name == "sample":
            if self.config.data_dir:
                raise ConfigError("the config 'sample' is the bundled sample and takes no data_dir; use 'all'")
            from mmvoxceleb.sample import sample_path

            return str(sample_path())
        if self.config.data_dir:
            return str(self.config.data_dir)
        from mmvoxceleb.stores.drive import download_modalities

        return str(download_modalities(self.config.read_modalities, ids=self.config.drive_ids))

    def _options_for(self, location: str | None) -> dict[str, Any]:
        """Return the fsspec options for a URL, given plain or keyed by protocol; ``datasets`` adds an ``hf`` key."""
        if not location or "://" not in location:
            return {}
        from fsspec import available_protocols

        protocol = location.split("://", 1)[0]
        keyed = set(available_protocols())
        options = {name: value for name, value in self.storage_options.items() if name not in keyed}
        options |= self.storage_options.get(protocol) or {}
        if protocol == "hf" and self.token is not None:
            options.setdefault("token", self.token)
        return options

    def _split_generators(self, dl_manager: Any) -> list[datasets.SplitGenerator]:
        store = self._open()
        removals = self._removals()
        chosen = choose(
            store,
            self._folders(),
            persons=self.config.persons,
            clips=self.config.clip_list,
            missing=self.config.on_error,
            removals=removals,
            strict=self.config.strict,
            fewer="read fewer with modalities=(...)",
            strictly="strict=True",
        )
        clips = chosen.clips
        self._tell_next_time({clip: what for clip, what in chosen.left_out.items() if clip not in removals}, len(clips))
        self._choose_form_of_frames(store, clips)
        if self.config.persons is None and self.config.clips is None:
            tell_doubtful_entries(removals, clips, store.location, self._options_for(self.config.data_dir))
        return [
            datasets.SplitGenerator(name=name, gen_kwargs={"store": store, "shards": shards_of(members)})
            for name, members in split_clips(removals.keep_some(clips, store.location)).items()
        ]

    def _tell_next_time(self, left_out: Mapping[str, str], taken: int) -> None:
        """Write into the description what a load from the cache is to say, too."""
        self._is_read_now = True
        if left_out:
            clip, what = next(iter(left_out.items()))
            told = (
                f"{len(left_out):,} of {len(left_out) + taken:,} clips, which lack a modality, such as {clip}: {what}"
            )
            self.info.description = f"{DESCRIPTION}\n{_LEFT_OUT}{told}\n"

    def _choose_form_of_frames(self, store: Store, clips: Sequence[str]) -> None:
        """Take video files as they are where all clips are such, unless something else was asked for."""
        if self.config.frames_as is not None or VIDEO.name not in self.config.read_modalities:
            return
        folder = VIDEO.folder()
        if (
            self.config.record_options.takes_whole_clips
            and clips
            and all(StoredClip(store, clip).video_file(folder) for clip in clips)
        ):
            self.config.frames_as = "video"
            self.info.features = self._features()

    def _features(self) -> datasets.Features:
        config = self.config
        return record_features(config.read_modalities, config.read_styles, frames_as=config.record_options.frames_as)

    def _generate_examples(self, store: Store, shards: Sequence[Sequence[str]]) -> Iterator[tuple[Any, dict[str, Any]]]:
        positions = [
            (shard_index, clip_index, clip_id)
            for shard_index, clips in enumerate(shards)
            for clip_index, clip_id in enumerate(clips)
        ]
        options = replace(self.config.record_options, styles=self._styles(store))
        skipped = too_short = 0
        for position, result in self._read_ahead(store, options, positions):
            try:
                record = result()
            except MMVoxCelebError as error:
                if self.config.on_error == "raise":
                    raise
                skipped += 1
                logger.warning("skipped: %s", error)
                continue
            if record is None:
                too_short += 1
                continue
            yield _key(*position), record
        if too_short:
            logger.info("left out %d clips with fewer than %d frames", too_short, self.config.min_frames)
        if skipped:
            logger.warning("%s: skipped %d damaged clips, named above", store.location, skipped)

    def _read_ahead(self, store: Store, options: RecordOptions, positions: Sequence[_Position]) -> _Records:
        read = partial(self._read, store, options)
        if store.reads_at_once > 1:
            return self._from_afar.results(read, positions, least=self._clips_ahead)
        return results_ahead(read, positions, ahead=self._clips_ahead)

    def _read(self, store: Store, options: RecordOptions, position: _Position) -> dict[str, Any] | None:
        """Read one record; None for a clip that is shorter than ``min_frames``."""
        clip = StoredClip(store, position[-1])
        if self.config.min_frames and clip.num_frames(VIDEO.folder()) < self.config.min_frames:
            return None
        return record_of(clip, options, in_place=self._in_place)


def _key(shard_index: int, clip_index: int, clip_id: str) -> Any:
    """Return the key of a row: ``datasets`` 4.4.2 brought a class for it."""
    key_class = getattr(datasets.builder, "Key", None)
    return key_class(shard_index, clip_index) if key_class is not None else clip_id
