"""``mmvoxceleb push``: to the Hugging Face Hub."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mmvoxceleb.cli.clip_options import ClipOptions
from mmvoxceleb.cli.export import CARD, FormOptions, WorkersOption, about_lacking, completed, known_models, run_export
from mmvoxceleb.cli.locations import ModalityOption, path_of_location
from mmvoxceleb.cli.options import named, takes_options, without
from mmvoxceleb.cli.telling import JsonOptions, end, say, stopped
from mmvoxceleb.cli.wording import command, counted
from mmvoxceleb.hub.card_facts import CardFacts
from mmvoxceleb.hub.settings import ExportSettings

if TYPE_CHECKING:
    from mmvoxceleb.hub.push import PushPlan, PushReport

EXAMPLES = """
[bold]Examples[/]

  mmvoxceleb export /data/mmvoxceleb out && mmvoxceleb push out user/name --dry-run
  mmvoxceleb push out user/name
  mmvoxceleb push /data/mmvoxceleb user/name --codec mp4 --work /scratch/export
  mmvoxceleb push out lab/name --public --yes

Log in once with: hf auth login
"""


EXPORT = typer.Option(rich_help_panel="Export")


def register(app: typer.Typer) -> None:
    """Add ``push``."""
    app.command(epilog=EXAMPLES)(takes_options(push))


def push(
    source: Annotated[
        str, typer.Argument(metavar="EXPORT_OR_STORE", help="An export; or a store, which is exported first.")
    ],
    repo_id: Annotated[str, typer.Argument(metavar="USER/NAME", help="Dataset repository; created if needed.")],
    public: Annotated[bool, typer.Option("--public", help="Make the repository public. Default: private.")] = False,
    gated: Annotated[
        bool, typer.Option("--gated/--no-gated", help="Readers of a new public repository must request access.")
    ] = True,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation with --public.")] = False,
    revision: Annotated[str, typer.Option("--revision", help="Branch; created if needed.")] = "main",
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Show what would be sent, and stop. A store is exported all the same.",
            rich_help_panel="Run",
        ),
    ] = False,
    work: Annotated[
        Path | None, typer.Option("--work", help="Where a store is exported to. Default: in the cache folder.")
    ] = None,
    version: Annotated[
        str | None, typer.Option("--dataset-version", help="MAJOR.MINOR.PATCH, and the tag. Default: the export's own.")
    ] = None,
    *,
    settings: Annotated[
        ExportSettings,
        without(
            "modalities",
            "styles",
            "video",
            "crf",
            "lossless",
            "mask_encoding",
            "version",
            "max_shard_bytes",
            "on_error",
        ),
        EXPORT,
    ],
    form: Annotated[FormOptions, EXPORT],
    modality: ModalityOption = None,
    facts: Annotated[
        CardFacts,
        without("repo_id", "title", "label_accuracy", "models", "charts", "clip_list", "elsewhere"),
        named(licence="--card-licence"),
        CARD,
    ],
    chosen: ClipOptions,
    workers: WorkersOption = 0,
    output: JsonOptions,
) -> None:
    """Send an export to the Hugging Face Hub, privately by default. Files that the Hub has are not sent again.

    A store is exported first, with the options under Export and Card.
    """
    from mmvoxceleb.cache import cache_dir
    from mmvoxceleb.cli.progress import progress_bar
    from mmvoxceleb.errors import ConfigError, IncompatibleOutputError, SourceUnavailableError
    from mmvoxceleb.hub.describing import name_repository
    from mmvoxceleb.hub.hub_client import HubRepo
    from mmvoxceleb.hub.manifest import is_export
    from mmvoxceleb.hub.push import plan_push

    repo = HubRepo(repo_id, revision=revision)
    if public and not (yes or dry_run):
        typer.confirm(f"The clips show real people who did not consent. Make {repo_id} public?", abort=True)
    root = Path(source)
    if chosen.clips is not None and is_export(root):
        raise ConfigError(f"{source}: is an export, which is sent as it is; pass --clips to mmvoxceleb export")
    if not is_export(root):
        source = path_of_location(source)
        root = work or cache_dir() / "exports" / repo_id.replace("/", "~")
        settings = completed(replace(form.of(settings), version=version or settings.version), source, modality)
        facts = replace(facts, repo_id=repo_id, models=known_models())
        try:
            exported = run_export(source, root, settings, facts, chosen, workers=workers)
        except IncompatibleOutputError as error:
            if work is not None:
                raise IncompatibleOutputError(f"{error}; another folder: --work") from error
            say("the store, or what is asked of it, has changed since an earlier push: it is exported anew")
            exported = run_export(source, root, settings, facts, chosen, workers=workers, overwrite=True)
        say(f"exported to {root}")
        for what, told in about_lacking(exported.left_out, exported.without):
            say(f"{what}: {told}")
    if not dry_run:
        name_repository(root, repo_id, version=version)
    with progress_bar() as tell:
        plan = plan_push(
            root,
            repo,
            public=public,
            may_be_offline=dry_run,
            progress=lambda more, total: tell("checking (shards)", total, more=more),
        )
    _show(plan, repo_id, private=not public, verb="would be sent" if dry_run else "to be sent")
    planned = {
        "repo": repo_id,
        "private": not public,
        "is_new": plan.is_new,
        "version": plan.version,
        "shards": len(plan.shards),
        "bytes": plan.bytes,
        "stale": list(plan.stale),
        "unchecked": plan.unchecked,
    }
    if dry_run:
        end(
            {"dry_run": True, "card": str(root / "README.md"), **planned},
            [("card", f"{root / 'README.md'}; read it before you push")],
            next_command=command(
                "push", source, repo_id, *(["--work", work] if work else []), *(["--public"] if public else [])
            ),
        )
        return
    sent: list[int] = []
    try:
        report = _send(plan, repo_id, revision, public=public, gated=gated, sent=sent)
    except KeyboardInterrupt:
        raise stopped(repo_id, of="commits") from None
    except SourceUnavailableError:
        if sent:
            stopped(repo_id, of="commits")
        raise
    end(
        {"dry_run": False, **planned, **asdict(report)},
        [
            ("repository", repo_id),
            ("sent", f"{counted(report.sent, 'shard')} in {counted(len(report.commits), 'commit')}"),
            ("unchanged", counted(report.unchanged, "shard")),
            ("tag", report.tag),
        ],
        next_command=f"load_dataset({repo_id!r}, split='train', streaming=True)",
    )


def _show(plan: "PushPlan", repo_id: str, *, private: bool, verb: str) -> None:
    kind = f"new {'private' if private else 'public'} repository" if plan.is_new else "repository"
    say(f"{kind} {repo_id}, version {plan.version}")
    there = "" if plan.unchecked else f"; on the Hub already: {counted(plan.unchanged, 'shard')}"
    say(
        f"{verb}: {counted(len(plan.shards), 'shard')} of {counted(plan.bytes, 'byte')} in "
        f"{counted(len(plan.batches), 'commit')}, and {counted(len(plan.description), 'file')} of the card{there}"
    )
    for path in plan.stale:
        say(f"from an earlier export, to be deleted on the branch: {path}")
    if plan.unchecked:
        from huggingface_hub import get_token

        if get_token() is None:
            say("no token of the Hub is on this machine; to push, log in first: hf auth login")
        say(
            f"not checked, because the Hub could not be reached: whether {repo_id} exists and is private; what it "
            f"already has; whether its tag v{plan.version} is free\n  {plan.unchecked}"
        )


def _send(plan: "PushPlan", repo_id: str, revision: str, *, public: bool, gated: bool, sent: list[int]) -> "PushReport":
    """Push with a bar, and add to ``sent`` the bytes of what is sent together."""
    from huggingface_hub.utils.tqdm import disable_progress_bars
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    from mmvoxceleb.hub.hub_client import HubRepo
    from mmvoxceleb.hub.push import push_export

    disable_progress_bars()
    columns = (TextColumn("sending"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("sending", total=plan.bytes)

        def advance(_: int, size: int) -> None:
            sent.append(size)
            bar.advance(task, size)

        return push_export(
            plan,
            HubRepo(repo_id, revision=revision),
            public=public,
            gated=gated,
            progress=advance,
        )
