"""``mmvoxceleb info``: versions, devices, decoders and the cache, for reports of bugs."""

import os
import platform
import shutil
import subprocess
from importlib import import_module, metadata
from pathlib import Path
from typing import Any

import typer

from mmvoxceleb.cli.options import takes_options
from mmvoxceleb.cli.telling import JsonOptions, end, paper
from mmvoxceleb.cpus import usable_cpus
from mmvoxceleb.files.quoting import first_line

__all__ = ["collect", "register"]

EXAMPLES = """
[bold]Examples[/]

  mmvoxceleb info
  mmvoxceleb info --json
"""

PACKAGES = (
    "mmvoxceleb", "datasets", "huggingface_hub", "fsspec", "pyarrow", "numpy", "pillow", "opencv-python-headless",
    "gdown", "torch", "av", "decord", "torchcodec", "isal", "numba", "ncnn", "face-alignment", "transformers", "yt-dlp",
    "ai-edge-litert", "ray", "starlette", "uvicorn", "matplotlib",
)  # fmt: skip
"""Distributions whose versions are shown."""

VARIABLES = (
    "MMVOXCELEB_CACHE",
    "MMVOXCELEB_WEIGHTS",
    "MMVOXCELEB_LOG",
    "HF_HOME",
    "HF_DATASETS_CACHE",
    "HF_HUB_OFFLINE",
)

_NAME_WIDTH = 24
_MODULE_BY_DECODER = {"pyav": "av", "torchcodec": "torchcodec.decoders", "opencv": "cv2"}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("info", epilog=EXAMPLES)(takes_options(run))


def run(output: JsonOptions) -> None:
    """Show versions, devices, decoders and the cache, to paste into a bug report."""
    found = collect()
    from rich.markup import escape

    console = paper()
    for title, values in found.items():
        console.print(f"[bold]{title}[/]")
        if not values:
            console.print("[dim]nothing set[/]")
        for name, value in values.items():
            told = escape(value) if value is not None else "[dim]not installed[/]"
            console.print(f"[dim]{escape(f'{name:<{_NAME_WIDTH}}')}[/]  {told}")
        console.print()
    end(found)


def collect() -> dict[str, dict[str, str | None]]:
    """Gather what is known of this machine and installation; nothing that is absent is an error.

    Returns:
        Sections of names and values; ``None`` for what is not installed.
    """
    return {
        "system": _system(),
        "packages": {name: _version(name) for name in PACKAGES},
        "devices": _devices(),
        "decoders": _decoders(),
        "cache": _cache(),
        "environment": {name: value for name in VARIABLES if (value := os.environ.get(name)) is not None},
    }


def _system() -> dict[str, str | None]:
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cores": f"{usable_cpus()} of {os.cpu_count()}",
        "ffmpeg": _ffmpeg(),
    }


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _ffmpeg() -> str | None:
    """The first line of ``ffmpeg -version``; PyAV brings its own and needs none."""
    program = shutil.which("ffmpeg")
    if program is None:
        return None
    try:
        done = subprocess.run([program, "-version"], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.SubprocessError) as error:
        return f"{program} does not run ({error})"
    return (done.stdout.splitlines() or [program])[0]


def _devices() -> dict[str, str | None]:
    if _version("torch") is None:
        return {"torch": None}
    try:
        torch: Any = import_module("torch")
    except (ImportError, OSError) as error:
        return {"torch": f"does not load ({error})"}
    found: dict[str, str | None] = {}
    for index in range(torch.cuda.device_count()):
        properties = torch.cuda.get_device_properties(index)
        found[f"cuda:{index}"] = f"{properties.name}, {properties.total_memory / 2**30:.0f} GiB"
    if torch.backends.mps.is_available():
        found["mps"] = "Apple GPU"
    found["cpu"] = f"{torch.get_num_threads()} threads"
    return found


def _decoders() -> dict[str, str | None]:
    """Try each decoder. decord is not loaded, since that would break PNG reading of libraries loaded after it."""
    found: dict[str, str | None] = {}
    for name, module in _MODULE_BY_DECODER.items():
        try:
            import_module(module)
            found[name] = "loads"
        except ModuleNotFoundError:
            found[name] = None
        except (ImportError, OSError, RuntimeError) as error:
            found[name] = f"does not load ({first_line(error)})"
    found["decord"] = "installed, loaded only when chosen" if _version("decord") else None
    return found


def _cache() -> dict[str, str | None]:
    from mmvoxceleb.cache import cache_dir

    folder = cache_dir()
    found: dict[str, str | None] = {"folder": str(folder)}
    if not folder.is_dir():
        return {**found, "size": "nothing yet"}
    found["size"] = _readable(_size(folder))
    for child in sorted(folder.iterdir()):
        if child.is_dir():
            found[child.name] = _readable(_size(child))
    return found


def _size(folder: Path) -> int:
    """Bytes of the files below a folder; links are not followed."""
    total = 0
    for path, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(path, name)).st_size
            except OSError:
                continue
    return total


def _readable(size: float) -> str:
    for unit in ("B", "KB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"
