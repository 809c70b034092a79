"""Places behind URLs, on loopback: an FTP server over a folder, and an S3 service where moto is installed."""

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import fsspec

from mmvoxceleb.meta.runs import RUNS_FOLDER


@contextmanager
def ftp_server(root: Path) -> Iterator[str]:
    """Serve a folder by FTP, for reading and writing, and give its URL."""
    from pyftpdlib.authorizers import DummyAuthorizer
    from pyftpdlib.handlers import FTPHandler
    from pyftpdlib.servers import ThreadedFTPServer

    root.mkdir(parents=True, exist_ok=True)
    authorizer = DummyAuthorizer()
    authorizer.add_user("user", "secret", str(root), perm="elradfmwMT")
    handler = type("Handler", (FTPHandler,), {"authorizer": authorizer, "use_sendfile": False})
    server = ThreadedFTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"ftp://user:secret@127.0.0.1:{server.address[1]}"
    finally:
        server.close_all()
        thread.join(5)


@contextmanager
def s3_server(log: Path) -> Iterator[str]:
    """Run an S3 service with a bucket, and give the bucket's URL. Its address is in the environment meanwhile."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = {
        "FSSPEC_S3_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "FSSPEC_S3_KEY": "key",
        "FSSPEC_S3_SECRET": "secret",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    fsspec.config.set_conf_env(fsspec.config.conf)
    with log.open("w") as file:
        process = subprocess.Popen([sys.executable, "-m", "moto.server", "-p", str(port)], stdout=file, stderr=file)
    try:
        end = time.monotonic() + 30
        while socket.socket().connect_ex(("127.0.0.1", port)) != 0 and time.monotonic() < end:
            time.sleep(0.1)
        fsspec.filesystem("s3").mkdir("bucket")
        yield "s3://bucket"
    finally:
        process.kill()
        process.wait()
        fsspec.config.conf.pop("s3", None)
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def remote_contents(url: str) -> dict[str, bytes]:
    """Every file below a URL by its path, but for the summaries of runs, which hold times."""
    system, root = fsspec.core.url_to_fs(url)
    system.invalidate_cache()
    found: dict[str, bytes] = {}
    for path in _files(system, root):
        name = path.strip("/").removeprefix(root.strip("/")).strip("/")
        if not name.startswith(f"{RUNS_FOLDER}/"):
            found[name] = system.cat_file(path)
    return dict(sorted(found.items()))


def _files(system: Any, folder: str) -> Iterator[str]:
    try:
        listed = system.ls(folder, detail=True)
    except FileNotFoundError:
        return
    for info in listed:
        if info["type"] == "directory":
            yield from _files(system, info["name"])
        elif info["name"].strip("/") != folder.strip("/"):
            yield info["name"]
