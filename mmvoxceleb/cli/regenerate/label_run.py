"""What the regenerate commands share: run stages with a progress bar, and say at the end what was done."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from mmvoxceleb.errors import ConfigError

if TYPE_CHECKING:
    from mmvoxceleb.processing.engines.work import ClipOutcome, ClipWork

__all__ = ["folder_to_write", "run_stages"]


def folder_to_write(store: str, out: Path | None) -> Path:
    """Choose where results go: ``out``, or the store itself where it is a folder on this machine.

    Raises:
        ConfigError: There is no ``out``, and the store is no such folder.
    """
    root = out if out is not None else Path(store).expanduser()
    if out is None and not root.is_dir():
        raise ConfigError(f"{store}: is no folder on this machine, so results need one of their own; add --out FOLDER")
    return root


def run_stages(
    work: "ClipWork", clip_ids: Sequence[str] | None, *, limit: int | None, dry_run: bool, what: str
) -> None:
    """Run the stages of ``work`` and print a summary; with ``dry_run`` only what there would be to do.

    Raises:
        ProcessingError: Clips failed; all others are finished.
        typer.Exit: The run was stopped by Ctrl-C; code 130.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from mmvoxceleb.processing.engines.local import run_local

    clip_ids = work.source.clip_ids() if clip_ids is None else clip_ids
    if dry_run or limit == 0:
        plan = work.plan(clip_ids)
        typer.echo(f"{what}: {len(plan.todo)} clips to do, {len(plan.finished)} finished, in {work.writer.root}")
        return
    done, console = 0, Console(stderr=True)
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TextColumn("clips"), TimeRemainingColumn())
    try:
        with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
            task = progress.add_task(what, total=len(clip_ids))

            def report(outcome: "ClipOutcome") -> None:
                nonlocal done
                done += bool(outcome.done)
                progress.advance(task)

            summary = run_local(work, clip_ids, limit=limit, report=report)
    except KeyboardInterrupt:
        typer.echo(f"stopped; {done} clips were done. The same command goes on where this one stopped", err=True)
        raise typer.Exit(130) from None
    rate = summary.done / summary.seconds if summary.seconds else 0.0
    typer.echo(
        f"{what}: {summary.done} clips done, {summary.skipped} finished before, {len(summary.failed)} failed, "
        f"{rate:,.1f} clips/s, in {summary.location}"
    )
    for reason, count in sorted(summary.reasons().items()):
        typer.echo(f"  {count} x {reason}")
    summary.raise_if_failed()
