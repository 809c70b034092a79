"""The workflows can be trusted as far as this can be told without running them."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PINNED = re.compile(r"uses: ([\w.-]+/[\w./-]+)@([0-9a-f]{40}) # (v\d+\.\d+\.\d+)")
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))


def load(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(path.read_text())
    return found


def test_actions_are_pinned_by_hash_and_each_to_one() -> None:
    hashes: dict[str, set[tuple[str, ...]]] = {}
    for path in WORKFLOWS:
        for line in path.read_text().splitlines():
            if "uses:" in line:
                found = PINNED.search(line)
                assert found, f"{path.name}: {line.strip()}"
                hashes.setdefault(found.group(1), set()).add(found.groups()[1:])
    assert hashes
    assert {name: pins for name, pins in hashes.items() if len(pins) > 1} == {}


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_jobs_have_few_rights_and_an_end(path: Path) -> None:
    workflow = load(path)
    assert workflow["permissions"] == {}
    assert workflow["concurrency"]["group"]
    for name, job in workflow["jobs"].items():
        assert 5 <= job["timeout-minutes"] <= 120, name
        assert job["permissions"], name
        if "id-token" in job["permissions"]:
            assert job["environment"]["name"], f"{name} gets a token, and no environment guards it"
            assert not any("run" in step for step in job["steps"]), f"{name} gets a token and runs commands"
        for step in job["steps"]:
            if step.get("uses", "").startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] is False, name
            assert "${{" not in step.get("run", ""), f"{name}: text of others must come by env"


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_what_they_run_is_in_the_makefile(path: Path) -> None:
    for name, job in load(path)["jobs"].items():
        matrix = job.get("strategy", {}).get("matrix", {})
        chosen = set(matrix.get("target", [])) | {row["target"] for row in matrix.get("include", []) if "target" in row}
        runs = "\n".join(step["run"] for step in job["steps"] if "run" in step)
        named = set(re.findall(r"^make ([a-z-]+)", runs, flags=re.MULTILINE))
        assert named | chosen <= TARGETS, name
        assert named | chosen or "needs" in job, f"{name} runs nothing that can be run here"


def test_they_test_every_python_that_is_named() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    named = set(re.findall(r"Programming Language :: Python :: (3\.\d+)", text))
    matrix = load(ROOT / ".github" / "workflows" / "checks.yml")["jobs"]["test"]["strategy"]["matrix"]
    assert named <= set(matrix["python"]) | {row["python"] for row in matrix["include"]}
    (oldest,) = re.findall(r'requires-python = ">=(3\.\d+)"', text)
    assert oldest == min(named, key=lambda version: int(version.partition(".")[2]))


def test_versions_agree() -> None:
    import mmvoxceleb

    assert load(ROOT / "CITATION.cff")["version"] == mmvoxceleb.__version__
    assert f'version = "{mmvoxceleb.__version__}"' in (ROOT / "pyproject.toml").read_text()


def test_the_address_of_the_repository_is_one() -> None:
    (address,) = re.findall(r'Repository = "(.+)"', (ROOT / "pyproject.toml").read_text())
    assert load(ROOT / "CITATION.cff")["repository-code"] == address
