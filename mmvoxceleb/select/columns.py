"""What conditions can be about: columns over all clips of a store, each read when it is first asked for."""

import difflib
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mmvoxceleb.ahead import results_ahead
from mmvoxceleb.codecs.video import FRAMES_PER_SECOND
from mmvoxceleb.counting import counted
from mmvoxceleb.errors import ConfigError, MissingModalityError, MMVoxCelebError
from mmvoxceleb.files.quoting import quoted
from mmvoxceleb.files.ranges import is_url
from mmvoxceleb.meta.figures import figures_in
from mmvoxceleb.modalities import LABEL, META, VIDEO, figures, modalities
from mmvoxceleb.sample import copied_first
from mmvoxceleb.schema import ATTRIBUTE_INDEX, ATTRIBUTES, ClipId, split_of
from mmvoxceleb.stores import Store
from mmvoxceleb.stores.clip import StoredClip

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

__all__ = ["ClipColumns", "Progress"]

Progress = Callable[[str, int, int], None]
"""Called with what is read, how many clips are done, and of how many."""

_READ_AHEAD_OF_URLS = 16
_TELL_EVERY = 256
_MOST_NEAR = 3
_IDENTITY = ("clip_id", "person_id", "video_id", "utterance", "chunk", "split")
_LENGTH = ("num_frames", "seconds")
_FROM_META = ("label_source", "source")
_NO_SCORES = ("clip_id", "num_frames", "versions")

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
        progress: Called with how far reading is.
    """

    def __init__(self, store: Store, clips: Sequence[str], progress: Progress | None = None) -> None:
        self._store = store
        self._clips = list(clips)
        self._progress = progress
        self._read: dict[str, pa.Array] = {}
        self._versions_of: dict[str, str] = {}
        self._used: set[str] = set()
        self._has_read_scores = False
        self._incomplete: set[str] = set()
        self._measured: list[frozenset[str]] = []
        self._measured_of = np.zeros(0, np.int32)
        self._of_provenance: dict[str, NDArray[np.float64]] = {}

    def get(self, name: str) -> "pa.Array":
        """Return a column: booleans, float64 or texts, with nulls where a value is not known.

        Raises:
            ConfigError: There is no such column; the message lists the known ones.
        """
        if name not in self._read or name in self._incomplete:
            self._load(name)
        if name not in self._read:
            raise self._unknown(name)
        if name in self._versions_of:
            self._used.add(name)
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
            if name not in _FROM_META:
                self._load_scores()
            if name not in self._read:
                self._load_meta()
            elif name in self._incomplete:
                self._add_provenance(name)

    def versions(self) -> dict[str, str]:
        """Name the versions of the formulas of the scores that were asked for, ``{"scores.face_px": "1"}``."""
        return {f"scores.{name}": self._versions_of[name] for name in sorted(self._used)}

    def known(self) -> list[str]:
        """List the columns that there are, without figures of the provenance that scores say again."""
        self._load_scores()
        self._load_meta()
        fixed = [*_IDENTITY, *_LENGTH, *self._has_names(), *_FROM_META, *ATTRIBUTES]
        others = sorted(self._read.keys() - set(fixed))
        return [*fixed, *(name for name in others if "." not in name or name.replace(".", "_") not in others)]

    def _unknown(self, name: str) -> ConfigError:
        if name in {figure.name for figure in figures()}:
            first, place = copied_first(self._store.location)
            again = f"{first}mmvoxceleb regenerate score {place}"
            return ConfigError(f"{self._store.location}: {name} is not measured yet; run: {again}")
        known = self.known()
        possible = dict.fromkeys((*known, *(figure.name for figure in figures())))
        if near := _nearest(name, possible):
            return ConfigError(f"there is no column {quoted(name)}. Do you mean {' or '.join(near)}?")
        others = [each for each in known if each not in ATTRIBUTE_INDEX]
        return ConfigError(
            f"there is no column {quoted(name)}. The known ones are {', '.join(others)}, and the 40 attributes, such "
            "as Smiling; more figures come by: mmvoxceleb regenerate score"
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
        counts = self._unknown_figures()
        for position, count in self._each(
            "lengths", lambda clip: clip.num_frames(folder), among=self._store.clips(folder)
        ):
            counts[position] = count
        self._read["num_frames"] = pa.array(counts, from_pandas=True)
        self._read["seconds"] = pa.array(counts / FRAMES_PER_SECOND, from_pandas=True)

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

        labels = np.full((len(self._clips), len(ATTRIBUTES)), -1, np.int8)
        there = self._store.clips(LABEL.folder())
        for position, label in self._each("labels", lambda clip: clip.value(LABEL), among=there):
            labels[position] = label
        for name, values in zip(ATTRIBUTES, labels.T, strict=True):
            self._read[name] = pa.array(values == 1, mask=values < 0)

    def _load_scores(self) -> None:
        """Read the scores. What was measured by another version of a formula than the one of now is not known.

        A figure that was never measured of a clip is what its provenance says, as in a store without scores.
        """
        if self._has_read_scores:
            return
        self._has_read_scores = True
        import pyarrow as pa

        from mmvoxceleb.meta.scores import read_scores

        table = read_scores(self._store)
        rows = {clip: row for row, clip in enumerate(table["clip_id"].to_pylist())}
        if not rows:
            return
        positions = [rows.get(clip) for clip in self._clips]
        if lacking := positions.count(None):
            logger.warning(
                "%s: no scores of %s, of which only what the crop recorded is known",
                self._store.location,
                counted(lacking, "clip"),
            )
        now = {figure.name: figure.version for figure in figures()}
        made_by = [dict(versions or ()) for versions in table["versions"].to_pylist()]
        numbers: dict[frozenset[str], int] = {}  # there are few sets of figures among many clips
        of_row = [numbers.setdefault(frozenset(versions), len(numbers)) for versions in made_by]
        self._measured = list(numbers)
        self._measured_of = np.array([-1 if row is None else of_row[row] for row in positions], np.int32)
        outdated: set[int] = set()
        for name in table.column_names:
            if name in _NO_SCORES:
                continue
            values = _as_written(table[name])
            for row, versions in enumerate(made_by):
                if name in now and versions.get(name, now[name]) != now[name]:
                    values[row] = None
                    outdated.add(row)
            column = [None if row is None else values[row] for row in positions]
            self._read[name] = pa.array(column, pa.float64(), from_pandas=True)
            if self._unmeasured(name).any():
                self._incomplete.add(name)
            if any(name in measured for measured in self._measured):
                known = {now[name]} if name in now else {versions[name] for versions in made_by if name in versions}
                self._versions_of[name] = " and ".join(map(str, sorted(known)))
        if outdated:
            logger.warning(
                "%s: scores of %s are of earlier formulas, and are unknown; make them again: "
                "mmvoxceleb regenerate score",
                self._store.location, counted(len(outdated), "clip"),
            )  # fmt: skip

    def _unmeasured(self, name: str) -> "NDArray[np.bool_]":
        """Tell of which clips a figure was not measured; those without scores have the number -1."""
        lacking = np.array([*(name not in measured for measured in self._measured), True])
        return lacking[self._measured_of]

    def _add_provenance(self, name: str) -> None:
        """Take a figure that was not measured of some clips from their provenance."""
        self._load_meta()
        told = self._of_provenance.get(name)
        unmeasured = self._unmeasured(name)
        self._incomplete.remove(name)
        if told is None or np.isnan(told[unmeasured]).all():
            return
        import pyarrow as pa

        values = self._read[name].to_numpy(zero_copy_only=False).copy()
        values[unmeasured] = told[unmeasured]
        self._read[name] = pa.array(values, from_pandas=True)
        if name in self._versions_of:
            self._versions_of[name] += " and provenance"

    def _load_meta(self) -> None:
        if _FROM_META[0] in self._read:
            return
        import pyarrow as pa

        labelled = set(self._store.clips(LABEL.folder()))
        label_sources: list[str | None] = [None] * len(self._clips)
        sources: list[str | None] = [None] * len(self._clips)
        found: dict[str, NDArray[np.float64]] = {}
        there = self._store.clips(META.folder())
        for position, meta in self._each("provenance", lambda clip: clip.meta, among=there):
            told = meta or {}
            if self._clips[position] in labelled:
                label_sources[position] = told.get("label_source")
            sources[position] = _source_of(told)
            for name, value in figures_in(told).items():
                if name not in found:
                    found[name] = self._unknown_figures()
                found[name][position] = value
        self._of_provenance = found
        for name, values in found.items():
            self._read.setdefault(name, pa.array(values, from_pandas=True))
        self._read["label_source"] = pa.array(label_sources, pa.string())
        self._read["source"] = pa.array(sources, pa.string())

    def _unknown_figures(self) -> "NDArray[np.float64]":
        return np.full(len(self._clips), np.nan)

    def _each(self, what: str, read: Callable[[StoredClip], Any], *, among: Iterable[str]) -> Iterator[tuple[int, Any]]:
        """Read something of the clips that have it, and yield it with their positions. The log counts damaged ones."""
        there = set(among)
        positions = [position for position, clip in enumerate(self._clips) if clip in there]
        problems: list[MMVoxCelebError] = []
        ahead = _READ_AHEAD_OF_URLS if is_url(self._store.location) else 0

        def one(position: int) -> Any:
            return read(StoredClip(self._store, self._clips[position]))

        for done, (position, result) in enumerate(results_ahead(one, positions, ahead=ahead), 1):
            try:
                yield position, result()
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


def _nearest(name: str, possible: Iterable[str]) -> list[str]:
    """Find the columns that a misspelt name may mean: ``face_pix``, ``smiling``, ``hat``, ``head_yaw``."""
    by_words = {each: set(each.lower().split("_")) for each in possible}
    words = set(name.lower().split("_"))
    return (
        [each for each in by_words if each.lower() == name.lower()]
        or difflib.get_close_matches(name, by_words, n=1, cutoff=0.6)
        or [each for each, its_words in by_words.items() if its_words <= words or words <= its_words][:_MOST_NEAR]
    )


def _as_written(column: "pa.ChunkedArray") -> list[float | None]:
    """Return float32 values as the numbers that people write: 0.7, and not 0.699999988."""
    numbers = column.to_numpy().astype(np.float32).astype("U32").astype(np.float64)
    return [None if np.isnan(number) else float(number) for number in numbers]


def _source_of(meta: dict[str, Any]) -> str | None:
    crop = meta.get("crop")
    source = crop.get("source") if isinstance(crop, dict) else None
    name = source.get("file") if isinstance(source, dict) else None
    return name if isinstance(name, str) else None
