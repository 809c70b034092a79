"""torch stays an extra of whoever only reads."""

import subprocess
import sys


def run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def test_importing_the_package_does_not_import_torch() -> None:
    assert run("import sys, mmvoxceleb; print('torch' in sys.modules)").strip() == "False"


def test_without_torch_the_error_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['torch'] = None; import mmvoxceleb\n"
        "try: mmvoxceleb.ClipSampler\n"
        "except ImportError as error: print(error)"
    )
    assert "pip install '.[train]'" in run(code)
