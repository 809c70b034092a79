"""``mmvoxceleb preview``: look at some clips of a store."""

from pathlib import Path
from typing import Annotated

import typer

from mmvoxceleb.cli.clip_options import ClipOptions, Missing, RemovalsOfflineOption, RemovalsOption
from mmvoxceleb.cli.locations import LOCATION_HELP, open_location
from mmvoxceleb.cli.options import takes_options
from mmvoxceleb.cli.telling import JsonOptions, end
from mmvoxceleb.cli.wording import command
from mmvoxceleb.schema import DEFAULT_STYLE

__all__ = ["register"]

EXAMPLES = """
[bold]Examples[/]

  mmvoxceleb preview sample -o sheet.png
  mmvoxceleb preview /data/mmvoxceleb -o sheet.png --clips 8 --columns 6
  mmvoxceleb preview /data/mmvoxceleb -o sheet.png --clips list.json
  mmvoxceleb preview /data/mmvoxceleb --gif -o clip.gif --clip 'id11248#yDqlBD8m_b8#00004.txt#000.mp4'
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("preview", epilog=EXAMPLES)(takes_options(run))


def run(
    location: Annotated[str, typer.Argument(metavar="PATH", help=LOCATION_HELP)],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="Picture to write: .png, .jpg or .webp; .gif with --gif. By default preview.png."
        ),
    ] = None,
    clips: Annotated[
        str,
        typer.Option(
            "--clips",
            metavar="NUMBER|FILE",
            help="How many clips, spread over the dataset; or a clip list, of which 4 are shown.",
            rich_help_panel="Clips",
        ),
    ] = "4",
    clip: Annotated[list[str] | None, typer.Option("--clip", help="Show this clip, by its key; repeat it.")] = None,
    missing: Annotated[
        Missing,
        typer.Option(
            "--missing",
            help="If a listed clip is missing: raise an error, or skip it.",
            rich_help_panel="Clips",
        ),
    ] = "raise",
    removals: RemovalsOption = None,
    removals_offline: RemovalsOfflineOption = None,
    columns: Annotated[int, typer.Option("--columns", min=1, max=24, help="Frames of each clip.")] = 8,
    style: Annotated[
        str | None, typer.Option("--style", help="Drawing style. Default: style1, or the first one in the store.")
    ] = None,
    gif: Annotated[
        bool, typer.Option("--gif", help="Write one clip as an animated GIF: that of --clip, or the first.")
    ] = False,
    most_frames: Annotated[
        int, typer.Option("--most-frames", min=1, help="With --gif: at most this many frames.")
    ] = 100,
    *,
    printed: JsonOptions,
) -> None:
    """Draw a contact sheet: frames, masks, drawings, attributes and the first sentence of some clips."""
    import io

    from PIL import Image

    from mmvoxceleb.errors import ConfigError, MissingModalityError
    from mmvoxceleb.files.atomic import write_atomically, writing
    from mmvoxceleb.modalities import styles_in
    from mmvoxceleb.preview import clip_gif, contact_sheet
    from mmvoxceleb.preview.clip_view import clips_of

    path = output or Path("preview.gif" if gif else "preview.png")
    suffixes = (".gif",) if gif else (".png", ".jpg", ".jpeg", ".webp")
    if path.suffix.lower() not in suffixes:
        raise ConfigError(f"{path}: the name must end in {', '.join(suffixes)}" + ("" if gif else " (or add --gif)"))
    if gif and clip and len(clip) > 1:
        raise ConfigError("a GIF shows one clip, so give --clip once")
    number, listed = (int(clips), None) if clips.isdecimal() else (4, clips)
    store = ClipOptions(listed, missing, tuple(removals or ()), removals_offline).of(open_location(location))
    if absent := sorted(set(clip or ()) - set(clips_of(store))) if listed else []:
        raise ConfigError(f"{listed}: clip {absent[0]} is not on it; leave out --clip or --clips")
    if style is None:
        style = next(iter(styles_in(store.folders())), DEFAULT_STYLE)
    if gif:
        known = clip or clips_of(store)
        if not known:
            raise MissingModalityError(f"{store.location}: there are no clips to show")
        data, what = clip_gif(store, known[0], most_frames=most_frames, style=style), known[0]
    else:
        sheet = contact_sheet(store, clip or number, columns=columns, style=style)
        buffer = io.BytesIO()
        sheet.save(buffer, Image.registered_extensions()[path.suffix.lower()])
        data, what = buffer.getvalue(), f"{sheet.width} x {sheet.height} px"
    with writing(path):
        write_atomically(path, data)
    end(
        {"output": str(path), "what": what},
        [("picture", f"{path} ({what})")],
        next_command=command("view", location),
    )
