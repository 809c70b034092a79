"""Every error that a user of mmvoxceleb can cause or meet.

The tree; each class is also the built-in kind that fits it::

    MMVoxCelebError
    ├── ConfigError             (ValueError)   an argument has no such value; the known ones are listed
    │   └── UnsuitableDecoderError             a video decoder cannot do this video; the one that can is named
    ├── SourceUnavailableError  (OSError)      Drive, HTTP or the disk does not give the bytes
    ├── CorruptSourceError      (ValueError)   the bytes came, and they are not what they should be
    ├── MissingModalityError    (LookupError)  a store or clip lacks what was asked for
    ├── UnsafeArchiveError      (ValueError)   an archive tries to do harm, and was refused
    ├── WeightsError            (ValueError)   a checkpoint is absent, wrong or unsafe
    ├── IncompatibleOutputError (ValueError)   an output folder holds the work of other settings
    ├── OutputError             (OSError)      results cannot be written: read-only, full, in use by another run
    └── ProcessingError         (RuntimeError) clips failed; the run went on and its summary names them

A message names the file and the clip, says what came and what was expected, and ends with the next step.
Each class takes the message alone, so that an error crosses process borders unchanged.
"""

__all__ = [
    "ConfigError",
    "CorruptSourceError",
    "IncompatibleOutputError",
    "MMVoxCelebError",
    "MissingModalityError",
    "OutputError",
    "ProcessingError",
    "SourceUnavailableError",
    "UnsafeArchiveError",
    "UnsuitableDecoderError",
    "WeightsError",
]


class MMVoxCelebError(Exception):
    """Base class of all errors that this package raises on purpose."""


class ConfigError(MMVoxCelebError, ValueError):
    """An argument or configuration value is unknown or impossible."""


class UnsuitableDecoderError(ConfigError):
    """The chosen video decoder would decode a video wrongly, or not at all."""


class SourceUnavailableError(MMVoxCelebError, OSError):
    """A source cannot be read: withdrawn, forbidden, over quota, unreachable."""


class CorruptSourceError(MMVoxCelebError, ValueError):
    """A source was read and is broken: truncated, wrong colours, wrong number of values."""


class MissingModalityError(MMVoxCelebError, LookupError):
    """A store, or a clip in it, lacks a modality that was asked for."""


class UnsafeArchiveError(MMVoxCelebError, ValueError):
    """An archive, or a list of files, has a path outside its folder, contains links, or unpacks to far too much."""


class WeightsError(MMVoxCelebError, ValueError):
    """Model weights are absent, fail their checksum, do not fit the network, or are unsafe to load."""


class IncompatibleOutputError(MMVoxCelebError, ValueError):
    """An output holds results made with other inputs, models or options."""


class OutputError(MMVoxCelebError, OSError):
    """Results cannot be written: the place is read-only or full, or another run writes there."""


class ProcessingError(MMVoxCelebError, RuntimeError):
    """Some clips of a run failed; all others are finished and kept."""
