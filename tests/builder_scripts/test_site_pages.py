"""The pages of the site: links between them, and what they would fetch from elsewhere."""

from pathlib import Path

import pytest
from links import PageError, check_blocks, rewrite_links
from staging import pages_of
from third_parties import fetched_from_elsewhere

ROOT = Path(__file__).resolve().parents[2]
PAGES = {"README.md": "index.md", "docs/a.md": "guides/a.md", "docs/images/x.png": "images/x.png"}


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    for name in (*PAGES, "code/run.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def rewrite(repo: Path, text: str, source: str = "docs/a.md") -> str:
    return rewrite_links(text, source, pages=PAGES, root=repo, repository="https://host/us")


def test_links_lead_to_pages_and_to_the_repository(repo: Path) -> None:
    text = (
        "[home](../README.md#top) ![x](images/x.png) [code\nof it](../code/run.py) "
        "[all](../code) [w](https://w.org) [t](#t)"
    )
    assert rewrite(repo, text) == (
        "[home](../index.md#top) ![x](../images/x.png) [code\nof it](https://host/us/blob/main/code/run.py) "
        "[all](https://host/us/tree/main/code) [w](https://w.org) [t](#t)"
    )
    assert rewrite(repo, '<img src="docs/images/x.png">', "README.md") == '<img src="images/x.png">'


def test_pictures_from_elsewhere_become_their_text(repo: Path) -> None:
    assert rewrite(repo, "[![Colab](https://c.org/badge.svg)](https://c.org/us)") == "[Colab](https://c.org/us)"


def test_code_is_left_alone(repo: Path) -> None:
    text = "`[a](none.md)` and\n\n````md\n```\n[b](none.md)\n````\n\n``` `x` [c](none.md) ```\n"
    assert rewrite(repo, text) == text


@pytest.mark.parametrize("target", ["none.md", "../../outside", "../code/none.py"])
def test_links_that_lead_nowhere_are_errors(repo: Path, target: str) -> None:
    with pytest.raises(PageError, match=rf"^docs/a\.md: the link {target} leads to .*does not have$"):
        rewrite(repo, f"[x]({target})")


@pytest.mark.parametrize("block", ["  ```sh\n  ls\n  ```", "   - b", "  1. b"])
def test_blocks_that_only_github_shows_are_errors(block: str) -> None:
    with pytest.raises(PageError, match=r"^docs/a\.md: indent what is within a list item by 4 spaces, at '"):
        check_blocks(f"- a\n\n{block}\n", "docs/a.md")
    check_blocks(
        f"- a\n\n    - b\n\n    ```sh\n    ls\n    ```\n\n```yaml\n{block.replace('`', '')}\n```\n", "docs/a.md"
    )


def test_our_pages_can_be_shown_and_every_link_leads_somewhere() -> None:
    pages = pages_of(ROOT)
    sources = [source for source in pages if source.endswith(".md")]
    assert len(sources) > 40
    for source in sources:
        text = (ROOT / source).read_text("utf-8")
        check_blocks(text, source)
        rewrite_links(text, source, pages=pages, root=ROOT, repository="https://host/us")


def test_no_two_files_become_one_page() -> None:
    places = list(pages_of(ROOT).values())
    assert len(places) == len(set(places))


def test_pages_that_ask_third_parties_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(
        '<a href="https://x.org"></a><img src="b.png"><script src="//cdn.org/s.js"></script>'
        '<link rel="stylesheet" href="https://f.org/c.css"><link rel="canonical" href="https://us.org/">'
    )
    assert fetched_from_elsewhere(tmp_path) == ["a.html: //cdn.org/s.js", "a.html: https://f.org/c.css"]
