"""What conditions can be about: columns over all clips of a store, each read when it is first asked for."""

import difflib
import logging
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from mmvoxceleb.ahead import results_ahead
from mmvoxceleb.codecs.video import FRAMES_PER_SECOND
from mmvoxceleb.errors import ConfigError, MissingModalityError, MMVoxCelebError
from mmvoxceleb.files.quoting import quoted
from mmvoxceleb.files.ranges import is_url
from mmvoxceleb.modalities import LABEL, META, VIDEO, modalities
from mmvoxceleb.schema import ATTRIBUTE_INDEX, ATTRIBUTES, ClipId, split_of
from mmvoxceleb.stores import Store
from mmvoxceleb.stores.clip import StoredClip

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["ClipColumns", "Progress"]

Progress = Callable[[str, int, int], None]
"""Called with what is read, how many clips are done, and of how many."""

_READ_AHEAD_OF_URLS = 16
_TELL_EVERY = 256
_IDENTITY = ("clip_id", "person_id", "video_id", "utterance", "chunk", "split")
_LENGTH = ("num_frames", "seconds")
_FROM_META = ("label_source", "source")

logger = logging.getLogger(__name__)


class ClipColumns:
    """Columns over clips of a store. Pictures are never read.

    ================================= ================================================================================
    column                            what it is
    ================================= ================================================================================
    ``clip_id`` and its parts         ``person_id``, ``video_id``, ``utterance``: texts; ``chunk``: a number
    ``split``                         ``train`` or ``test``
    ``num_frames``, ``seconds``       of the frames that the clip has, 25 a second
    ``has_mask``, ...                 yes or no: whether there are files of a modality
    40 attributes                     yes or no, by their names in CelebA; not known where the label has -1
    ``label_source``                  text: ``manual``, ``predicted:...``; not known where the clip has no label
    ``source``                        text: the file of the video that the clip was cut from
    scores and other figures          numbers, of ``meta/scores.parquet`` or of the clips' provenance
    ================================= ================================================================================

    Args:
        store: Where they are.
        clips: Names of the clips, in the order of all columns.
        progress: Told how far reading is.
    """

    def __init__(self, store: Store, clips: Sequence[str], progress: Progress | None = None) -> None:
        self._store = store
        self._clips = list(clips)
        self._progress = progress
        self._read: dict[str, pa.Array] = {}

    def get(self, name: str) -> "pa.Array":
        """Return a column: booleans, float64 or texts, with nulls where a value is not known.

        Raises:
            ConfigError: There is no such column; the message lists the known ones.
        """
        if name not in self._read:
            self._load(name)
        if name not in self._read:
            raise self._unknown(name)
        return self._read[name]

    def _load(self, name: str) -> None:
        if name in _IDENTITY:
            self._load_identity()
        elif name in _LENGTH:
            self._load_length()
        elif name in self._has_names():
            self._load_has(name)
        elif name in ATTRIBUTE_INDEX:
            self._load_attributes()
        else:
            self._load_figures()

    def versions(self) -> dict[str, str]:
        """Name the versions of the scores that were read."""
        return {}

    def known(self) -> list[str]:
        """List the columns that there are."""
        self._load_figures()
        fixed = [*_IDENTITY, *_LENGTH, *self._has_names(), *_FROM_META, *ATTRIBUTES]
        return [*fixed, *sorted(self._read.keys() - set(fixed))]

    def _unknown(self, name: str) -> ConfigError:
        known = self.known()
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
        by_case = [each for each in known if each.lower() == name.lower()]
        meant = f" Do you mean {(by_case or near)[0]}?" if by_case or near else ""
        others = [each for each in known if each not in ATTRIBUTE_INDEX]
        return ConfigError(
            f"there is no column {quoted(name)}.{meant} The known ones are {', '.join(others)}, and the 40 attributes, "
            "such as Smiling; more figures come by: mmvoxceleb regenerate score"
        )

    def _load_identity(self) -> None:
        import pyarrow as pa

        parsed = [ClipId.parse(clip) for clip in self._clips]
        self._read |= {
            "clip_id": pa.array(self._clips, pa.string()),
            "person_id": pa.array([clip.person_id for clip in parsed], pa.string()),
            "video_id": pa.array([clip.video_id for clip in parsed], pa.string()),
            "utterance": pa.array([clip.utterance for clip in parsed], pa.string()),
            "chunk": pa.array([clip.chunk for clip in parsed], pa.float64()),
            "split": pa.array([split_of(clip.person_id) for clip in parsed], pa.string()),
        }

    def _load_length(self) -> None:
        import pyarrow as pa

        folder = VIDEO.folder()
        counts = self._of_each("lengths", lambda clip: clip.num_frames(folder), among=self._store.clips(folder))
        self._read["num_frames"] = pa.array(counts, pa.float64())
        seconds = [None if count is None else count / FRAMES_PER_SECOND for count in counts]
        self._read["seconds"] = pa.array(seconds, pa.float64())

    def _has_names(self) -> dict[str, str]:
        return {f"has_{kind.name}": kind.name for kind in modalities() if kind is not META}

    def _load_has(self, name: str) -> None:
        import pyarrow as pa

        wanted = self._has_names()[name]
        folders = [folder for folder in self._store.folders() if folder.kind.name == wanted]
        there = {clip for folder in folders for clip in self._store.clips(folder)}
        self._read[name] = pa.array([clip in there for clip in self._clips], pa.bool_())

    def _load_attributes(self) -> None:
        import pyarrow as pa

        labels = self._of_each("labels", lambda clip: clip.value(LABEL), among=self._store.clips(LABEL.folder()))
        meaning = {1: True, 0: False}
        for position, name in enumerate(ATTRIBUTES):
            values = [None if label is None else meaning.get(label[position]) for label in labels]
            self._read[name] = pa.array(values, pa.bool_())

    def _load_figures(self) -> None:
        if _FROM_META[0] in self._read:
            return
        import pyarrow as pa

        from mmvoxceleb.viewer.facts import figures_in

        metas = self._of_each("provenance", lambda clip: clip.meta, among=self._store.clips(META.folder()))
        labelled = set(self._store.clips(LABEL.folder()))
        label_sources: list[str | None] = []
        sources: list[str | None] = []
        figures: dict[str, list[float | None]] = {}
        for position, (clip, meta) in enumerate(zip(self._clips, metas, strict=True)):
            told = meta or {}
            label_sources.append(told.get("label_source") if clip in labelled else None)
            sources.append(_source_of(told))
            for name, value in figures_in(told).items():
                figures.setdefault(name, [None] * len(self._clips))[position] = value
        self._read |= {name: pa.array(values, pa.float64()) for name, values in figures.items()}
        self._read["label_source"] = pa.array(label_sources, pa.string())
        self._read["source"] = pa.array(sources, pa.string())

    def _of_each(self, what: str, read: Callable[[StoredClip], Any], *, among: Iterable[str]) -> list[Any]:
        """Read something of each clip; None where it has none, or what it has is damaged, which the log counts."""
        there = set(among)
        positions = [position for position, clip in enumerate(self._clips) if clip in there]
        found: list[Any] = [None] * len(self._clips)
        problems: list[MMVoxCelebError] = []
        ahead = _READ_AHEAD_OF_URLS if is_url(self._store.location) else 0

        def one(position: int) -> Any:
            return read(StoredClip(self._store, self._clips[position]))

        for done, (position, result) in enumerate(results_ahead(one, positions, ahead=ahead), 1):
            try:
                found[position] = result()
            except MissingModalityError:
                pass
            except MMVoxCelebError as error:
                problems.append(error)
            if self._progress is not None and (done % _TELL_EVERY == 0 or done == len(positions)):
                self._progress(what, done, len(positions))
        if problems:
            logger.warning(
                "%s: %d of the %s cannot be read and count as unknown, such as: %s",
                self._store.location, len(problems), what, problems[0],
            )  # fmt: skip
        return found


def _source_of(meta: dict[str, Any]) -> str | None:
    crop = meta.get("crop")
    source = crop.get("source") if isinstance(crop, dict) else None
    name = source.get("file") if isinstance(source, dict) else None
    return name if isinstance(name, str) else None
