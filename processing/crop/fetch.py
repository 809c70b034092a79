"""Get a source video by its id with yt-dlp."""

import functools
import glob
import logging
import os
import shutil
import threading
from pathlib import Path
from typing import Any

from mmvoxceleb.errors import MissingExtraError, SourceUnavailableError
from mmvoxceleb.extras import install_hint
from mmvoxceleb.files.stalls import StalledError, bytes_below, while_growing

__all__ = ["YOUTUBE", "fetch_video"]

YOUTUBE = "https://www.youtube.com/watch?v={video_id}"

logger = logging.getLogger(__name__)

LARGEST_VIDEO_BYTES = 32 << 30
_SOCKET_SECONDS = 30
FORMAT = "bestvideo[ext=mp4]/bestvideo/best"
"""Pictures without sound where the site has them apart, so that nothing has to be merged."""
FORMAT_WITH_SOUND = "bestvideo[ext=mp4]+bestaudio[ext=m4a]/bestvideo+bestaudio/best"
"""The ffmpeg command merges the two."""


def fetch_video(
    video_id: str, folder: str | os.PathLike[str], *, url_template: str = YOUTUBE, with_sound: bool = False
) -> Path:
    """Download a video as ``<folder>/<video_id>.<extension>``.

    A download that was cut off goes on where it stopped.

    Args:
        video_id: YouTube's id; it may begin with ``-``.
        folder: Where to; made when absent.
        url_template: Where from, with ``{video_id}`` in it: another site, or a mirror.
        with_sound: Fetch the sound, too. Without the ffmpeg command it is left out where the site has it apart.

    Raises:
        SourceUnavailableError: The video is gone, private or blocked, or has over 32 GB, or the site does not answer;
            yt-dlp says why.
        ImportError: yt-dlp is not installed.
    """
    try:
        import yt_dlp
    except ImportError as error:
        raise MissingExtraError(f"--download needs yt-dlp: {install_hint('download')}") from error
    folder = Path(folder).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    stopped = threading.Event()

    def watch(state: dict[str, Any]) -> None:
        if stopped.is_set():
            raise yt_dlp.utils.DownloadCancelled("given up")
        if (state.get("downloaded_bytes") or 0) > LARGEST_VIDEO_BYTES:
            raise yt_dlp.utils.DownloadCancelled(f"it has more than {LARGEST_VIDEO_BYTES >> 30} GB")

    target = str(folder / video_id).replace("%", "%%")
    options: dict[str, Any] = {
        "format": FORMAT_WITH_SOUND if with_sound and _can_merge() else FORMAT,
        "outtmpl": {"default": f"{target}.%(ext)s"},
        "quiet": True,
        "no_warnings": True,
        "noprogress": True,
        "noplaylist": True,
        "retries": 3,
        "cachedir": False,
        "socket_timeout": _SOCKET_SECONDS,
        "progress_hooks": [watch],
        "logger": logging.Logger("yt-dlp", logging.CRITICAL + 1),  # its errors come as exceptions
    }
    url = url_template.replace("{video_id}", video_id)

    def get() -> Path:
        with yt_dlp.YoutubeDL(options) as client:
            information = client.extract_info(url)
            downloads = information.get("requested_downloads") or [{}]
            return Path(downloads[0].get("filepath") or client.prepare_filename(information))

    try:
        path = while_growing(get, lambda: bytes_below(folder, f"{glob.escape(video_id)}*"), stop=stopped.set)
    except (yt_dlp.utils.YoutubeDLError, StalledError) as error:
        reason = str(error).removeprefix("ERROR: ").splitlines()[0].partition(" (caused by")[0]
        raise SourceUnavailableError(f"{url} cannot be downloaded: {reason}") from error
    if not path.is_file():
        raise SourceUnavailableError(f"{url} cannot be downloaded: yt-dlp left no file")
    return path


@functools.cache
def _can_merge() -> bool:
    if shutil.which("ffmpeg") is None:
        logger.warning("videos with a separate stream of sound are downloaded without it: install ffmpeg to merge them")
        return False
    return True
