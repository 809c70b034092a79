"""How to install what an optional ability needs."""

__all__ = ["extra_with", "install_hint"]

_EXTRAS = {
    "ai_edge_litert": "landmarks",
    "av": "processing",
    "isal": "train",
    "matplotlib": "hub",
    "ncnn": "cpu",
    "numba": "train",
    "ray": "ray",
    "safetensors": "processing",
    "starlette": "viewer",
    "torch": "processing",
    "transformers": "transformers",
    "uvicorn": "viewer",
    "yt_dlp": "download",
}
"""The extra that brings a module."""


def install_hint(extra: str) -> str:
    """Return the command that installs an extra, as the README has it; the package is not on PyPI.

    Args:
        extra: A name of ``[project.optional-dependencies]``.
    """
    return f"pip install '.[{extra}]' in a clone of mmvoxceleb"


def extra_with(module: str | None) -> str | None:
    """Return the extra that brings a module which could not be imported; None if it is of no extra.

    Args:
        module: Its whole name, as ``ModuleNotFoundError.name`` has it.
    """
    return _EXTRAS.get((module or "").partition(".")[0])
