from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from mmvoxceleb.cliplists.lacking import Lack
from mmvoxceleb.cliplists.selection import choose
from mmvoxceleb.errors import MissingModalityError
from mmvoxceleb.modalities import AUDIO, LABEL, SCORES, TEXT, FileModality, Modality, register_modality
from mmvoxceleb.modalities import unregister_modality as unregister
from mmvoxceleb.stores import open_store
from tests.support.corpus import Corpus


class Small(FileModality):
    def parse(self, data: bytes, *, clip_id: str) -> bytes:
        return data

    def to_file(self, record: Mapping[str, Any]) -> bytes:
        return bytes(record[self.name])

    def features(self, styles: Sequence[str]) -> dict[str, Any]:
        return {}


class Gaze(Small):
    name = "gaze"
    suffix = ".gaze"
    made_by = "gaze"
    made_of = ("audio", "phonemes")


class Phonemes(Small):
    name = "phonemes"
    suffix = ".phonemes"
    made_by = "phonemes"
    made_of = ("gaze", "no_such_modality")


@pytest.fixture
def of_their_own() -> Iterator[tuple[Modality, Modality]]:
    yield register_modality(Gaze), register_modality(Phonemes)
    unregister("gaze")
    unregister("phonemes")


def commands(corpus: Corpus, *kinds: Modality) -> list[str]:
    with pytest.raises(MissingModalityError) as caught:
        choose(open_store(corpus.root), [kind.folder() for kind in kinds])
    (_, _, told) = str(caught.value).partition("; run: ")
    return [part.removeprefix("mmvoxceleb regenerate ").split()[0] for part in told.split(", then ")]


def test_commands_that_make_what_a_store_lacks_come_in_an_order_that_works(own_corpus: Corpus) -> None:
    for kind in (TEXT, LABEL):
        for path in (own_corpus.root / kind.folder_name).iterdir():
            path.unlink()
        (own_corpus.root / kind.folder_name).rmdir()
    assert commands(own_corpus, TEXT) == ["label", "text"]
    assert commands(own_corpus, SCORES, TEXT, AUDIO, LABEL) == ["label", "text", "audio", "score"]


def test_some_of_many_clips_that_lack_something_are_told_of(own_corpus: Corpus) -> None:
    (own_corpus.root / "meta").mkdir()
    names = [f"id1{number:04d}#video#00001.txt#000.mp4" for number in range(70)]
    for name in names[:2]:
        (own_corpus.root / "meta" / f"{name}.json").write_text('{"audio": {"without": "the video has no sound"}}')
    lack = Lack.of(open_store(own_corpus.root), AUDIO.folder(), names, ask_all=False)
    assert (len(lack.reasons), lack.asked, lack.can_be_made) == (2, 64, True)
    assert lack.told() == f"70 lack audio, such as {names[2]}"
    explained = lack.only(names[:2])
    assert not explained.can_be_made
    assert explained.told() == f"2 lack audio, such as {names[0]} (the video has no sound)"
    assert lack.only(names[:3]).told() == f"3 lack audio, such as {names[2]}"
    assert Lack.of(open_store(own_corpus.root), AUDIO.folder(), names, ask_all=True).asked == 70


def test_a_modality_from_outside_names_its_command_and_what_it_is_made_of(
    own_corpus: Corpus, of_their_own: tuple[Modality, Modality]
) -> None:
    gaze, phonemes = of_their_own
    assert commands(own_corpus, gaze) == ["audio", "phonemes", "gaze"]
    assert commands(own_corpus, phonemes, gaze)[0] == "audio", "a circle ends"
