"""``mmvoxceleb regenerate``: make a modality again. One module per modality."""

import typer

from mmvoxceleb.cli.lazy import CommandEntry, lazy_group

STAGES = tuple(
    CommandEntry(name, f"mmvoxceleb.cli.regenerate.{module}", help)
    for name, module, help in (
        (
            "all",
            "everything",
            "Make a dataset from raw videos: clips, sound, masks, drawings, labels and text, in one go.",
        ),
        ("crop", "crop", "Cut face videos into clips of 256x256 frames."),
        (
            "audio",
            "audio",
            "Cut the sound of existing clips out of their source videos: audio/CLIP.flac.",
        ),
        (
            "mask",
            "mask",
            "Make a mask for every 4th frame: an 8-bit palette PNG whose pixel values are class ids 0 to 18.",
        ),
        ("draw", "draw", "Make a line drawing of every 4th frame: an 8-bit grey PNG of 512 px in draw/<style>/."),
        (
            "landmarks",
            "landmarks",
            "Find 478 landmarks, 52 blendshapes, and the head pose in every frame: landmarks/CLIP.landmarks.",
        ),
        ("label", "label", "Predict the 40 CelebA attributes of every clip."),
        ("text", "text", "Describe the label of every clip in sentences: txt/CLIP.txt."),
        (
            "score",
            "score",
            "Measure how large, sharp, bright and steady faces are and how heads turn: score/CLIP.json, "
            "meta/scores.parquet.",
        ),
    )
)
"""All stages in one go, then each by itself."""


def register(app: typer.Typer) -> None:
    """Add ``regenerate`` and its subcommands."""
    regenerate = typer.Typer(
        cls=lazy_group(STAGES),
        no_args_is_help=True,
        help="Make modalities from videos or from an existing dataset.",
    )
    app.add_typer(regenerate, name="regenerate")
