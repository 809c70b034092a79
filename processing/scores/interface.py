"""The interface of scorers. A scorer measures figures that share a computation."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, TypeAlias

from mmvoxceleb.modalities import Figure, Folder, figures
from mmvoxceleb.processing.scores.material import Material

__all__ = ["Measured", "Scorer", "figures_named"]

Measured: TypeAlias = "float | str"
"""A finite number, or the reason why the figure cannot be measured. The text before the first colon must be the same
for all clips with that reason."""


def figures_named(*names: str) -> tuple[Figure, ...]:
    """Return registered figures by name."""
    known = {figure.name: figure for figure in figures()}
    return tuple(known[name] for name in names)


class Scorer(ABC):
    """Measure figures of a clip. Derive a class from this one for figures of your own, and register it.

    ::

        class Redness(Scorer):
            name = "redness"
            figures = (Figure("redness", "mean of red less mean of green", "levels", low=-255.0, high=255.0),)

            def measure(self, material):
                return {"redness": float(material.frames[..., 0].mean() - material.frames[..., 1].mean())}

        register_score(Redness)

    A scorer is pickled to be sent to workers, so its constructor must be cheap; load models in ``setup``.

    Args:
        device: Device for the models of the scorer: ``auto``, ``cpu``, ``cuda`` or ``mps``.

    Attributes:
        name: Name of the scorer, unique among scorers. Its settings are recorded in the provenance under this name.
        figures: The figures that it measures.
        reads: Folders whose files it needs in :attr:`Material.files`.
        reads_frames: Whether it needs the frames.
        models: Keys of the models that it loads, as listed by ``mmvoxceleb weights``.
    """

    name: ClassVar[str]
    figures: ClassVar[tuple[Figure, ...]]
    reads: ClassVar[tuple[Folder, ...]] = ()
    reads_frames: ClassVar[bool] = True
    models: ClassVar[tuple[str, ...]] = ()

    def __init__(self, *, device: str = "auto") -> None:
        self.device = device

    @property
    def resolved_device(self) -> str:
        """The device on which it computes on this machine. The default is the CPU."""
        return "cpu"

    def settings(self) -> dict[str, Any]:
        """Return what changes the numbers, besides the versions of the figures, as JSON values, such as a sha256.

        Raises:
            WeightsError: The weights cannot be found, or are not the published ones.
            SourceUnavailableError: The weights cannot be downloaded.
        """
        return {}

    def computation(self) -> dict[str, Any]:
        """Return how it computes, for the provenance: see :meth:`mmvoxceleb.processing.Stage.computation`."""
        return {}

    def setup(self) -> None:  # noqa: B027  there may be nothing to load
        """Load the models, if there are any."""

    def teardown(self) -> None:  # noqa: B027
        """Release what ``setup`` loaded."""

    @abstractmethod
    def measure(self, material: Material) -> Mapping[str, Measured]:
        """Measure a clip. The same clip must always give the same numbers, whatever was measured before.

        Args:
            material: The clip.

        Returns:
            A value for each of ``figures``, by its name, which is a finite number in the range of the figure, or a text
            with the reason why it cannot be measured. The text before the first colon must be the same for all clips
            with that reason.

        Raises:
            MMVoxCelebError: A file of the clip is damaged. The clip is recorded as failed, with the message as the
                reason.
        """
