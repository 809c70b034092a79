"""The main job, offline: raw videos to a dataset, load it, print a record, write the contact sheet.

python builder_scripts/demo.py [OUT_FOLDER]

The two bundled videos show generated persons. Published weights are used if they are on this machine (see ``mmvoxceleb
weights``); otherwise the small sample model, which only knows such figures, not real people.
"""

import sys
from pathlib import Path

from datasets import disable_progress_bars, load_dataset
from rich.console import Console
from rich.table import Table

import mmvoxceleb  # lets load_dataset find the dataset
from mmvoxceleb.errors import MMVoxCelebError
from mmvoxceleb.preview import contact_sheet
from mmvoxceleb.processing import (
    AttributePredictor,
    CropStage,
    DrawStage,
    LabelStage,
    MaskStage,
    Pipeline,
    Stage,
    TextStage,
    open_detector,
)
from mmvoxceleb.processing.drawings import make_drawer
from mmvoxceleb.processing.masks import make_parser
from mmvoxceleb.processing.weights import PUBLISHED, find
from mmvoxceleb.sample import sample_videos_path

console = Console()


def has_weights(what: str, *names: str) -> bool:
    """Tell whether published weights are here, and say which model does the work."""
    missing = [PUBLISHED[name].file_name for name in names if find(PUBLISHED[name]) is None]
    instead = f"the sample model (not on this machine: {', '.join(missing)})" if missing else "published weights"
    console.print(f"  {what}: {instead}", highlight=False, soft_wrap=True)
    return not missing


def stages() -> "list[CropStage | Stage]":
    """Choose a model for every stage from what is on this machine."""
    console.print("models:")
    console.print("  crop: OpenCV's Haar cascade")
    parser = make_parser("bisenet" if has_weights("masks", "bisenet") else "sample")
    drawer = make_drawer("portrait" if has_weights("drawings", "portrait-drawing") else "sample")
    if has_weights("attributes", "farl-celeba", "yunet"):
        label = LabelStage(AttributePredictor(), open_detector("yunet"))
    else:
        label = LabelStage(AttributePredictor("sample"))
    return [CropStage(detector=open_detector("haar")), MaskStage(parser), DrawStage(drawer), label, TextStage()]


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
    store = out / "dataset"
    summary = Pipeline(stages()).run(sample_videos_path(), store)
    summary.raise_if_failed()
    done, shares = summary.done + summary.skipped, summary.shares()
    console.print(
        f"{summary.units} videos became {done} clips in {summary.seconds:.1f} s: "
        f"{', '.join(f'{name} {share:.0%}' for name, share in shares.items())}",
        highlight=False,
        soft_wrap=True,
    )
    disable_progress_bars()
    dataset = load_dataset("mmvoxceleb", data_dir=str(store))
    console.print(dataset)
    record, names = dataset["train"][0], dataset["train"].features["attributes"].feature
    table = Table(title=f"mmvoxceleb {mmvoxceleb.__version__}: the first record", title_justify="left", expand=True)
    table.add_column("field", no_wrap=True)
    table.add_column("value", overflow="fold")
    for field, value in record.items():
        shown = ", ".join(names.int2str(value)) if field == "attributes" else describe(value)
        table.add_row(field, shown)
    console.print(table)
    picture = out / "contact_sheet.png"
    contact_sheet(mmvoxceleb.open_store(store)).save(picture)
    console.print(f"dataset: {store}\ncontact sheet: {picture}")


if __name__ == "__main__":
    try:
        main()
    except MMVoxCelebError as error:
        console.print(f"[bold red]error:[/] {error}", soft_wrap=True)
        sys.exit(1)
