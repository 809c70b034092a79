"""An HTTP server on loopback that answers whatever a test wants, byte by byte."""

import contextlib
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Answer = Callable[["Request"], None]
Start = Callable[[Answer], "RudeServer"]


class Request(BaseHTTPRequestHandler):
    """One request, with the means to answer it."""

    protocol_version = "HTTP/1.1"
    server: "RudeServer"

    def log_message(self, *args: object) -> None:
        pass

    def begin(self, status: int, **headers: str | int) -> None:
        """Send status and headers; underscores in names stand for dashes."""
        self.send_response(status)
        self.send_header("Connection", "close")
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()

    def answer(self, status: int, body: bytes = b"", **headers: str | int) -> None:
        self.begin(status, Content_Length=len(body), **headers)
        if self.command != "HEAD":
            self.wfile.write(body)
            self.server.bytes_sent += len(body)

    def chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n" % len(data) + data + b"\r\n")
        self.server.bytes_sent += len(data)

    def wait(self, seconds: float) -> None:
        """Wait, or less where the server is closed."""
        if self.server.closing.wait(seconds):
            raise ConnectionResetError

    def _serve(self) -> None:
        self.server.requests.append((self.command, self.path))
        self.close_connection = True
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.server.reply(self)

    do_GET = do_HEAD = _serve  # noqa: N815  the names that http.server looks for


class RudeServer(ThreadingHTTPServer):
    """Answers every request by ``reply``."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, reply: Answer) -> None:
        super().__init__(("127.0.0.1", 0), Request)
        self.reply = reply
        self.requests: list[tuple[str, str]] = []
        self.bytes_sent = 0
        self.closing = threading.Event()
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def close(self) -> None:
        self.closing.set()
        self.shutdown()
        self.server_close()
