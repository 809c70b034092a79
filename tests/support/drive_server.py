"""A stand-in for Google Drive on loopback, reached by gdown's own addresses.

An HTTP proxy answers CONNECT for drive.google.com and its sisters with a TLS server of our own, under certificates of a
test authority. So the client's code runs unchanged, addresses and all.
"""

import socketserver
import ssl
import threading
import urllib.parse
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, cast

import trustme

HOSTS = ("drive.google.com", "docs.google.com", "drive.usercontent.google.com")

VIRUS_SCAN_PAGE = (
    "<!DOCTYPE html><html><head><title>Google Drive - Virus scan warning</title></head><body>"
    '<p class="uc-warning-caption">Google Drive cannot scan this file for viruses.</p>'
    '<form id="download-form" action="https://drive.usercontent.google.com/download" method="get">'
    '<input type="submit" value="Download anyway"/><input type="hidden" name="id" value="{id}">'
    '<input type="hidden" name="export" value="download"><input type="hidden" name="confirm" value="t">'
    "</form></body></html>"
)
QUOTA_PAGE = (
    "<!DOCTYPE html><html><head><title>Google Drive - Quota exceeded</title></head><body>"
    '<p class="uc-error-subcaption">Too many users have viewed or downloaded this file recently. Please try accessing '
    "the file again later.</p></body></html>"
)
SIGN_IN_PAGE = "<!DOCTYPE html><html><head><title>Google Drive: Sign-in</title></head><body>Sign in</body></html>"


@dataclass
class DriveFile:
    content: bytes = b""
    answer: str = "file"  # file, scan, quota, sign-in, 404, 403, or an address to redirect to
    cut_after: list[int] = field(default_factory=list)  # bytes after which each of the next transfers breaks
    wait_seconds: float = 0.0  # after the headers


class DriveServer:
    """Plays Drive. Set the environment by :attr:`environment`.

    Args:
        folder: For the authority's certificate.
        files: What Drive has, by id.
    """

    def __init__(self, folder: Path, files: dict[str, DriveFile]) -> None:
        self.files = files
        self.transfers: list[tuple[str, str]] = []
        authority = trustme.CA()
        certificate = folder / "authority.pem"
        authority.cert_pem.write_to_path(str(certificate))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(*HOSTS).configure_cert(context)
        drive = self
        self.closing = threading.Event()

        class Connection(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                request = b""
                while b"\r\n\r\n" not in request:
                    part = self.request.recv(4096)
                    if not part:
                        return
                    request += part
                if not request.startswith(b"CONNECT ") or request.split()[1].split(b":")[0].decode() not in HOSTS:
                    self.request.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
                    return
                self.request.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                try:
                    with context.wrap_socket(self.request, server_side=True) as secure:
                        _Handler(secure, drive)
                except OSError:
                    pass

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Connection)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        proxy = f"http://127.0.0.1:{self._server.server_address[1]}"
        self.environment = {"HTTPS_PROXY": proxy, "https_proxy": proxy, "REQUESTS_CA_BUNDLE": str(certificate)}

    def close(self) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, connection: Any, drive: DriveServer) -> None:
        self.drive = drive
        super().__init__(connection, ("127.0.0.1", 0), cast(socketserver.BaseServer, None))

    def log_message(self, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        parts = urllib.parse.urlsplit(self.path)
        query = urllib.parse.parse_qs(parts.query)
        file_id = query.get("id", [""])[0]
        file = self.drive.files.get(file_id, DriveFile(answer="404"))
        if file.answer in ("404", "403"):
            self._page(int(file.answer), "<html>Error</html>")
        elif "/" in file.answer:
            self.send_response(302)
            self.send_header("Location", file.answer.replace("HERE", self.path))
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif file.answer == "quota":
            self._page(200, QUOTA_PAGE)
        elif file.answer == "sign-in":
            self._page(200, SIGN_IN_PAGE)
        elif file.answer == "scan" and "confirm" not in query:
            self._page(200, VIRUS_SCAN_PAGE.format(id=file_id))
        else:
            self._file(file_id, file)

    def _page(self, status: int, body: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body.encode())))
        self.end_headers()
        self.wfile.write(body.encode())

    def _file(self, file_id: str, file: DriveFile) -> None:
        asked = self.headers.get("Range", "")
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
        self.drive.transfers.append((file_id, asked))
        self.send_response(206 if asked else 200)
        if asked:
            self.send_header("Content-Range", f"bytes {start}-{len(file.content) - 1}/{len(file.content)}")
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Content-Disposition", 'attachment; filename="whatever.zip"')
        self.send_header("ETag", f'"{file_id}"')
        self.send_header("Content-Length", str(len(file.content) - start))
        self.end_headers()
        body = file.content[start:]
        self.wfile.flush()
        self.drive.closing.wait(file.wait_seconds)
        if file.cut_after:
            self.wfile.write(body[: file.cut_after.pop(0)])
            self.wfile.flush()
            self.close_connection = True
            return
        self.wfile.write(body)
