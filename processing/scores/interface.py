"""What measures figures of a clip: one small class for figures that come of one computation."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, TypeAlias

from mmvoxceleb.modalities import Figure, Folder, figures
from mmvoxceleb.processing.scores.material import Material

__all__ = ["Measured", "Scorer", "figures_named"]

Measured: TypeAlias = "float | str"
"""A finite number, or why it cannot be told: up to a colon the same words for all clips."""


def figures_named(*names: str) -> tuple[Figure, ...]:
    """Return registered figures by name."""
    known = {figure.name: figure for figure in figures()}
    return tuple(known[name] for name in names)


class Scorer(ABC):
    """Measures some figures of a clip. The constructor is cheap, and the object picklable; ``setup`` loads.

    ::

        class Redness(Scorer):
            name = "redness"
            figures = (Figure("redness", "mean of red less mean of green", "levels", low=-255.0, high=255.0),)

            def measure(self, material):
                return {"redness": float(material.frames[..., 0].mean() - material.frames[..., 1].mean())}

        register_score(Redness)

    Args:
        device: Where a model computes: ``auto``, ``cpu``, ``cuda``, ``mps``.

    Attributes:
        name: Unique among scorers; under it stand its settings in the provenance.
        figures: What it measures.
        reads: Folders whose files of the clip it wants in :attr:`Material.files`.
        reads_frames: Whether it wants the frames.
        models: Keys of the models that it loads, in the table of weights.
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
        """Where it computes, once ``auto`` is settled for this machine."""
        return "cpu"

    def settings(self) -> dict[str, Any]:
        """What beside the versions of its figures changes the numbers, as JSON values: the weights' sha256.

        Raises:
            WeightsError: The weights cannot be found, or are not what was published.
            SourceUnavailableError: They cannot be downloaded.
        """
        return {}

    def computation(self) -> dict[str, Any]:
        """Tell how it computes, as :meth:`mmvoxceleb.processing.stage.Stage.computation` does."""
        return {}

    def setup(self) -> None:  # noqa: B027  there may be nothing to load
        """Load the model."""

    def teardown(self) -> None:  # noqa: B027
        """Release what ``setup`` loaded."""

    @abstractmethod
    def measure(self, material: Material) -> Mapping[str, Measured]:
        """Measure a clip. The same clip must give the same numbers, whatever was measured before.

        Args:
            material: The clip.

        Returns:
            For each of ``figures``, by name, a finite number, or why it cannot be told.

        Raises:
            MMVoxCelebError: A file of the clip is damaged; the clip is recorded as failed with the message.
        """
