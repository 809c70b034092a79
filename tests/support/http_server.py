"""A real HTTP server on loopback that can be made to misbehave, and counts what it gives."""

import threading
import urllib.parse
from collections.abc import Callable
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


class FileServer:
    """Serves a folder.

    Args:
        folder: What to serve.
        ranges: Answer range requests; ``http.server`` alone does not.
        listing: Show index pages of folders.
        etags: Tell the version of files.
        fault: Called with (method, path, how many requests of that path came before) and returning a status to answer
            with, ``"cut"`` to close the connection in the middle of the body, or None to behave.
    """

    def __init__(
        self,
        folder: Path,
        *,
        ranges: bool = True,
        listing: bool = True,
        etags: bool = True,
        fault: Callable[[str, str, int], int | str | None] | None = None,
    ) -> None:
        self.requests: list[tuple[str, str, str]] = []
        self.bytes_sent = 0
        self.fault = fault
        server = self

        class Handler(SimpleHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def __init__(self, *args: Any) -> None:
                super().__init__(*args, directory=str(folder))

            def log_message(self, *args: object) -> None:
                pass

            def do_HEAD(self) -> None:
                self._answer(head=True)

            def do_GET(self) -> None:
                self._answer(head=False)

            def _answer(self, head: bool) -> None:
                path = urllib.parse.unquote(urllib.parse.urlsplit(self.path).path)
                before = sum(1 for method, seen, _ in server.requests if seen == path and method == self.command)
                server.requests.append((self.command, path, self.headers.get("Range", "")))
                action = server.fault(self.command, path, before) if server.fault else None
                if isinstance(action, int):
                    self.send_response(action)
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                local = folder / path.lstrip("/")
                if local.is_dir():
                    if listing:
                        super().do_HEAD() if head else super().do_GET()
                    else:
                        self._plain(403, b"", head)
                    return
                if not local.is_file():
                    self._plain(404, b"", head)
                    return
                self._send_file(local, head, cut=action == "cut")

            def _plain(self, status: int, body: bytes, head: bool) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if not head:
                    self.wfile.write(body)

            def _send_file(self, local: Path, head: bool, cut: bool) -> None:
                data = local.read_bytes()
                start, end = 0, len(data)
                asked = self.headers.get("Range", "")
                if ranges and asked.startswith("bytes="):
                    first, last = asked.removeprefix("bytes=").split("-")
                    start = int(first) if first else max(0, len(data) - int(last))
                    end = min(len(data), int(last) + 1) if first and last else len(data)
                    self.send_response(206)
                    self.send_header("Content-Range", f"bytes {start}-{end - 1}/{len(data)}")
                else:
                    self.send_response(200)
                if ranges:
                    self.send_header("Accept-Ranges", "bytes")
                if etags:
                    self.send_header("ETag", f'"{local.stat().st_mtime_ns}-{len(data)}"')
                self.send_header("Content-Length", str(end - start))
                self.end_headers()
                if head:
                    return
                body = data[start:end]
                if cut:
                    self.wfile.write(body[: len(body) // 2])
                    self.wfile.flush()
                    self.close_connection = True
                    self.connection.shutdown(2)
                    return
                server.bytes_sent += len(body)
                try:
                    self.wfile.write(body)
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def gets(self, name: str) -> int:
        """Count the GET requests for a file."""
        return sum(1 for method, path, _ in self.requests if method == "GET" and path.endswith(name))

    def forget(self) -> None:
        """Set the counters back to zero."""
        self.requests.clear()
        self.bytes_sent = 0

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
