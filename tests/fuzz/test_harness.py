import json
import subprocess
import sys
import zipfile
from pathlib import Path
from random import Random

import pytest

from tests.fuzz.mutations.json_values import damage_json
from tests.fuzz.mutations.png import chunks_of, join_chunks
from tests.fuzz.mutations.raw import damage_bytes
from tests.fuzz.mutations.zips import damage_zip
from tests.fuzz.planted import READERS
from tests.support.corpus import frame, png


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, list[str]], Path]:
    folder = tmp_path_factory.mktemp("planted")
    (folder / "work").mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.planted", str(folder)], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout), folder


@pytest.mark.parametrize("name", READERS)
def test_a_planted_fault_is_caught(planted: tuple[dict[str, list[str]], Path], name: str) -> None:
    outcome, message = planted[0][name]
    assert outcome == READERS[name][0], message


def test_failing_inputs_are_saved_with_the_reason_and_others_are_not(
    planted: tuple[dict[str, list[str]], Path],
) -> None:
    failures = planted[1] / "failures"
    wrong = {f"{name}-5" for name, (outcome, _) in READERS.items() if outcome not in ("same", "error")}
    assert {path.name for path in failures.iterdir()} == wrong
    saved = failures / "another exception-5"
    assert (saved / "case" / "file").read_bytes() == b"f" + Random("another exception:5").randbytes(8)
    assert "ValueError: x" in (saved / "why.txt").read_text()
    assert not list((planted[1] / "work").glob("*-5"))


def test_the_same_seed_gives_the_same_damage_and_others_another(tmp_path: Path) -> None:
    path = tmp_path / "some.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(3):
            archive.writestr(f"{number}.png", png(frame(0, number)))
    for way, data in ((damage_bytes, b"abc" * 99), (damage_json, b'{"a": [1, "b"]}'), (damage_zip, path.read_bytes())):
        once = [way(Random(seed), data) for seed in range(40)]
        assert once == [way(Random(seed), data) for seed in range(40)]
        assert len({result for result, _ in once}) > 25
        assert sum(result != data for result, _ in once) > 35


def test_damage_to_pngs_can_leave_them_whole_but_for_it() -> None:
    data = png(frame(0, 0))
    assert join_chunks(chunks_of(data)) == data
