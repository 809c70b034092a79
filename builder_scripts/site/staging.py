"""The files of the site before they are rendered: pages of the repository, each at its place."""

import shutil
from functools import partial
from pathlib import Path

from diagrams import draw_diagrams
from links import check_blocks, rewrite_links
from notebook_page import notebook_page
from plots import place_plots

__all__ = ["pages_of", "stage_package", "stage_pages"]

_PLACES = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "design/contributing.md",
    "CHANGELOG.md": "design/changelog.md",
    "docs/ARCHITECTURE.md": "design/architecture.md",
    "docs/DECISIONS.md": "design/decisions.md",
    "benchmarks/RESULTS.md": "benchmarks/index.md",
    "docs/theme/site.css": "site.css",
}
_FOLDERS = {
    "docs/*.md": "guides",
    "docs/reference/*.md": "reference",
    "docs/notebooks/*.ipynb": "tutorials",
    "docs/images/*": "images",
    "benchmarks/results/*.md": "benchmarks",
}


def pages_of(root: Path) -> dict[str, str]:
    """Return the place in the site of each file of the repository that is in it."""
    pages = {
        path.relative_to(root).as_posix(): f"{folder}/{path.name.replace('.ipynb', '.md')}"
        for pattern, folder in _FOLDERS.items()
        for path in sorted(root.glob(pattern))
    }
    return pages | _PLACES


def stage_pages(root: Path, out: Path, repository: str) -> list[str]:
    """Write the files of the site, links rewritten, diagrams and plots drawn.

    Args:
        root: The repository.
        out: An empty folder.
        repository: The address where the repository is published.

    Returns:
        The places of the pages in the site, in the order of the files.

    Raises:
        PageError: A page links to a file that does not exist, or has lists that the site would not show.
    """
    pages = pages_of(root)
    for source, place in pages.items():
        (out / place).parent.mkdir(parents=True, exist_ok=True)
        if not place.endswith(".md"):
            shutil.copyfile(root / source, out / place)
            continue
        relink = partial(rewrite_links, source=source, pages=pages, root=root, repository=repository)
        if source.endswith(".ipynb"):
            text = notebook_page(root / source, (out / place).parent, relink)
        else:
            text = (root / source).read_text("utf-8")
            check_blocks(text, source)
            text = relink(text)
        text = place_plots(draw_diagrams(text), root / "benchmarks" / "results")
        (out / place).write_text(text, "utf-8")
    return [place for place in pages.values() if place.endswith(".md")]


def stage_package(root: Path, out: Path) -> None:
    """Lay out the package as it is installed, ``processing`` within it, by links."""
    package = out / "mmvoxceleb"
    package.mkdir(parents=True)
    for path in (root / "mmvoxceleb").iterdir():
        (package / path.name).symlink_to(path)
    (package / "processing").symlink_to(root / "processing")
