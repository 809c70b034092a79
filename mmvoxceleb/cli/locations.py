"""How a store and its modalities are named on the command line."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from mmvoxceleb.stores import Store

__all__ = ["LOCATION_HELP", "SAMPLE", "ModalityOption", "open_location", "path_of_location"]

SAMPLE = "sample"
LOCATION_HELP = "A folder, a zip, a URL, or 'sample' for the clips that come with the package."
ModalityOption = Annotated[
    list[str] | None,
    typer.Option(
        "--modality",
        help="video, mask, drawing, text, label, audio, landmarks, score, or one of your own; repeat it. Default: all.",
    ),
]


def open_location(location: str) -> "Store":
    """Open the store that a user names; ``sample`` is the bundled one (``./sample`` is a folder of that name).

    Raises:
        SourceUnavailableError: There is nothing there, or it cannot be reached.
        MissingModalityError: What is there holds no modality.
    """
    from mmvoxceleb.stores import open_store

    return open_store(path_of_location(location))


def path_of_location(location: str) -> str:
    """Return the path or URL of a store that a user names."""
    from mmvoxceleb.sample import sample_path

    return sample_path() if location == SAMPLE else location
