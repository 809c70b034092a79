"""Every error that a user of mmvoxceleb can cause or meet.

The tree; each class is also the built-in kind that fits it::

    MMVoxCelebError
    ├── ConfigError             (ValueError)   an argument has an unknown value; the known ones are listed
    │   └── UnsuitableDecoderError             this decoder cannot decode the video; one that can is named
    ├── SourceUnavailableError  (OSError)      Drive, HTTP or the disk does not give the bytes
    ├── CorruptSourceError      (ValueError)   the bytes arrived, but they are not what they should be
    ├── MissingExtraError       (ImportError)  a library that this ability needs is not installed
    ├── MissingModalityError    (LookupError)  a store or clip lacks what was asked for
    ├── UnsafeArchiveError      (ValueError)   an archive tries to do harm, and was refused
    ├── WeightsError            (ValueError)   a checkpoint is absent, wrong or unsafe
    ├── IncompatibleOutputError (ValueError)   an output folder has results of other settings
    ├── OutputError             (OSError)      results cannot be written: read-only, full, in use by another run
    └── ProcessingError         (RuntimeError) clips failed; the run finished the others and names them

A message names the file and the clip, says what was found and what was expected, and ends with the next step. The
docstring of a class says when it is raised and what to do then.
Each class takes the message alone, so that an error crosses process borders unchanged.
"""

__all__ = [
    "ConfigError",
    "CorruptSourceError",
    "IncompatibleOutputError",
    "MMVoxCelebError",
    "MissingExtraError",
    "MissingModalityError",
    "OutputError",
    "ProcessingError",
    "SourceUnavailableError",
    "UnsafeArchiveError",
    "UnsuitableDecoderError",
    "WeightsError",
]


class MMVoxCelebError(Exception):
    """Base class of all errors that this package raises on purpose.

    When: never itself. Catch it to catch all of them.

    What to do: read the end of the message, which names the next step. If an error is of no class of this module, it is
    a bug of this package or of a library: report it with what ``mmvoxceleb info`` prints.
    """


class ConfigError(MMVoxCelebError, ValueError):
    """An argument or configuration value is unknown or impossible.

    When: before any work, because a name, condition, size or combination of arguments is impossible.

    What to do: correct the argument that the message names; it lists the known values, or gives an example. Nothing has
    been written.
    """


class UnsuitableDecoderError(ConfigError):
    """The chosen video decoder would decode a video wrongly, or not at all.

    When: ``decord`` or ``torchcodec`` was chosen, and the video is rotated, interlaced or HDR, or they find a
    different number of frames than it has.

    What to do: choose the decoder that the message names, with ``--decoder pyav`` or ``decoder="pyav"``.
    """


class SourceUnavailableError(MMVoxCelebError, OSError):
    """A source cannot be read: withdrawn, forbidden, over quota, unreachable.

    When: a file or folder does not exist or may not be read; a server refuses, stalls, or cannot send parts of a file;
    Google Drive answers 'not found', 'no access' or 'quota'.

    What to do: check the path, the address and your access to it. Dropped connections were retried already; rerun the
    command later, and it resumes. Where Drive has withdrawn the original files, use a copy that you have
    (``data_dir``), a mirror on the Hub, or ``mmvoxceleb regenerate`` on raw videos. Download a file whose server cannot
    send parts of it.
    """


class CorruptSourceError(MMVoxCelebError, ValueError):
    """A source was read and is broken: truncated, wrong colours, wrong number of values.

    When: the content of an archive, picture, video, label, sentence or record in ``meta/`` is not valid for its kind.
    The message names the file, the clip and what is wrong.

    What to do: get that file again, or regenerate that clip. To load the rest without it, pass ``on_error="skip"``,
    which names and counts what it leaves out. ``mmvoxceleb validate --deep`` finds all damaged clips of a store at
    once.
    """


class MissingExtraError(MMVoxCelebError, ImportError):
    """A library that this ability needs is not installed, or does not load.

    When: an ability of an extra is used without that extra: training without torch, the viewer without its server,
    ``--models open`` without LiteRT.

    What to do: run the ``pip install`` that the message names, in your clone of this project.
    """


class MissingModalityError(MMVoxCelebError, LookupError):
    """A store, or a clip in it, lacks a modality that was asked for.

    When: a place holds no data of this dataset, has no clip with everything that was asked for, or, with
    ``strict=True``, has a clip that lacks something. The message says what is there.

    What to do: ask for the modalities that are there (``modalities=``, or another config), check ``data_dir``, or make
    what is missing with ``mmvoxceleb regenerate``.
    """


class UnsafeArchiveError(MMVoxCelebError, ValueError):
    """An archive, or a list of files, has a path outside its folder, contains links, or unpacks to far too much.

    When: opening it would write or read outside its folder, or fill the memory or the disk. Nothing was unpacked. A
    picture over 8,192 px a side, an entry over 256 MB, and one that unpacks to over 1,000 times its size are refused as
    well.

    What to do: do not use it. Get it from a source that you trust, and ask its author why it is so.
    """


class WeightsError(MMVoxCelebError, ValueError):
    """Model weights are absent, fail their checksum, do not fit the network, or are unsafe to load.

    When: a stage loads its model. A checkpoint that holds more than tensors is refused, since opening it could run
    code.

    What to do: run ``mmvoxceleb weights``, which lists every file, where it comes from and whether it is here. Put the
    file that the message names into the cache or into the folder of ``MMVOXCELEB_WEIGHTS``, delete a damaged one so
    that it is downloaded again, or choose ``--models open`` or ``--models sample``.
    """


class IncompatibleOutputError(MMVoxCelebError, ValueError):
    """An output holds results made with other inputs, models or options.

    When: a run, an export or a push would mix its results with others. Nothing was changed; the message says what
    differs.

    What to do: use the settings of the results that are there, name a new folder, or replace them with ``--overwrite``
    (``overwrite=True``).
    """


class OutputError(MMVoxCelebError, OSError):
    """Results cannot be written: the place is read-only or full, or another run writes there.

    When: at the start of a run, an export or a removal, or whenever the disk fills up.

    What to do: make room, change the permissions, wait until the other run ends, or name another folder; then rerun the
    command. What is finished is kept.
    """


class ProcessingError(MMVoxCelebError, RuntimeError):
    """Some clips of a run failed; all others are finished and kept.

    When: at the end of a run, which names the reasons and counts the clips; or in the middle of one, if all workers
    were lost or the device has no room for a single frame.

    What to do: read ``meta/ledger.jsonl`` of the output, which has the reason for every clip, fix the sources and
    rerun the command: it does only what is not finished. With one worker on this machine the error of a worker is seen
    whole.
    """
