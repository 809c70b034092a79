"""Run the notebooks of docs/notebooks in order of their cells, and store their outputs.

make notebooks
"""

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nbformat import NotebookNode

__all__ = ["run_notebook"]

NOTEBOOKS = Path(__file__).resolve().parents[2] / "docs" / "notebooks"


def run_notebook(path: Path, folder: Path, *, timeout_seconds: int = 600) -> "NotebookNode":
    """Run a notebook in a kernel of this Python.

    Args:
        path: The ``.ipynb`` file, which is not changed.
        folder: The working directory of the kernel.
        timeout_seconds: For each cell.

    Returns:
        The notebook with its outputs but for what went to stderr, and without counts and times.

    Raises:
        nbclient.exceptions.CellExecutionError: A cell failed.
    """
    import nbformat
    from nbclient import NotebookClient
    from traitlets.config import Config

    notebook: NotebookNode = nbformat.read(path, as_version=4)
    resources = {"metadata": {"path": str(folder)}}
    with tempfile.TemporaryDirectory() as sockets:  # those of TCP can be read by others on the machine
        NotebookClient(
            notebook,
            timeout=timeout_seconds,
            resources=resources,
            config=Config({"KernelManager": {"transport": "ipc", "ip": f"{sockets}/kernel"}}),
            coalesce_streams=True,  # they come in pieces, depending on how busy the machine is
        ).execute()
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.execution_count = None
            cell.outputs = [kept(output) for output in cell.outputs if output.get("name") != "stderr"]
    return notebook


def kept(output: "NotebookNode") -> "NotebookNode":
    """Return what is stored of an output: pictures in their smallest form, and no count."""
    if "execution_count" in output:
        output.execution_count = None
    pictures = [kind for kind in output.get("data", {}) if kind.startswith("image/")]
    for kind in sorted(pictures, key=lambda kind: len(output.data[kind]))[1:]:
        del output.data[kind]
    return output


def main() -> None:
    """Run all notebooks."""
    import nbformat

    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        with tempfile.TemporaryDirectory() as folder:
            os.environ["HF_DATASETS_CACHE"] = folder
            nbformat.write(run_notebook(path, Path(folder)), path)


if __name__ == "__main__":
    main()
