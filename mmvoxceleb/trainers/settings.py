"""Settings of an export for a trainer."""

from dataclasses import dataclass

from mmvoxceleb.errors import ConfigError

__all__ = ["TrainerSettings"]


@dataclass(frozen=True)
class TrainerSettings:
    """Settings of an export for a trainer.

    Args:
        size: Shorter side of the pictures in px, an even number from 32 to 2,048. Default: that of the trainer.
        crf: H.264 constant rate factor, 0 to 51; lower is better and larger.
        root: Path of the export on the machine that trains, for lists of files that the trainer reads. Default: the
            path in the trainer's documentation.

    Raises:
        ConfigError: A value is out of its range.
    """

    size: int | None = None
    crf: int = 18
    root: str | None = None

    def __post_init__(self) -> None:
        if self.size is not None and (self.size % 2 or not 32 <= self.size <= 2048):
            raise ConfigError(f"size={self.size}; give an even number of px from 32 to 2048")
        if not 0 <= self.crf <= 51:
            raise ConfigError(f"crf={self.crf}; H.264 allows 0 (best) to 51")
