"""What a rebuild would take: counts from ``vox-metadata.csv``, disk and hours from measured sizes and rates."""

import json
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from mmvoxceleb import open_store
from mmvoxceleb.errors import ConfigError, CorruptSourceError, SourceUnavailableError
from mmvoxceleb.processing.crop.metadata import MetadataRow
from mmvoxceleb.schema import ORIGINAL_STRIDE, ClipId

LABEL_FRAMES = 16
"""Frames of a clip that the attribute model looks at, the default of ``regenerate label``."""

STAGES = ("crop", "mask", "draw", "label", "text")


@dataclass(frozen=True)
class Rate:
    """How much a stage does a second, and how we know.

    Args:
        unit: What is counted.
        cpu: Units a second on one 2-core x86-64 machine.
        cpu_source: Where ``cpu`` comes from.
        gpu: Units a second on one GPU; None for a stage that stays on the CPU or of which nothing is known.
        gpu_source: Where ``gpu`` comes from.
    """

    unit: str
    cpu: float
    cpu_source: str
    gpu: float | None = None
    gpu_source: str = "no figure"


@dataclass(frozen=True)
class Size:
    """Bytes of one file, and how we know."""

    unit: str
    bytes: float
    source: str


GOAL = "goal, not measured"

RATES = {
    "crop": Rate(
        "frames",
        103,
        "benchmarks/results/crop.md: --metadata, one worker, videos of 480 to 1280 px in width",
        gpu_source="stays on the CPU",
    ),
    "mask": Rate("masks", 5.15, "benchmarks/results/masks_drawings.md: ncnn, 0.194 s a mask", 2000, GOAL),
    "draw": Rate("drawings", 0.331, "benchmarks/results/masks_drawings.md: ncnn, 3.02 s a drawing", 500, GOAL),
    "label": Rate("frames", 2.29, "benchmarks/results/attributes.md: torch, batches of 16"),
    "text": Rate(
        "clips", 7024.0, "benchmarks/results/text.md: 140,489 lines/s, 20 a clip", gpu_source="stays on the CPU"
    ),
}
"""Rates of the stages, by name."""

SIZES = {
    "video": Size("frame", 75_000, "benchmarks/results/crop.md: 978 real frames of 5 videos"),
    "mask": Size("mask", 7_900, "benchmarks/results/masks_drawings.md: a smooth generated mask"),
    "draw": Size(
        "drawing", 205_600, "benchmarks/results/masks_drawings.md: a dense generated drawing; real ones not measured"
    ),
    "label": Size("clip", 79, "40 values and commas"),
    "txt": Size("clip", 3_100, "the bundled sample: 20 sentences"),
    "meta": Size("clip", 1_400, "measured after the crop; later stages add to it"),
}
"""Sizes of the files, by modality."""

DOWNLOAD_MBIT_PER_SECOND = 2.5
"""Bit rate assumed for a source video without sound, 720p to 1080p. Not measured: no video could be downloaded here."""


@dataclass(frozen=True)
class Selection:
    """Rows kept for a list of clips, and how many clips of the list they stand for.

    The list's own names end in a number of VoxCeleb's annotation (``00004.txt``), which vox-metadata.csv does not
    have: such a clip is known by person and video only, and keeps all rows of its video. A name made by
    ``regenerate`` from the same file (``003657-003994.txt``) keeps its row alone.

    Args:
        rows: The rows kept, in their order.
        num_clips: Clips in the list.
        num_exact: Clips that name the frames of a row.
        num_by_video: Clips of which only person and video are in the file.
        num_unknown: Clips of which not even these are.
    """

    rows: tuple[MetadataRow, ...]
    num_clips: int
    num_exact: int
    num_by_video: int
    num_unknown: int


def read_clips(path: Path) -> list[ClipId]:
    """Read a list of clips: one key a line, or the clips of a dataset (a folder or zip; labels or texts are enough).

    Raises:
        SourceUnavailableError: There is no such file.
        CorruptSourceError: A line is no clip's key.
    """
    if not path.exists():
        raise SourceUnavailableError(f"{path}: there is no such list, folder or zip; check the path")
    if path.is_dir() or zipfile.is_zipfile(path):
        store = open_store(path)
        return sorted({ClipId.parse(clip) for folder in store.folders() for clip in store.clips(folder)})
    clips = set()
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise CorruptSourceError(f"{path}: this is not a list of clips ({error}); expected one key per line") from error
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                clips.add(ClipId.parse(line.strip()))
            except CorruptSourceError as error:
                raise CorruptSourceError(f"{path}, line {number}: {error}") from error
    return sorted(clips)


def select(rows: Sequence[MetadataRow], clips: Iterable[ClipId]) -> Selection:
    """Keep the rows of a list of clips; see :class:`Selection`."""
    by_row: set[tuple[str, str, str]] = set()
    by_video: set[tuple[str, str]] = set()
    known_rows = {(row.person_id, row.video_id, row.utterance) for row in rows}
    known_videos = {(row.person_id, row.video_id) for row in rows}
    counts = {"all": 0, "exact": 0, "video": 0}
    for clip in clips:
        counts["all"] += 1
        if (clip.person_id, clip.video_id, clip.utterance) in known_rows:
            counts["exact"] += 1
            by_row.add((clip.person_id, clip.video_id, clip.utterance))
        elif (clip.person_id, clip.video_id) in known_videos and "-" not in clip.utterance:
            counts["video"] += 1
            by_video.add((clip.person_id, clip.video_id))
    kept = tuple(
        row
        for row in rows
        if (row.person_id, row.video_id) in by_video or (row.person_id, row.video_id, row.utterance) in by_row
    )
    unknown = counts["all"] - counts["exact"] - counts["video"]
    return Selection(kept, counts["all"], counts["exact"], counts["video"], unknown)


@dataclass(frozen=True)
class Counts:
    """What there is to make of some rows, at most: a row whose video is too short or unreachable gives less.

    Args:
        videos: Source videos.
        persons: Identities.
        clips: Clips, a row each.
        frames: Frames at 25 a second.
        masks: Every 4th frame of each clip; drawings are as many.
        frames_looked_at: Frames that the attribute model sees.
        source_seconds: From the start of each video to the last frame that is needed: what must be downloaded at least.
    """

    videos: int
    persons: int
    clips: int
    frames: int
    masks: int
    frames_looked_at: int
    source_seconds: float

    @classmethod
    def of(cls, rows: Iterable[MetadataRow]) -> "Counts":
        """Count."""
        rows = list(rows)
        lengths = [round(row.end * 25 / row.fps) - round(row.start * 25 / row.fps) for row in rows]
        ends: dict[str, float] = {}
        for row in rows:
            ends[row.video_id] = max(ends.get(row.video_id, 0.0), row.end / row.fps)
        return cls(
            videos=len(ends),
            persons=len({row.person_id for row in rows}),
            clips=len(rows),
            frames=sum(lengths),
            masks=sum(-(-length // ORIGINAL_STRIDE) for length in lengths),
            frames_looked_at=sum(min(LABEL_FRAMES, length) for length in lengths),
            source_seconds=sum(ends.values()),
        )

    def amount(self, stage: str) -> int:
        """How many units of :data:`RATES` a stage has to do."""
        amounts = {"crop": self.frames, "mask": self.masks, "draw": self.masks, "label": self.frames_looked_at}
        return amounts.get(stage, self.clips)


@dataclass(frozen=True)
class Plan:
    """The whole plan.

    Args:
        wanted: All rows wanted.
        at_hand: Those whose video is there.
        stages: What is run.
        rates: Of the stages.
        sizes: Of the modalities.
        mbit_per_second: Of the downloads.
        selection: How a list of clips was matched; None without one.
    """

    wanted: Counts
    at_hand: Counts
    stages: tuple[str, ...]
    rates: dict[str, Rate] = field(default_factory=lambda: dict(RATES))
    sizes: dict[str, Size] = field(default_factory=lambda: dict(SIZES))
    mbit_per_second: float = DOWNLOAD_MBIT_PER_SECOND
    selection: Selection | None = None

    def bytes_of(self, modality: str) -> float:
        """Bytes on disk of a modality."""
        counts = {"video": self.wanted.frames, "mask": self.wanted.masks, "draw": self.wanted.masks}
        return counts.get(modality, self.wanted.clips) * self.sizes[modality].bytes

    def modalities(self) -> list[str]:
        """What the stages write."""
        written = {"crop": ["video"], "mask": ["mask"], "draw": ["draw"], "label": ["label"], "text": ["txt"]}
        return [name for stage in self.stages for name in written[stage]] + ["meta"]

    def download_bytes(self) -> float:
        """Least bytes to download for the videos that are not at hand."""
        seconds = self.wanted.source_seconds - self.at_hand.source_seconds
        return seconds * self.mbit_per_second * 1e6 / 8

    def cpu_hours(self, stage: str) -> float:
        """Hours of one 2-core machine."""
        return self.wanted.amount(stage) / self.rates[stage].cpu / 3600

    def gpu_hours(self, stage: str) -> float | None:
        """Hours of one GPU; None where no rate is known."""
        rate = self.rates[stage].gpu
        return None if rate is None else self.wanted.amount(stage) / rate / 3600

    def as_dict(self) -> dict[str, Any]:
        """Return all figures as JSON values."""
        chosen = self.selection
        return {
            "wanted": asdict(self.wanted),
            "at_hand": asdict(self.at_hand),
            "disk_bytes": {name: self.bytes_of(name) for name in self.modalities()},
            "download_bytes": self.download_bytes(),
            "cpu_hours": {stage: self.cpu_hours(stage) for stage in self.stages},
            "gpu_hours": {stage: self.gpu_hours(stage) for stage in self.stages},
            "clips": None
            if chosen is None
            else {
                "listed": chosen.num_clips,
                "exact": chosen.num_exact,
                "by_video": chosen.num_by_video,
                "unknown": chosen.num_unknown,
            },
        }


def read_rates(path: Path) -> dict[str, Rate]:
    """Replace rates by those of a JSON file, units a second: ``{"mask": {"gpu": 900}, "crop": {"cpu": 60}}``.

    Raises:
        SourceUnavailableError: There is no such file.
        ConfigError: It names an unknown stage or device, or a rate is no positive number.
    """
    try:
        given = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise SourceUnavailableError(f"{path}: the rates cannot be read ({error}); check the path") from error
    except ValueError as error:
        raise ConfigError(f"{path}: this is no JSON ({error})") from error
    rates = dict(RATES)
    if not isinstance(given, dict) or not all(isinstance(entry, dict) for entry in given.values()):
        raise ConfigError(f'{path}: expected {{"mask": {{"cpu": 5, "gpu": 900}}, ...}}')
    for stage, entry in given.items():
        if stage not in rates or not set(entry) <= {"cpu", "gpu"}:
            raise ConfigError(
                f"{path}: unknown stage or device in {stage}: {entry}; known are {', '.join(STAGES)}; cpu, gpu"
            )
        for device, value in entry.items():
            if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
                raise ConfigError(f"{path}: the rate of {stage} on {device} is {value!r}; it must be a number above 0")
        old = rates[stage]
        rates[stage] = Rate(
            old.unit,
            float(entry.get("cpu", old.cpu)),
            path.name if "cpu" in entry else old.cpu_source,
            float(entry["gpu"]) if "gpu" in entry else old.gpu,
            path.name if "gpu" in entry else old.gpu_source,
        )
    return rates
