"""Find and take out the names of persons, videos and clips in texts of any kind."""

import json
import re
import unicodedata
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from mmvoxceleb.errors import CorruptSourceError
from mmvoxceleb.files.json_text import parse_json
from mmvoxceleb.meta.removals import Removals
from mmvoxceleb.modalities import modalities
from mmvoxceleb.schema import ClipId

__all__ = ["Names"]

_IN_PLACE = "(removed)"

_OUR_WORDS = frozenset({
    "av", "backend", "background", "begun", "border", "boxes", "boxes_from", "cascade", "codec", "decoder", "device",
    "encoding", "engine", "grammar", "label_source", "made_with", "mmvoxceleb", "model", "ncnn", "opencv",
    "precision", "sha256", "stage", "status", "style", "torch", "transformers",
})  # fmt: skip
"""Fields of our own files whose values are words of ours: a person who is called as one of them is not meant."""
_OUR_KEYS = _OUR_WORDS | {
    "annotations", "annotations_sha256", "batch_sizes", "clip_id", "computation", "crf", "crop", "detector", "done",
    "draw", "failed", "file", "frames", "input", "inputs", "key", "keyframe_every", "libraries", "listing", "location",
    "mean_figures", "meta", "name", "options", "probabilities", "quality", "reason", "rejected", "rows",
    "seconds", "seconds_by_step", "settings", "shares", "skipped", "source", "start", "end", "summary",
    "folders", "thresholds", "units", "versions", "weights", "weights_sha256", "workers",
}  # fmt: skip
"""Fields of our own files, beside the names of modalities: never taken out, whatever a person is called."""
_OUR_STYLES = "draw/"
_TOKEN = re.compile(r"[\w-]*")
_RENAMED_FROM = re.compile(
    r"(?<=renamed from ).*?(?=: (?:this name is not valid|another file has|another row has))", re.DOTALL
)
"""In notes of runs, the name as it was before it became that of a clip (:mod:`mmvoxceleb.processing.crop.names`)."""


class Names:
    """The names on a removal list, in every way in which they are written: plain, percent-encoded, escaped.

    Args:
        removals: The list.
        kept: Clips that stay; a longer name of theirs that contains one on the list is left alone.
    """

    def __init__(self, removals: Removals, kept: Iterable[str] = ()) -> None:
        clips = [ClipId.parse(clip_id) for clip_id in kept]
        self._kept = {clip.person_id for clip in clips} | {clip.video_id for clip in clips}
        self._our_keys = _OUR_KEYS | {modality.name for modality in modalities()}
        names = [*removals.person_id, *removals.video_id, *removals.clip_id]
        spellings = sorted({spelling for name in names for spelling in _spellings(name)}, key=len, reverse=True)
        any_of_them = "|".join(map(re.escape, spellings)) or r"(?!)"
        # letters and digits around make it another name; not those of a percent-encoded sign
        self._pattern = re.compile(
            rf"(?:(?<![^\W_])|(?<=%[0-9A-F]{{2}}))(?:{any_of_them})(?![^\W_])", re.IGNORECASE if names else 0
        )

    def are_in(self, data: bytes | str) -> bool:
        """Return whether a text names anybody."""
        text = data if isinstance(data, str) else data.decode("utf-8", "replace")
        return any(self._is_name(match) for match in self._pattern.finditer(text))

    def cut_from(self, text: str) -> str:
        """Put ``(removed)`` in the place of every name, and of the name of the file that a renamed clip was made of."""
        cut = self._pattern.sub(lambda match: _IN_PLACE if self._is_name(match) else match[0], text)
        return cut if cut == text else _RENAMED_FROM.sub(_IN_PLACE, cut)

    def cut_from_file(self, data: bytes) -> bytes:
        """Take the names out of a file: out of JSON with what stands under them, out of other texts as they stand."""
        try:
            content = parse_json(data, "", "")
        except CorruptSourceError:
            return self.cut_from(data.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
        return (json.dumps(self._cut(content), indent=1, ensure_ascii=False) + "\n").encode()

    def _cut(self, content: Any) -> Any:
        if isinstance(content, dict):
            return {
                key: value if key in _OUR_WORDS and isinstance(value, str) else self._cut(value)
                for key, value in content.items()
                if key in self._our_keys or key.startswith(_OUR_STYLES) or not self.are_in(key)
            }
        if isinstance(content, list):
            return [self._cut(value) for value in content]
        return self.cut_from(content) if isinstance(content, str) else content

    def _is_name(self, match: "re.Match[str]") -> bool:
        if not self._kept:
            return True
        start = match.start()
        while start and (match.string[start - 1].isalnum() or match.string[start - 1] in "_-"):
            start -= 1
        token = _TOKEN.match(match.string, start)
        if token is None or (start == match.start() and token.end() <= match.end()):
            return True
        return token[0] not in self._kept


def _spellings(name: str) -> set[str]:
    forms = {name, unicodedata.normalize("NFC", name), unicodedata.normalize("NFD", name)}
    escaped = {re.sub(r"[^A-Za-z0-9_-]", lambda match: f"={ord(match[0]):06X}", form) for form in forms}
    if ClipId.matches(name):
        escaped |= {ClipId.parse(name).safe_name}
    return forms | escaped | {quote(form, safe="") for form in forms} | {json.dumps(form)[1:-1] for form in forms}
