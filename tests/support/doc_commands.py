"""Runs the shell commands of a page, or parses them by the real command line where they cannot be run."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperGroup
from typer.testing import CliRunner

from mmvoxceleb.cli.main import app
from tests.support.doc_blocks import Command
from tests.support.doc_python import fits

_REQUIREMENT = re.compile(r"\.(\[(?P<extras>[\w,]+)\])?|[\w-]+")


def parse(words: list[str]) -> None:
    """Parse the words after ``mmvoxceleb`` with the options and arguments of the real command; run nothing.

    Raises:
        AssertionError: There is no such command or option, or an argument is missing or too much.
    """
    command: Any = typer.main.get_command(app)
    context = command.make_context("mmvoxceleb", [], resilient_parsing=True)
    rest = list(words)
    try:
        while isinstance(command, TyperGroup):
            name, command, rest = command.resolve_command(context, rest)
            assert command is not None
            context = command.make_context(
                name, rest, parent=context, resilient_parsing=isinstance(command, TyperGroup)
            )
    except Exception as error:
        raise AssertionError(f"mmvoxceleb {' '.join(words)}: {error}") from error


def run_program(command: Command, words: list[str], *, exit_code: int = 0) -> None:
    """Run ``mmvoxceleb`` with these words in this process, and compare what it prints with what the page shows."""
    done = CliRunner().invoke(app, words)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise AssertionError(f"{command.place}: {command.line}: {done.exception}") from done.exception
    assert done.exit_code == exit_code, f"{command.place}: {command.line}\n{done.output}"
    if command.output:
        wanted = re.sub(r"\d+\.\d s\b", "...", command.output)
        assert fits(done.stdout, wanted), f"{command.place}: the page shows\n{command.output}\nand this comes:\n" + (
            done.stdout
        )


def run_shell(command: Command, line: str, root: Path) -> None:
    """Run a line in bash, with the programs of this environment, in this folder."""
    path = os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]])
    done = subprocess.run(["bash", "-c", line], env={**os.environ, "PATH": path}, capture_output=True, text=True)
    assert done.returncode == 0, f"{command.place}: {command.line}\n{done.stdout}{done.stderr}"


def check_pip(command: Command, extras: Mapping[str, object]) -> None:
    """Check that a ``pip install`` names this package with extras that there are, or packages by their names."""
    words = command.words[command.words.index("install") + 1 :]
    for word in words:
        match = _REQUIREMENT.fullmatch(word.removeprefix("--"))
        assert match is not None, f"{command.place}: {word} is not something to install"
        named = set((match["extras"] or "").split(",")) - {""}
        assert named <= set(extras), f"{command.place}: no extras {sorted(named - set(extras))}"


def options_in(script: Path) -> Iterator[str]:
    """The options that a script declares or reads, by its source."""
    yield from re.findall(r"['\"](--[\w-]+)", script.read_text())


def check_script(command: Command, root: Path) -> None:
    """Check that a script of the repository is there and knows the options that it is called with."""
    script = root / command.words[1]
    assert script.is_file(), f"{command.place}: there is no {command.words[1]}"
    before = command.words[2:]
    named = [word for word in before[: before.index("--") if "--" in before else None] if word.startswith("--")]
    sources = {option for path in [script, *script.parent.glob("*.py")] for option in options_in(path)}
    unknown = [option for option in named if option not in sources]
    assert not unknown, f"{command.place}: {command.words[1]} has no {', '.join(unknown)}"


def check_docker(command: Command, root: Path) -> None:
    """Check what a ``docker`` command names: arguments of the build, and what ``mmvoxceleb`` runs with."""
    words = command.words
    if words[1] == "build":
        known = re.findall(r"^ARG (\w+)", (root / "Dockerfile").read_text(), re.MULTILINE)
        named = [words[place + 1].partition("=")[0] for place, word in enumerate(words) if word == "--build-arg"]
        assert set(named) <= set(known), f"{command.place}: no build arguments {sorted(set(named) - set(known))}"
    else:
        image = next(place for place, word in enumerate(words) if word.partition(":")[0] == "mmvoxceleb")
        parse(words[image + 1 :])
