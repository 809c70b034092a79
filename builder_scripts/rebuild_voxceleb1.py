"""Rebuild Multimodal VoxCeleb from VoxCeleb1's videos: first the plan, then the work.

    python builder_scripts/rebuild_voxceleb1.py --plan --metadata vox-metadata.csv
    python builder_scripts/rebuild_voxceleb1.py --plan --metadata vox-metadata.csv --raw VIDEOS --clips label.zip
    python builder_scripts/rebuild_voxceleb1.py --metadata vox-metadata.csv --raw VIDEOS --out OUT

The plan counts, starts nothing and writes nothing. Without ``--plan`` the command that the plan ends with is run; run
it again after a crash or Ctrl-C and it goes on. What follows ``--`` is handed to that command:

    python builder_scripts/rebuild_voxceleb1.py --metadata vox-metadata.csv --raw VIDEOS --out OUT -- --layout packed
"""

import argparse
import csv
import json
import os
import shlex
import sys
from pathlib import Path

from rebuild_plan import GOAL, LABEL_FRAMES, STAGES, Counts, Plan, read_clips, read_rates, select
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from mmvoxceleb.errors import ConfigError, MMVoxCelebError
from mmvoxceleb.files.atomic import replacing, write_atomically, writing
from mmvoxceleb.processing.crop.metadata import Metadata, MetadataRow, read_metadata
from mmvoxceleb.processing.crop.sources import metadata_videos

COLUMNS = ("video_id", "start", "end", "bbox", "fps", "width", "height", "person_id")


def arguments(argv: list[str]) -> argparse.Namespace:
    """Read the command line; what follows ``--`` goes into ``more``."""
    more: list[str] = []
    if "--" in argv:
        place = argv.index("--")
        argv, more = argv[:place], argv[place + 1 :]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--metadata", type=Path, required=True, help="vox-metadata.csv, either dialect")
    parser.add_argument(
        "--raw", type=Path, help="folder of source videos, <video id>.mp4 or any container; filled by --download"
    )
    parser.add_argument("--out", type=Path, help="folder of the dataset")
    parser.add_argument("--plan", action="store_true", help="count, and start nothing")
    parser.add_argument(
        "--clips", type=Path, help="keep only these: a file with a clip id a line, or an old copy (folder or zip)"
    )
    parser.add_argument("--stages", default=",".join(STAGES), help="default: %(default)s")
    parser.add_argument("--engine", choices=("local", "ray"), default="local")
    parser.add_argument("--workers", type=int, help="worker processes; left to the engine by default")
    parser.add_argument("--no-download", dest="download", action="store_false", help="use only the videos at hand")
    parser.add_argument(
        "--rates", type=Path, help='your own rates: JSON, {"mask": {"cpu": 5, "gpu": 900}}, units a second'
    )
    parser.add_argument("--mbit", type=float, help="bit rate of a source video, for the estimate of the download")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures of the plan there, too")
    options = parser.parse_args(argv)
    options.more = more
    options.stages = tuple(stage.strip() for stage in options.stages.split(","))
    unknown = [stage for stage in options.stages if stage not in STAGES]
    if unknown:
        parser.error(f"unknown stage {', '.join(unknown)}; known are {', '.join(STAGES)}")
    if options.workers is not None and options.workers < 1:
        parser.error("--workers must be at least 1")
    if options.mbit is not None and not options.mbit > 0:
        parser.error("--mbit must be above 0")
    if not options.plan and (options.raw is None or options.out is None):
        parser.error("a rebuild needs --raw and --out; --plan needs neither")
    return options


def command_of(options: argparse.Namespace, metadata: Path) -> list[str]:
    """Return the command that does the work, without the program's name."""
    command = ["regenerate", "all", str(options.raw or "RAW"), str(options.out or "OUT"), "--metadata", str(metadata)]
    if options.download:
        command.append("--download")
    command += ["--stages", ",".join(options.stages), "--engine", options.engine]
    if options.workers is not None:
        command += ["--workers", str(options.workers)]
    return [*command, *options.more]


def make_plan(options: argparse.Namespace) -> tuple[Metadata, Plan]:
    """Count what is wanted and what is at hand.

    Raises:
        ConfigError: No row is left to make.
    """
    table = read_metadata(options.metadata)
    rows, selection = table.rows, None
    if options.clips is not None:
        selection = select(rows, read_clips(options.clips))
        rows = selection.rows
        if not rows:
            raise ConfigError(
                f"none of the {selection.num_clips:,} clips of {options.clips} is in {options.metadata}; "
                "pass a list of VoxCeleb1 clips, or omit --clips"
            )
    there: set[str] = set()
    if options.raw is not None and options.raw.is_dir():
        videos, _ = metadata_videos(options.raw, options.metadata)
        there = {video.video_id for video in videos if video.path is not None}
    changes = {} if options.mbit is None else {"mbit_per_second": options.mbit}
    if options.rates is not None:
        changes["rates"] = read_rates(options.rates)
    at_hand = [row for row in rows if row.video_id in there]
    return table, Plan(Counts.of(rows), Counts.of(at_hand), options.stages, selection=selection, **changes)


def selection_path(out: Path) -> Path:
    """Where the rows of ``--clips`` are written: beside the dataset."""
    return out.parent / f"{out.name}-metadata.csv"


def write_rows(path: Path, rows: tuple[MetadataRow, ...]) -> None:
    """Write rows in the dialect with ``person_id``; the file appears whole."""
    with writing(path), replacing(path) as aside, aside.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for row in rows:
            box = "-".join(map(str, row.box_xyxy_px))
            frames = (row.start, row.end)
            writer.writerow((row.video_id, *frames, box, f"{row.fps:g}", row.width_px, row.height_px, row.person_id))


def run(options: argparse.Namespace, plan: Plan) -> None:
    """Do the work: this process becomes the command, so that signals and the exit status are the command's own."""
    metadata = options.metadata
    if plan.selection is not None:
        metadata = selection_path(options.out)
        write_rows(metadata, plan.selection.rows)
    command = command_of(options, metadata)
    print(f"$ mmvoxceleb {shlex.join(command)}", file=sys.stderr, flush=True)
    program = "import sys; sys.argv[0] = 'mmvoxceleb'; from mmvoxceleb.cli.main import main; main()"
    os.execv(sys.executable, [sys.executable, "-c", program, *command])


def show(console: Console, options: argparse.Namespace, table: Metadata, plan: Plan) -> None:
    """Print the plan."""
    repeats = table.num_duplicates + table.num_in_both_splits
    console.print(
        f"{escape(str(options.metadata))}: {table.num_rows:,} rows, {repeats:,} of them repeats, "
        f"{table.num_beyond_frame:,} boxes beyond the picture (the crop is shifted inside)"
        + (f"; {len(table.bad):,} bad rows, left out" if table.bad else "")
    )
    chosen = plan.selection
    if chosen is not None:
        console.print(
            f"{escape(str(options.clips))}: {chosen.num_clips:,} clips; {chosen.num_exact:,} name a row, "
            f"{chosen.num_by_video:,} are known by person and video only (the file names no utterances), so all rows "
            f"of their videos are kept, and {chosen.num_unknown:,} are not in the file"
        )
    console.print(_amounts(plan))
    console.print(_disk(plan))
    console.print(_hours(plan))
    for stage in plan.stages:
        rate = plan.rates[stage]
        console.print(
            f"[bold]{stage}[/] CPU: {escape(rate.cpu_source)}. GPU: {escape(rate.gpu_source)}", highlight=False
        )
    for name in plan.modalities():
        size = plan.sizes[name]
        console.print(
            f"[bold]{name}[/] {size.bytes:,.0f} bytes per {size.unit}: {escape(size.source)}", highlight=False
        )
    console.print(
        f"[bold]download[/] {plan.mbit_per_second:g} Mbit/s: {'--mbit' if options.mbit else 'assumed, not measured'}; "
        "up to the last frame needed from each video, so probably more. Removed and private videos are missing",
        highlight=False,
    )
    metadata = options.metadata if chosen is None else selection_path(options.out or Path("OUT"))
    console.print("\nWhat will be run:" if chosen is None else f"\nWhat will be run, on the kept rows in {metadata}:")
    console.print(
        f"  mmvoxceleb {shlex.join(command_of(options, metadata))}", soft_wrap=True, highlight=False, markup=False
    )


def _amounts(plan: Plan) -> Table:
    table = Table(title="What will be made, at most", title_justify="left")
    table.add_column("")
    for name in ("wanted", "videos at hand"):
        table.add_column(name, justify="right")
    for name, key in (
        ("source videos", "videos"), ("persons", "persons"), ("clips", "clips"), ("frames, 25 a second", "frames"),
        ("masks, every 4th frame", "masks"), ("drawings, every 4th frame", "masks"),
        (f"frames for labels, {LABEL_FRAMES} a clip", "frames_looked_at"),
    ):  # fmt: skip
        table.add_row(name, *(f"{getattr(counts, key):,}" for counts in (plan.wanted, plan.at_hand)))
    table.add_row("hours of clips", *(f"{counts.frames / 25 / 3600:,.1f}" for counts in (plan.wanted, plan.at_hand)))
    least = (f"{counts.source_seconds / 3600:,.1f}" for counts in (plan.wanted, plan.at_hand))
    table.add_row("hours of video, at least", *least)
    return table


def _disk(plan: Plan) -> Table:
    table = Table(title="Disk", title_justify="left")
    table.add_column("")
    table.add_column("GB", justify="right")
    sizes = {name: plan.bytes_of(name) for name in plan.modalities()}
    for name, size in sizes.items():
        table.add_row(name, f"{size / 1e9:,.2f}")
    table.add_section()
    table.add_row("dataset", f"{sum(sizes.values()) / 1e9:,.2f}")
    table.add_row("videos to download (estimate)", f"{plan.download_bytes() / 1e9:,.2f}")
    return table


def _hours(plan: Plan) -> Table:
    table = Table(title="Hours", title_justify="left")
    table.add_column("stage")
    for name in ("amount", "a second,\n2 cores", "hours,\n2 cores", "a second,\n1 GPU", "hours,\n1 GPU"):
        table.add_column(name, justify="right")
    for stage in plan.stages:
        rate, gpu_hours = plan.rates[stage], plan.gpu_hours(stage)
        goal = " (goal)" if rate.gpu_source == GOAL else ""
        table.add_row(
            f"{stage} ({rate.unit})",
            f"{plan.wanted.amount(stage):,}",
            f"{rate.cpu:,.3g}" if rate.cpu < 1000 else f"{rate.cpu:,.0f}",
            f"{plan.cpu_hours(stage):,.2f}",
            "" if rate.gpu is None else f"{rate.gpu:,.0f}{goal}",
            "" if gpu_hours is None else f"{gpu_hours:,.2f}{goal}",
        )
    return table


def main(argv: list[str]) -> int:
    """Run the program and return its exit status."""
    options = arguments(argv)
    try:
        table, plan = make_plan(options)
        if options.json is not None:
            with writing(options.json):
                write_atomically(options.json, (json.dumps(plan.as_dict(), indent=1) + "\n").encode())
        if not options.plan:
            run(options, plan)
        show(Console(), options, table, plan)
    except MMVoxCelebError as error:
        Console(stderr=True, soft_wrap=True, highlight=False).print(f"[bold red]error:[/] {escape(str(error))}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
