"""The web application: the native protocol on `/ws`, the page at `/`, the state at `/healthz`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from fastapi import FastAPI, Request, WebSocket
from fastapi.responses import FileResponse, PlainTextResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocketClose

from graph.services import Services
from server.access import COOKIE, Access, load_secret
from server.connection import Connection
from server.hub import Engines, Hub, ServerOptions, open_hub
from server.refusal import Refused

WEB = Path(__file__).parent / "web"
"""The page's files, served as they are."""

COOKIE_SECONDS = 365 * 24 * 3600
_PAGE_HEADERS = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}


def create_app(
    services: Services,
    engines: Engines = Engines(),  # noqa: B008 - frozen
    options: ServerOptions = ServerOptions(),  # noqa: B008 - frozen
) -> FastAPI:
    """The application. It owns services and engines, and closes them when it shuts down.

    Raises `BadInput` for a key that is no key, or a signing key that is damaged.
    """
    access = Access(load_secret(services.settings.data_dir), options.api_keys)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with open_hub(services, engines, options, access) as hub:
            app.state.hub = hub
            hub.warm_default()
            yield

    app = FastAPI(
        title="CleanS2S", lifespan=lifespan, openapi_url=None, docs_url=None, redoc_url=None
    )
    app.add_api_websocket_route("/ws", _native)
    app.add_api_route("/healthz", _health, methods=["GET"])
    app.add_api_route("/", _page, methods=["GET", "HEAD"])
    if WEB.is_dir():
        app.mount("/", _Files(directory=WEB))
    return app


class _Files(StaticFiles):
    """Files that are asked for anew after an update, and no websocket behind any of their names."""

    def file_response(self, *given: Any, **more: Any) -> Response:
        response = super().file_response(*given, **more)
        response.headers["Cache-Control"] = "no-cache"
        return response

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await WebSocketClose()(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


async def _native(socket: WebSocket) -> None:
    hub: Hub = socket.app.state.hub
    own = _same_origin(socket.headers.get("origin"), socket.headers.get("host"), hub.options)
    if not own or hub.connections >= 2 * hub.options.max_sessions:
        await socket.close()  # before it was accepted: HTTP 403
    else:
        await Connection(hub, socket).run()


def _same_origin(origin: str | None, host: str | None, options: ServerOptions) -> bool:
    """Whether a page may connect: our own, or one that is allowed. Programs send no origin."""
    if origin is None or "*" in options.origins or origin in options.origins:
        return True
    return urlsplit(origin).netloc.lower() == (host or "").lower()


def _health(request: Request) -> dict[str, Any]:
    """That the server is alive, what it runs on, and how many talk to it."""
    hub: Hub = request.app.state.hub
    return {
        "status": "ok",
        "version": _version(),
        "sessions": len(hub.sessions),
        "connections": hub.connections,
        "checkpoints": hub.checkpoints is not None,
        "engines": described(hub.services, hub.engines),
    }


def described(services: Services, engines: Engines) -> dict[str, str]:
    """Every engine in one line."""
    settings = services.settings
    return {
        "ear": engines.asr.describe() if engines.asr else "none",
        "voice": engines.clips.engine.describe() if engines.clips else "none",
        "judge": services.judge,
        "llm": settings.llm.model or "none: the persona's own lines",
        "memory": settings.memory.backend,
    }


def _page(request: Request) -> Response:
    """The page, and the cookie that makes its user the same one tomorrow."""
    hub: Hub = request.app.state.hub
    index = WEB / "index.html"
    if not index.is_file():
        return PlainTextResponse("this server has no page; the protocol is on /ws\n", 404)
    response = FileResponse(index, headers=_PAGE_HEADERS)
    if not hub.access.needs_key:
        response.set_cookie(
            COOKIE,
            _token(hub, request.cookies.get(COOKIE)),
            max_age=COOKIE_SECONDS,
            httponly=True,
            samesite="strict",
            secure=request.url.scheme == "https",
        )
    return response


def _token(hub: Hub, known: str | None) -> str:
    """The user's token, or that of a new one where it is not (or no longer) ours."""
    try:
        token = hub.access.admit(None, known).token
    except Refused:
        token = hub.access.newcomer().token
    assert token is not None
    return token


def _version() -> str:
    try:
        return version("cleans2s")
    except PackageNotFoundError:
        return "unknown"
