"""Links between files of the repository, as links between pages of the site."""

import posixpath
import re
from collections.abc import Callable, Mapping
from pathlib import Path

__all__ = ["PageError", "check_blocks", "outside_code", "rewrite_links"]

_SHALLOW = re.compile(r"^ {2,3}(`{3}|~{3}|[-*] |\d+\. )")
_FENCE = re.compile(r"^ {0,1}(`{3,}|~{3,})")
_CODE_SPAN = re.compile(r"(?<!`)(`+)(?!`).+?(?<!`)\1(?!`)", re.DOTALL)
_TARGET = re.compile(
    r"(?P<before>\]\()(?P<target>[^()\s]+)(?P<after>\))|(?P<tag>\b(?:src|srcset|href)=\")(?P<value>[^\"]+)"
)
_PICTURE_FROM_ELSEWHERE = re.compile(r"!\[(?P<text>[^\]]*)\]\(https?://[^)\s]+\)")
_ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]*:|//|#")


class PageError(ValueError):
    """A page cannot be shown as it is meant."""


def check_blocks(text: str, source: str) -> None:
    """Refuse lists and blocks of code within list items that only GitHub takes for what they are.

    Raises:
        PageError: One is indented by 2 or 3 spaces.
    """
    fence = ""
    for line in text.splitlines():
        mark = _FENCE.match(line)
        if not fence and (found := _SHALLOW.match(line)):
            raise PageError(f"{source}: indent what is within a list item by 4 spaces, at {found[0].strip()!r}")
        if mark and not fence:
            fence = mark[1]
        elif mark and mark[1].startswith(fence):
            fence = ""


def outside_code(text: str, change: Callable[[str], str]) -> str:
    """Apply a change to what is neither in a fenced block nor in a code span."""
    parts: list[str] = []
    prose: list[str] = []
    fence = ""

    def end_prose() -> None:
        whole, at = "".join(prose), 0
        for span in _CODE_SPAN.finditer(whole):
            parts.extend((change(whole[at : span.start()]), span[0]))
            at = span.end()
        parts.append(change(whole[at:]))
        prose.clear()

    for line in text.splitlines(keepends=True):
        mark = _FENCE.match(line)
        if fence:
            parts.append(line)
            if mark and mark[1].startswith(fence):
                fence = ""
        elif mark:
            end_prose()
            parts.append(line)
            fence = mark[1]
        else:
            prose.append(line)
    end_prose()
    return "".join(parts)


def rewrite_links(text: str, source: str, *, pages: Mapping[str, str], root: Path, repository: str) -> str:
    """Make the links of a Markdown file right for its place in the site.

    Links to files that are pages become links to those pages; links to other files and folders of the repository
    become links to where it is published. Pictures from elsewhere become their text, since whoever opens the site
    should not thereby tell a third party.

    Args:
        text: The file's text.
        source: Its path in the repository, with slashes.
        pages: Paths in the site of the files that are in it, by path in the repository.
        root: The repository.
        repository: The address where it is published, without a slash at the end.

    Raises:
        PageError: A link names a file that does not exist, or leaves the repository.
    """

    def new_target(target: str) -> str:
        if _ELSEWHERE.match(target):
            return target
        path, mark, anchor = target.partition("#")
        place = posixpath.normpath(posixpath.join(posixpath.dirname(source), path))
        if place.startswith("../") or not (root / place).exists():
            raise PageError(f"{source}: the link {target} leads to {place}, which the repository does not have")
        if place in pages:
            place = posixpath.relpath(pages[place], posixpath.dirname(pages[source]) or ".")
        else:
            kind = "tree" if (root / place).is_dir() else "blob"
            place = f"{repository}/{kind}/main/{place}"
        return place + mark + anchor

    def replace(match: re.Match[str]) -> str:
        if match["tag"]:
            return match["tag"] + new_target(match["value"])
        return match["before"] + new_target(match["target"]) + match["after"]

    return outside_code(text, lambda prose: _TARGET.sub(replace, _PICTURE_FROM_ELSEWHERE.sub(r"\g<text>", prose)))
