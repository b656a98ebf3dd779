"""What pages are made of: static files, read and packed once at the start."""

import hashlib
import mimetypes
import re
from pathlib import Path

from aiohttp import web

from gateway.api.ready import Body, packed_body, reply

FOLDER = Path(__file__).parents[1] / "web"
TYPES = {".js": "text/javascript", ".webmanifest": "application/manifest+json"}
FOR_EVER = "public, max-age=31536000, immutable"  # a year: the version stands in the address
VERSIONED = re.compile(r"([0-9a-f]{12})/(.+)")


class Pages:
    """Every file that ships, and their version: another one, other addresses."""

    def __init__(self, folder: Path = FOLDER) -> None:
        """Read every file below `folder`: what ships is a few hundred kilobytes."""
        paths = sorted(path for path in folder.rglob("*") if path.is_file())
        self._data = {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}
        self.version = _version(self._data)
        self._bodies: dict[str, Body] = {}

    @property
    def root(self) -> str:
        """Where pages find their parts: `/web/0123456789ab`."""
        return f"/web/{self.version}"

    def text(self, name: str) -> str:
        """A file that is filled before it is served. KeyError: there is none."""
        return self._data[name].decode()

    def below(self, folder: str) -> dict[str, bytes]:
        """The files of one folder, by name."""
        return {
            name.removeprefix(folder): data
            for name, data in self._data.items()
            if name.startswith(folder)
        }

    def body(self, name: str, *, for_ever: bool = False) -> Body | None:
        """A file, packed when it is first asked for."""
        if name not in self._data:
            return None
        key = f"{self.version}/{name}" if for_ever else name
        if key not in self._bodies:
            cache = FOR_EVER if for_ever else "no-cache"
            self._bodies[key] = packed_body(self._data[name], _type_of(name), cache)
        return self._bodies[key]


class PageRoutes:
    """`/web/…`: with the version in the address for ever, else to be asked for again."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    def routes(self) -> list[web.RouteDef]:
        """What is served here, to people rather than programs."""
        return [
            web.get("/web/version", self.show_version),
            web.get("/web/{file:.+}", self.show_file),
        ]

    async def show_version(self, _request: web.Request) -> web.Response:
        """Which one is served now: a screen that runs for months looks whether it is its own."""
        return web.Response(text=self._pages.version, headers={"Cache-Control": "no-store"})

    async def show_file(self, request: web.Request) -> web.Response:
        """One of the files that ship; a page of another version gets ours, not to be kept."""
        name, for_ever = request.match_info["file"], False
        if versioned := VERSIONED.fullmatch(name):
            for_ever, name = versioned[1] == self._pages.version, versioned[2]
        body = self._pages.body(name, for_ever=for_ever)
        if body is None:
            raise web.HTTPNotFound
        return reply(request, body)


def _version(files: dict[str, bytes]) -> str:
    whole = hashlib.blake2b(digest_size=6)
    for name, data in files.items():
        whole.update(f"{name} {len(data)} ".encode() + data)
    return whole.hexdigest()


def _type_of(name: str) -> str:
    guessed = TYPES.get(Path(name).suffix) or mimetypes.guess_type(name)[0]
    kind = guessed or "application/octet-stream"
    return f"{kind}; charset=utf-8" if kind.startswith("text/") else kind
