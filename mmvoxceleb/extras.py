"""How to install what an optional ability needs."""

__all__ = ["install_hint"]


def install_hint(extra: str) -> str:
    """Return the command that installs an extra, as the README has it; the package is not on PyPI.

    Args:
        extra: A name of ``[project.optional-dependencies]``.
    """
    return f"pip install '.[{extra}]' in a clone of mmvoxceleb"
