"""What the filters leave, as files."""

import json
from collections.abc import Callable

from mmvoxceleb.meta.removal_list import add_removals
from mmvoxceleb.meta.removals import Removals
from tests.support.corpus import Corpus
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
