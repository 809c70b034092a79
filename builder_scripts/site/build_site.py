"""Build the site of the project into build/site: guides, tutorials, reference, design and benchmarks.

    make docs

It fails on links and anchors that lead nowhere, on figures of plots that their page of results does not have, and on
anything that a page would fetch from another server.
"""

import logging
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import tomllib
from links import PageError
from plots import check_plot, read_plot
from staging import stage_package, stage_pages
from third_parties import fetched_from_elsewhere

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"
LAST = ("Guides", "Benchmarks", "Reference", "Tutorials")
"""Sections that take up pages which ``nav`` does not name."""


def repository() -> str:
    """Return the address where the repository is published; pyproject.toml is the one place that has it."""
    urls = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["urls"]
    return str(urls["Repository"])


def check_plots() -> None:
    """End the program if a plot shows a figure that its page of results does not have."""
    for path in sorted((ROOT / "benchmarks" / "results").glob("*.json")):
        plot = read_plot(path)
        problems = check_plot(plot, (ROOT / plot.page).read_text("utf-8"))
        if problems:
            sys.exit(
                f"{path.relative_to(ROOT)} has figures that {plot.page} does not have:\n  " + "\n  ".join(problems)
            )


def complete(nav: list[Any], pages: list[str]) -> None:
    """Append the pages that the navigation does not name to the sections that they belong to."""

    def named(entries: list[Any]) -> set[str]:
        found: set[str] = set()
        for entry in entries:
            for value in entry.values() if isinstance(entry, dict) else [entry]:
                found |= named(value) if isinstance(value, list) else {value}
        return found

    there = named(nav)
    sections = {title: entries for section in nav for title, entries in section.items()}
    for page in pages:
        section = next((title for title in LAST if page.startswith(f"{title.lower()}/")), "Design")
        if page not in there:
            sections[section].append(page)


def main() -> None:
    """Build the site."""
    from mkdocs.commands.build import build
    from mkdocs.config import load_config
    from mkdocs.exceptions import Abort

    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    os.chdir(ROOT)
    for folder in ("site-pages", "site-package", "site"):
        shutil.rmtree(BUILD / folder, ignore_errors=True)
    check_plots()
    address = repository()
    try:
        pages = stage_pages(ROOT, BUILD / "site-pages", address)
    except PageError as error:
        sys.exit(str(error))
    stage_package(ROOT, BUILD / "site-package")
    config = load_config("mkdocs.yml", repo_url=address, repo_name=address.removeprefix("https://github.com/"))
    complete(config.nav, pages)
    config.plugins.on_startup(command="build", dirty=False)
    try:
        build(config)
    except Abort as error:
        sys.exit(f"{error}: see the warnings above")
    finally:
        config.plugins.on_shutdown()
    elsewhere = fetched_from_elsewhere(BUILD / "site")
    if elsewhere:
        sys.exit("whoever opens a page should not ask a third party for it:\n  " + "\n  ".join(elsewhere))
    print(f"{len(pages)} pages in {(BUILD / 'site').relative_to(ROOT)}")


if __name__ == "__main__":
    main()
