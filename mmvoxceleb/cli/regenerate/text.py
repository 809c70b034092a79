"""``mmvoxceleb regenerate text``: describe every label in sentences."""

from pathlib import Path
from typing import Annotated

import typer

EXAMPLES = """
[bold]Examples[/]

  mmvoxceleb regenerate text my-dataset
  mmvoxceleb regenerate text my-dataset --style natural --seed 7 --overwrite
  mmvoxceleb regenerate text label.zip --out my-text --lines 5
"""


def register(app: typer.Typer) -> None:
    """Add ``regenerate text``."""
    app.command(name="text", epilog=EXAMPLES)(text)


def text(
    store: Annotated[str, typer.Argument(help="A dataset with labels: folder, zips or URL.")],
    out: Annotated[Path | None, typer.Option("--out", help="Folder to write to. Default: STORE itself.")] = None,
    style: Annotated[str, typer.Option("--style", help="original: MMVID's grammar. natural: ours.")] = "original",
    lines: Annotated[int, typer.Option("--lines", min=1, help="Lines per clip.")] = 20,
    seed: Annotated[int, typer.Option("--seed", help="Another seed gives other lines.")] = 0,
    clip: Annotated[list[str] | None, typer.Option("--clip", help="Only this clip; repeat it.")] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", min=0, help="Do at most so many clips; 0 checks and stops.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what there is to do, and stop.")] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace text of other settings, of another label or of unknown origin.")
    ] = False,
) -> None:
    """Describe the label of every clip in sentences, txt/CLIP.txt.

    A clip's text depends on its label, its name, the seed and the style alone. Where a label has changed since, the
    old text is an error, unless --overwrite makes it anew; text that is up to date is left as it is.
    """
    from mmvoxceleb.cli.regenerate.label_run import folder_to_write, run_stages
    from mmvoxceleb.processing.engines.work import ClipWork
    from mmvoxceleb.processing.output import StoreWriter
    from mmvoxceleb.processing.text_stage import LabelSource, TextStage
    from mmvoxceleb.stores import open_store

    root = folder_to_write(store, out)
    stage = TextStage(num_lines=lines, seed=seed, style=style)  # type: ignore[arg-type]
    work = ClipWork(LabelSource(open_store(store)), StoreWriter(root), [stage], overwrite=overwrite)
    run_stages(work, clip, limit=limit, dry_run=dry_run, what="text")
