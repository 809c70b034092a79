"""The quick part of ``make fuzz``. What fails here is run again by ``python -m tests.fuzz --only KIND:SEED``."""

import json
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

from tests.fuzz.kinds import KINDS

SEED = 14
OF_EACH_KIND = 8
"""Some 230 in all."""
INPUTS = OF_EACH_KIND * len(KINDS)

Results = dict[str, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    folder = tmp_path_factory.mktemp("fuzz")
    command = [sys.executable, "-m", "tests.fuzz", "--count", str(INPUTS), "--seed", str(SEED), "--jobs", "2"]
    done = subprocess.run(
        [*command, "--keep", str(folder / "failures"), "--report", str(folder / "report.json")],
        capture_output=True, text=True, timeout=600, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert (folder / "report.json").is_file(), done.stderr[-3000:]
    by_kind: Results = defaultdict(list)
    for result in json.loads((folder / "report.json").read_text()):
        by_kind[result["kind"]].append(result)
    assert done.returncode == any(not _is_right(each) for some in by_kind.values() for each in some)
    return by_kind


def _is_right(result: dict[str, Any]) -> bool:
    return result["outcome"] in ("same", "other", "error")


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_inputs_give_a_right_record_or_one_error(results: Results, kind: str) -> None:
    assert len(results[kind]) == OF_EACH_KIND
    wrong = [
        f"python -m tests.fuzz --only {kind}:{result['seed']}: {result['outcome']}: {result['message']} "
        f"[{result['damage'][:200]}]"
        for result in results[kind]
        if not _is_right(result)
    ]
    assert not wrong, "\n".join(wrong)


def test_damage_is_neither_always_harmless_nor_always_refused(results: Results) -> None:
    counts = Counter(result["outcome"] for some in results.values() for result in some)
    assert counts["error"] > INPUTS / 4
    assert counts["same"] + counts["other"] > INPUTS / 4
    assert len({result["damage"] for some in results.values() for result in some}) > INPUTS * 0.9
