"""``mmvoxceleb export``: a store as Parquet shards, WebDataset tars or the original layout, with a dataset card."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from mmvoxceleb.cli.clip_options import ClipOptions
from mmvoxceleb.cli.completion import trainer_names
from mmvoxceleb.cli.locations import LOCATION_HELP, ModalityOption, path_of_location
from mmvoxceleb.cli.options import named, takes_options, without
from mmvoxceleb.cli.progress import progress_bar
from mmvoxceleb.cli.telling import JsonOptions, end, say, stopped
from mmvoxceleb.cli.wording import command, counted, names_in
from mmvoxceleb.cpus import usable_cpus
from mmvoxceleb.errors import ConfigError
from mmvoxceleb.hub.card_facts import CardFacts, ModelFacts
from mmvoxceleb.hub.settings import ExportSettings
from mmvoxceleb.processing.frame_codec import Codec
from mmvoxceleb.sizes import parse_size
from mmvoxceleb.trainers.settings import TrainerSettings

if TYPE_CHECKING:
    from mmvoxceleb.hub.export import ExportReport

EXAMPLES = """
[bold]Examples[/]

  mmvoxceleb export /data/mmvoxceleb out
  mmvoxceleb export /data/mmvoxceleb out --codec mp4 --crf 18
  mmvoxceleb export /data/mmvoxceleb tars --format webdataset
  mmvoxceleb export /data/mmvoxceleb original --format folder
  mmvoxceleb export /data/mmvoxceleb out --clips list.json
  mmvoxceleb export /data/mmvoxceleb out --drop-sensitive --modality mask --modality label
  mmvoxceleb export /data/mmvoxceleb latentsync --for latentsync
"""

TRAINER = typer.Option(rich_help_panel="For a trainer")

CARD = typer.Option(rich_help_panel="Card")
WorkersOption = Annotated[
    int,
    typer.Option(
        "--workers",
        help="Threads that read and convert. Default: one per core.",
        show_default=False,
        rich_help_panel="Run",
    ),
]


@dataclass(frozen=True)
class FormOptions:
    """How the pictures of an export are stored.

    Args:
        styles: Drawing styles, separated by commas. Default: style1, or the only style of the store.
        codec: png: the frames as they are; mp4, mp4-lossless: one H.264 file a clip, not for the format folder.
        crf: H.264 constant rate factor of mp4, 0 to 51; lower is better and larger.
    """

    styles: str | None = None
    codec: Codec = "png"
    crf: int = ExportSettings.crf

    def of(self, settings: ExportSettings) -> ExportSettings:
        """Put them into settings."""
        return replace(
            settings,
            styles=tuple(names_in(self.styles or "")),
            video="png" if self.codec == "png" else "mp4",
            lossless=self.codec == "mp4-lossless",
            crf=self.crf,
        )


def register(app: typer.Typer) -> None:
    """Add ``export``."""
    app.command(epilog=EXAMPLES)(takes_options(export))


def export(
    store: Annotated[str, typer.Argument(metavar="STORE", help=LOCATION_HELP)],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="New folder, or that of a stopped run.")],
    *,
    settings: Annotated[
        ExportSettings,
        without("modalities", "styles", "video", "crf", "lossless", "mask_encoding", "max_shard_bytes", "on_error"),
        named(version="--dataset-version"),
    ],
    form: FormOptions,
    modality: ModalityOption = None,
    original_colours: Annotated[
        bool | None,
        typer.Option(
            "--original-colours/--palette",
            help="Masks as colour pictures, or as palette PNGs of class ids. Default: colours for folder only.",
        ),
    ] = None,
    max_shard_size: Annotated[
        str | None, typer.Option("--max-shard-size", help="For example 64MB. Default: 32MB Parquet, 256MB tars.")
    ] = None,
    facts: Annotated[
        CardFacts, without("models", "clip_list", "elsewhere"), named(repo_id="--repo", licence="--card-licence"), CARD
    ],
    chosen: ClipOptions,
    trainer: Annotated[
        str | None,
        typer.Option(
            "--for",
            metavar="TRAINER",
            autocompletion=trainer_names,
            help="Write what the loader of a trainer reads: latentsync, musetalk, hallo3, talkvid or echomimic.",
            rich_help_panel="For a trainer",
        ),
    ] = None,
    trainer_settings: Annotated[TrainerSettings, without("crf"), TRAINER],
    workers: WorkersOption = 0,
    on_error: Annotated[
        Literal["raise", "skip"],
        typer.Option(
            "--on-error", help="raise at the first damaged clip, or skip it and record why.", rich_help_panel="Run"
        ),
    ] = "raise",
    limit: Annotated[int | None, typer.Option("--limit", help="Only the first N clips.", rich_help_panel="Run")] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an export with other settings.", rich_help_panel="Run")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be written, and stop.", rich_help_panel="Run")
    ] = False,
    output: JsonOptions,
) -> None:
    """Write a store as shards with a dataset card. A stopped run resumes.

    Parquet shards are what stock load_dataset reads from the Hub; push them with mmvoxceleb push.
    """
    store = path_of_location(store)
    settings = form.of(replace(settings, on_error=on_error))
    if trainer is not None:
        refuse_for_trainer(settings, modality=modality, facts=facts, dry_run=dry_run)
        trainer_settings = replace(trainer_settings, crf=settings.crf)
        run_export_for(
            trainer, store, out, trainer_settings, chosen,
            workers=workers, limit=limit, on_error=settings.on_error, overwrite=overwrite,
        )  # fmt: skip
        return
    if trainer_settings != TrainerSettings():
        raise ConfigError("--size and --root go with --for TRAINER")
    settings = completed(settings, store, modality, original_colours)
    if max_shard_size:
        settings = replace(settings, max_shard_bytes=parse_size(max_shard_size, option="--max-shard-size"))
    if dry_run:
        show_plan(store, settings, limit, chosen)
        return
    facts = replace(facts, models=known_models())
    report = run_export(store, out, settings, facts, chosen, workers=workers, limit=limit, overwrite=overwrite)
    for reason in report.skipped.values():
        say(f"left out: {reason}")
    rows = [
        ("export", str(out)),
        ("clips", f"{report.clips:,}{f' ({len(report.skipped):,} damaged ones left out)' if report.skipped else ''}"),
        *about_lacking(report.left_out, report.without),
    ]
    if settings.format == "folder":
        rows.append(("size", counted(report.bytes, "byte")))
        end({"location": str(out), **asdict(report)}, rows, next_command=command("validate", out))
        return
    rows += [
        ("shards", f"{report.written:,} written, {report.kept:,} kept ({counted(report.bytes, 'byte')})"),
        ("card", f"{out}/README.md"),
    ]
    end({"location": str(out), **asdict(report)}, rows, next_command=command("push", out, "user/name", "--dry-run"))


def refuse_for_trainer(
    settings: ExportSettings, *, modality: list[str] | None, facts: CardFacts, dry_run: bool
) -> None:
    """Refuse options that say nothing of an export for a trainer."""
    usual = ExportSettings(styles=(), crf=settings.crf, on_error=settings.on_error)
    if settings != usual or modality or facts != CardFacts() or dry_run:
        raise ConfigError(
            "--for takes --size, --root, --crf, --clips, --missing, --on-error, --limit, --workers and --overwrite; "
            "the trainer decides the rest"
        )


def run_export_for(
    trainer: str,
    store: str,
    out: Path,
    settings: TrainerSettings,
    chosen: ClipOptions,
    *,
    workers: int,
    limit: int | None,
    on_error: Literal["raise", "skip"],
    overwrite: bool,
) -> None:
    """Export for a trainer with a progress bar, and say what was left out, by reason."""
    from mmvoxceleb.trainers.export import export_for, reasons

    try:
        with progress_bar() as tell:
            report = export_for(
                trainer, store, out, settings, clips=chosen.clip_list(), missing=chosen.missing,
                workers=workers or usable_cpus(), limit=limit, on_error=on_error, overwrite=overwrite,
                progress=lambda part, more, total: tell(part, total, more=more),
            )  # fmt: skip
    except KeyboardInterrupt:
        raise stopped(out) from None
    for count, reason in reasons(report.left_out):
        say(f"left out: {counted(count, 'clip')}: {reason}{', and others like it' if count > 1 else ''}")
    if report.silent:
        say(
            f"silent: {counted(len(report.silent), 'clip')}, such as {report.silent[0]}: no sound above -70 dB; "
            "clips.csv says which; to leave such clips out, mmvoxceleb regenerate score, then select --where "
            "'silent_share < 1', and export with --clips"
        )
    if report.removed:
        say(f"deleted: {counted(len(report.removed), 'clip')} that {out} held and the removal list names")
    rows = [
        ("export", str(out)),
        (
            "clips",
            f"{report.clips:,}: {report.written:,} written, {report.kept:,} kept ({counted(report.bytes, 'byte')})",
        ),
    ]
    end({"location": str(out), **asdict(report)}, rows, next_command=report.next_steps)


def completed(
    settings: ExportSettings, store: str, modality: list[str] | None, original_colours: bool | None = None
) -> ExportSettings:
    """Fill in what was not chosen: modalities and style follow from the store, the form of masks from the format."""
    from mmvoxceleb.hub.export import modalities_in
    from mmvoxceleb.stores import open_store
    from mmvoxceleb.stores.styles import settled_styles

    opened = open_store(store)
    there = modality or modalities_in(opened, drop_sensitive=settings.drop_sensitive)
    colours = settings.format == "folder" if original_colours is None else original_colours
    styles = settled_styles(settings.styles, opened)
    return replace(settings, modalities=tuple(there), styles=styles, mask_encoding="original" if colours else "palette")


def run_export(
    store: str,
    out: Path,
    settings: ExportSettings,
    facts: CardFacts,
    chosen: ClipOptions,
    *,
    workers: int = 0,
    limit: int | None = None,
    overwrite: bool = False,
) -> "ExportReport":
    """Export with a progress bar; Ctrl-C stops it between two shards' states."""
    from mmvoxceleb.hub.export import export_store

    try:
        with progress_bar() as tell:
            return export_store(
                store, out, settings, facts=facts, clips=chosen.clip_list(), missing=chosen.missing,
                workers=workers or usable_cpus(), limit=limit, overwrite=overwrite,
                progress=lambda part, more, total: tell(part, total, more=more),
            )  # fmt: skip
    except KeyboardInterrupt:
        raise stopped(out, of="shards") from None


def show_plan(store: str, settings: ExportSettings, limit: int | None, chosen: ClipOptions) -> None:
    """Print the shards that an export would write."""
    from mmvoxceleb.hub.plan import plan_shards
    from mmvoxceleb.meta.removal_list import read_removals
    from mmvoxceleb.stores import open_store

    removals = read_removals(store)
    plan = plan_shards(chosen.of(open_store(store)), settings, removals, limit=limit)
    shards = plan.shards
    for shard in shards:
        say(f"{shard.path}  {counted(len(shard.clips), 'clip')}")
    clips = sum(len(shard.clips) for shard in shards)
    end(
        {
            "dry_run": True,
            "clips": clips,
            "left_out": plan.left_out,
            "without": plan.without,
            "shards": {shard.path: list(shard.clips) for shard in shards},
        },
        [
            ("plan", f"{counted(clips, 'clip')} in {counted(len(shards), 'shard')}; nothing was written"),
            *about_lacking(plan.left_out, plan.without),
        ],
    )


def about_lacking(left_out: Mapping[str, str], nulls: Mapping[str, Sequence[str]]) -> list[tuple[str, str]]:
    """Return rows of a summary about clips that lack something: those left out, and those that have null for it."""
    rows = []
    if left_out:
        first = next(iter(left_out))
        rows.append(("left out", f"{counted(len(left_out), 'clip')}, such as {first}: {left_out[first]}"))
    for name, clips in nulls.items():
        rows.append((f"without {name}", f"{counted(len(clips), 'clip')}, such as {clips[0]}: null"))
    return rows


def known_models() -> dict[str, ModelFacts]:
    """Say what is known of models for the card: by the sha256 of their weights, or ``none:`` and their name."""
    from mmvoxceleb.processing import licences
    from mmvoxceleb.processing.published import WeightFile
    from mmvoxceleb.processing.sample_models import sample_weights
    from mmvoxceleb.sample import SWAPPED_SIDES_SHA256

    facts = {}
    for found, model in licences.known_models().items():
        file = model.file_name if isinstance(model, WeightFile) else None
        if model.terms == "sample":
            file = sample_weights().name
        name = f"{model.key} ({file})" if file else model.purpose.partition(": ")[2]
        if found == SWAPPED_SIDES_SHA256:
            name += ", before November 2026: left and right brows, eyes and ears swapped"
        facts[found] = ModelFacts(name, model.purpose, model.licence, model.paper, model.terms, model.results)
    return facts
