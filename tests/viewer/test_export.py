"""What the filters leave, as files."""

import json
from collections.abc import Callable
from pathlib import Path

from mmvoxceleb.hub.export import export_store
from mmvoxceleb.hub.settings import ExportSettings
from mmvoxceleb.meta.removal_list import add_removals
from mmvoxceleb.meta.removals import Removals
from mmvoxceleb.schema import Folder
from mmvoxceleb.viewer.export_store import ExportStore
from tests.support.corpus import Corpus, make_corpus
from tests.viewer.conftest import Served
from tests.viewer.test_server import call


def test_a_selection_is_given_as_list_sheet_and_gif(own_corpus: Corpus, view: Callable[..., Served]) -> None:
    first, second = sorted(own_corpus.clips)
    served = view(own_corpus.root)
    assert call(served, "list", filter=json.dumps({"split": ["train"]}))[1].decode().split("\n")[:2] == [first, second]
    assert call(served, "list", filter=json.dumps({"text": second}))[1].decode() == f"{second}\n"
    assert call(served, "sheet")[1].startswith(b"\x89PNG")
    assert call(served, "gif", clip=first)[1].startswith(b"GIF8")
    assert call(served, "gif", filter=json.dumps({"text": second}))[1].startswith(b"GIF8")
    only = view(own_corpus.root, only=frozenset({second}))
    assert call(only, "list")[1].decode() == f"{second}\n"
    add_removals(own_corpus.root, Removals(clip_id=frozenset({first})))
    assert call(view(own_corpus.root), "list")[1].decode() == f"{second}\n"


def test_the_only_style_of_an_export_has_its_name(tmp_path: Path) -> None:
    corpus = make_corpus(tmp_path / "store", clips=2, frames=4)
    (corpus.root / "draw" / "style1").rename(corpus.root / "draw" / "lines")
    settings = ExportSettings(modalities=("video", "drawing", "label"), styles=("lines",))
    export_store(corpus.root, tmp_path / "out", settings)
    store = ExportStore(tmp_path / "out")
    assert Folder("drawing", "lines") in store.folders()
    assert Folder("drawing", "style1") not in store.folders()
    assert store.entries(Folder("drawing", "lines"), corpus.clips[0])
