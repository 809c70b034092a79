"""Values that the shell offers for options whose names are in tables of the library."""

__all__ = ["figure_names", "preset_names", "trainer_names"]


def trainer_names(incomplete: str) -> list[str]:
    """List the trainers of ``export --for``."""
    from mmvoxceleb.trainers.table import TRAINERS

    return [name for name in TRAINERS if name.startswith(incomplete)]


def preset_names(incomplete: str) -> list[str]:
    """List the presets of ``select --preset``."""
    from mmvoxceleb.select.presets import PRESETS

    return [name for name in PRESETS if name.startswith(incomplete)]


def figure_names(incomplete: str) -> list[str]:
    """List the figures of ``regenerate score --figures``, behind those that are there, up to the last comma."""
    from mmvoxceleb.modalities.figures import figures

    before, comma, last = incomplete.rpartition(",")
    return [f"{before}{comma}{figure.name}" for figure in figures() if figure.name.startswith(last)]
