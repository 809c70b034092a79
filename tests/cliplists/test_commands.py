"""``--clips FILE`` of the commands."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mmvoxceleb.cli.main import app
from mmvoxceleb.cliplists import ChoiceStep, ClipList, StoreMark
from mmvoxceleb.errors import ConfigError
from mmvoxceleb.meta.provenance import LedgerRow, Provenance
from mmvoxceleb.meta.removal_list import read_removals
from tests.support.corpus import Corpus, clip_id_of, make_corpus

Command = Callable[..., str]


@pytest.fixture
def command() -> Command:
    def call(*arguments: object) -> str:
        done = CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.stdout

    return call


@pytest.fixture
def listed(corpus: Corpus, tmp_path: Path) -> Path:
    """Two of the five clips of the corpus, one in each split."""
    path = tmp_path / "two.json"
    steps = (
        ChoiceStep("num_frames < 15", 3, 0, 3),
        ChoiceStep("source != 'ann.mp4'", 5, 0, 3),
        ChoiceStep("person_id in ('id10001', 'id10271')", 4, 0, 2),
    )
    chosen = ClipList.of(
        [corpus.clips[0], corpus.clips[2]], steps=steps, store=StoreMark.of(corpus.clips), versions={"mmvoxceleb": "1"}
    )
    path.write_bytes(chosen.to_bytes())
    return path


def test_look_at_and_check_the_clips_of_a_list(corpus: Corpus, tmp_path: Path, listed: Path, command: Command) -> None:
    report = json.loads(command("validate", corpus.root, "--clips", listed, "--json"))
    assert report["clips"] == {"train": 1, "test": 1}
    command("preview", corpus.root, "--clips", listed, "-o", tmp_path / "both.png", "--columns", 1)
    command("preview", corpus.root, "--clips", 2, "-o", tmp_path / "two.png", "--columns", 1)
    assert (tmp_path / "both.png").read_bytes() != (tmp_path / "two.png").read_bytes()
    with pytest.raises(ConfigError, match="is not on it"):
        command("preview", corpus.root, "--clips", listed, "--clip", corpus.clips[1], "-o", tmp_path / "no.png")
    listed.write_text(f"{corpus.clips[0]}\n{clip_id_of(7)}\n")
    with pytest.raises(ConfigError, match=r"lacks 1 of the 2 clips of two.json.*--missing skip"):
        command("validate", corpus.root, "--clips", listed)
    report = json.loads(command("validate", corpus.root, "--clips", listed, "--missing", "skip", "--json"))
    assert report["clips"] == {"train": 1, "test": 0}


def test_make_things_for_the_clips_of_a_list(tmp_path: Path, listed: Path, command: Command) -> None:
    store = make_corpus(tmp_path / "store").root
    shutil.rmtree(store / "txt")
    provenance = Provenance(store)
    clips = ClipList.of(json.loads(listed.read_bytes())["clips"]).clips
    other = clip_id_of(1)
    provenance.record([LedgerRow(clip, "mask", "done") for clip in (clips[0], other)])
    command("regenerate", "text", store, "--clips", listed)
    assert sorted(path.stem for path in (store / "txt").iterdir()) == list(clips)
    command("convert", store, tmp_path / "copy", "--codec", "png", "--clips", listed)
    assert sorted(path.name for path in (tmp_path / "copy" / "video").iterdir()) == list(clips)
    ledger = (tmp_path / "copy" / "meta" / "ledger.jsonl").read_text()
    assert f'"{clips[0]}", "stage": "mask"' in ledger
    assert other not in ledger
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "a.mp4").touch()
    with pytest.raises(ConfigError, match="--clips chooses among existing clips"):
        command(
            "regenerate", "all", tmp_path / "raw", tmp_path / "out", "--detector", "haar", "--stages", "crop",
            "--dry-run", "--clips", listed,
        )  # fmt: skip


def test_an_export_cites_its_list_and_names_nobody(
    corpus: Corpus, tmp_path: Path, listed: Path, command: Command
) -> None:
    plan = command("export", corpus.root, tmp_path / "out", "--clips", listed, "--dry-run", "--modality", "label")
    assert "2 clips in 2 shards" in plan
    said = command("export", corpus.root, tmp_path / "out", "--clips", listed, "--no-charts", "--modality", "label")
    assert "clips   2\n" in said
    card = (tmp_path / "out" / "README.md").read_text()
    chosen = ClipList.of(json.loads(listed.read_bytes())["clips"])
    told = json.loads(listed.read_bytes())["sha256"]
    assert f"the clip list `two.json` of {len(chosen)} clips, out of 5 (mmvoxceleb 1)" in card
    assert f"`{told}`" in card
    assert "| `num_frames < 15` | 3 | 0 | 3 |" in card
    assert "id10271'" not in card
    assert "ann.mp4" not in card
    assert "a condition on persons, videos or clips, which the list has in full" in card
    assert json.loads((tmp_path / "out" / "export.json").read_bytes())["facts"]["clip_list"]["sha256"] == told
    command("export", corpus.root, tmp_path / "out", "--clips", listed, "--no-charts", "--modality", "label")
    with pytest.raises(ConfigError, match="pass --clips to mmvoxceleb export"):
        command("push", tmp_path / "out", "user/name", "--clips", listed, "--dry-run")


def test_remove_the_clips_of_a_list(tmp_path: Path, listed: Path, command: Command) -> None:
    store = make_corpus(tmp_path / "store")
    said = command("remove", store.root, "--clips", listed)
    assert "lost 2 clips" in said
    assert read_removals(store.root).clip_id == {store.clips[0], store.clips[2]}
    assert not (store.root / "video" / store.clips[0]).exists()
