"""What a run did, for the table at its end and for the exit code."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mmvoxceleb.errors import ProcessingError
from mmvoxceleb.processing.engines.work import ClipOutcome

__all__ = ["Summary"]

_NAMED = 5


@dataclass
class Summary:
    """The sum of the outcomes of a run. Summaries of several workers add up with :meth:`merge`.

    Args:
        location: Where the results are.
        done: Clips of which at least one stage was run and none failed.
        skipped: Clips that an earlier run had finished.
        failed: Reason by clip.
        frames: Frames decoded.
        seconds: Wall time of the run.
        seconds_by_step: Time spent reading and decoding (``read``), on the device (``device``), and encoding and
            writing (``write``), summed over threads; reading and writing overlap with the device.
    """

    location: str
    done: int = 0
    skipped: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    frames: int = 0
    seconds: float = 0.0
    seconds_by_step: dict[str, float] = field(default_factory=lambda: {"read": 0.0, "device": 0.0, "write": 0.0})

    def add(self, outcome: ClipOutcome) -> None:
        """Count one clip."""
        if outcome.failed:
            self.failed[outcome.clip_id] = "; ".join(dict.fromkeys(outcome.failed.values()))
        elif outcome.done:
            self.done += 1
        else:
            self.skipped += 1
        self.frames += outcome.frames
        self._add_seconds(outcome.seconds)

    def merge(self, other: "Summary") -> None:
        """Add what another worker did at the same time."""
        self.done += other.done
        self.skipped += other.skipped
        self.failed.update(other.failed)
        self.frames += other.frames
        self.seconds = max(self.seconds, other.seconds)
        self._add_seconds(other.seconds_by_step)

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
            f"{len(self.failed)} of {self.done + self.skipped + len(self.failed)} clips failed: "
            f"{'; '.join(named)}{more}. All others are finished. {self.location}/meta/ledger.jsonl lists every "
            "clip; mend the sources and run the same command again"
        )

    def reasons(self) -> Mapping[str, int]:
        """Count the failed clips by reason, without the names of clips and files in it."""
        return Counter(reason.rpartition(": ")[2] for reason in self.failed.values())

    def as_dict(self) -> dict[str, Any]:
        """Give the same numbers as JSON values, with the rates."""
        rate = 1 / self.seconds if self.seconds else 0.0
        return {
            "location": self.location,
            "done": self.done,
            "skipped": self.skipped,
            "failed": dict(sorted(self.failed.items())),
            "frames": self.frames,
            "seconds": round(self.seconds, 3),
            "clips_per_second": round(self.done * rate, 3),
            "frames_per_second": round(self.frames * rate, 3),
            "seconds_by_step": {name: round(value, 3) for name, value in self.seconds_by_step.items()},
        }

    def _add_seconds(self, seconds: Mapping[str, float]) -> None:
        for name, value in seconds.items():
            self.seconds_by_step[name] = self.seconds_by_step.get(name, 0.0) + value
