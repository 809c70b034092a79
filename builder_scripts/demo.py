"""The main job on the bundled sample, offline: load it, print a record, write the contact sheet.

python builder_scripts/demo.py [OUT_FOLDER]
"""

import sys
from pathlib import Path

from datasets import load_dataset
from rich.console import Console
from rich.table import Table

import mmvoxceleb  # lets load_dataset find the dataset
from mmvoxceleb.preview import contact_sheet
from mmvoxceleb.sample import sample_path


def describe(value: object) -> str:
    """Say in a line what a field of a record holds."""
    if isinstance(value, list) and value and hasattr(value[0], "size"):
        return f"{len(value)} x {value[0].mode} {value[0].width} x {value[0].height}"
    if isinstance(value, list) and len(value) > 8:
        return f"[{', '.join(map(str, value[:3]))}, ...] ({len(value)})"
    return repr(value)


def main() -> None:
    """Run the demo."""
    out = Path(sys.argv[1] if len(sys.argv) > 1 else "demo_output")
    out.mkdir(parents=True, exist_ok=True)
    dataset = load_dataset("mmvoxceleb", "sample")
    console = Console()
    console.print(dataset)
    record, names = dataset["train"][0], dataset["train"].features["attributes"].feature
    table = Table(
        title=f"mmvoxceleb {mmvoxceleb.__version__}: the first record of the sample", title_justify="left", expand=True
    )
    table.add_column("field", no_wrap=True)
    table.add_column("value", overflow="fold")
    for field, value in record.items():
        shown = ", ".join(names.int2str(value)) if field == "attributes" else describe(value)
        table.add_row(field, shown)
    console.print(table)
    picture = out / "contact_sheet.png"
    contact_sheet(mmvoxceleb.open_store(sample_path())).save(picture)
    console.print(f"contact sheet: {picture}")


if __name__ == "__main__":
    main()
