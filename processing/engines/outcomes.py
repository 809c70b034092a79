"""What became of clips: one by one, and summed up for the table at the end, the JSON file and the exit code."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mmvoxceleb.errors import ProcessingError
from mmvoxceleb.processing.engines.memory import MemoryUse

__all__ = ["ClipOutcome", "Plan", "Summary"]

_NAMED = 5


@dataclass(frozen=True)
class ClipOutcome:
    """What became of a clip, or of a part of a video that became none.

    Args:
        clip_id: The key; for something rejected the name of the utterance or tube.
        done: Stages that were run and written.
        skipped: Stages that an earlier run had finished.
        failed: Reason by stage.
        rejected: Why this is not a clip by the rules of the crop; empty for clips.
        frames: How many frames were decoded for it.
        seconds: Time spent on it by step: ``read`` (listing, reading, decoding), each stage by its name (the model and
            the encoding), and ``write``.
        device_seconds: The part of it that the device was held.
        figures: Numbers that the stages put into the provenance, as ``mask.flicker``.
        source_frames: How many frames of the source video were dropped, doubled and undecodable, where it was cropped.
        remarks: What else is to be counted: why a stage made no files.
    """

    clip_id: str
    done: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    failed: Mapping[str, str] = field(default_factory=dict)
    rejected: str = ""
    frames: int = 0
    seconds: Mapping[str, float] = field(default_factory=dict)
    device_seconds: float = 0.0
    figures: Mapping[str, float] = field(default_factory=dict)
    source_frames: Mapping[str, int] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """What a run has before it.

    Args:
        todo: Units (clips, or source videos) with at least one stage that is not finished.
        finished: Units whose stages are all finished with the settings of now.
        removed: How many clips, or utterances of videos, are left out because they are on a removal list.
        rejected: What is known not to become a clip before anything is run: bad rows of a list.
        notes: What else is to be said of the source, a sentence each.
        unchanged: Those of the finished units of which nothing has changed since a run looked at them.
    """

    todo: tuple[str, ...]
    finished: tuple[str, ...]
    removed: int = 0
    rejected: tuple[ClipOutcome, ...] = ()
    notes: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()


@dataclass
class Summary:
    """The totals of a run.

    Args:
        location: Where the results are.
        units: Units processed: source videos if they are cropped, else clips.
        done: Clips for which at least one stage ran and none failed.
        skipped: Clips that an earlier run had finished.
        failed: Reason by clip.
        rejected: How many utterances and tubes did not become a clip, by reason.
        frames: Frames decoded.
        seconds: Wall time of the run.
        seconds_by_step: Time spent by step, summed over threads and workers; see :class:`ClipOutcome`.
        device_seconds: Time that devices were held, summed over workers.
        engine: What ran it.
        workers: Worker processes, each with its own device.
        is_complete: Whether the run finished, instead of being stopped.
        figures: Numbers that the stages put into the provenance of clips done in this run, by name.
        source_frames: Frames of the source videos that were dropped, doubled and undecodable in clips of this run.
        notes: What else is to be said of the source, such as files that were not taken.
        remarks: How many clips of this run have no files of a stage, by reason: ``no sound``.
        memory: How much memory clips might take and took together; on Ray those of one actor.
    """

    location: str
    units: int = 0
    done: int = 0
    skipped: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    rejected: Counter[str] = field(default_factory=Counter)
    frames: int = 0
    seconds: float = 0.0
    seconds_by_step: dict[str, float] = field(default_factory=dict)
    device_seconds: float = 0.0
    engine: str = "local"
    workers: int = 1
    is_complete: bool = False
    figures: dict[str, list[float]] = field(default_factory=dict)
    source_frames: Counter[str] = field(default_factory=Counter)
    notes: tuple[str, ...] = ()
    remarks: Counter[str] = field(default_factory=Counter)
    memory: MemoryUse = field(default_factory=MemoryUse)

    def add(self, outcome: ClipOutcome) -> None:
        """Count one clip."""
        if outcome.rejected:
            self.rejected[outcome.rejected.partition(":")[0]] += 1
        elif outcome.failed:
            self.failed[outcome.clip_id] = "; ".join(dict.fromkeys(outcome.failed.values()))
        elif outcome.done:
            self.done += 1
        else:
            self.skipped += 1
        self.frames += outcome.frames
        self.device_seconds += outcome.device_seconds
        for name, value in outcome.seconds.items():
            self.seconds_by_step[name] = self.seconds_by_step.get(name, 0.0) + value
        self.source_frames.update(outcome.source_frames)
        self.remarks.update(remark.partition(":")[0] for remark in outcome.remarks)
        for name, value in outcome.figures.items():
            self.figures.setdefault(name, []).append(value)

    @property
    def clips(self) -> int:
        """How many clips were seen: done, skipped and failed."""
        return self.done + self.skipped + len(self.failed)

    def shares(self) -> dict[str, float]:
        """Return each step's share of the time, the largest first."""
        total = sum(self.seconds_by_step.values()) or 1.0
        steps = sorted(self.seconds_by_step.items(), key=lambda step: -step[1])
        return {name: seconds / total for name, seconds in steps}

    def raise_if_failed(self) -> None:
        """Raise when clips failed, naming the first of them by name.

        Raises:
            ProcessingError: At least one clip failed.
        """
        if not self.failed:
            return
        named = [f"{clip_id}: {reason}" for clip_id, reason in sorted(self.failed.items())[:_NAMED]]
        more = f"; and {len(self.failed) - _NAMED} more" if len(self.failed) > _NAMED else ""
        raise ProcessingError(
            f"{len(self.failed)} of {self.clips} clips failed: {'; '.join(named)}{more}. All others are finished. "
            f"{self.location}/meta/ledger.jsonl lists every clip; fix the sources and rerun the command"
        )

    def as_dict(self) -> dict[str, Any]:
        """Give the same numbers as JSON values, with the rates."""
        rate = 1 / self.seconds if self.seconds else 0.0
        return {
            "location": self.location,
            "units": self.units,
            "done": self.done,
            "skipped": self.skipped,
            "failed": dict(sorted(self.failed.items())),
            "rejected": dict(self.rejected.most_common()),
            "frames": self.frames,
            "seconds": round(self.seconds, 3),
            "clips_per_second": round(self.done * rate, 3),
            "frames_per_second": round(self.frames * rate, 3),
            "seconds_by_step": {name: round(value, 3) for name, value in sorted(self.seconds_by_step.items())},
            "shares": {name: round(value, 4) for name, value in self.shares().items()},
            "engine": self.engine,
            "workers": self.workers,
            "is_complete": self.is_complete,
            "memory": self.memory.as_dict(),
            "source_frames": dict(sorted(self.source_frames.items())),
            "notes": list(self.notes),
            "remarks": dict(self.remarks.most_common()),
            "mean_figures": {name: round(sum(got) / len(got), 6) for name, got in sorted(self.figures.items())},
            "device_busy_share": round(self.device_seconds * rate / max(1, self.workers), 4),
        }
