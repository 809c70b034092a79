"""Options of a command from the fields of dataclasses."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import pytest
import typer
from typer.testing import CliRunner

from mmvoxceleb.cli.main import app
from mmvoxceleb.cli.options import given, like, named, takes_options, without


@dataclass(frozen=True)
class Colours:
    """Settings of a library, which knows no command line.

    Args:
        depth_px: How deep, in ``pixels``,
            over two lines.
        names: Names of colours.
        mode: ``fast`` or ``fine``.
        is_dry: Whether paint is dry.
        charts: Draw charts.
        secret: Not for users.
    """

    depth_px: int = 8
    names: tuple[str, ...] = ("red",)
    mode: Literal["fast", "fine"] = "fast"
    is_dry: bool = False
    charts: bool = True
    secret: int = 1


@dataclass(frozen=True)
class Choices:
    """What a user chose.

    Args:
        place: Where.
    """

    place: str
    depth: Annotated[int | None, like(Colours, "depth_px"), typer.Option("-d", "--depth")] = None
    mode: Annotated[Literal["fast", "fine"] | None, like(Colours, "mode")] = None


def call(command: Any, *arguments: str) -> Any:
    program = typer.Typer()
    program.command()(takes_options(command))
    return CliRunner().invoke(program, arguments, env={"COLUMNS": "100", "NO_COLOR": "1"})


def test_a_dataclass_is_options_and_comes_back_as_itself() -> None:
    seen: list[Any] = []

    def paint(colours: Annotated[Colours, without("secret"), named(names="--name")], extra: int = 0) -> None:
        """Paint."""
        seen.append((colours, extra))

    assert call(paint).exit_code == 0
    arguments = ["--depth-px", "3", "--name", "blue", "--name", "green", "--mode", "fine", "--is-dry", "--no-charts"]
    assert call(paint, *arguments, "--extra", "2").exit_code == 0
    assert seen == [(Colours(), 0), (Colours(3, ("blue", "green"), "fine", True, False), 2)]
    said = " ".join(call(paint, "--help").stdout.replace("│", " ").split())
    assert "How deep, in pixels, over two lines. [default: 8]" in said
    assert "fast or fine. [default: fast]" in said
    assert "secret" not in said
    assert "--no-is-dry" not in said
    assert call(paint, "--mode", "slow").exit_code == 2
    assert call(paint, "--secret", "2").exit_code == 2


def test_the_help_breaks_lines_where_the_terminal_ends() -> None:
    def paint(colours: Colours) -> None:
        """Paint.

        A sentence of a docstring whose line ends here
        goes on there.

        Another paragraph.
        """

    said = [line.strip() for line in call(paint, "--help").stdout.splitlines()]
    assert "A sentence of a docstring whose line ends here goes on there." in said
    assert said[said.index("Another paragraph.") - 1] == ""


def test_an_option_that_is_like_a_setting_counts_where_it_is_given() -> None:
    seen: list[Any] = []

    def paint(choices: Choices) -> None:
        """Paint."""
        seen.append((choices.place, given(choices, Colours)))

    assert call(paint, "here").exit_code == 0
    assert call(paint, "there", "-d", "8").exit_code == 0
    assert seen == [("here", {}), ("there", {"depth_px": 8})]
    said = " ".join(call(paint, "--help").stdout.replace("│", " ").split())
    assert "Where." in said
    assert "over two lines. [default: (8)]" in said
    assert call(paint, "here", "--mode", "slow").exit_code == 2
    assert call(paint).exit_code == 2


def test_two_dataclasses_with_one_name_are_refused() -> None:
    def paint(colours: Colours, again: Colours) -> None:
        """Paint."""

    with pytest.raises(ValueError, match="duplicate parameter"):
        takes_options(paint)


def test_every_option_of_every_command_has_help() -> None:
    commands = [typer.main.get_command(app)]
    while commands:
        command: Any = commands.pop()
        commands += getattr(command, "commands", {}).values()
        options = [each for each in command.params if each.param_type_name == "option"]
        assert [each.name for each in options if not each.help] == [], command.name
