"""Mermaid diagrams as SVG within the page, so that no script draws them and no third party is asked for one."""

import re

__all__ = ["draw_diagrams"]

_BLOCK = re.compile(r"^```mermaid\n(.*?)^```\n", re.DOTALL | re.MULTILINE)
_STYLE = re.compile(r"<style>.*?</style>", re.DOTALL)


def draw_diagrams(text: str) -> str:
    """Replace the ``mermaid`` blocks of a page by SVG, whose colours docs/theme/site.css takes from the page's."""
    import mermaidx

    count = 0

    def draw(block: re.Match[str]) -> str:
        nonlocal count
        count += 1
        svg = _STYLE.sub("", mermaidx.render(block[1]).svg())
        return f'<div class="diagram">{svg.replace("my-svg", f"diagram-{count}")}</div>\n'.replace("\n\n", "\n")

    return _BLOCK.sub(draw, text)
