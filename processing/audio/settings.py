"""How sound is written."""

from dataclasses import asdict, dataclass
from typing import Any

from mmvoxceleb.errors import ConfigError

__all__ = ["AudioSettings"]


@dataclass(frozen=True)
class AudioSettings:
    """The form of the sound of clips; VoxCeleb's own by default.

    Args:
        rate: Samples a second.
        channels: 1 or 2; what the video has more is mixed down.

    Raises:
        ConfigError: A value is impossible.
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
