"""The registered scorers, by name."""

from collections.abc import Sequence

from mmvoxceleb.errors import ConfigError
from mmvoxceleb.modalities.figures import register_figure, scorers_outside, unregister_figure
from mmvoxceleb.processing.scores.face import FaceScorer, OneFaceScorer, SizeScorer
from mmvoxceleb.processing.scores.head import HeadScorer
from mmvoxceleb.processing.scores.interface import Scorer
from mmvoxceleb.processing.scores.masks import MaskScorer
from mmvoxceleb.processing.scores.picture import PictureScorer
from mmvoxceleb.processing.scores.sound import SoundScorer, SpeechScorer
from mmvoxceleb.processing.scores.sync import SyncScorer

__all__ = ["make_scorers", "register_score", "scorers", "unregister_score"]

_BUILT_IN: tuple[type[Scorer], ...] = (
    SizeScorer, PictureScorer, FaceScorer, OneFaceScorer, HeadScorer, MaskScorer, SoundScorer,
    SpeechScorer, SyncScorer,
)  # fmt: skip
_BUILT_IN_NAMES = frozenset(kind.name for kind in _BUILT_IN)
_scorers: dict[str, type[Scorer]] = {kind.name: kind for kind in _BUILT_IN}


def register_score(scorer: type[Scorer]) -> type[Scorer]:
    """Add figures of your own to ``regenerate score``, the config ``score`` and the table of scores.

    Call this function, or use it as a decorator, in the module that defines the class. Worker processes import that
    module, so they know the class, too. To make it known to the command line, name the class as an entry point of your
    package in the group ``mmvoxceleb.scores``.

    Args:
        scorer: A class derived from :class:`Scorer`.

    Returns:
        The same class.

    Raises:
        ConfigError: Another scorer has the same name, or the name of one of its figures is already used.
    """
    there = _scorers.get(scorer.name, scorer)
    if (there.__module__, there.__qualname__) != (scorer.__module__, scorer.__qualname__):
        raise ConfigError(f"scorer {scorer.name!r}: the name is taken; choose another one")
    for figure in scorer.figures:
        register_figure(figure)
    _scorers[scorer.name] = scorer
    return scorer


def unregister_score(name: str) -> None:
    """Remove a scorer of your own and its figures, as if it had never been registered.

    Args:
        name: Name of the scorer.

    Raises:
        ConfigError: No scorer has this name, or it is one of the package.
    """
    if name not in _scorers:
        raise ConfigError(f"unknown scorer {name!r}; the known ones are {', '.join(_scorers)}")
    if name in _BUILT_IN_NAMES:
        raise ConfigError(
            f"scorer {name!r} belongs to mmvoxceleb and cannot be removed; to measure only some figures, pass their "
            "names to make_scorers (or to --figures of mmvoxceleb regenerate score)"
        )
    for figure in _scorers.pop(name).figures:
        unregister_figure(figure.name)


def scorers() -> dict[str, type[Scorer]]:
    """Return all scorers by name, the built-in ones first."""
    return {**_scorers, **{kind.name: kind for kind in scorers_outside() if kind.name not in _scorers}}


def make_scorers(names: Sequence[str] | None = None, *, device: str = "auto") -> list[Scorer]:
    """Make scorers.

    Args:
        names: Names of figures or of scorers. None makes all scorers.
        device: Device for models.

    Raises:
        ConfigError: A name is unknown, or ``names`` is empty. The message lists the known names.
    """
    kinds = scorers()
    if names is None:
        return [kind(device=device) for kind in kinds.values()]
    known = {name: kind for kind in kinds.values() for name in (kind.name, *(one.name for one in kind.figures))}
    unknown = [name for name in names if name not in known]
    if unknown or not names:
        what = f"unknown figure {', '.join(map(repr, unknown))}" if unknown else "no figure was asked for"
        raise ConfigError(f"{what}; the known ones are {', '.join(known)}")
    return [kind(device=device) for kind in kinds.values() if kind in {known[name] for name in names}]
