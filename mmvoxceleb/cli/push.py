"""``mmvoxceleb push``: to the Hugging Face Hub."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mmvoxceleb.cli.export import (
    ContactOption,
    CoverageOption,
    CrfOption,
    FormatOption,
    LicenceOption,
    LosslessOption,
    ModalityOption,
    SensitiveOption,
    StyleOption,
    VideoOption,
    WorkersOption,
    known_models,
    run_export,
    settings_from,
)
from mmvoxceleb.cli.locations import path_of_location

if TYPE_CHECKING:
    from mmvoxceleb.hub.push import PushPlan

EXAMPLES = """
[bold]Examples[/]

  mmvoxceleb export /data/mmvoxceleb out && mmvoxceleb push out user/name --dry-run
  mmvoxceleb push out user/name
  mmvoxceleb push /data/mmvoxceleb user/name --video mp4 --work /scratch/export
  mmvoxceleb push out lab/name --public --yes

Log in once with: hf auth login
"""


def register(app: typer.Typer) -> None:
    """Add ``push``."""
    app.command(epilog=EXAMPLES)(push)


def push(
    source: Annotated[str, typer.Argument(metavar="EXPORT_OR_STORE", help="An export; or a store, exported first.")],
    repo_id: Annotated[str, typer.Argument(metavar="USER/NAME", help="Dataset repository; made when absent.")],
    public: Annotated[bool, typer.Option("--public", help="Let everybody find it. Default: private.")] = False,
    gated: Annotated[
        bool, typer.Option("--gated/--no-gated", help="Readers of a new public repository ask for access.")
    ] = True,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask whether the clips may be public.")] = False,
    revision: Annotated[str, typer.Option("--revision", help="Branch; made when absent.")] = "main",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be sent.")] = False,
    work: Annotated[
        Path | None, typer.Option("--work", help="Where a store is exported to. Default: in the cache folder.")
    ] = None,
    format_: FormatOption = "parquet",
    modality: ModalityOption = None,
    style: StyleOption = None,
    video: VideoOption = "png",
    crf: CrfOption = 18,
    lossless: LosslessOption = False,
    drop_sensitive: SensitiveOption = False,
    version: Annotated[
        str | None, typer.Option("--dataset-version", help="MAJOR.MINOR.PATCH, and the tag. Default: the export's own.")
    ] = None,
    licence: LicenceOption = None,
    contact: ContactOption = None,
    coverage: CoverageOption = None,
    workers: WorkersOption = 0,
) -> None:
    """Send an export to the Hugging Face Hub, privately. What the Hub has already is not sent again.

    The options from --work on are those of mmvoxceleb export, for a store that is no export yet.
    """
    from mmvoxceleb.cache import cache_dir
    from mmvoxceleb.cli.progress import progress_bar
    from mmvoxceleb.errors import SourceUnavailableError
    from mmvoxceleb.hub.card import CardFacts
    from mmvoxceleb.hub.describing import name_repository
    from mmvoxceleb.hub.hub_client import HubRepo
    from mmvoxceleb.hub.manifest import is_export
    from mmvoxceleb.hub.push import plan_push

    repo = HubRepo(repo_id, revision=revision)
    if public and not (yes or dry_run):
        typer.confirm(f"Real people are shown, who were not asked. Make {repo_id} public?", abort=True)
    root = Path(source)
    if not is_export(root):
        source = path_of_location(source)
        root = work or cache_dir() / "exports" / repo_id.replace("/", "~")
        settings = settings_from(
            source, format_=format_, modality=modality, style=style, video=video, crf=crf, lossless=lossless,
            original_colours=None, drop_sensitive=drop_sensitive, version=version or "1.0.0",
        )  # fmt: skip
        facts = CardFacts(repo_id, licence=licence, contact=contact, coverage=coverage, models=known_models())
        run_export(source, root, settings, facts, workers=workers)
        typer.echo(f"exported to {root}")
    if not dry_run:
        name_repository(root, repo_id, version=version)
    with progress_bar("checking (shards)") as tell:
        plan = plan_push(root, repo, public=public, progress=tell)
    _show(plan, repo_id, private=not public, verb="would be sent" if dry_run else "to be sent")
    if dry_run:
        return
    try:
        _send(plan, repo_id, revision, public=public, gated=gated)
    except (KeyboardInterrupt, SourceUnavailableError) as error:
        typer.echo("stopped; what was sent is kept: the same command goes on from there", err=True)
        if isinstance(error, SourceUnavailableError):
            raise
        raise typer.Exit(130) from None


def _show(plan: "PushPlan", repo_id: str, *, private: bool, verb: str) -> None:
    kind = f"new {'private' if private else 'public'} repository" if plan.is_new else "repository"
    typer.echo(f"{kind} {repo_id}, version {plan.version}")
    typer.echo(
        f"{verb}: {len(plan.shards)} shards of {plan.bytes:,} bytes in {len(plan.batches)} commits, and "
        f"{len(plan.description)} files of the card; on the Hub already: {plan.unchanged} shards"
    )
    for path in plan.stale:
        typer.echo(f"of an earlier export, to be deleted on the branch: {path}")


def _send(plan: "PushPlan", repo_id: str, revision: str, *, public: bool, gated: bool) -> None:
    from huggingface_hub.utils.tqdm import disable_progress_bars
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    from mmvoxceleb.hub.hub_client import HubRepo
    from mmvoxceleb.hub.push import push_export

    disable_progress_bars()
    columns = (TextColumn("sending"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("sending", total=plan.bytes)
        report = push_export(
            plan,
            HubRepo(repo_id, revision=revision),
            public=public,
            gated=gated,
            progress=lambda _, size: bar.advance(task, size),
        )
    typer.echo(
        f"sent {report.sent} shards in {len(report.commits)} commits; {report.unchanged} were there; tag {report.tag}"
    )
    typer.echo(f"load it with: load_dataset({repo_id!r}, split='train', streaming=True)")
