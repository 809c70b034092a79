"""What the ``regenerate`` commands share: options, the run with its progress, the table at the end, the exit code."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

import typer

if TYPE_CHECKING:
    from mmvoxceleb.processing.engines.summary import Summary
    from mmvoxceleb.processing.engines.work import ClipWork
    from mmvoxceleb.processing.source import ClipSource
    from mmvoxceleb.processing.stage import Stage
    from mmvoxceleb.stores import Store

__all__ = ["run_stages"]

StoreArgument: TypeAlias = Annotated[str, typer.Argument(help="Folder, zip or URL with video/<clip>/.")]
OutOption: TypeAlias = Annotated[
    Path | None, typer.Option("--out", help="Folder for the results; STORE itself by default.", show_default=False)
]
LayoutOption: TypeAlias = Annotated[
    Literal["folder", "packed"],
    typer.Option("--layout", help="A folder of files per clip, as the original has it, or one zip per clip."),
]
OverwriteOption: TypeAlias = Annotated[
    bool, typer.Option("--overwrite", help="Replace results of other settings, inputs or origin.")
]
LimitOption: TypeAlias = Annotated[
    int | None, typer.Option("--limit", min=0, help="Do at most so many clips; 0 checks the inputs and stops.")
]
DryRunOption: TypeAlias = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and stop.")]
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
    int | None, typer.Option("--batch-size", min=1, help="Frames in a batch; chosen by default.", show_default=False)
]
StrideOption: TypeAlias = Annotated[int, typer.Option("--stride", min=1, help="Every how many frames.")]


def run_stages(
    store: str,
    stages: "Sequence[Stage]",
    *,
    out: Path | None,
    layout: Literal["folder", "packed"],
    overwrite: bool,
    limit: int | None,
    dry_run: bool,
    source: "Callable[[Store], ClipSource] | None" = None,
) -> "Summary | None":
    """Run stages over a store with progress and a table at the end; None where nothing was to be run.

    The clips are those with frames, unless ``source`` makes another source of the store.

    Raises:
        ConfigError: The results would go into something that is no local folder.
        ProcessingError: Clips failed.
        Exit: With code 130, after Ctrl-C.
    """
    from mmvoxceleb.errors import ConfigError
    from mmvoxceleb.processing.engines.work import ClipWork
    from mmvoxceleb.processing.output import StoreWriter
    from mmvoxceleb.processing.source import StoreSource
    from mmvoxceleb.stores import open_store

    if out is None and not Path(store).is_dir():
        raise ConfigError(f"{store} is no local folder, so results cannot go into it; name a folder with --out")
    target = out if out is not None else Path(store)
    work = ClipWork(
        (source or StoreSource)(open_store(store)), StoreWriter(target, layout), stages, overwrite=overwrite
    )
    if dry_run or limit == 0:
        _say_what_would_be_done(work)
        return None
    summary = _run(work, limit)
    _print_summary(summary)
    summary.raise_if_failed()
    return summary


def _say_what_would_be_done(work: "ClipWork") -> None:
    plan = work.plan(work.source.clip_ids())
    folders = ", ".join(folder.path for folder in work.folders)
    typer.echo(f"{len(plan.todo)} clips to do, {len(plan.finished)} finished: {folders} in {work.writer.root}")
    for clip_id in plan.todo[:10]:
        clip = work.source.clip(clip_id)
        frames = max((len(stage.select(clip)) for stage in work.stages), default=0)
        typer.echo(f"  {clip_id}  {frames} of {len(clip.frame_indices)} frames")
    if len(plan.todo) > 10:
        typer.echo(f"  and {len(plan.todo) - 10} more")


def _run(work: "ClipWork", limit: int | None) -> "Summary":
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from mmvoxceleb.processing.engines.local import run_local
    from mmvoxceleb.processing.engines.summary import Summary
    from mmvoxceleb.processing.engines.work import ClipOutcome

    console = Console(stderr=True)
    clip_ids = work.source.clip_ids()
    seen = Summary(str(work.writer.root))
    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("clips  {task.fields[rate]}"),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    )
    with progress:
        total = len(clip_ids) if limit is None else min(limit, len(clip_ids))
        task = progress.add_task(", ".join(stage.name for stage in work.stages), total=total, rate="")

        def report(outcome: ClipOutcome) -> None:
            seen.add(outcome)
            elapsed = progress.tasks[0].elapsed or 0.0
            rate = f"{seen.frames / elapsed:.1f} frames/s" if elapsed else ""
            progress.update(task, completed=seen.done + seen.skipped + len(seen.failed), rate=rate)
            for reason in outcome.failed.values():
                console.print(f"[red]failed:[/] {outcome.clip_id}: {reason}", highlight=False, soft_wrap=True)

        try:
            return run_local(work, clip_ids, limit=limit, report=report)
        except KeyboardInterrupt:
            progress.stop()
            _print_summary(seen)
            console.print("stopped; the same command goes on where this one stopped")
            raise typer.Exit(130) from None


def _print_summary(summary: "Summary") -> None:
    from rich.console import Console
    from rich.table import Table

    figures = summary.as_dict()
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_row("done", f"{summary.done} clips, {summary.frames} frames")
    table.add_row("skipped", f"{summary.skipped} clips were finished")
    table.add_row("failed", f"{len(summary.failed)} clips")
    if summary.seconds:
        rate = f"{figures['frames_per_second']} frames/s, {figures['clips_per_second']} clips/s"
        table.add_row("time", f"{summary.seconds:.1f} s: {rate}")
        steps = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in summary.seconds_by_step.items())
        table.add_row("spent on", steps)
    table.add_row("results", summary.location)
    Console(soft_wrap=True, highlight=False).print(table)
