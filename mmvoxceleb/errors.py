"""All errors that this package raises on purpose.

This is the class tree. Each class also inherits from the built-in error in brackets::

    MMVoxCelebError
    ├── ConfigError             (ValueError)   an argument has an unknown value; the known ones are listed
    │   └── UnsuitableDecoderError             this decoder cannot decode the video; one that can is named
    ├── SourceUnavailableError  (OSError)      Drive, HTTP or the disk does not give the bytes
    ├── CorruptSourceError      (ValueError)   the bytes were read, but their content is damaged or invalid
    ├── MissingExtraError       (ImportError)  a library that this feature needs is not installed
    ├── MissingModalityError    (LookupError)  a store or clip lacks what was requested
    ├── UnsafeArchiveError      (ValueError)   an archive could do harm, and was refused
    ├── WeightsError            (ValueError)   a checkpoint is absent, wrong or unsafe
    ├── IncompatibleOutputError (ValueError)   an output folder has results of other settings
    ├── OutputError             (OSError)      results cannot be written: read-only, full, in use by another run
    └── ProcessingError         (RuntimeError) some clips failed; the run finished all others

A message names the file and the clip, says what was found and what was expected, and ends with the next step. The
docstring of each class says when it is raised and what to do then.
Each class takes only the message, so that an error passes unchanged from one process to another.
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

    When: it is never raised itself. Catch it to catch all of them.

    What to do: read the end of the message, which names the next step. If an error belongs to no class of this module,
    it is a bug in this package or in a library: report it together with the output of ``mmvoxceleb info``.
    """


class ConfigError(MMVoxCelebError, ValueError):
    """An argument or configuration value is unknown or impossible.

    When: before any work starts, because a name, condition, size or combination of arguments is impossible.

    What to do: correct the argument that the message names; the message lists the known values or gives an example.
    Nothing was written.
    """


class UnsuitableDecoderError(ConfigError):
    """The chosen video decoder would decode a video wrongly, or not at all.

    When: ``decord`` or ``torchcodec`` was chosen, and the video is rotated, interlaced or HDR, or that decoder finds a
    different number of frames than the video has.

    What to do: choose the decoder that the message names, with ``--decoder pyav`` or ``decoder="pyav"``.
    """


class SourceUnavailableError(MMVoxCelebError, OSError):
    """A source cannot be read: withdrawn, forbidden, over quota, unreachable.

    When: a file or folder does not exist or you lack permission to read it; a server refuses the request, stalls, or
    cannot send parts of a file; Google Drive answers 'not found', 'no access' or 'quota'.

    What to do: check the path, the address and your access to it. Dropped connections were already retried; rerun the
    command later, and it resumes. If the original files are no longer on Google Drive, use your own copy
    (``data_dir``), a mirror on the Hub, or ``mmvoxceleb regenerate`` on raw videos. If a server cannot send parts of a
    file, download the whole file first.
    """


class CorruptSourceError(MMVoxCelebError, ValueError):
    """A source was read, but its content is damaged or invalid: truncated, wrong colours, wrong number of values.

    When: the content of an archive, picture, video, label, sentence or record in ``meta/`` is invalid. The message
    names the file, the clip and what is wrong.

    What to do: get that file again, or regenerate that clip. To load the other clips without it, pass
    ``on_error="skip"``, which names and counts the clips that it leaves out. ``mmvoxceleb validate --deep`` finds all
    damaged clips of a store at once.
    """


class MissingExtraError(MMVoxCelebError, ImportError):
    """A library that the requested feature needs is not installed, or cannot be imported.

    When: a feature is used without the extra that it needs: training without torch, the viewer without its server,
    ``--models open`` without LiteRT.

    What to do: run the ``pip install`` that the message names, in your clone of this project.
    """


class MissingModalityError(MMVoxCelebError, LookupError):
    """A store, or a clip in it, lacks a modality that was requested.

    When: a place holds no data of this dataset, has no clip with all requested modalities, or, with ``strict=True``,
    has a clip that lacks one. The message lists the modalities that the place has.

    What to do: request only modalities that the place has (``modalities=``, or another config), check ``data_dir``, or
    make the missing modality with ``mmvoxceleb regenerate``.
    """


class UnsafeArchiveError(MMVoxCelebError, ValueError):
    """An archive or list of files names a path outside its folder, contains links, or unpacks to far too many bytes.

    When: opening it would read or write outside its folder, or fill the memory or the disk. Nothing was unpacked.
    Pictures over 8,192 px per side, archive entries over 256 MiB, and entries that unpack to over 1,000 times their
    size are refused as well.

    What to do: do not use it. Get the data from a source that you trust, and tell the author of the archive.
    """


class WeightsError(MMVoxCelebError, ValueError):
    """Model weights are missing, fail their checksum, do not fit the network, or are unsafe to load.

    When: a stage loads its model. A checkpoint that holds more than tensors is refused, because opening it could run
    code.

    What to do: run ``mmvoxceleb weights``, which lists every file, its source, and whether this machine has it. Put the
    file that the message names into the cache or into the folder that ``MMVOXCELEB_WEIGHTS`` names, delete a damaged
    file so that it is downloaded again, or choose ``--models open`` or ``--models sample``.
    """


class IncompatibleOutputError(MMVoxCelebError, ValueError):
    """An output folder or repository holds results that were made with other inputs, models or options.

    When: a run, an export or a push would mix its results with existing ones. Nothing was changed; the message says
    what differs.

    What to do: use the settings of the existing results, choose a new folder, or replace the results with
    ``--overwrite`` (``overwrite=True``).
    """


class OutputError(MMVoxCelebError, OSError):
    """Results cannot be written: the output is read-only or full, or another run writes to it.

    When: at the start of a run, an export or a removal, or when the disk fills up during an export or a removal. A run
    that can no longer write raises :class:`ProcessingError`.

    What to do: make space, change the permissions, wait until the other run ends, or choose another folder; then rerun
    the command. Finished work is kept.
    """


class ProcessingError(MMVoxCelebError, RuntimeError):
    """Some clips of a run failed; the other finished clips are kept.

    When: at the end of a run; the message gives the reasons and counts the clips. During a run, if the output can no
    longer be written, all workers were lost, or the device lacks memory for a single frame.

    What to do: read ``meta/ledger.jsonl`` in the output, which has the reason for every clip, fix the sources, and
    rerun the command: it processes only the clips that are not finished. With one worker on this machine, an
    error that ends the worker is shown in full.
    """
