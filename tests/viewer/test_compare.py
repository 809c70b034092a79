"""Two stores side by side."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mmvoxceleb.schema import colours_of
from mmvoxceleb.viewer.place import Place
from tests.support.corpus import Corpus, mask_ids, png
from tests.viewer.conftest import Served, until


def test_says_in_which_share_of_pixels_two_stores_differ(
    own_corpus: Corpus, tmp_path: Path, view: Callable[..., Served], tab: Callable[..., Any]
) -> None:
    clip = own_corpus.clips[0]
    other = shutil.copytree(own_corpus.root, tmp_path / "other")
    ids = mask_ids(0, 4)
    ids[:6, :32] = (ids[:6, :32] + 1) % 19
    (other / "mask" / clip / "0000004.png").write_bytes(png(colours_of(ids)))
    page = tab(view(own_corpus.root, other=Place(str(other))).address)
    page.click(f'[data-clip="{clip}"]')
    page.click(".compare summary")
    until(page, "document.querySelector('.share').textContent.startsWith('0.00 %')")
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    share = 100 * 6 * 32 / ids.size
    until(page, f"document.querySelector('.share').textContent.startsWith('{share:.2f} %')")
    assert "of 2 frames seen" in page.text_content(".share")
