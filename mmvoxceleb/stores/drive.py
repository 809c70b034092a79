"""Google Drive: the published files, withdrawn in June 2024, and the copies that labs keep there."""

import glob
import hashlib
import logging
import re
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from mmvoxceleb.cache import cache_dir
from mmvoxceleb.errors import CorruptSourceError, SourceUnavailableError
from mmvoxceleb.files.atomic import move_into_place
from mmvoxceleb.files.hashing import sha256_of
from mmvoxceleb.files.quoting import shortened
from mmvoxceleb.files.retry import redirect_problem
from mmvoxceleb.files.stalls import StalledError, bytes_below, while_growing
from mmvoxceleb.modalities import MODALITIES, modalities

__all__ = ["PUBLISHED_IDS", "WAYS_ON", "download_file", "download_modalities", "get_from_drive"]

PUBLISHED_IDS: dict[str, str] = {kind.name: kind.drive_id for kind in modalities(MODALITIES) if kind.drive_id}
"""File ids in MMVID's README (snap-research/MMVID, mm_vox_celeb)."""

WAYS_ON = (
    "Three ways on: data_dir='FOLDER' with the original folders or zips if you hold a copy (drive_ids={'video': '...'} "
    "for a lab's own copy on Drive); data_dir='hf://datasets/USER/NAME' for a mirror on the Hub; or rebuild it with "
    "`mmvoxceleb regenerate`. To see what a record looks like: load_dataset('mmvoxceleb', 'sample')"
)
_WITHDRAWN = (
    "The published files of Multimodal VoxCeleb were withdrawn from Google Drive in June 2024 (MMVID issue 10). "
)
_RETRIES = 4
_TIMEOUT_SECONDS = (30.0, 120.0)
LARGEST_DOWNLOAD_BYTES = 1 << 40

logger = logging.getLogger(__name__)


def download_modalities(
    names: Sequence[str],
    *,
    ids: Mapping[str, str] | None = None,
    folder: str | Path | None = None,
    quiet: bool = False,
) -> Path:
    """Download modalities from Google Drive, one zip each, into a folder that :func:`mmvoxceleb.open_store` reads.

    An interrupted download resumes where it stopped; a zip that is already there is not downloaded again.

    Args:
        names: Names of modalities.
        ids: Drive file id of each modality, by name; by default the published ids, whose files were withdrawn in June
            2024.
        folder: The folder to download to; by default a folder in the cache, one for each choice of ``ids``.
        quiet: Show no progress bars.

    Returns:
        The folder.

    Raises:
        ConfigError: A modality is unknown.
        SourceUnavailableError: A file is withdrawn, private, over its quota, or has no id, or the disk is full.
        CorruptSourceError: A downloaded file is not a zip.
    """
    wanted = modalities(names)
    chosen = dict(PUBLISHED_IDS if ids is None else ids)
    lacking = [kind.name for kind in wanted if kind.name not in chosen]
    if lacking:
        raise SourceUnavailableError(
            f"drive_ids has no id for {', '.join(lacking)}; add it, or choose fewer with modalities=(...)"
        )
    if folder is None:
        tag = hashlib.sha256(repr(sorted(chosen.items())).encode()).hexdigest()[:12]
        folder = cache_dir() / "drive" / tag
    folder = Path(folder).expanduser()
    for kind in wanted:
        download_file(chosen[kind.name], folder / f"{kind.folder_name}.zip", quiet=quiet)
    return folder


def download_file(file_id: str, path: Path, *, sha256: str | None = None, quiet: bool = False) -> Path:
    """Download one zip from Drive with gdown: resumed, retried, checked, and whole when it has its name.

    Args:
        file_id: The file's id on Drive.
        path: Where to; its folder is made. An existing file is taken as it is.
        sha256: Check the content, where it is known.
        quiet: No progress bar.

    Raises:
        SourceUnavailableError: Drive does not give the file.
        CorruptSourceError: The download is not a zip, or has another checksum.
    """
    import requests
    from gdown.exceptions import DownloadError

    from mmvoxceleb.files.ranges import LocalSource
    from mmvoxceleb.stores.zip_end import find_directory

    if path.is_file():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    arriving = path.with_name(f".{path.name}.arriving")
    try:
        get_from_drive(file_id, arriving, quiet=quiet)
    except (DownloadError, requests.RequestException, StalledError) as error:
        some = any(arriving.parent.glob(f"{glob.escape(arriving.name)}*"))
        raise SourceUnavailableError(_explain(file_id, path, error, is_partly_there=some)) from error
    except OSError as error:
        raise SourceUnavailableError(f"{path}: cannot be written ({error}); make room and rerun the command") from error
    try:
        find_directory(LocalSource(arriving))
        if sha256 is not None and (came := sha256_of(arriving)) != sha256:
            raise CorruptSourceError(f"its sha256 is {came} instead of {sha256}")
    except CorruptSourceError as error:
        arriving.unlink(missing_ok=True)
        raise CorruptSourceError(
            f"{path.name} from Drive id {file_id}: what arrived is not the file ({error}); check the id"
        ) from error
    move_into_place(arriving, path)
    return path


def get_from_drive(file_id: str, output: Path, *, quiet: bool, most_bytes: int = LARGEST_DOWNLOAD_BYTES) -> None:
    """Download a file with gdown, which continues what an earlier call left beside ``output``.

    Args:
        file_id: The file's id on Drive.
        output: Where to.
        quiet: No progress bar.
        most_bytes: More than these are not taken.

    Raises:
        SourceUnavailableError: More came.
        StalledError: Nothing came for a while.
        Exception: What gdown and requests raise.
    """
    import gdown

    cancel = threading.Event()

    def count(came: int, _: int | None) -> None:
        if came > most_bytes:
            raise SourceUnavailableError(
                f"{output.name}: Google Drive id {file_id} sends more than the {most_bytes:,} bytes that are allowed "
                "here; check the id"
            )

    while_growing(
        lambda: gdown.download(
            id=file_id, output=str(output), quiet=quiet, resume=True, retries=_RETRIES, use_cookies=False,
            timeout=_TIMEOUT_SECONDS, progress=count, cancel=cancel,
        ),
        lambda: bytes_below(output.parent, f"{glob.escape(output.name)}*"),
        stop=cancel.set,
    )  # fmt: skip


def _innermost(text: str) -> str:
    """Return the reason at the end of urllib3's ``Pool(...): ... (Caused by ...: reason)``; other texts as they are."""
    _, caused, cause = text.rpartition("(Caused by ")
    if not caused:
        return text
    _, is_wrapped, reason = cause.partition("): ")
    return reason.removesuffix("))").rstrip("\"'") if is_wrapped else cause.removesuffix(")")


def _explain(file_id: str, path: Path, error: Exception, *, is_partly_there: bool) -> str:
    published = file_id in PUBLISHED_IDS.values()
    response = getattr(error, "response", None)
    status = getattr(response, "status_code", None)
    text = redirect_problem(error) or " ".join(str(error).split())
    if re.search(r"quota|too many users|many accesses recently", text, re.IGNORECASE):
        what = "over its download quota; it opens again within a day"
    elif status in (401, 403) or re.search(r"permission|access|public link", text, re.IGNORECASE):
        what = "not found or not open to you (no access, or over its quota)"
    else:
        resume = "What came so far is kept: rerun this to resume. " if is_partly_there else ""
        came = f"Google Drive id {file_id} did not arrive ({shortened(_innermost(text), 160)})"
        if published:
            return f"{path.name}: {_WITHDRAWN}{WAYS_ON}. {resume}This time, {came}"
        return f"{path.name}: {came}. {resume}".rstrip()
    return f"{path.name}: Google Drive says that id {file_id} is {what}. {_WITHDRAWN if published else ''}{WAYS_ON}"
