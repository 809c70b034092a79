"""The main job: raw videos to a dataset, load it, print a record, write the contact sheet.

python builder_scripts/demo.py [OUT_FOLDER] [VIDEOS]

VIDEOS is a folder of face videos. Their masks, drawings and attributes are by the open models, which know real faces
and may be used for anything, where the files of these models are on this machine or can be downloaded. Without VIDEOS
it takes the two bundled ones, which show generated persons, and the sample models, which know such persons alone.
"""

import importlib.util
import shlex
import sys
import threading
from pathlib import Path
from typing import Literal

from datasets import disable_progress_bars, load_dataset
from rich.console import Console
from rich.table import Table

import mmvoxceleb  # lets load_dataset find the dataset
from mmvoxceleb.errors import MMVoxCelebError
from mmvoxceleb.extras import install_hint
from mmvoxceleb.modalities import styles_in
from mmvoxceleb.preview import contact_sheet
from mmvoxceleb.processing import CropStage, Pipeline, make_stages, open_detector
from mmvoxceleb.processing.engines.outcomes import ClipOutcome
from mmvoxceleb.processing.licences import models_of
from mmvoxceleb.processing.published import PUBLISHED, WeightFile
from mmvoxceleb.processing.weights import fetch, find
from mmvoxceleb.sample import sample_videos_path

ANSWER_SECONDS = 3.0
"""A server that does not answer within this time is not waited for: the demo has another way."""

console = Console(highlight=False, soft_wrap=True)


def answers(url: str) -> bool:
    """Tell whether a file is to be had from a server now; names that are not resolved count as no answer."""
    import requests

    found: list[bool] = []

    def ask() -> None:
        try:
            found.append(requests.head(url, timeout=ANSWER_SECONDS, allow_redirects=True).ok)
        except requests.RequestException:
            found.append(False)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(ANSWER_SECONDS)
    return bool(found and found[0])


def why_not(weights: WeightFile) -> str:
    """Get a file, where it is not here; say why it cannot be had, or nothing."""
    if find(weights) is not None:
        return ""
    if not any(answers(source) for source in weights.sources):
        return f"{weights.file_name} is not on this machine, and its server does not answer"
    try:
        fetch(weights)
    except MMVoxCelebError as error:
        return str(error)
    return ""


def choose_models() -> Literal["open", "sample"]:
    """Choose the open models if they can be had, else the sample models, and say which and why."""
    files = [model for model in models_of("parser", "open") or () if isinstance(model, WeightFile)]
    problem = ""
    if importlib.util.find_spec("ai_edge_litert") is None:
        problem = f"LiteRT is not installed: {install_hint('landmarks')}"
    for weights in files:
        problem = problem or why_not(weights)
    if not problem:
        console.print("models: open. They know real faces, and what they make may be used for anything:")
        for weights in files:
            console.print(f"  {weights.file_name}: {weights.licence}")
        return "open"
    console.print("models: sample. They know generated persons, not real people. The open models cannot be had here:")
    console.print(f"  {problem}")
    return "sample"


def describe(value: object) -> str:
    """Say in a line what a field of a record holds."""
    if isinstance(value, list) and value and hasattr(value[0], "size"):
        return f"{len(value)} x {value[0].mode} {value[0].width} x {value[0].height}"
    if isinstance(value, list) and len(value) > 8:
        return f"[{', '.join(map(str, value[:3]))}, ...] ({len(value)})"
    return repr(value)


def tell(outcome: ClipOutcome) -> None:
    """Say what became of a clip."""
    if not outcome.failed:
        console.print(
            f"  {outcome.clip_id}: {f'rejected, {outcome.rejected}' if outcome.rejected else 'done'}", markup=False
        )


def next_command(store: Path) -> str:
    """Return what to type to look at a store, also in a shell that has not activated this environment."""
    program = Path(sys.executable).with_name("mmvoxceleb")
    shown = program.relative_to(Path.cwd()) if program.is_relative_to(Path.cwd()) else program
    return shlex.join([str(shown), "view", str(store)])


def main() -> None:
    """Run the demo."""
    out = Path(sys.argv[1] if len(sys.argv) > 1 else "demo_output")
    videos = Path(sys.argv[2]) if len(sys.argv) > 2 else None
    models = choose_models() if videos else "sample"
    has_yunet = videos is not None and not why_not(PUBLISHED["yunet"])
    console.print(f"crop: {'YuNet' if has_yunet else 'the Haar cascade of OpenCV, which finds frontal faces'}")
    crop = CropStage(detector=open_detector("yunet" if has_yunet else "haar"))
    store = out / (f"{models}-{videos.name}" if videos else models)
    console.print("working on the videos" + (", which takes minutes on a CPU" if videos else ""))
    summary = Pipeline([crop, *make_stages(models)]).run(str(videos or sample_videos_path()), store, report=tell)
    summary.raise_if_failed()
    done, shares = summary.done + summary.skipped, summary.shares()
    if not done:
        sys.exit("no clip was made of these videos; docs/crop.md says what is rejected, and how to be less strict")
    console.print(
        f"{summary.units} videos became {done} clips in {summary.seconds:.1f} s: "
        f"{', '.join(f'{name} {share:.0%}' for name, share in shares.items() if share >= 0.005)}"
    )
    disable_progress_bars()
    styles = styles_in(mmvoxceleb.open_store(store).folders())
    dataset = load_dataset("mmvoxceleb", data_dir=str(store), styles=styles)
    console.print(dataset)
    rows = next(iter(dataset.values()))
    record, names = rows[0], rows.features["attributes"].feature
    table = Table(title=f"mmvoxceleb {mmvoxceleb.__version__}: the first record", title_justify="left", expand=True)
    table.add_column("field", no_wrap=True)
    table.add_column("value", overflow="fold")
    for field, value in record.items():
        shown = ", ".join(names.int2str(value)) if field == "attributes" else describe(value)
        table.add_row(field, shown)
    console.print(table)
    picture = out / f"{store.name}.png"
    contact_sheet(mmvoxceleb.open_store(store), style=styles[0]).save(picture)
    console.print(f"dataset: {store}\ncontact sheet: {picture}\nnext: {next_command(store)}", markup=False)


if __name__ == "__main__":
    try:
        main()
    except MMVoxCelebError as error:
        console.print(f"[bold red]error:[/] {error}", soft_wrap=True)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit("stopped; make demo resumes")
