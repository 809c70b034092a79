"""A real server in a thread and a real Chromium, both on loopback."""

import contextlib
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from mmvoxceleb.viewer.app import make_app
from mmvoxceleb.viewer.place import Place
from mmvoxceleb.viewer.viewing import Viewing

TOKEN = "a-token-of-the-tests"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


class Served:
    def __init__(self, viewing: Viewing) -> None:
        self.viewing = viewing
        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        self.port = listener.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}/{TOKEN}/"
        app = make_app(viewing, TOKEN, frozenset({"127.0.0.1"}))
        config = uvicorn.Config(app, log_level="error", lifespan="off", timeout_graceful_shutdown=1)
        self._server = uvicorn.Server(config)
        self._server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
        self._thread = threading.Thread(target=self._server.run, args=([listener],), daemon=True)
        viewing.index.start()
        self._thread.start()
        while not self._server.started:
            time.sleep(0.01)

    def close(self) -> None:
        self._server.should_exit = True
        self._thread.join(5)
        self.viewing.index.stop()


def until(page: Any, script: str, seconds: float = 20.0) -> None:
    """Wait until a script gives true; the page's own policy forbids the way of ``wait_for_function``."""
    deadline = time.monotonic() + seconds
    while not page.evaluate(script):
        assert time.monotonic() < deadline, f"never true: {script}"
        time.sleep(0.03)


@pytest.fixture
def view() -> Iterator[Callable[..., Served]]:
    """Serve places: ``view(folder)``."""
    with contextlib.ExitStack() as stack:

        def start(location: Path | str, **options: Any) -> Served:
            served = Served(Viewing(Place(str(location)), **options))
            stack.callback(served.close)
            return served

        yield start


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """The browser; skipped with a word where there is none."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("chromium is not installed: apt-get install chromium")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield browser
        browser.close()


@pytest.fixture
def tab(chromium: Any) -> Iterator[Callable[..., Any]]:
    """Open a page: ``tab(address, width=..., scheme=...)``. Errors in it and requests to others fail the test."""
    contexts: list[Any] = []
    errors: list[str] = []

    def open_(address: str, *, width: int = 1100, scheme: str = "light") -> Any:
        context = chromium.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
        context.set_default_timeout(20_000)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        ours = (address.split("/", 3)[2], "blob:")
        page.on("console", lambda told: errors.extend([told.text] if "Content Security" in told.text else []))
        page.on("request", lambda asked: errors.extend([] if any(part in asked.url for part in ours) else [asked.url]))
        page.goto(address)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert not errors
