"""Let Python find this clone before a folder that happens to have the package's name.

    .venv/bin/python builder_scripts/editable_first.py      # `make` runs it after `pip install --editable`

An editable install adds a finder behind Python's own. In the folder that holds the clone, Python's own takes the folder
``mmvoxceleb`` for a package without code, and asks no further: ``import mmvoxceleb`` gives an empty module.
"""

import sysconfig
from pathlib import Path

LINE = 'import sys; sys.meta_path.sort(key=lambda finder: getattr(finder, "__name__", "") != "_EditableFinder")\n'
"""Run by ``site`` when Python starts, after the line that adds the finder: its file comes behind in the alphabet."""


def main() -> None:
    """Write the file that ``site`` reads into this Python's environment."""
    Path(sysconfig.get_path("purelib"), "mmvoxceleb-first.pth").write_text(LINE)


if __name__ == "__main__":
    main()
