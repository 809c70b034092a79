"""What the user of an export for a trainer may choose."""

from dataclasses import dataclass

from mmvoxceleb.errors import ConfigError

__all__ = ["TrainerSettings"]


@dataclass(frozen=True)
class TrainerSettings:
    """How an export for a trainer is written.

    Args:
        size: Shorter side of the pictures in px, even; None for the trainer's own.
        crf: H.264 constant rate factor, 0 to 51; lower is better and larger.
        root: The export as the trainer's lists are to name it: a path on the machine that trains; None for the path
            that the trainer's documentation takes.

    Raises:
        ConfigError: A value is impossible.
    """

    size: int | None = None
    crf: int = 18
    root: str | None = None

    def __post_init__(self) -> None:
        if self.size is not None and (self.size % 2 or not 32 <= self.size <= 2048):
            raise ConfigError(f"size={self.size}; give an even number of px from 32 to 2048")
        if not 0 <= self.crf <= 51:
            raise ConfigError(f"crf={self.crf}; H.264 allows 0 (best) to 51")
