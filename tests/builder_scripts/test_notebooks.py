"""The notebooks run from top to bottom, and what they hold is what they give."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))


def code_cells(notebook: Any) -> list[Any]:
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def printed(cell: Any) -> str:
    """What a cell prints and shows as text."""
    texts = [output.get("text") or output["data"]["text/plain"] for output in cell["outputs"]]
    return "".join(text if isinstance(text, str) else "".join(text) for text in texts)


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    return path


def test_outputs_are_stored_and_name_no_place_of_a_machine(notebook: Path) -> None:
    text = notebook.read_text("utf-8")
    cells = code_cells(json.loads(text))
    assert len(text) < 500_000
    outputs = [output for cell in cells for output in cell["outputs"]]
    assert [output for output in outputs if "image/jpeg" in output.get("data", {})]
    for output in outputs:
        output.get("data", {}).pop("image/jpeg", None)
        output.get("data", {}).pop("image/png", None)
    rest = json.dumps(outputs) + "".join("".join(cell["source"]) for cell in cells)
    assert not re.findall(r"(?<![\w:/.])/(?!/)\w+/|[A-Z]:\\\\|~/", rest)
    assert not [output for output in outputs if output.get("name") == "stderr" or output["output_type"] == "error"]


def test_it_is_installed_and_opened_from_the_repository(notebook: Path) -> None:
    address = re.search(
        r'^Repository = "https://github.com/(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE
    )
    assert address
    text = notebook.read_text("utf-8")
    assert f"git+https://github.com/{address[1]}" in text
    place = notebook.relative_to(ROOT).as_posix()
    assert f"https://colab.research.google.com/github/{address[1]}/blob/main/{place}" in text


def test_it_runs_and_gives_what_it_holds(notebook: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ipykernel")
    pytest.importorskip("nbclient")
    from run_notebook import run_notebook

    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    fresh = run_notebook(notebook, tmp_path)
    stored = json.loads(notebook.read_text("utf-8"))
    for new, old in zip(code_cells(fresh), code_cells(stored), strict=True):
        assert [output["output_type"] for output in new["outputs"]] == [o["output_type"] for o in old["outputs"]]
        if "varies" not in new["metadata"].get("tags", []):
            assert printed(new) == printed(old)
