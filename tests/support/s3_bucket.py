"""A bucket of an S3 service on loopback, the benchmark's without latency, where moto and s3fs are installed."""

import json
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import fsspec
import pytest

__all__ = ["S3Bucket", "s3_buckets"]

_SERVER = Path(__file__).resolve().parents[2] / "benchmarks" / "remote_server.py"


class S3Bucket:
    """``s3://bucket`` with the files of a folder. It tells what was asked."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        command = [sys.executable, str(_SERVER), "s3", str(root), "--latency", "0"]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.address = f"http://127.0.0.1:{self._process.stdout.readline().strip()}"
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        settings = {"endpoint_url": self.address, "key": "key", "secret": "secret"}
        monkeypatch.setitem(fsspec.config.conf, "s3", settings)

    def log(self) -> list[tuple[str, str, str]]:
        """Return the requests since the last call: method, path with query, and range."""
        with urllib.request.urlopen(f"{self.address}/__log__") as answer:
            return [(method, path, asked) for method, path, asked in json.load(answer)]

    def close(self) -> None:
        self._process.kill()
        self._process.wait()


@contextmanager
def s3_buckets(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Path], S3Bucket]]:
    """Give what serves folders, one at a time, and skip the test where that cannot be done."""
    pytest.importorskip("s3fs", reason="needs: pip install s3fs 'moto[server]' waitress")
    pytest.importorskip("moto", reason="needs: pip install s3fs 'moto[server]' waitress")
    with ExitStack() as stack:
        yield lambda root: stack.enter_context(closing(S3Bucket(root, monkeypatch)))
