"""The web application: the page, its data, and who may ask for them."""

import hashlib
import hmac
import json
from collections.abc import Awaitable, Callable, Mapping
from importlib import resources
from typing import Any
from urllib.parse import unquote

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from mmvoxceleb.errors import IncompatibleOutputError, MissingModalityError, MMVoxCelebError, SourceUnavailableError
from mmvoxceleb.viewer.viewing import Viewing

__all__ = ["make_app"]

_TYPES = {"html": "text/html", "js": "text/javascript", "css": "text/css", "svg": "image/svg+xml"}
_MOST_BODY = 1 << 20

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "connect-src 'self'; media-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


def make_app(viewing: Viewing, token: str, hosts: frozenset[str] | None) -> Any:
    """Make the application.

    Args:
        viewing: What is looked at.
        token: The first part of every path; who does not know it gets nothing.
        hosts: Names by which the server may be called, against rebound names of other sites; None for any.
    """
    static = {
        path.name: path.read_bytes() for path in resources.files("mmvoxceleb.viewer").joinpath("static").iterdir()
    }

    async def page(request: Request) -> Response:
        return _static(static, request.path_params.get("name") or "index.html")

    routes = [Route("/", page), Route("/static/{name}", page)]
    routes += [
        Route(f"/api/{name}", _answering(getattr(viewing, name)), methods=["POST" if is_change else "GET"])
        for name, is_change in viewing.calls().items()
    ]
    return _Guard(Starlette(routes=routes), token, hosts)


def _static(static: Mapping[str, bytes], name: str) -> Response:
    if name not in static:
        return Response(status_code=404)
    return Response(static[name], media_type=_TYPES.get(name.rsplit(".", 1)[-1], "application/octet-stream"))


def _answering(call: Callable[[dict[str, Any]], Any]) -> Callable[[Request], Awaitable[Response]]:
    """Answer requests with what a method gives: bytes as they are, all else as JSON."""

    async def answer(request: Request) -> Response:
        try:
            wanted = await _wanted(request)
            found = await run_in_threadpool(call, wanted)
        except MissingModalityError as error:
            return JSONResponse({"error": str(error)}, 404)
        except SourceUnavailableError as error:
            return JSONResponse({"error": str(error)}, 503)
        except IncompatibleOutputError as error:  # another window was quicker
            return JSONResponse({"error": str(error)}, 409)
        except (MMVoxCelebError, KeyError, TypeError, ValueError) as error:
            return JSONResponse({"error": str(error)}, 422)
        if not isinstance(found, bytes):
            return JSONResponse(found)
        tag = f'"{hashlib.blake2b(found, digest_size=12).hexdigest()}"'
        headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        return Response(found, media_type=_type_of(found), headers=headers)

    return answer


async def _wanted(request: Request) -> dict[str, Any]:
    if request.method == "GET":
        return dict(request.query_params)
    if not request.headers.get("content-type", "").startswith("application/json"):
        raise ValueError("changes come as JSON")
    body = await request.body()
    if len(body) > _MOST_BODY:
        raise ValueError("that is too much at once")
    content = json.loads(body)
    if not isinstance(content, dict):
        raise ValueError("a change is an object")
    return content


def _type_of(data: bytes) -> str:
    starts = {b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg", b"fLaC": "audio/flac", b"GIF8": "image/gif"}
    return next((kind for start, kind in starts.items() if data.startswith(start)), "application/octet-stream")


class _Guard:
    """Lets nobody in without the token, nor under another site's name, and puts the headers on every answer."""

    def __init__(self, app: Any, token: str, hosts: frozenset[str] | None) -> None:
        self._app, self._token, self._hosts = app, token, hosts

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Any) -> None:
            if message["type"] == "http.response.start":
                there = {name.lower() for name, _ in message["headers"]}
                message["headers"] += [
                    (name.lower().encode(), value.encode()) for name, value in HEADERS.items()
                    if name.lower().encode() not in there
                ]  # fmt: skip
            await send(message)

        refusal = self._refusal(scope)
        if refusal is not None:
            await refusal(scope, receive, send_with_headers)
            return
        _, _, rest = scope["path"].lstrip("/").partition("/")
        await self._app({**scope, "path": f"/{rest}", "raw_path": None}, receive, send_with_headers)

    def _refusal(self, scope: Any) -> Response | None:
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        host = headers.get(b"host", "").rsplit(":", 1)[0].strip("[]").lower()
        if self._hosts is not None and host not in self._hosts:
            return Response("This name is not mine.\n", 421)
        origin = headers.get(b"origin")
        if origin is not None and origin.partition("://")[2] != headers.get(b"host", ""):
            return Response("Another site may not ask.\n", 403)
        first = unquote(scope["path"].lstrip("/").partition("/")[0])
        if not hmac.compare_digest(first.encode(), self._token.encode()):
            return Response("Open the whole address that `mmvoxceleb view` printed.\n", 403)
        return None
