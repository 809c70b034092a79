"""``mmvoxceleb label`` and ``mmvoxceleb regenerate label | text`` as a user runs them."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mmvoxceleb.cli.main import main
from tests.support.attribute_model import save_classifier
from tests.support.corpus import Corpus

pytest.importorskip("transformers")


@pytest.fixture
def mmvoxceleb(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Run the program in this process; return stdout, or stderr of a call that is to fail."""

    def run(*arguments: object, ok: bool = True) -> str:
        monkeypatch.setattr(sys, "argv", ["mmvoxceleb", *map(str, arguments)])
        with pytest.raises(SystemExit) as stopped:
            main()
        out, err = capsys.readouterr()
        assert (stopped.value.code in (0, None)) == ok, out + err
        return out if ok else err

    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("NO_COLOR", "1")
    return run


def test_from_frames_to_labels_and_text_and_hand_made_ones(
    mmvoxceleb: Callable[..., str], tmp_path: Path, own_corpus: Corpus
) -> None:
    root, (first, second) = own_corpus.root, own_corpus.clips
    model = f"transformers:{save_classifier(tmp_path / 'tiny')}"
    predict = ("regenerate", "label", root, "--weights", model, "--device", "cpu", "--frames", "4")
    refused = mmvoxceleb(*predict, ok=False)
    assert "unknown origin" in refused
    assert refused.count("\n") == 1
    assert "to do     2 clips\n" in mmvoxceleb(*predict, "--overwrite", "--dry-run")
    assert "1 clip, 4 frames" in mmvoxceleb(*predict, "--overwrite", "--limit", "1")
    assert "1 clip that an earlier run finished" in mmvoxceleb(*predict, "--overwrite")
    assert "2 clips that an earlier run finished" in mmvoxceleb(*predict)
    assert "--overwrite" in mmvoxceleb(*predict, "--threshold", "0.9", ok=False)

    annotations = tmp_path / "attributes.txt"
    annotations.write_text(f"{second},Smiling,Young\nid1#x#1.txt#000.mp4,Young\n")
    said = mmvoxceleb("label", "import", annotations, root)
    assert "1 label written" in said
    assert "replaced: 1 label (predicted:transformers:tiny@" in said
    assert "1 clip (id1#x#1.txt#000.mp4): not in the dataset" in said
    said = mmvoxceleb(*predict, "--threshold", "0.9", "--overwrite")
    assert "manual labels of 1 clip;" in said
    assert (root / "label" / f"{second}.txt").read_text().count("1") == 2

    describe = ("regenerate", "text", root)
    assert "unknown origin" in mmvoxceleb(*describe, ok=False)
    said = mmvoxceleb(*describe, "--overwrite", "--text-style", "natural", "--lines", "5")
    assert "2 clips" in said
    assert " frames" not in said
    assert "rejected" not in said
    text = (root / "txt" / f"{second}.txt").read_text()
    assert len(text.splitlines()) == 5
    assert all("smil" in line and ("young" in line or "youthful" in line) for line in text.lower().splitlines())
    assert "style was" in mmvoxceleb(*describe, "--lines", "5", ok=False)

    exported = tmp_path / "labels.csv"
    assert "1 written" in mmvoxceleb("label", "export", root, exported, "--drop-sensitive")
    assert "Young" not in exported.read_text()
    assert first not in exported.read_text()


def test_mistakes_are_one_line_with_a_hint(mmvoxceleb: Callable[..., str], tmp_path: Path, own_corpus: Corpus) -> None:
    root = own_corpus.root
    assert "--out" in mmvoxceleb("regenerate", "text", "https://127.0.0.1:9/store", ok=False)
    said = mmvoxceleb("regenerate", "text", root, "--out", tmp_path / "out", "--text-style", "poem", ok=False)
    assert "the known ones are original, natural" in said
    said = mmvoxceleb(
        "regenerate", "label", root, "--weights", tmp_path / "absent.pt", "--out", tmp_path / "o", ok=False
    )
    assert "absent.pt: there is no such weights file" in said
    assert "Traceback" not in said
    said = mmvoxceleb("label", "import", tmp_path / "absent.csv", root, ok=False)
    assert "absent.csv: cannot be read" in said


@pytest.mark.parametrize(
    "command", [("label", "import"), ("label", "export"), ("regenerate", "label"), ("regenerate", "text")]
)
def test_help_shows_examples(mmvoxceleb: Callable[..., str], command: tuple[str, str]) -> None:
    assert f"mmvoxceleb {' '.join(command)}" in mmvoxceleb(*command, "--help").partition("Examples")[2]
