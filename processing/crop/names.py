"""Make the parts of a clip's key out of the names of files and folders, whatever a file system allows in them.

A part depends on its own name alone, so it is the same on every run and whatever lies beside the file: only where
another file has the key already does a file get a mark of its own.
"""

import hashlib
import os
import unicodedata

from mmvoxceleb.files.quoting import quoted

__all__ = ["MOST_BYTES", "PartNames", "part_of_name", "plain_name"]

MOST_BYTES = 72
"""Longest part in UTF-8: three of them, their ``.txt#000.mp4`` and a suffix fit the 255 bytes of a file name."""

_MARK_LETTERS = 10
_BRACKETS = str.maketrans("[]", "()")
_FORBIDDEN = frozenset('#/\\*?<>|":')
"""What separates the parts of a key, and what fsspec, shells or Windows take for something else."""


def part_of_name(name: str) -> str:
    """Make a part of a key out of any name of a file or folder.

    Square brackets become round ones, for fsspec reads them as a pattern. A name that is longer than
    :data:`MOST_BYTES`, not UTF-8, hidden, or has characters that no key may have is changed further, and ends with 10
    hexadecimal digits of its sha256, so that different names stay different.
    """
    plain = name.translate(_BRACKETS)
    part = "".join("_" if each in _FORBIDDEN or not each.isprintable() else each for each in plain).strip()
    part = f"_{part[1:]}" if part.startswith(".") or not part else part
    return part if part == plain and len(part.encode()) <= MOST_BYTES else _marked(part, name)


def plain_name(path: str | os.PathLike[str]) -> str:
    r"""Write a path so that it can be printed and encoded: bytes that are not UTF-8 become ``\xff``."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


class PartNames:
    """Gives every file of a run parts of its own.

    Two keys count as one where a file system that knows no case, or another form of Unicode, would take them for one.
    """

    def __init__(self) -> None:
        self._taken: set[tuple[str, ...]] = set()

    def give(
        self, person: str, video: str, utterance: str | None, place: str, *, origin: str = ""
    ) -> tuple[str, str, str | None, str]:
        """Return person, video and utterance for a file, and what the ledger should say of them.

        Args:
            person: Name of the person.
            video: Name of the video.
            utterance: Name of the utterance; None where the video is whole.
            place: The file's path in the source, which marks it where its key is taken.
            origin: Where the names stand, if they are not file's: a row of a list.

        Returns:
            The parts; and a note where they are not the names as they stand, else an empty text.
        """
        given = [person, video] if utterance is None else [person, video, utterance]
        parts = [part_of_name(name) for name in given]
        is_taken = self._key(parts) in self._taken
        if is_taken:
            parts[-1] = _marked(parts[-1], place)
        self._taken.add(self._key(parts))
        note = ""
        if is_taken or parts != given:
            taken_by = f"another {'row' if origin else 'file'} has this name"
            found = sorted(set("".join(given)) & (_FORBIDDEN | {"[", "]"}) - {"#"})
            cannot = f", which cannot have {' '.join(found)}" if found else ""
            is_long = any(len(name.encode("utf-8", "surrogatepass")) > MOST_BYTES for name in given)
            cannot += f", whose parts have at most {MOST_BYTES} bytes" * is_long
            why = taken_by if is_taken else f"this name is not valid in a clip id{cannot}"
            if not origin and "#" in os.path.basename(place):
                why += ", in which # divides person and video"
            note = f"renamed from {origin or f'the file {quoted(place, 400)}'}: {why}"
        return parts[0], parts[1], parts[2] if utterance is not None else None, note

    @staticmethod
    def _key(parts: list[str]) -> tuple[str, ...]:
        return tuple(unicodedata.normalize("NFC", part).casefold() for part in parts)


def _marked(part: str, name: str) -> str:
    mark = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:_MARK_LETTERS]
    short = part.encode()[: MOST_BYTES - _MARK_LETTERS - 1].decode(errors="ignore").rstrip()
    return f"{short}-{mark}"
