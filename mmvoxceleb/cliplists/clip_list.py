"""A clip list: names of clips, how they were chosen, and one hash of all that."""

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mmvoxceleb.cliplists.steps import ChoiceStep

__all__ = ["FORMAT", "FORMAT_VERSION", "ClipList", "StoreMark", "digest_of"]

FORMAT = "mmvoxceleb clip list"
FORMAT_VERSION = 1
_OUTSIDE_HASH = frozenset(["created", "sha256"])


@dataclass(frozen=True)
class StoreMark:
    """Identifies a store by its clips, wherever it is.

    Args:
        clips: Number of its clips.
        sha256: Hash of the sorted clip ids, each followed by a line end.
    """

    clips: int
    sha256: str

    @classmethod
    def of(cls, clip_ids: Iterable[str]) -> "StoreMark":
        """Compute the mark of a store from the ids of its clips."""
        names = sorted(set(clip_ids))
        return cls(len(names), hashlib.sha256("".join(f"{name}\n" for name in names).encode()).hexdigest())


@dataclass(frozen=True)
class ClipList:
    """A list of clips, together with how they were chosen. docs/clip-lists.md describes its file format.

    Args:
        clips: Clip ids, sorted, without repeats.
        steps: The conditions by which the clips were chosen, in order; empty if unknown.
        store: Number and hash of the clips of the store that they were chosen from; None if unknown.
        versions: Versions of this package and of the scores that were used, such as ``{"mmvoxceleb": "0.1.0"}``.
        created: Time of creation in ISO 8601. It is not part of the hash.
        name: Name in messages and on the dataset card: the name of the file, or empty. It is not stored in the file,
            and ignored when lists are compared.
    """

    clips: tuple[str, ...]
    steps: tuple[ChoiceStep, ...] = ()
    store: StoreMark | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    created: str = ""
    name: str = field(default="", compare=False)

    @classmethod
    def of(cls, clip_ids: Iterable[str], **fields: Any) -> "ClipList":
        """Create a list of clip ids in any order; ``fields`` are the other arguments of the class."""
        return cls(tuple(sorted(set(clip_ids))), **fields)

    @property
    def sha256(self) -> str:
        """The hash of everything except :attr:`created` and :attr:`name`. Equal lists have equal hashes anywhere."""
        return digest_of(self.content())

    def __len__(self) -> int:
        return len(self.clips)

    def content(self) -> dict[str, Any]:
        """Return the hashed content as JSON values."""
        content: dict[str, Any] = {"format": FORMAT, "version": FORMAT_VERSION, "clips": list(self.clips)}
        if self.steps:
            content["conditions"] = [step.to_json() for step in self.steps]
        if self.store is not None:
            content["store"] = {"clips": self.store.clips, "sha256": self.store.sha256}
        if self.versions:
            content["versions"] = dict(self.versions)
        return content

    def to_bytes(self) -> bytes:
        """Return the content of its JSON file, with one clip per line."""
        content = self.content()
        clips = content.pop("clips")
        head = {"format": content.pop("format"), "version": content.pop("version"), "sha256": self.sha256}
        if self.created:
            head["created"] = self.created
        lines = json.dumps(head | content, indent=1, ensure_ascii=False).removesuffix("\n}")
        names = ",\n".join(f"  {json.dumps(clip, ensure_ascii=False)}" for clip in clips)
        return f'{lines},\n "clips": [\n{names}\n ]\n}}\n'.encode()

    def missing_in(self, found: Collection[str]) -> list[str]:
        """Return the clips of the list that are not in ``found``, sorted."""
        there = found if isinstance(found, set | frozenset) else set(found)
        return [clip for clip in self.clips if clip not in there]


def digest_of(content: Mapping[str, Any]) -> str:
    """Hash a clip list: its JSON without ``sha256`` and ``created``, keys sorted, without spaces, in UTF-8."""
    hashed = {name: value for name, value in content.items() if name not in _OUTSIDE_HASH}
    text = json.dumps(hashed, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
