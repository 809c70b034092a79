"""Starts the server of the viewer, and says where it is."""

import contextlib
import ipaddress
import secrets
import socket
from collections.abc import Callable

from mmvoxceleb.errors import ConfigError, MissingExtraError, OutputError
from mmvoxceleb.extras import install_hint
from mmvoxceleb.viewer.viewing import Viewing

__all__ = ["serve"]


def serve(
    viewing: Viewing,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    token: str | None = None,
    ready: Callable[[str], None],
) -> None:
    """Serve the page until the process is interrupted.

    Args:
        viewing: What is looked at.
        host: Where to listen.
        port: Where to listen; 0 for any free one.
        token: Part of the address that others cannot guess; by default one made at random.
        ready: Called with the address, when it accepts connections.

    Raises:
        ConfigError: ``host`` can be reached by others and no token was given.
        ImportError: The extra ``viewer`` is not installed.
        OutputError: The port is in use.
    """
    try:
        import uvicorn

        from mmvoxceleb.viewer.app import make_app
    except ImportError as error:
        raise MissingExtraError(f"the browser viewer needs starlette and uvicorn: {install_hint('viewer')}") from error
    is_ours = _is_loopback(host)
    if is_ours:
        viewing.tell_path()
    if not is_ours and (token is None or len(token) < 12):
        raise ConfigError(
            f"--host {host} can be reached from other machines; pass --token, too, with at least 12 letters and "
            "digits: whoever knows it can see and change everything here"
        )
    token = token or secrets.token_urlsafe(18)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen()
    except OSError as error:
        raise OutputError(
            f"{host}:{port}: cannot listen there ({error.strerror or error}); pass another --port"
        ) from error
    hosts = frozenset({"127.0.0.1", "localhost", "::1"}) if is_ours else None
    config = uvicorn.Config(make_app(viewing, token, hosts), log_level="warning", access_log=False, lifespan="off",
                            timeout_graceful_shutdown=1)  # fmt: skip
    shown = f"[{host}]" if ":" in host else host
    viewing.index.start()
    try:
        with contextlib.suppress(KeyboardInterrupt):
            ready(f"http://{shown}:{listener.getsockname()[1]}/{token}/")
            uvicorn.Server(config).run(sockets=[listener])
    finally:
        viewing.index.stop()
        listener.close()


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
