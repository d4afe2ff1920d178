"""The page to try a model: four files of the package, and nothing from anywhere else."""

from __future__ import annotations

from importlib import resources

from fastapi import FastAPI, Request
from starlette.responses import Response

FILES = {
    "/": ("page.html", "text/html"),
    "/page.css": ("page.css", "text/css"),
    "/answer.js": ("answer.js", "text/javascript"),
    "/page.js": ("page.js", "text/javascript"),
}
HEADERS = {
    "Cache-Control": "no-cache",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data: blob:; frame-ancestors 'none'",
}


def add_routes(app: FastAPI) -> None:
    """Let an application hand out the page."""
    for path, (name, media_type) in FILES.items():
        content = (resources.files("archwise.serve") / name).read_bytes()
        app.add_api_route(path, _hand_out(content, media_type), methods=["GET"], include_in_schema=False)


def _hand_out(content: bytes, media_type: str):  # type: ignore[no-untyped-def]
    async def endpoint(_: Request) -> Response:
        return Response(content, media_type=media_type, headers=HEADERS)

    return endpoint
