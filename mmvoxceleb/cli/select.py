"""``mmvoxceleb select``: choose clips of a store by what is known of them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from mmvoxceleb.cli.clip_options import ClipOptions
from mmvoxceleb.cli.completion import preset_names
from mmvoxceleb.cli.locations import LOCATION_HELP, path_of_location
from mmvoxceleb.cli.options import takes_options
from mmvoxceleb.cli.progress import progress_bar
from mmvoxceleb.cli.telling import JsonOptions, end, paper
from mmvoxceleb.cli.wording import command, counted

if TYPE_CHECKING:
    from mmvoxceleb.cliplists import ClipList
    from mmvoxceleb.select import Selected

__all__ = ["register"]

EXAMPLES = """
[bold]Examples[/]

  mmvoxceleb select STORE --where "face_px > 200 and seconds >= 5" --dry-run
  mmvoxceleb select STORE --where "Smiling and not Eyeglasses" --per-person 20 -o list.json
  mmvoxceleb select STORE --preset latentsync -o latentsync.json
  mmvoxceleb select STORE --clips latentsync.json --share 0.1 --seed 1 -o tenth.json
  mmvoxceleb export STORE OUT --clips list.json

Columns: clip_id, person_id, video_id, split, num_frames, seconds, has_mask, label_source, source, the 40 attributes by
name, and every figure of the clips (mmvoxceleb regenerate score). An unknown column is an error that names the
nearest one, or else lists them all.
"""

_BAR_WIDTH = 24


def register(app: typer.Typer) -> None:
    """Add ``select``."""
    app.command("select", epilog=EXAMPLES, no_args_is_help=True)(takes_options(select))


def select(
    store: Annotated[str, typer.Argument(metavar="STORE", help=LOCATION_HELP)],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Clip list to write: .json, or .txt for the names only."),
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option("--where", metavar="CONDITION", help="Condition that a clip must fulfil; repeat it."),
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(
            "--preset",
            metavar="NAME",
            autocompletion=preset_names,
            help="Published conditions: latentsync, talkvid.",
        ),
    ] = None,
    person: Annotated[list[str] | None, typer.Option("--person", help="Identity, such as id10001; repeat it.")] = None,
    split: Annotated[Literal["train", "test"] | None, typer.Option("--split", help="Only this split.")] = None,
    share: Annotated[
        float, typer.Option("--share", help="Keep this share of the remaining clips, chosen at random.")
    ] = 1.0,
    per_video: Annotated[
        int | None,
        typer.Option("--per-video", min=1, help="Keep at most this many clips of a source video, chosen at random."),
    ] = None,
    per_person: Annotated[
        int | None,
        typer.Option("--per-person", min=1, help="Keep at most this many clips of a person, chosen at random."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the random choices.")] = 0,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an existing list of other clips.", rich_help_panel="Run")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show how many clips each condition leaves.", rich_help_panel="Run")
    ] = False,
    *,
    printed: JsonOptions,
    chosen: ClipOptions,
) -> None:
    """Choose clips by scores, attributes, persons and length, or at random, and write a clip list. Nothing is deleted.

    Commands read the list with --clips; load_dataset and ClipSampler read it with clips=.
    """
    from mmvoxceleb.errors import ConfigError
    from mmvoxceleb.select import Choice, select_clips
    from mmvoxceleb.select.conditions import parse_conditions

    for condition in where or ():
        parse_conditions(condition)
    if output is None and not dry_run:
        raise ConfigError("say where the clip list goes: -o list.json; or --dry-run, to see what each condition leaves")
    if output is not None and output.suffix.lower() not in (".json", ".txt"):
        raise ConfigError(f"{output}: the name must end in .json, or in .txt for a plain list of names")
    choice = Choice(tuple(where or ()), preset, tuple(person or ()), split, share, per_video, per_person, seed)
    with progress_bar() as tell:
        selected = select_clips(
            path_of_location(store), choice, clips=chosen.clip_list(), missing=chosen.missing,
            progress=lambda what, done, total: tell(f"reading ({what})", total, done=done),
        )  # fmt: skip
    _show(selected, chosen.clips)
    if dry_run:
        end(_as_json(selected))
        return
    assert output is not None
    listed = selected.clip_list()
    _write(output, listed, overwrite=overwrite)
    end(
        _as_json(selected) | {"output": str(output), "sha256": listed.sha256},
        [("list", str(output)), ("clips", f"{len(listed):,}"), ("sha256", listed.sha256)],
        next_command=command("export", store, "OUT", "--clips", output),
    )


def _write(output: Path, listed: "ClipList", *, overwrite: bool) -> None:
    from mmvoxceleb.cliplists import read_clip_list
    from mmvoxceleb.errors import ConfigError, IncompatibleOutputError, MMVoxCelebError
    from mmvoxceleb.files.atomic import write_atomically, writing

    is_plain = output.suffix.lower() == ".txt"
    if output.is_dir():
        raise ConfigError(f"{output}: is a folder; name a file")
    if output.exists() and not overwrite:
        try:
            before = read_clip_list(output)
            is_same = before.clips == listed.clips if is_plain else before.sha256 == listed.sha256
        except MMVoxCelebError:
            is_same = False
        if is_same:
            return
        raise IncompatibleOutputError(f"{output}: is there already, and another one; name a new file, or --overwrite")
    names = "".join(f"{clip}\n" for clip in listed.clips)
    with writing(output):
        write_atomically(output, names.encode() if is_plain else listed.to_bytes())


def _as_json(selected: "Selected") -> dict[str, object]:
    return {
        "candidates": selected.store.clips,
        "clips": len(selected.clips),
        "conditions": [step.to_json() for step in selected.steps],
        "versions": dict(selected.versions),
        "notes": list(selected.notes),
        "advice": dict(selected.advice),
    }


def _show(selected: "Selected", listed: str | None) -> None:
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    from mmvoxceleb.select.choosing import ON_LIST

    console = paper()
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("condition", overflow="fold")
    for name in ("fulfilled", "unknown", "left"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    total = selected.store.clips
    table.add_row("all clips", "", "", f"{total:,}", _bar(total, total, console.encoding))
    for step in selected.steps:
        unknown = f"{step.unknown:,}" if step.unknown else "[dim]0[/]"
        bar = _bar(step.left, total, console.encoding)
        condition = f"in {listed}" if listed and step.condition.startswith(ON_LIST) else step.condition
        table.add_row(escape(condition), f"{step.passed:,}", unknown, f"{step.left:,}", bar)
    console.print(table)
    if selected.clips:
        persons = {clip.partition("#")[0] for clip in selected.clips}
        kept = f"{counted(len(selected.clips), 'clip')} of {counted(len(persons), 'person')}"
        console.print(f"{kept} left, {len(selected.clips) / total:.1%} of {total:,}")
    else:
        console.print("no clip is left")
    for note in selected.notes:
        console.print(f"note: {escape(note)}", soft_wrap=True)
    for step in selected.steps:
        if step.condition in selected.advice:
            unknown = f"{step.condition}: unknown for {counted(step.unknown, 'clip')}"
            console.print(escape(f"{unknown}; {selected.advice[step.condition]}"), soft_wrap=True)


def _bar(count: int, total: int, encoding: str) -> str:
    """Draw a count as a bar, to an eighth of a character where the terminal can show that."""
    eighths = round(8 * _BAR_WIDTH * count / total)
    if count and not eighths:
        eighths = 1
    if not encoding.lower().startswith("utf"):
        return "#" * -(-eighths // 8)
    return "█" * (eighths // 8) + " ▏▎▍▌▋▊▉"[eighths % 8].strip()
