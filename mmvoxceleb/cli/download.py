"""``mmvoxceleb download``: from Google Drive to a folder."""

from pathlib import Path
from typing import Annotated

import typer

from mmvoxceleb.cli.locations import ModalityOption
from mmvoxceleb.cli.options import takes_options
from mmvoxceleb.cli.telling import JsonOptions, end
from mmvoxceleb.cli.wording import counted

EXAMPLES = """
[bold]Examples[/]

  mmvoxceleb download mmvoxceleb-zips --ids our-copies.json
  mmvoxceleb download mmvoxceleb-zips --ids our-copies.json --modality text --modality label

our-copies.json holds Drive ids by modality: {"video": "1eG4...", "mask": "1Y36...", "text": "19e-..."}
"""


def register(app: typer.Typer) -> None:
    """Add ``download``."""
    app.command(epilog=EXAMPLES)(takes_options(download))


def download(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder for the zips; load it with data_dir=OUT.")],
    ids: Annotated[
        Path | None, typer.Option("--ids", help="JSON file of Drive ids by modality. Default: the published ids.")
    ] = None,
    modality: ModalityOption = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Show no progress bars.")] = False,
    *,
    output: JsonOptions,
) -> None:
    """Download zips from Google Drive. An interrupted download resumes, and existing files are kept.

    The published files were withdrawn in June 2024; name your lab's own copies with --ids.
    """
    from mmvoxceleb.errors import ConfigError
    from mmvoxceleb.files.json_text import parse_json_object
    from mmvoxceleb.schema import MODALITIES
    from mmvoxceleb.stores.drive import download_modalities

    chosen = None
    if ids is not None:
        try:
            chosen = parse_json_object(ids.read_bytes(), str(ids), "mend it")
        except (OSError, ValueError) as error:
            raise ConfigError(f"--ids {ids}: {error}; it should be JSON such as {{'video': 'DRIVE_ID'}}") from error
        if not all(isinstance(value, str) for value in chosen.values()):
            raise ConfigError(f"--ids {ids}: should be one JSON object of Drive ids by modality")
    wanted = modality or [name for name in MODALITIES if chosen is None or name in chosen]
    folder = download_modalities(wanted, ids=chosen, folder=out, quiet=quiet or output.json)
    sizes = {str(path): path.stat().st_size for path in sorted(folder.glob("*.zip"))}
    end(
        {"location": str(folder), "bytes": sizes},
        [(path, counted(size, "byte")) for path, size in sizes.items()],
        next_command=f"load_dataset('mmvoxceleb', data_dir={str(folder)!r})",
    )
