"""A notebook as a page, with the outputs that it holds."""

from collections.abc import Callable
from pathlib import Path

__all__ = ["notebook_page"]


def notebook_page(notebook: Path, folder: Path, change: Callable[[str], str]) -> str:
    """Return a notebook as Markdown, and write the pictures of its outputs. It is not run.

    Args:
        notebook: The ``.ipynb`` file.
        folder: Where the page will be; pictures go to a folder within it.
        change: What becomes of the text between the code.
    """
    import nbformat
    from nbconvert import MarkdownExporter

    content = nbformat.read(notebook, as_version=4)
    for cell in content.cells:
        if cell.cell_type == "markdown":
            cell.source = change(cell.source)
    resources = {"output_files_dir": f"{notebook.stem}-pictures", "unique_key": "picture"}
    text, resources = MarkdownExporter().from_notebook_node(content, resources=resources)
    for name, picture in resources["outputs"].items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(picture)
    return str(text)
