"""The program starts fast: lists of commands import no command, and no help imports a library of arrays or stores."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from mmvoxceleb.cli.main import COMMANDS, app
from mmvoxceleb.cli.regenerate import STAGES

HEAVY = ("datasets", "torch", "cv2", "pyarrow", "PIL", "ray", "av", "fsspec", "huggingface_hub", "tenacity")
EVERY_HELP = [
    *([entry.name, "--help"] for entry in COMMANDS),
    *(["regenerate", entry.name, "--help"] for entry in STAGES),
]


def imported_by(*calls: list[str]) -> set[str]:
    """The modules that the program has imported after these calls, in one process."""
    code = (
        "import contextlib, io, json, sys\n"
        "from mmvoxceleb.cli.main import main\n"
        f"for arguments in {list(calls)!r}:\n"
        "    sys.argv = ['mmvoxceleb', *arguments]\n"
        "    with contextlib.redirect_stdout(io.StringIO()) as shown, contextlib.suppress(SystemExit):\n"
        "        main()\n"
        "    assert 'Usage: mmvoxceleb' in shown.getvalue(), arguments\n"
        "print(json.dumps(list(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return set(json.loads(done.stdout))


def command_modules(imported: set[str]) -> set[str]:
    return {entry.module for entry in (*COMMANDS, *STAGES)} & imported


def test_the_list_of_commands_imports_none_of_them() -> None:
    imported = imported_by(["--help"])
    assert command_modules(imported) == set()
    assert imported.isdisjoint({*HEAVY, "numpy", "mmvoxceleb.modalities", "mmvoxceleb.files"})


def test_a_call_imports_its_own_command_alone() -> None:
    assert command_modules(imported_by(["info", "--help"])) == {"mmvoxceleb.cli.info"}
    assert command_modules(imported_by(["regenerate", "--help"])) == {"mmvoxceleb.cli.regenerate"}


def test_no_help_imports_anything_heavy() -> None:
    assert imported_by(*EVERY_HELP).isdisjoint(HEAVY)


@pytest.mark.parametrize("path", [(), ("regenerate",)])
def test_lists_of_commands_say_what_the_commands_say(path: tuple[str, ...]) -> None:
    group: Any = typer.main.get_command(app)
    for name in path:
        group.load(name)
        group = group.commands[name]
    for entry in group.entries:
        group.load(entry.name)
        command = group.commands[entry.name]
        assert entry.help == " ".join(command.help.split("\n\n")[0].split())
        assert command.name == entry.name
        assert (command.hidden, command.deprecated, command.short_help) == (False, False, None)


def test_a_module_adds_no_command_that_the_list_lacks() -> None:
    for entry in (*COMMANDS, *STAGES):
        alone = typer.Typer()
        __import__(entry.module, fromlist=["register"]).register(alone)
        assert set(typer.main.get_group(alone).commands) <= {each.name for each in (*COMMANDS, *STAGES)}


def test_a_misspelt_command_is_named_with_what_was_meant() -> None:
    done = CliRunner().invoke(app, ["slect"])
    assert done.exit_code == 2
    assert "No such command 'slect'. Did you mean 'select', 'split'?" in done.output


@pytest.mark.parametrize(("given", "then"), [({}, "PASSIVE"), ({"OMP_WAIT_POLICY": "ACTIVE"}, "ACTIVE")])
def test_threads_that_wait_take_no_core_from_others_unless_told(given: dict[str, str], then: str) -> None:
    code = (
        "import os, sys\n"
        "from mmvoxceleb.cli.main import main\n"
        "sys.argv = ['mmvoxceleb', '--version']\n"
        "try:\n    main()\nexcept SystemExit:\n    print(os.environ['OMP_WAIT_POLICY'], 'torch' in sys.modules)"
    )
    environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"} | given
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, env=environment)
    assert done.stdout.splitlines()[-1] == f"{then} False"
