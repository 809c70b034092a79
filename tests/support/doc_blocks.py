"""Code blocks of Markdown pages, and the commands in those of a shell."""

import re
import shlex
import textwrap
from dataclasses import dataclass
from pathlib import Path

_FENCE = re.compile(
    r"^(?P<indent> *)```(?P<language>\w*)[^\n]*\n(?P<text>.*?)^(?P=indent)```", re.MULTILINE | re.DOTALL
)


@dataclass(frozen=True)
class Block:
    """A fenced block.

    Args:
        page: The path of its page below the root of the repository.
        line: The line of its first line of code, from 1.
        language: What stands after the fence.
        text: The code, without the indent that it has on the page.
    """

    page: str
    line: int
    language: str
    text: str

    @property
    def place(self) -> str:
        """File and line, as they stand in messages."""
        return f"{self.page}:{self.line}"


@dataclass(frozen=True)
class Command:
    """A command of a shell block, and what the page says that it prints."""

    place: str
    line: str
    output: str = ""

    @property
    def words(self) -> list[str]:
        """Its words as a shell gives them to the program, without its comment."""
        return shlex.split(self.line, comments=True)

    @property
    def text(self) -> str:
        """Its words with a space between them."""
        return " ".join(self.words)


def blocks_of(root: Path, page: str) -> list[Block]:
    """All fenced blocks of a page, in their order."""
    text = (root / page).read_text(encoding="utf-8")
    return [
        Block(page, text.count("\n", 0, match.start()) + 2, match["language"], textwrap.dedent(match["text"]))
        for match in _FENCE.finditer(text)
    ]


def commands_of(block: Block) -> list[Command]:
    """The commands of a block in ``sh``, or in ``console``, where they stand after ``$`` and above what they print."""
    found: list[Command] = []
    pending: list[str] = []
    for number, line in enumerate(block.text.splitlines(), block.line):
        if not pending and block.language == "console" and not line.startswith("$ "):
            if not found:
                raise AssertionError(f"{block.page}:{number}: output before the first command")
            found[-1] = Command(found[-1].place, found[-1].line, f"{found[-1].output}{line}\n")
            continue
        pending.append(line.removeprefix("$ ").strip())
        if pending[-1].endswith("\\"):
            pending[-1] = pending[-1].removesuffix("\\").strip()
        elif not pending[-1].endswith("&&"):
            whole = " ".join(pending)
            pending = []
            if whole and not whole.startswith("#"):
                found.append(Command(f"{block.page}:{number}", whole))
    return found
