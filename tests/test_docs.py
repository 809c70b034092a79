"""Every code block of README and docs: Python is run, commands are run or parsed, and what they show is compared.

A page's blocks run in their order, Python in one namespace, in a folder that has the places of the docs
(``tests/support/doc_places.py``). A block that cannot be run must be named here, with the reason.
"""

import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmvoxceleb.meta.removal_feed import ADDRESSES, OFFLINE
from mmvoxceleb.processing.scores.registry import scorers, unregister_score
from tests.support.doc_blocks import Block, Command, blocks_of, commands_of
from tests.support.doc_commands import check_docker, check_pip, check_script, parse, run_program, run_shell
from tests.support.doc_places import copy_places, make_places
from tests.support.doc_python import run_imports, run_python
from tests.support.http_server import FileServer

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted(
    str(path.relative_to(ROOT))
    for path in [*ROOT.glob("*.md"), ROOT / "mmvoxceleb" / "README.md", *ROOT.glob("docs/**/*.md")]
    if "```" in path.read_text(encoding="utf-8")
)

PARSED_ONLY = {
    r"regenerate all .*": "takes a minute; doc_places runs its stages, tests/cli and tests/processing its variants",
    r"regenerate (landmarks|mask|draw|label) .*": "needs weights that are not in the package; tests/processing runs it",
    r"regenerate score my-dataset": "asks the network for weights; tests/processing/scores runs it",
    r"regenerate crop videos \S+ --(annotations|metadata) .*": "needs VoxCeleb's lists; tests/cli runs it on others",
    r"regenerate crop videos out --detector haar": "doc_places runs it",
    r"export my-dataset \S+ --(for|removals|clips) .*": "tests/trainers, tests/meta and tests/cliplists run it",
    r"label import .*": "needs a file by hand; tests/cli runs it",
    r"regenerate crop mp4 .*": "tests/processing/crop/test_cropped.py runs it in a shell, as it stands",
    r"remove .* --repo .*": "needs the Hub; tests/hub runs it against a Hub on loopback",
    r"push .*": "needs the Hub; tests/hub runs it against a Hub on loopback",
    r"view .*": "serves until it is stopped; tests/viewer runs it",
}
"""Commands that are parsed by the real command line and not run, and why."""

RUN_ELSEWHERE: dict[tuple[str, str], str] = {
    ("docs/pipeline.md", '"""motion.py'): "tests/processing/test_worked_example.py",
    ("docs/pipeline.md", "from motion import"): "tests/processing/test_worked_example.py",
    ("docs/hub.md", "from datasets import"): "tests/hub/test_push_and_stream.py, against a Hub on loopback",
    ("mmvoxceleb/README.md", "from datasets import"): "below, without our package",
}
"""Python blocks, by page and the start of their code, that another test runs as they stand."""

EXIT_1 = {
    "validate damaged-copy --deep",
    "diff ours.json theirs.json",
    "diff my-dataset other-store",
    "diff my-dataset other-store --deep",
}
"""Commands that exit with 1, as their pages say."""

IMPORTS_ONLY = {
    (
        "docs/licences.md",
        "from mmvoxceleb.processing import",
    ): "tests/processing/test_model_sets.py runs the open models",
    ("docs/masks-and-drawings.md", "from mmvoxceleb.processing.draw"): "tests/processing/test_networks.py and others",
    ("docs/labels-and-text.md", "from mmvoxceleb.processing.labels"): "tests/processing/test_labels_farl.py",
    ("docs/pipeline.md", "from mmvoxceleb.processing import CropStage"): "tests/processing/test_pipeline.py and others",
    (
        "docs/sound.md",
        "from mmvoxceleb import",
    ): "torchcodec decodes it; tests/modalities/test_audio.py reads the bytes",
}
"""Python blocks that need weights or libraries that are not here: only their imports run. And what runs the rest."""

NOT_CODE = {"mermaid": "a diagram"}
"""Languages of blocks that nothing can run, and what they are."""

SHOWN_ONLY: dict[tuple[str, str], str] = {
    ("docs/clip-lists.md", "condition "): "the output for 20,000 generated clips, of benchmarks/select_clips.py",
    ("docs/hub.md", "SELECT clip_id"): "for the Hub's console; tests/hub/test_index.py reads the columns",
    (
        "docs/labels-and-text.md",
        "This young guy",
    ): "an example of lines; tests/processing/test_text_natural.py has others",
    ("docs/labels-and-text.md", '"label_source"'): "part of a file",
    ("docs/masks-and-drawings.md", '"computation"'): "part of a file, from a machine with a GPU",
    ("docs/pipeline.md", "[project.entry-points"): "part of a pyproject.toml; tests/modalities reads such entry points",
}
"""Blocks of text by page and start, that show a file or an output, and why they are not compared."""


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("places")
    make_places(root)
    return root


@pytest.fixture
def places(template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """What stands in for the addresses of the docs, and for ten epochs; the working folder has the rest."""
    root, built_in = tmp_path / "here", set(scorers())
    copy_places(template, root)
    monkeypatch.chdir(root)
    server = FileServer(root / "data")
    for name in (ADDRESSES, OFFLINE):  # which commands set for what they start
        monkeypatch.setenv(name, "")
    yield {
        "/data/mmvoxceleb": str(root / "data/mmvoxceleb"),
        "https://lab.example": server.url,
        "user/name": "shards",
        "range(10)": "range(1)",
    }
    server.close()
    for name in set(scorers()) - built_in:
        unregister_score(name)


@pytest.fixture
def names() -> dict[str, Any]:
    """What a page takes for granted."""
    return {"__name__": "__main__", "frames": np.zeros((2, 256, 256, 3), np.uint8), "label": [0, 1] * 20}


@pytest.mark.parametrize("page", PAGES)
def test_the_blocks_of_the_page(page: str, places: dict[str, str], names: dict[str, Any]) -> None:
    problems = []
    for block in blocks_of(ROOT, page):
        steps: list[Callable[[], object]] = []
        if block.language in ("sh", "console"):
            steps = [partial(check, command, places) for command in commands_of(block)]
        elif is_in([block], IMPORTS_ONLY):
            steps = [partial(run_imports, block)]
        elif block.language == "python" and not is_in([block], RUN_ELSEWHERE):
            steps = [partial(run_python, block, names, places)]
        elif not (block.language in ("python", *NOT_CODE) or is_in([block], SHOWN_ONLY)):
            problems.append(f"{block.place}: nothing covers this block; give it a language, or name it in SHOWN_ONLY")
        for step in steps:
            try:
                step()
            except Exception as error:
                problems.append(f"{block.place}: {type(error).__name__}: {error}")
    assert not problems, "\n\n".join(problems)


def check(command: Command, places: dict[str, str]) -> None:
    match command.words:
        case ["mmvoxceleb", *words]:
            words = words[: words.index("&&")] if "&&" in words else words
            text = command.text.removeprefix("mmvoxceleb ")
            if any(re.fullmatch(pattern, text) for pattern in PARSED_ONLY):
                parse(words)
            else:
                if "-o" in words:  # the reader has no such file yet
                    Path(words[words.index("-o") + 1]).unlink(missing_ok=True)
                run_program(command, [_put(word, places) for word in words], exit_code=int(text in EXIT_1))
        case ["pip", "install", *_] | ["python", "-m", "pip", "install", *_]:
            check_pip(command, extras())
        case ["python", script, *_] if script.endswith(".py"):
            check_script(command, ROOT)
        case ["docker", *_]:
            check_docker(command, ROOT)
        case ["make", target, *_]:
            assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE), command.place
        case _:
            run_shell(command, _put(command.line, places), Path.cwd())


def _put(text: str, places: dict[str, str]) -> str:
    for told, real in places.items():
        text = text.replace(told, real)
    return text


def extras() -> dict[str, object]:
    tomllib = pytest.importorskip("tomllib", reason="new in Python 3.11")
    found = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    return dict(found)


def test_the_sample_in_a_clone_without_the_package() -> None:
    script = (
        "import sys\n"
        "from pathlib import Path\n"
        "from tests.support.doc_blocks import blocks_of\n"
        "from tests.support.doc_python import run_python\n"
        "assert run_python(blocks_of(Path(), 'mmvoxceleb/README.md')[0], {}, {}) == 5\n"
        "assert 'mmvoxceleb' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ["push", "out"],
        ["push", "out", "user/name", "--nope"],
        ["regenerate", "mask", "a", "--prser", "open"],
        ["pusch"],
    ],
)
def test_a_wrong_command_is_found(words: list[str]) -> None:
    parse(["push", "out", "user/name"])
    with pytest.raises(AssertionError, match="mmvoxceleb"):
        parse(words)


def test_the_readme_stays_short() -> None:
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    assert len(lines) < 150
    assert not [line for line in lines if len(line) > 120]


def test_nothing_is_named_that_is_not_there() -> None:
    """An entry of the lists above that fits nothing hides nothing, and says what is not so."""
    blocks = [block for page in PAGES for block in blocks_of(ROOT, page)]
    lines = [command.text for block in blocks if block.language in ("sh", "console") for command in commands_of(block)]
    unused = [pattern for pattern in PARSED_ONLY if not any(re.fullmatch("mmvoxceleb " + pattern, x) for x in lines)]
    unused += [str(key) for key in [*RUN_ELSEWHERE, *IMPORTS_ONLY, *SHOWN_ONLY] if not is_in(blocks, [key])]
    assert not unused


def is_in(blocks: Iterable[Block], keys: Iterable[tuple[str, str]]) -> bool:
    """Whether one of the blocks is meant by one of the keys: a page and how the block starts."""
    return any(block.page == page and block.text.startswith(start) for block in blocks for page, start in keys)
