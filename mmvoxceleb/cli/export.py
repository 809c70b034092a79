"""``mmvoxceleb export``: a store as Parquet shards, WebDataset tars or the original layout, with a dataset card."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mmvoxceleb.cli.locations import LOCATION_HELP, path_of_location
from mmvoxceleb.cpus import usable_cpus

if TYPE_CHECKING:
    from mmvoxceleb.hub.card import CardFacts, ModelFacts
    from mmvoxceleb.hub.export import ExportReport
    from mmvoxceleb.hub.settings import ExportSettings

EXAMPLES = """
[bold]Examples[/]

  mmvoxceleb export /data/mmvoxceleb out
  mmvoxceleb export /data/mmvoxceleb out --video mp4 --crf 18
  mmvoxceleb export /data/mmvoxceleb tars --format webdataset
  mmvoxceleb export /data/mmvoxceleb original --format folder
  mmvoxceleb export /data/mmvoxceleb out --drop-sensitive --modality mask --modality label
"""

FormatOption = Annotated[str, typer.Option("--format", help="parquet, webdataset, or folder (the original layout).")]
ModalityOption = Annotated[
    list[str] | None, typer.Option("--modality", help="video, mask, drawing, text, label; repeat it. Default: all.")
]
StyleOption = Annotated[list[str] | None, typer.Option("--style", help="Drawing style; repeat it. Default: style1.")]
VideoOption = Annotated[str, typer.Option("--video", help="png: frames as they are; mp4: H.264, smaller and lossy.")]
CrfOption = Annotated[int, typer.Option("--crf", help="H.264 quality: 0 is best, 18 fine, 28 small.")]
LosslessOption = Annotated[bool, typer.Option("--lossless", help="H.264 that keeps every pixel.")]
ColoursOption = Annotated[
    bool | None,
    typer.Option(
        "--original-colours/--palette",
        help="Masks as colour pictures, or as palette PNGs of class ids. Default: colours for folder, else palette.",
    ),
]
SensitiveOption = Annotated[
    bool, typer.Option("--drop-sensitive", help="Put -1 for sensitive attributes, and leave the sentences out.")
]
VersionOption = Annotated[str, typer.Option("--dataset-version", help="MAJOR.MINOR.PATCH of the data.")]
LicenceOption = Annotated[
    str | None, typer.Option("--licence", help="Licence id for the card; by default it names none and explains why.")
]
ContactOption = Annotated[str | None, typer.Option("--contact", help="Where people ask for removal: address or URL.")]
CoverageOption = Annotated[str | None, typer.Option("--coverage", help="Which videos could be had, and when.")]
WorkersOption = Annotated[int, typer.Option("--workers", help="Threads that read and convert. Default: all cores.")]


def register(app: typer.Typer) -> None:
    """Add ``export``."""
    app.command(epilog=EXAMPLES)(export)


def export(
    store: Annotated[str, typer.Argument(help=LOCATION_HELP)],
    out: Annotated[Path, typer.Argument(help="New folder, or the folder of a run to be gone on with.")],
    format_: FormatOption = "parquet",
    modality: ModalityOption = None,
    style: StyleOption = None,
    video: VideoOption = "png",
    crf: CrfOption = 18,
    lossless: LosslessOption = False,
    original_colours: ColoursOption = None,
    drop_sensitive: SensitiveOption = False,
    max_shard_size: Annotated[
        str | None, typer.Option("--max-shard-size", help="For example 64MB. Default: 32MB Parquet, 256MB tars.")
    ] = None,
    on_error: Annotated[str, typer.Option("--on-error", help="raise at a damaged clip, or skip it.")] = "raise",
    version: VersionOption = "1.0.0",
    repo: Annotated[str, typer.Option("--repo", help="user/name that the card's examples show.")] = "user/name",
    title: Annotated[str, typer.Option("--title", help="Heading of the card.")] = "Multimodal VoxCeleb",
    licence: LicenceOption = None,
    contact: ContactOption = None,
    coverage: CoverageOption = None,
    label_accuracy: Annotated[
        str | None, typer.Option("--label-accuracy", help="What is known of the labels' accuracy, for the card.")
    ] = None,
    charts: Annotated[bool, typer.Option("--charts/--no-charts", help="Draw charts for the card.")] = True,
    workers: WorkersOption = 0,
    limit: Annotated[int | None, typer.Option("--limit", help="Only the first so many clips.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an export of other settings.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be written.")] = False,
) -> None:
    """Write a store as shards with a dataset card. A run that was stopped goes on where it was.

    Parquet shards are what stock load_dataset reads from the Hub; push them with mmvoxceleb push.
    """
    store = path_of_location(store)
    settings = settings_from(
        store, format_=format_, modality=modality, style=style, video=video, crf=crf, lossless=lossless,
        original_colours=original_colours, drop_sensitive=drop_sensitive, version=version,
        max_shard_bytes=parse_size(max_shard_size) if max_shard_size else None, on_error=on_error,
    )  # fmt: skip
    if dry_run:
        show_plan(store, settings, limit)
        return
    from mmvoxceleb.hub.card import CardFacts

    facts = CardFacts(repo, title, licence, contact, coverage, label_accuracy, known_models(), charts)
    report = run_export(store, out, settings, facts, workers=workers, limit=limit, overwrite=overwrite)
    for reason in report.skipped.values():
        typer.echo(f"left out: {reason}")
    typer.echo(
        f"{out}: {report.clips:,} clips, {report.bytes:,} bytes; {report.written} shards written, {report.kept} kept"
    )
    if settings.format != "folder":
        typer.echo(f"look at {out}/README.md, then: mmvoxceleb push {out} user/name --dry-run")


def settings_from(
    store: str,
    *,
    format_: str,
    modality: list[str] | None,
    style: list[str] | None,
    video: str,
    crf: int,
    lossless: bool,
    original_colours: bool | None,
    drop_sensitive: bool,
    version: str,
    max_shard_bytes: int | None = None,
    on_error: str = "raise",
) -> "ExportSettings":
    """Make export settings of command line options; modalities are the store's own by default."""
    from mmvoxceleb.hub.export import modalities_in
    from mmvoxceleb.hub.settings import ExportSettings
    from mmvoxceleb.schema import DEFAULT_STYLE
    from mmvoxceleb.stores import open_store

    colours = format_ == "folder" if original_colours is None else original_colours
    return ExportSettings(
        format=format_,  # type: ignore[arg-type]
        modalities=tuple(modality) if modality else modalities_in(open_store(store), drop_sensitive=drop_sensitive),
        styles=tuple(style) if style else (DEFAULT_STYLE,),
        video=video,  # type: ignore[arg-type]
        crf=crf,
        lossless=lossless,
        mask_encoding="original" if colours else "palette",
        drop_sensitive=drop_sensitive,
        version=version,
        max_shard_bytes=max_shard_bytes,
        on_error=on_error,  # type: ignore[arg-type]
    )


def run_export(
    store: str,
    out: Path,
    settings: "ExportSettings",
    facts: "CardFacts",
    *,
    workers: int = 0,
    limit: int | None = None,
    overwrite: bool = False,
) -> "ExportReport":
    """Export with a progress bar; Ctrl-C stops it between two shards' states."""
    from rich.console import Console
    from rich.progress import Progress, TaskID

    from mmvoxceleb.hub.export import export_store

    with Progress(console=Console(stderr=True), transient=True) as bar:
        tasks: dict[str, TaskID] = {}

        def advance(part: str, rows: int, total: int) -> None:
            if part not in tasks:
                tasks[part] = bar.add_task(part, total=total)
            bar.advance(tasks[part], rows)

        try:
            return export_store(
                store, out, settings, facts=facts, workers=workers or usable_cpus(), limit=limit,
                overwrite=overwrite, progress=advance,
            )  # fmt: skip
        except KeyboardInterrupt:
            bar.stop()
            typer.echo(f"stopped; finished shards are kept in {out}: the same command goes on from there", err=True)
            raise typer.Exit(130) from None


def show_plan(store: str, settings: "ExportSettings", limit: int | None) -> None:
    """Print the shards that an export would write."""
    from mmvoxceleb.hub.plan import plan_shards
    from mmvoxceleb.stores import open_store
    from mmvoxceleb.stores.removals import read_removals

    removals = read_removals(store)
    shards = plan_shards(open_store(store), settings, removals, limit=limit)
    for shard in shards:
        typer.echo(f"{shard.path}  {len(shard.clips)} clips")
    typer.echo(f"{sum(len(shard.clips) for shard in shards):,} clips in {len(shards)} shards; nothing was written")


def known_models() -> dict[str, "ModelFacts"]:
    """Say what is known of published weights, by sha256, for the card."""
    from mmvoxceleb.hub.card import ModelFacts
    from mmvoxceleb.processing.published import PUBLISHED

    return {
        weights.sha256: ModelFacts(
            f"{weights.key} ({weights.file_name})", weights.purpose, weights.licence, weights.paper
        )
        for weights in PUBLISHED.values()
        if weights.sha256
    }


def parse_size(text: str) -> int:
    """Read a size such as ``64MB`` (powers of 1024, as the Hub counts shards) or a number of bytes."""
    import re

    from mmvoxceleb.errors import ConfigError

    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kKMGT]?)i?[bB]?", text.strip())
    if match is None:
        raise ConfigError(f"--max-shard-size {text!r}: expected a size such as 64MB")
    return int(float(match[1]) * 1024 ** " KMGT".index(match[2].upper() or " "))
