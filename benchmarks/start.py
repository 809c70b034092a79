"""Measure the start: CPU seconds (user and system) of ``import mmvoxceleb`` and of the program's help screens.

python benchmarks/start.py                                               (of this environment)
python benchmarks/start.py --program before=/path/to/.venv/bin/mmvoxceleb    (and of another one, in turns)

The limit is the start of Python itself, plus the time that ``typer`` and ``rich`` take to show any help.
"""

import argparse
import os
import statistics
import subprocess
import sys
from pathlib import Path

SCREENS = ("", "info", "validate", "select", "export", "view", "regenerate", "regenerate all", "regenerate mask")
LIMIT = "import typer.rich_utils, rich.markdown; typer.main.get_command"


def cpu_seconds(command: list[str]) -> float:
    """Run a command to its end; the user and system seconds that it took."""
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(running.pid, 0)
    running.returncode = os.waitstatus_to_exitcode(status)
    if running.returncode:
        raise SystemExit(f"{command} ended with {running.returncode}")
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Measure in turns, and print the medians."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--program", action="append", default=[], metavar="NAME=PATH", help="another mmvoxceleb")
    options.add_argument("--turns", type=int, default=7)
    chosen = options.parse_args()
    programs = {"here": Path(sys.executable).with_name("mmvoxceleb")}
    programs |= {name: Path(path) for name, _, path in (each.partition("=") for each in chosen.program)}
    rows: dict[str, dict[str, list[str]]] = {"python -c pass": {}, "import typer, rich": {}, "import mmvoxceleb": {}}
    rows |= {f"mmvoxceleb {screen} --help".replace("  ", " "): {} for screen in SCREENS}
    for name, program in programs.items():
        python = str(program.with_name("python"))
        rows["python -c pass"][name] = [python, "-c", "pass"]
        rows["import typer, rich"][name] = [python, "-c", LIMIT]
        rows["import mmvoxceleb"][name] = [python, "-c", "import mmvoxceleb"]
        for screen in SCREENS:
            label = f"mmvoxceleb {screen} --help".replace("  ", " ")
            rows[label][name] = [str(program), *screen.split(), "--help"]
    print(f"CPU seconds, median of {chosen.turns} turns: " + ", ".join(programs))
    for label, commands in rows.items():
        taken: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(chosen.turns):
            for name, command in commands.items():
                taken[name].append(cpu_seconds(command))
        print(f"{label:36}" + "".join(f"{statistics.median(each):8.3f}" for each in taken.values()))


if __name__ == "__main__":
    main()
