"""The outcome of each clip, and the totals of a run for its table, its JSON file and the exit code."""

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
    """The outcome of one clip, or of an utterance or tube that did not become a clip.

    Args:
        clip_id: Id of the clip. If it was rejected, the name of the utterance or tube.
        done: Stages that ran in this run and whose results were written.
        skipped: Stages that an earlier run had finished.
        failed: The reason for each stage that failed.
        rejected: Why the crop rejected it; empty for clips.
        frames: Number of frames that were decoded for it.
        seconds: Time spent on it in each step: ``read`` (listing, reading and decoding), each stage by its name (model
            and encoding), and ``write``.
        device_seconds: Time for which it occupied the device.
        figures: Numbers that the stages recorded in the provenance, by names such as ``mask.flicker``.
        source_frames: Numbers of ``dropped``, ``doubled`` and ``undecodable`` frames of the source video, if the clip
            was cropped in this run.
        remarks: Reasons why stages made no files, to be counted.
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
    """What a run will do.

    Args:
        todo: Units (clips, or source videos) with at least one unfinished stage.
        finished: Units whose stages are all finished with the current settings.
        removed: Number of clips, or utterances of videos, that are left out because they are on a removal list.
        rejected: Inputs that are rejected before the run begins, such as bad rows of a list.
        notes: Remarks about the source for the user, one sentence each.
        unchanged: The finished units whose inputs have not changed since a run last checked them.
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
        location: Path or URL of the store with the results.
        units: Number of source videos (with a crop) or clips (without one) that were processed.
        done: Number of clips for which at least one stage ran and no stage failed.
        skipped: Number of clips that an earlier run had finished.
        failed: The reason for each clip that failed, by clip id.
        rejected: Number of utterances and tubes that did not become a clip, by reason. Clips on a removal list count as
            ``removed``.
        frames: Number of decoded frames.
        seconds: Wall time of the run.
        seconds_by_step: Time spent in each step, summed over threads and workers: ``read`` (listing, reading and
            decoding), each stage by its name (model and encoding), and ``write``.
        device_seconds: Time for which devices were occupied, summed over workers.
        engine: The engine that ran it: ``local`` or ``ray``.
        workers: Number of worker processes; on a GPU, each has a device of its own.
        is_complete: True if the run reached its end, False if it was stopped.
        figures: Numbers that the stages recorded in the provenance of the clips of this run, by names such as
            ``mask.flicker``.
        source_frames: Numbers of ``dropped``, ``doubled`` and ``undecodable`` frames of the source videos in the clips
            of this run.
        notes: Remarks about the source, such as which files in the folder are not videos.
        remarks: Number of clips of this run for which a stage made no files, by reason, such as ``no sound``.
        remarked: A clip for each of ``remarks``.
        memory: Memory that the clips in progress were allowed to use and did use; on Ray, for one actor.
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
    remarked: dict[str, str] = field(default_factory=dict)
    memory: MemoryUse = field(default_factory=MemoryUse)

    def add(self, outcome: ClipOutcome) -> None:
        """Add the outcome of one clip to the totals."""
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
        for remark in (remark.partition(":")[0] for remark in outcome.remarks):
            self.remarks[remark] += 1
            self.remarked.setdefault(remark, outcome.clip_id)
        for name, value in outcome.figures.items():
            self.figures.setdefault(name, []).append(value)

    @property
    def clips(self) -> int:
        """Number of clips: done, skipped and failed."""
        return self.done + self.skipped + len(self.failed)

    def shares(self) -> dict[str, float]:
        """Return the share of each step in the total of :attr:`seconds_by_step`, 0 to 1, the largest first."""
        total = sum(self.seconds_by_step.values()) or 1.0
        steps = sorted(self.seconds_by_step.items(), key=lambda step: -step[1])
        return {name: seconds / total for name, seconds in steps}

    def raise_if_failed(self) -> None:
        """Raise an error if any clip failed.

        Raises:
            ProcessingError: At least one clip failed. The message gives the ids and reasons of up to five of them.
        """
        if not self.failed:
            return
        named = [f"{clip_id}: {reason}" for clip_id, reason in sorted(self.failed.items())[:_NAMED]]
        more = f"; and {len(self.failed) - _NAMED} more" if len(self.failed) > _NAMED else ""
        raise ProcessingError(
            f"{len(self.failed)} of {self.clips} clips failed: {'; '.join(named)}{more}. All others are finished. "
            f"{self.location}/meta/ledger.jsonl lists every clip; mend what the reasons name, and rerun the command"
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the totals as JSON values, together with rates such as ``clips_per_second``."""
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
