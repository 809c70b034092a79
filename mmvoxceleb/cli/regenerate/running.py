"""A run as ``regenerate`` shows it: what would be done, the progress, the table at the end, the exit code."""

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from mmvoxceleb.cli.regenerate.shared import RunOptions
from mmvoxceleb.cli.telling import end, say, stopped
from mmvoxceleb.cli.wording import SHOWN, command, counted, first_of
from mmvoxceleb.sizes import format_size

if TYPE_CHECKING:
    from mmvoxceleb.cli.regenerate.bar import RunBar
    from mmvoxceleb.processing.crop.cropped_videos import CroppedVideos
    from mmvoxceleb.processing.engines.outcomes import ClipOutcome, Plan, Summary
    from mmvoxceleb.processing.engines.work import Work
    from mmvoxceleb.processing.pipeline import Pipeline, Source
    from mmvoxceleb.processing.source import StoredClips

__all__ = ["run_pipeline"]

_SOURCE_FRAMES = (
    ("dropped", "left out (over 25 per second)"),
    ("doubled", "shown twice (under 25 per second, or some missing)"),
    ("undecodable", "undecodable"),
)
"""What became of frames of the videos, and how it is said."""
_WIDTH_WITH_SHARES = 140
"""On a narrower terminal the line of the progress has no room for what the time is spent on."""


def run_pipeline(
    pipeline: "Pipeline",
    source: "Source",
    out: str,
    run: RunOptions,
    more: "Callable[[Summary], Iterable[tuple[str, str]]]" = lambda summary: (),
    following: str | None = None,
) -> None:
    """Run a pipeline, with its progress, and say what it did.

    Args:
        pipeline: The stages.
        source: What they begin with.
        out: Where results go.
        run: What the user chose.
        more: Rows for the table at the end.
        following: The next command to type; by default the one that checks the results.

    Raises:
        ProcessingError: Clips failed.
        Exit: With code 130, after Ctrl-C.
    """
    work = pipeline.work(_chosen(source, run), out, layout=run.layout, overwrite=run.overwrite)
    if run.licence is not None:
        from mmvoxceleb.processing.licences import check_work

        check_work(work)
    if run.is_dry:
        _say_what_would_be_done(work)
        return
    shown = _Shown(work)
    summary = shown.run(run)
    ready = summary.clips and not summary.failed
    rows = [*shown.rows(summary), *more(summary)]
    end(summary.as_dict(), rows, next_command=(following or command("validate", out)) if ready else None)
    if summary.failed:
        from mmvoxceleb.errors import ProcessingError

        raise ProcessingError(
            f"{len(summary.failed):,} of {counted(summary.clips, 'clip')} failed, for the reasons above. All others "
            f"are finished. {summary.location}/meta/ledger.jsonl lists every clip; mend what the reasons name, and "
            "rerun the command"
        )


def _chosen(source: "Source", run: RunOptions) -> "Source":
    if run.clips is None:
        return source
    if not isinstance(source, str):
        from mmvoxceleb.errors import ConfigError

        raise ConfigError("--clips chooses among existing clips, but a crop makes new ones; leave it out")
    from mmvoxceleb.stores import open_store

    return run.of(open_store(source))


def _say_what_would_be_done(work: "Work") -> None:
    from mmvoxceleb.processing.crop.cropped_videos import CroppedVideos
    from mmvoxceleb.processing.source import StoredClips

    work.writer.check()
    plan = work.plan(work.units())
    if isinstance(work.source, StoredClips):
        lines, count = _clips(work, work.source, plan.todo)
    elif isinstance(work.source, CroppedVideos):
        lines, count = _absent_videos(work.source)
    else:
        lines, count = list(plan.todo[:10]), len(plan.todo)
    if lines and not isinstance(work.source, CroppedVideos):
        say("to do:")
    for line in first_of(lines, count, shown=10):
        say(line)
    rejected = [f"rejected: {outcome.clip_id}: {outcome.rejected}" for outcome in plan.rejected]
    for line in (*first_of(rejected, len(rejected), shown=10), *plan.notes):
        say(line)
    end(
        {
            "dry_run": True,
            "location": work.writer.location,
            "stages": list(work.stages),
            "unit": work.unit,
            "todo": list(plan.todo),
            "finished": len(plan.finished),
            "unchanged": len(plan.unchanged),
            "removed": plan.removed,
            "rejected": {outcome.clip_id: outcome.rejected for outcome in plan.rejected},
            "notes": list(plan.notes),
        },
        [
            ("stages", ", ".join(work.stages)),
            ("to do", counted(len(plan.todo), work.unit)),
            ("finished", _finished(plan, work.unit)),
            ("results", f"{work.writer.location}; this run has written nothing"),
        ],
    )


def _finished(plan: "Plan", unit: str) -> str:
    """Say how many units are finished; of some clips, only a run sees whether their inputs have changed."""
    told = counted(len(plan.finished), unit)
    if unit == "clip" and len(plan.unchanged) < len(plan.finished):
        return f"{told}; a run checks whether what they were made of has changed"
    return told


def _absent_videos(source: "CroppedVideos") -> tuple[list[str], int]:
    from mmvoxceleb.processing.crop.videos import WHOLE_VIDEO

    missing = sorted(key for key, video in source.videos.items() if video.path is None)
    wanted = sum(len(video.utterances) for video in source.videos.values())
    absent = f"; {len(missing):,} not there yet" if missing else ""
    are_whole = all(each.name == WHOLE_VIDEO for video in source.videos.values() for each in video.utterances)
    parts = "" if are_whole else f" with {counted(wanted, 'utterance')}"
    say(f"{counted(len(source.videos), 'video')}{parts}{absent}")
    what = "would be fetched" if source.job.download_to else "missing"
    return [f"{what}: {key}" for key in missing], len(missing)


def _clips(work: "Work", source: "StoredClips", todo: tuple[str, ...]) -> tuple[list[str], int]:
    lines = []
    for clip_id in todo[:10]:
        clip = source.clip(clip_id)
        frames = max((len(stage.select(clip)) for stage in work.steps.stages), default=0)
        lines.append(f"{clip_id}  {frames} of {counted(len(clip.frame_indices), 'frame')}" if frames else clip_id)
    return lines, len(todo)


class _Shown:
    """A run on the screen.

    Args:
        work: What is to be done.
    """

    def __init__(self, work: "Work") -> None:
        from rich.console import Console

        from mmvoxceleb.processing.engines.outcomes import Summary

        self.work = work
        self.seen = Summary(work.writer.location)
        self.rejected: list[str] = []
        self.console = Console(stderr=True, highlight=False, soft_wrap=True)

    def run(self, run: RunOptions) -> "Summary":
        from mmvoxceleb.cli.regenerate.bar import RunBar
        from mmvoxceleb.errors import ConfigError
        from mmvoxceleb.processing.pipeline import run_work

        units = self.work.units()
        total = len(units)
        if run.limit is not None:
            plan = self.work.plan(units)
            total = len(plan.finished) + min(run.limit, len(plan.todo))

        def finished(unit: str) -> None:
            self.seen.units += 1
            bar.unit_finished(unit)

        with RunBar(self.console, self.work.unit, self.work.stages, total) as bar:
            try:
                summary = run_work(
                    self.work,
                    engine=run.engine,
                    address=run.address,
                    limit=run.limit,
                    workers=run.workers,
                    memory=run.memory,
                    report=lambda outcome: self._tell(outcome, bar),
                    finished=finished,
                    doing=bar.doing,
                )
            except ImportError as error:
                raise ConfigError(str(error)) from error
            except KeyboardInterrupt:
                bar.stop()
                self.seen.seconds = bar.seconds
                left = max(0, total - self.seen.units)
                end(
                    {**self.seen.as_dict(), "left": left},
                    [*self.rows(self.seen, stopped_early=True), ("left", counted(left, self.work.unit))],
                )
                raise stopped(self.work.writer.location) from None
        return summary

    def _tell(self, outcome: "ClipOutcome", bar: "RunBar") -> None:
        from rich.markup import escape

        self.seen.add(outcome)
        if outcome.rejected and len(self.rejected) < SHOWN:
            self.rejected.append(f"{outcome.clip_id}: {outcome.rejected}")
        for reason in outcome.failed.values():
            self.console.print(f"[red]failed:[/] {escape(f'{outcome.clip_id}: {reason}')}")
        shares = " ".join(f"{name} {share:.0%}" for name, share in list(self.seen.shares().items())[:3])
        bar.say(
            rate=_rate(self.seen, bar.seconds) if bar.seconds and self.seen.done else "",
            shares=shares if self.console.width >= _WIDTH_WITH_SHARES else "",
        )

    def rows(self, summary: "Summary", *, stopped_early: bool = False) -> list[tuple[str, str]]:
        """The table at the end, after what was rejected."""
        count = sum(self.seen.rejected.values())
        if count:
            say("rejected:")
            for line in first_of(self.rejected, count, f": see {summary.location}/meta/ledger.jsonl"):
                say(line)
            if self.seen.rejected.keys() & {"too short", "too small"}:
                elsewhere = ", and name a new output" if summary.clips else ""  # results of other settings are refused
                say(f"to keep shorter clips or smaller faces, pass --min-frames or --min-face{elsewhere}")
        return list(_rows(summary, self.work.unit, stopped_early=stopped_early))


def _rows(summary: "Summary", unit: str, *, stopped_early: bool = False) -> Iterator[tuple[str, str]]:
    """The table at the end; empty rows are left out."""
    if unit == "video" and summary.units:
        yield "videos", f"{summary.units:,} {'looked at' if stopped_early else 'in all'}"
    if stopped_early and not summary.clips:
        yield "done", "no clip yet"
    elif not summary.clips and summary.rejected.keys() - {"removed"}:  # of whom nothing is recorded
        others = "all others" if "removed" in summary.rejected else "all"
        yield "done", f"no clip: {others} were rejected; {summary.location}/meta/ledger.jsonl has the reasons"
    elif summary.done or not (summary.skipped or summary.failed or summary.rejected):
        frames = f", {counted(summary.frames, 'frame')}" if summary.frames else ""
        yield "done", f"{counted(summary.done, 'clip')}{frames}"
    if summary.skipped:
        yield "skipped", f"{counted(summary.skipped, 'clip')} that an earlier run finished"
    if any(summary.source_frames.values()):
        counts = ((summary.source_frames[key], what) for key, what in _SOURCE_FRAMES)
        yield "source frames", ", ".join(f"{count:,} {what}" for count, what in counts if count)
    for reason, count in summary.rejected.most_common():
        yield ("left out", f"{count:,} on the removal list") if reason == "removed" else (
            "rejected", f"{count:,} {reason}"
        )  # fmt: skip
    for remark, count in summary.remarks.most_common():
        first = summary.remarked[remark]
        yield "noted", f"{counted(count, 'clip')}: {remark} ({first if count == 1 else f'such as {first}'})"
    for note in summary.notes:
        yield "note", note
    if summary.failed:
        yield "failed", counted(len(summary.failed), "clip")
    if summary.seconds:
        workers = f" on {summary.workers} workers" if summary.workers > 1 else ""
        rate = f": {_rate(summary, summary.seconds)}" if summary.done else ""
        yield "time", f"{summary.seconds:.1f} s{workers}{rate}"
        if summary.done:
            shares = summary.shares()
            yield "spent on", ", ".join(f"{name} {share:.0%}" for name, share in shares.items() if share >= 0.005)
    if summary.memory.peak:
        each = " in each actor" if summary.engine == "ray" else ""
        peak, budget = format_size(summary.memory.peak), format_size(summary.memory.budget)
        yield "memory", f"clips in flight took up to {peak} of {budget}{each}"
    yield "results", summary.location


def _rate(summary: "Summary", seconds: float) -> str:
    frames = f", {summary.frames / seconds:.1f} frames/s" if summary.frames else ""
    return f"{summary.done / seconds:.2f} clips/s{frames}"
