"""The markup of Sphinx in docstrings, ``:class:`` and the like, as Markdown."""

import re
from collections.abc import Callable

__all__ = ["as_markdown"]

_ROLE = re.compile(r":(?:class|func|meth|mod|data|attr|exc|obj):`(?P<short>~?)(?P<name>[\w.]+)`")
_LITERAL_BLOCK = re.compile(r"^(?P<indent> *)(?P<text>\S?.*)::$", re.MULTILINE)
_LEAD = re.compile(r"^(When|What to do): ", re.MULTILINE)
_RULE = re.compile(r"^ *=+(?: +=+)+$")


def as_markdown(text: str, find: Callable[[str], str | None]) -> str:
    """Return a docstring with links, literal blocks and simple tables in Markdown.

    Args:
        text: The docstring.
        find: Returns the whole name of what a docstring names, or None if there is no such thing. Links lead to what
            the reference has, and are plain code otherwise.
    """

    def link(role: re.Match[str]) -> str:
        shown = f"`{role['name'].rpartition('.')[2] if role['short'] else role['name']}`"
        path = find(role["name"])
        return f'<autoref optional identifier="{path}">{shown}</autoref>' if path else shown

    text = _LITERAL_BLOCK.sub(lambda match: match["indent"] + (f"{match['text']}:" if match["text"] else ""), text)
    return _ROLE.sub(link, _LEAD.sub(r"**\1:** ", _tables(text)))


def _tables(text: str) -> str:
    """Turn simple tables, whose columns are marked by rules of ``=``, into those of Markdown."""
    lines, out, at = text.split("\n"), [], 0
    while at < len(lines):
        if not _RULE.match(lines[at]):
            out.append(lines[at])
            at += 1
            continue
        rules = [line for line in range(at, len(lines)) if _RULE.match(lines[line])][:3]
        out.extend(_table(lines[at : rules[-1] + 1], rules[1] - at))
        at = rules[-1] + 1
    return "\n".join(out)


def _table(lines: list[str], header_ends: int) -> list[str]:
    starts = [match.start() for match in re.finditer("=+", lines[0])]
    ends = [*starts[1:], None]
    rows: list[list[str]] = []
    for number, line in enumerate(lines):
        if _RULE.match(line):
            continue
        cells = [line[start:end].strip() for start, end in zip(starts, ends, strict=True)]
        if not cells[0] and number > header_ends:  # goes on with the row above
            rows[-1] = [f"{above} {cell}".strip() for above, cell in zip(rows[-1], cells, strict=True)]
        else:
            rows.append(cells)
    rows.insert(1, ["---"] * len(starts))
    return [f"| {' | '.join(row)} |" for row in rows]
