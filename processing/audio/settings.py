"""The format in which sound is written."""

from dataclasses import asdict, dataclass
from typing import Any

from mmvoxceleb.errors import ConfigError

__all__ = ["AudioSettings"]


@dataclass(frozen=True)
class AudioSettings:
    """The format of the sound of clips: FLAC with 16 bits. The defaults are VoxCeleb's rate and channels.

    Args:
        rate: Samples per second, 4,000 to 192,000.
        channels: 1 or 2. Sound with more channels is mixed down.

    Raises:
        ConfigError: A value is out of range.
    """

    rate: int = 16000
    channels: int = 1

    def __post_init__(self) -> None:
        if not 4000 <= self.rate <= 192_000:
            raise ConfigError(f"the audio rate is {self.rate}; expected samples a second, 4000 to 192000")
        if self.channels not in (1, 2):
            raise ConfigError(f"{self.channels} audio channels; expected 1 or 2")

    def as_dict(self) -> dict[str, Any]:
        """Return the settings as JSON values."""
        return {**asdict(self), "format": "flac, 16 bits"}
