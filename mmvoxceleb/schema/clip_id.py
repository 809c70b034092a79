"""The key of a clip: ``id11248#yDqlBD8m_b8#00004.txt#000.mp4``."""

import re
from dataclasses import dataclass

from mmvoxceleb.errors import CorruptSourceError

__all__ = ["ClipId"]

_PART = r"[^#/\\\ud800-\udfff]+"  # half of a surrogate pair: bytes in a file's name that are not UTF-8
_KEY = re.compile(
    rf"(?P<person_id>{_PART})#(?P<video_id>{_PART})#(?P<utterance>{_PART})\.txt#(?P<chunk>\d{{1,9}})\.mp4", re.ASCII
)
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]")
_ESCAPED = re.compile(r"=([0-9A-F]{6})")


@dataclass(frozen=True, order=True)
class ClipId:
    """The four parts of a clip's key, such as ``id11248#yDqlBD8m_b8#00004.txt#000.mp4``.

    Args:
        person_id: VoxCeleb's identity, such as ``id11248``, or any name without ``#``, ``/`` and backslashes.
        video_id: YouTube's id of 11 characters, or any name without ``#``, ``/`` and backslashes.
        utterance: Name of VoxCeleb's annotation file without ``.txt``, such as ``00004``.
        chunk: Number of the face track (tube) in its utterance, from 0, with up to 9 digits. Numbers are missing where
            a track was rejected.
    """

    person_id: str
    video_id: str
    utterance: str
    chunk: int

    @classmethod
    def parse(cls, key: str) -> "ClipId":
        """Parse a key in the form that the original files use.

        Raises:
            CorruptSourceError: ``key`` does not have this form.
        """
        match = _KEY.fullmatch(key)
        if match is None:
            raise CorruptSourceError(
                f"{key!r} is not the name of a clip; expected PERSON#VIDEO#UTTERANCE.txt#NUMBER.mp4, "
                "such as id11248#yDqlBD8m_b8#00004.txt#000.mp4"
            )
        return cls(match["person_id"], match["video_id"], match["utterance"], int(match["chunk"]))

    @classmethod
    def matches(cls, key: str) -> bool:
        """Return whether :meth:`parse` accepts ``key``."""
        return _KEY.fullmatch(key) is not None

    def __str__(self) -> str:
        """Format the key in the form that the original files use; the inverse of :meth:`parse`."""
        return f"{self.person_id}#{self.video_id}#{self.utterance}.txt#{self.chunk:03d}.mp4"

    @property
    def safe_name(self) -> str:
        """The key as a name of ASCII letters, digits and ``_-~=`` only, safe in URLs, WebDataset keys and file systems.

        The parts are joined by ``~``. Any other character becomes ``=`` and its code point as 6 hexadecimal digits.
        """
        parts = (self.person_id, self.video_id, self.utterance, f"{self.chunk:03d}")
        return "~".join(_UNSAFE.sub(lambda match: f"={ord(match[0]):06X}", part) for part in parts)

    @classmethod
    def from_safe_name(cls, name: str) -> "ClipId":
        """Parse a :attr:`safe_name`.

        Raises:
            CorruptSourceError: ``name`` is not a safe name of a clip.
        """
        parts = name.split("~")
        try:
            person_id, video_id, utterance, chunk = (
                _ESCAPED.sub(lambda match: chr(int(match[1], 16)), part) for part in parts
            )
            return cls.parse(f"{person_id}#{video_id}#{utterance}.txt#{chunk}.mp4")
        except (ValueError, OverflowError) as error:
            raise CorruptSourceError(
                f"{name!r} is not the safe name of a clip (PERSON~VIDEO~UTTERANCE~NUMBER)"
            ) from error
