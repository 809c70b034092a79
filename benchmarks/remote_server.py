"""Serve a folder on loopback with latency, for ``benchmarks/remote.py``: HTTP with index pages, or S3 by moto.

    python benchmarks/remote_server.py http FOLDER --latency 0.02
    python benchmarks/remote_server.py s3 FOLDER --latency 0.02      # the bucket is called "bucket"

Each server prints its port. Every request waits for the latency, any number of them at once, and bandwidth is not
limited. ``GET /__log__`` returns the requests so far as JSON, each ``[method, path with query, range]``, and clears the
log. It is not logged itself.
"""

import argparse
import asyncio
import html
import json
import logging
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterable
from importlib import import_module
from pathlib import Path
from typing import Any

LOG_PATH = "/__log__"


def serve_http(folder: Path, latency: float) -> None:
    """Serve a folder by aiohttp: ranges, ETags, keep-alive, index pages."""
    from aiohttp import web

    log: list[tuple[str, str, str]] = []

    async def answer(request: Any) -> Any:
        if request.path == LOG_PATH:
            told = web.json_response(log)
            log.clear()
            return told
        log.append((request.method, request.path_qs, request.headers.get("Range", "")))
        await asyncio.sleep(latency)
        local = folder / request.match_info["path"]
        if local.is_dir():
            names = (f"{child.name}/" if child.is_dir() else child.name for child in sorted(local.iterdir()))
            links = "\n".join(
                f'<li><a href="{urllib.parse.quote(name)}">{html.escape(name)}</a></li>' for name in names
            )
            return web.Response(text=f"<!DOCTYPE html><ul>{links}</ul>", content_type="text/html")
        return web.FileResponse(local) if local.is_file() else web.Response(status=404)

    async def main() -> None:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", answer)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, backlog=1024)
        await site.start()
        print(runner.addresses[0][1], flush=True)
        await asyncio.Event().wait()

    asyncio.run(main())


def serve_s3(folder: Path, latency: float) -> None:
    """Serve a folder's files as the objects of a bucket by moto, an implementation of the S3 API."""
    # not among the dependencies, nor typed
    moto_server, waitress = import_module("moto.server"), import_module("waitress")
    account = import_module("moto.core").DEFAULT_ACCOUNT_ID
    backend = import_module("moto.s3.models").s3_backends[account]["aws"]
    backend.create_bucket("bucket", "us-east-1")
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        backend.put_object("bucket", path.relative_to(folder).as_posix(), path.read_bytes())
    app: Any = moto_server.DomainDispatcherApplication(moto_server.create_backend_app)
    lock = threading.Lock()
    log: list[tuple[str, str, str]] = []

    def answer(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"] == LOG_PATH:
            with lock:
                told = json.dumps(log).encode()
                log.clear()
            start("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(told)))])
            return [told]
        with lock:
            log.append((environ["REQUEST_METHOD"], environ["REQUEST_URI"], environ.get("HTTP_RANGE", "")))
        time.sleep(latency)
        environ["RAW_URI"] = environ["REQUEST_URI"]  # by which moto tells what was quoted
        answered: Iterable[bytes] = app(environ, start)
        return answered

    logging.getLogger("waitress").setLevel(logging.ERROR)
    server = waitress.create_server(answer, host="127.0.0.1", port=0, threads=64, connection_limit=1000)
    print(server.effective_port, flush=True)
    server.run()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("protocol", choices=("http", "s3"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--latency", type=float, default=0.02, help="seconds before each answer")
    arguments = parser.parse_args()
    {"http": serve_http, "s3": serve_s3}[arguments.protocol](arguments.folder, arguments.latency)
