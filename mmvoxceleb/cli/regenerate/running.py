"""What the ``regenerate`` commands share: options, the run with its progress, the table at the end, the exit code."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

import typer

if TYPE_CHECKING:
    from rich.progress import Progress

    from mmvoxceleb.processing.engines.clip_work import ClipWork
    from mmvoxceleb.processing.engines.interface import Work
    from mmvoxceleb.processing.engines.outcomes import ClipOutcome, Summary
    from mmvoxceleb.processing.engines.video_work import VideoWork
    from mmvoxceleb.processing.pipeline import Pipeline, Source

__all__ = ["run_pipeline", "target_of"]

RUN = "Run"

StoreArgument: TypeAlias = Annotated[str, typer.Argument(help="Folder, zip or URL with video/<clip>/.")]
OutOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--out", help="Folder or URL (s3://...) for the results; STORE itself by default.", show_default=False
    ),
]
LayoutOption: TypeAlias = Annotated[
    Literal["folder", "packed"] | None,
    typer.Option(
        "--layout",
        help="A folder of files per clip, as the original has it, or one zip per clip. Default: folder; packed on a "
        "URL, where there is no other.",
        show_default=False,
    ),
]
OverwriteOption: TypeAlias = Annotated[
    bool, typer.Option("--overwrite", help="Replace results of other settings, inputs or origin.")
]
LimitOption: TypeAlias = Annotated[
    int | None,
    typer.Option(
        "--limit", min=0, help="Do at most so many that are not finished; 0 checks the inputs.", rich_help_panel=RUN
    ),
]
DryRunOption: TypeAlias = Annotated[
    bool, typer.Option("--dry-run", help="Say what would be done, and stop.", rich_help_panel=RUN)
]
EngineOption: TypeAlias = Annotated[
    Literal["local", "ray"],
    typer.Option("--engine", help="This machine, or a Ray cluster.", rich_help_panel=RUN),
]
WorkersOption: TypeAlias = Annotated[
    int | None,
    typer.Option(
        "--workers", min=1, help="Processes. Default: one per GPU, else one; on Ray what the cluster has.",
        show_default=False, rich_help_panel=RUN,
    ),
]  # fmt: skip
AddressOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--address", help="Of the Ray cluster: auto, or ray://HOST:10001. Default: RAY_ADDRESS, or one of its own.",
        show_default=False, rich_help_panel=RUN,
    ),
]  # fmt: skip
DeviceOption: TypeAlias = Annotated[str, typer.Option("--device", help="auto, cpu, cuda, cuda:1, mps.")]
PrecisionOption: TypeAlias = Annotated[
    Literal["auto", "fp32", "fp16", "bf16"],
    typer.Option("--precision", help="auto: fp16 on CUDA, fp32 elsewhere. fp32 is the faithful one."),
]
CompileOption: TypeAlias = Annotated[
    bool, typer.Option("--compile", help="Compile the network first: a minute lost, every frame faster.")
]
BackendOption: TypeAlias = Annotated[
    Literal["auto", "torch", "ncnn"],
    typer.Option("--backend", help="auto: ncnn for fp32 on a CPU where it is installed, which is faster; else torch."),
]
BatchOption: TypeAlias = Annotated[
    int | None,
    typer.Option(
        "--batch-size",
        min=1,
        help="Frames in a batch on a GPU; chosen by default. A CPU takes one at a time.",
        show_default=False,
    ),
]
StrideOption: TypeAlias = Annotated[int, typer.Option("--stride", min=1, help="Every how many frames.")]


def target_of(store: str, out: str | None) -> str:
    """Say where the results of a store go: into the store itself, unless another place was named.

    Raises:
        ConfigError: The store is no local folder, and no other place was named.
    """
    from mmvoxceleb.errors import ConfigError

    if out is None and not Path(store).is_dir():
        raise ConfigError(
            f"{store} is no local folder, so results do not go into it unasked; name a folder or URL with --out"
        )
    return out if out is not None else store


def run_pipeline(
    pipeline: "Pipeline",
    source: "Source",
    out: str,
    *,
    layout: Literal["folder", "packed"] | None = None,
    overwrite: bool = False,
    limit: int | None = None,
    dry_run: bool = False,
    engine: Literal["local", "ray"] = "local",
    workers: int | None = None,
    address: str | None = None,
) -> "Summary | None":
    """Run a pipeline with progress and a table at the end; None where nothing was to be run.

    Raises:
        ProcessingError: Clips failed.
        Exit: With code 130, after Ctrl-C.
    """
    work = pipeline.work(source, out, layout=layout, overwrite=overwrite)
    if dry_run or limit == 0:
        _say_what_would_be_done(work)
        return None
    summary = _run(work, limit, engine, workers, address)
    _print_summary(summary, work.unit)
    summary.raise_if_failed()
    return summary


def _say_what_would_be_done(work: "Work") -> None:
    from mmvoxceleb.processing.engines.video_work import VideoWork

    plan = work.plan(work.units())
    stages = ", ".join(work.stages)
    typer.echo(
        f"{len(plan.todo)} {work.unit}s to do, {len(plan.finished)} finished: {stages} in {work.writer.location}"
    )
    if isinstance(work, VideoWork):
        _list_videos(work)
    else:
        _list_clips(work, plan.todo)  # type: ignore[arg-type]


def _list_videos(work: "VideoWork") -> None:
    missing = [key for key, video in work.videos.items() if video.path is None]
    wanted = sum(len(video.utterances) for video in work.videos.values())
    typer.echo(f"{len(work.videos)} videos with {wanted} utterances; {len(missing)} are not there")
    what = "would be fetched" if work.job.download_to else "missing"
    _echo_some([f"{what}: {key}" for key in sorted(missing)])


def _list_clips(work: "ClipWork", todo: tuple[str, ...]) -> None:
    lines = []
    for clip_id in todo[:11]:
        clip = work.source.clip(clip_id)
        frames = max((len(stage.select(clip)) for stage in work.steps.stages), default=0)
        lines.append(f"{clip_id}  {frames} of {len(clip.frame_indices)} frames")
    _echo_some(lines, len(todo))


def _echo_some(lines: list[str], count: int | None = None) -> None:
    for line in lines[:10]:
        typer.echo(f"  {line}")
    if len(lines) > 10:
        typer.echo(f"  and {(count or len(lines)) - 10} more")


def _run(
    work: "Work", limit: int | None, engine: Literal["local", "ray"], workers: int | None, address: str | None
) -> "Summary":
    from rich.console import Console
    from rich.markup import escape

    from mmvoxceleb.errors import ConfigError
    from mmvoxceleb.processing.engines.outcomes import Summary
    from mmvoxceleb.processing.pipeline import run_work

    console = Console(stderr=True)
    seen = Summary(work.writer.location)
    units = work.units()
    total = len(units)
    if limit is not None:
        plan = work.plan(units)
        total = len(plan.finished) + min(limit, len(plan.todo))
    with _progress(console, work.unit) as progress:
        task = progress.add_task(", ".join(work.stages), total=total, rate="", shares="")

        def report(outcome: "ClipOutcome") -> None:
            seen.add(outcome)
            elapsed = progress.tasks[0].elapsed or 0.0
            rate = f"{seen.done / elapsed:.2f} clips/s, {seen.frames / elapsed:.1f} frames/s" if elapsed else ""
            shares = " ".join(f"{name} {share:.0%}" for name, share in list(seen.shares().items())[:4])
            progress.update(task, rate=rate, shares=shares)
            for reason in outcome.failed.values():
                failure = escape(f"{outcome.clip_id}: {reason}")
                console.print(f"[red]failed:[/] {failure}", highlight=False, soft_wrap=True)

        try:
            return run_work(
                work, engine=engine, address=address, limit=limit, workers=workers, report=report,
                finished=lambda unit: progress.advance(task),
            )  # fmt: skip
        except ImportError as error:
            raise ConfigError(str(error)) from error
        except KeyboardInterrupt:
            progress.stop()
            seen.seconds = progress.tasks[0].elapsed or 0.0
            _print_summary(seen, work.unit)
            console.print(
                f"stopped; what is finished is kept in {work.writer.location}. Run the same command again to go on",
                soft_wrap=True,
            )
            raise typer.Exit(130) from None


def _progress(console: "object", unit: str) -> "Progress":
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    assert isinstance(console, Console)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TextColumn(f"{unit}s"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[rate]}"),
        TextColumn("[dim]{task.fields[shares]}"),
        console=console,
        disable=not console.is_terminal,
    )


def _print_summary(summary: "Summary", unit: str) -> None:
    from rich.console import Console
    from rich.table import Table

    figures = summary.as_dict()
    table = Table(show_header=False, box=None, pad_edge=False)
    if unit == "video":
        table.add_row("videos", f"{summary.units} gone through")
    table.add_row("done", f"{summary.done} clips, {summary.frames} frames")
    table.add_row("skipped", f"{summary.skipped} clips were finished")
    if any(summary.source_frames.values()):
        counts = ", ".join(f"{count} {name}" for name, count in sorted(summary.source_frames.items()))
        table.add_row("of the videos", f"{counts} frames")
    for reason, count in summary.rejected.most_common():
        table.add_row("rejected", f"{count} {reason}")
    table.add_row("failed", f"{len(summary.failed)} clips")
    if summary.seconds:
        workers = f", {summary.workers} workers" if summary.workers > 1 else ""
        rate = f"{figures['frames_per_second']} frames/s, {figures['clips_per_second']} clips/s"
        table.add_row("time", f"{summary.seconds:.1f} s{workers}: {rate}")
        if shares := summary.shares():
            table.add_row("spent on", ", ".join(f"{name} {share:.0%}" for name, share in shares.items()))
    table.add_row("results", summary.location)
    Console(soft_wrap=True, highlight=False).print(table)
