"""Download one file from the first of several sources that gives it, resumed, retried and checked.

Libraries do less: pooch (1.9) begins a cut download again; gdown (6.5) gives up at a 503 and drops up to 512 kB of what
came; what ``huggingface_hub`` has for other servers is private and takes whatever a server sends.
"""

import contextlib
import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from mmvoxceleb.errors import SourceUnavailableError, WeightsError
from mmvoxceleb.files.atomic import move_into_place
from mmvoxceleb.files.hashing import sha256_of
from mmvoxceleb.files.quoting import first_line
from mmvoxceleb.files.retry import TRANSIENT_STATUS, redirect_problem, retrying
from mmvoxceleb.files.stalls import StalledError, while_growing
from mmvoxceleb.stores.drive import get_from_drive

if TYPE_CHECKING:
    import requests

__all__ = ["download"]

FIRST_WAIT_SECONDS = 0.5
TIMEOUT_SECONDS = (15.0, 60.0)
SILENT_SECONDS = 30.0
"""Longest time without a block of :data:`_BLOCK` bytes."""
LARGEST_BYTES = 16 << 30
"""Most bytes of a file of unknown size."""
_MUCH_MORE_BYTES = 1 << 20
"""What is taken beyond the known size, so that a message can say how large a slightly larger file is."""
_BLOCK = 1 << 13

logger = logging.getLogger(__name__)


def download(
    sources: Sequence[str],
    target: str | os.PathLike[str],
    *,
    size_bytes: int | None = None,
    sha256: str | None = None,
    advice: str = "",
) -> None:
    """Get a file; nothing happens where it is there already.

    The bytes go into ``<target>.part`` and are renamed once they are whole and right. A ``.part`` file that an
    earlier run left behind is continued by an HTTP range. Other processes that want the same file wait.

    Args:
        sources: ``https://...``, ``drive:FILE_ID`` or ``drive-folder:FOLDER_ID``, tried in this order.
        target: The final path.
        size_bytes: The size that the file must have, if known.
        sha256: The hash that the file must have, if known.
        advice: What to do when nothing works; ends the message.

    Raises:
        SourceUnavailableError: No source gives the file.
        WeightsError: Every source that answered gave something else: wrong size or hash.
    """
    from filelock import FileLock

    target = Path(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f"{target.name}.part")
    with FileLock(target.with_name(f"{target.name}.lock")):
        if target.is_file():
            return
        failures: dict[str, list[str]] = {}  # reason: the sources
        wrong = 0
        for source in sources:
            try:
                _get_right(source, partial, target.name, size_bytes, sha256)
            except (WeightsError, SourceUnavailableError) as error:
                wrong += isinstance(error, WeightsError)
                failures.setdefault(str(error), []).append(_named(source, error))
            except OSError as error:
                raise SourceUnavailableError(
                    f"{partial}: cannot be written ({error}); make room and rerun the command"
                ) from error
            else:
                move_into_place(partial, target)
                return
    told = "; ".join(f"{' and '.join(names)}: {reason}" for reason, names in failures.items())
    message = f"{target.name} could not be downloaded: {told}. Next step: {advice or 'try again later'}"
    raise WeightsError(message) if wrong else SourceUnavailableError(message)


def _named(source: str, error: Exception) -> str:
    """Name a source: by its server alone where the log has already warned of the whole address."""
    from tenacity import RetryError

    return urlsplit(source).netloc if isinstance(error.__cause__, RetryError) else source


def _get_right(source: str, partial: Path, file_name: str, size_bytes: int | None, sha256: str | None) -> None:
    """Get and check; what was continued and is wrong may have begun as another file, so it is got once more."""
    for continued in (partial.exists(), False):
        _get(source, partial, file_name, size_bytes)
        try:
            _check(partial, size_bytes, sha256)
            return
        except WeightsError:
            partial.unlink()
            if not continued:
                raise


def _get(source: str, partial: Path, file_name: str, size_bytes: int | None) -> None:
    kind, _, rest = source.partition(":")
    logger.info("downloading %s from %s", file_name, source)
    if kind == "drive":
        _from_drive(rest, partial, size_bytes)
    elif kind == "drive-folder":
        _from_drive(_find_in_drive_folder(rest, file_name), partial, size_bytes)
    elif kind in ("http", "https"):
        _from_http(source, partial, file_name, size_bytes)
    else:
        raise SourceUnavailableError("not an address that can be downloaded from")


def _from_http(url: str, partial: Path, file_name: str, size_bytes: int | None) -> None:
    from tenacity import RetryError

    patiently = retrying(url, lambda error: isinstance(error, ConnectionError), first_wait_seconds=FIRST_WAIT_SECONDS)
    try:
        patiently(lambda: _continue_http(url, partial, file_name, size_bytes))
    except RetryError as end:
        kept = "; what arrived is kept, and the next download resumes" if partial.exists() else ""
        raise SourceUnavailableError(f"{end.__cause__}, {end.last_attempt.attempt_number} times{kept}") from end


def _continue_http(url: str, partial: Path, file_name: str, size_bytes: int | None) -> None:
    have = partial.stat().st_size if partial.exists() else 0
    if size_bytes is not None and have > size_bytes:
        partial.unlink()
        have = 0
    if size_bytes is None or have < size_bytes:
        transfer = _Transfer(url, partial, file_name, size_bytes, have)
        try:
            while_growing(transfer.run, lambda: transfer.came, seconds=SILENT_SECONDS, stop=transfer.stop)
        except StalledError as error:
            raise _PassingError(str(error)) from error


class _PassingError(ConnectionError):
    """May not come again; the log shows its message without its class."""


class _Transfer:
    """One answer of a server, written to the end of a partial file.

    Args:
        url: Where from.
        partial: Where to.
        file_name: For the progress bar.
        size_bytes: The size that the file must have, if known.
        have: Bytes that are there already.
    """

    def __init__(self, url: str, partial: Path, file_name: str, size_bytes: int | None, have: int) -> None:
        self._url, self._partial, self._file_name = url, partial, file_name
        self._size_bytes, self._have = size_bytes, have
        self._stopped = threading.Event()
        self._response: requests.Response | None = None
        self.came = 0

    def stop(self) -> None:
        """End the transfer from another thread: nothing is written after this."""
        self._stopped.set()
        # urllib3 2.3; to close would wait for the read that goes on
        shutdown = getattr(self._response.raw, "shutdown", None) if self._response is not None else None
        if shutdown is not None:
            with contextlib.suppress(OSError, RuntimeError, ValueError):  # it has just ended
                shutdown()

    def run(self) -> None:
        """Transfer; what requests raises becomes _PassingError where it may pass, else SourceUnavailableError."""
        import requests

        asked = {"Range": f"bytes={self._have}-"} if self._have else {}
        headers = {"Accept-Encoding": "identity", **asked}
        try:
            with requests.get(self._url, headers=headers, stream=True, timeout=TIMEOUT_SECONDS) as response:
                self._response = response
                if response.status_code == 416:
                    # what is there is not the beginning of this file, or is all of it with no size known to tell
                    self._partial.unlink(missing_ok=True)
                    raise _PassingError("the server refused to continue the download, so it starts again")
                if response.status_code in TRANSIENT_STATUS:
                    raise _PassingError(f"the server answered {response.status_code}")
                if response.status_code not in (200, 206):
                    raise SourceUnavailableError(f"the server answered {response.status_code} {response.reason}")
                if response.headers.get("Content-Encoding", "identity").lower() not in ("identity", ""):
                    raise SourceUnavailableError("the server sends it compressed although it was asked not to")
                self._write(response, self._have if response.status_code == 206 else 0)
        except requests.exceptions.SSLError as error:
            raise SourceUnavailableError(f"the connection is not trusted ({error})") from error
        except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError) as error:
            what = "the server does not answer" if self._response is None else "the connection broke"
            raise _PassingError(f"{what} ({type(error).__name__})") from error
        except requests.RequestException as error:
            raise SourceUnavailableError(redirect_problem(error) or str(error)) from error

    def _write(self, response: "requests.Response", start: int) -> None:
        partial = self._partial
        if start and not response.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
            partial.unlink(missing_ok=True)
            raise _PassingError("the server continued at the wrong place, so the download starts again")
        length = response.headers.get("Content-Length")
        expected = start + int(length) if length and length.isdigit() else None
        largest = LARGEST_BYTES if self._size_bytes is None else self._size_bytes + _MUCH_MORE_BYTES
        with partial.open("r+b" if start else "wb") as file, _progress(self._file_name, start, expected) as advance:
            file.seek(start)
            for block in response.iter_content(_BLOCK):
                if self._stopped.is_set():
                    return
                file.write(block)
                self.came += len(block)
                advance(len(block))
                if start + self.came > largest:
                    break
        if start + self.came > largest:
            partial.unlink()
            raise SourceUnavailableError(f"the server sends more than the {largest:,} bytes that are allowed here")
        if expected is not None and partial.stat().st_size < expected:
            raise _PassingError(f"the connection broke after {partial.stat().st_size:,} of {expected:,} bytes")


@contextlib.contextmanager
def _progress(file_name: str, start: int, total: int | None) -> "Iterator[Callable[[int], None]]":
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task(file_name, total=total, completed=start)
        yield lambda count: progress.advance(task, count)


def _from_drive(file_id: str, partial: Path, size_bytes: int | None) -> None:
    import gdown
    import requests

    try:
        # gdown keeps its own partial file beside its output and continues it
        get_from_drive(file_id, partial, quiet=not sys.stderr.isatty(), most_bytes=size_bytes or LARGEST_BYTES)
    except (gdown.exceptions.DownloadError, requests.RequestException, StalledError, SourceUnavailableError) as error:
        raise SourceUnavailableError(
            f"Google Drive does not give it ({redirect_problem(error) or first_line(error)})"
        ) from error
    if not partial.is_file():
        raise SourceUnavailableError("Google Drive sent nothing")


def _find_in_drive_folder(folder_id: str, file_name: str) -> str:
    import gdown
    import requests

    try:
        listed = gdown.download_folder(id=folder_id, skip_download=True, quiet=True, use_cookies=False)
    except (gdown.exceptions.DownloadError, requests.RequestException) as error:
        raise SourceUnavailableError(f"Google Drive does not list the folder ({first_line(error)})") from error
    for file in listed or ():
        if not isinstance(file, str) and Path(file.path).name == file_name:
            return str(file.id)
    raise SourceUnavailableError(f"the Google Drive folder holds no {file_name}")


def _check(partial: Path, size_bytes: int | None, sha256: str | None) -> None:
    size = partial.stat().st_size
    if size_bytes is not None and size != size_bytes:
        raise WeightsError(f"gave {size:,} bytes where {size_bytes:,} were expected")
    if sha256 is not None and (came := sha256_of(partial)) != sha256:
        raise WeightsError(f"gave a file with sha256 {came} where {sha256} was expected")
