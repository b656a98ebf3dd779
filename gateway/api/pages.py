"""What pages are made of: static files, read once at the start."""

import mimetypes
from pathlib import Path

from aiohttp import web

from gateway.api.ready import Body, body_of, reply

FOLDER = Path(__file__).parents[1] / "web"
TYPES = {".js": "text/javascript", ".webmanifest": "application/manifest+json"}


class PageRoutes:
    """`/web/…`."""

    def __init__(self, folder: Path = FOLDER) -> None:
        """Read every file below `folder`: what ships is a few hundred kilobytes."""
        self._files = {
            path.relative_to(folder).as_posix(): _read(path)
            for path in folder.rglob("*")
            if path.is_file()
        }

    def routes(self) -> list[web.RouteDef]:
        """What is served here, to people rather than programs."""
        return [
            web.get("/web/{file:.+}", self.show_file),
        ]

    async def show_file(self, request: web.Request) -> web.Response:
        """One of the files that ship."""
        body = self._files.get(request.match_info["file"])
        if body is None:
            raise web.HTTPNotFound
        return reply(request, body)


def _read(path: Path) -> Body:
    guessed = TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0]
    kind = guessed or "application/octet-stream"
    return body_of(
        path.read_bytes(), f"{kind}; charset=utf-8" if kind.startswith("text/") else kind
    )
