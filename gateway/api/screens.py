"""The pages for people: true when written, in the reader's language; scripts keep them true."""

import logging
from collections.abc import Callable
from functools import partial
from html import escape
from pathlib import Path

import msgspec
from aiohttp import web

from config.sections import Kiosk
from gateway.api.fragments import (
    SIGNS,
    by_category,
    category_links,
    counts,
    fill,
    languages,
    legend,
    listed,
    summary,
    tiles,
    word,
)
from gateway.api.languages import COOKIE, KEPT, PARAMETER, Languages
from gateway.api.pages import Pages
from gateway.api.ready import Body, Ready, packed_body, reply
from gateway.core.events import Status
from gateway.readmodel import MachineView, ReadModel

HTML = "text/html; charset=utf-8"
VARY = "Accept-Encoding, Accept-Language, Cookie"
ANEW = "60"  # seconds, after which a wall loads its page anew unless a script stops that
MOST_OTHERS = 6  # free ones of the same kind: a screen of a phone
KINDS = {
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".webp": "image/webp",
}
LARGEST_LOGO = 262_144  # bytes: a logo, not a photograph
SHOWN = 64  # characters of a name that is none of ours
OF_PHONES = ("common", "problem", "phone", "machine", "alert")

log = logging.getLogger(__name__)


class ScreenRoutes:
    """`/`, `/m/{machineId}`, `/kiosk`, `/technician`, and what installs them on a phone."""

    def __init__(
        self,
        model: ReadModel,
        gym: str,
        ready: Ready,
        pages: Pages,
        first: str,
        kiosk: Kiosk,
    ) -> None:
        """`first`: the branch's language."""
        self._model = model
        self._gym = gym
        self._ready = ready
        self._pages = pages
        self._languages = Languages(pages, first)
        self._kiosk = kiosk
        self._logo = logo_of(kiosk.logo)
        self._workers = {language: self._worker(language) for language in self._languages}

    def routes(self) -> list[web.RouteDef]:
        """What is served here, to people rather than programs."""
        return [
            web.get("/", self.show_branch),
            web.get(r"/m/{machine:[\s\S]*}", self.show_machine),
            web.get("/kiosk", self.show_kiosk),
            web.get("/kiosk/logo", self.show_logo),
            web.get("/technician", self.show_technician),
            web.get("/worker.js", self.show_worker),
            web.get("/manifest.webmanifest", self.show_manifest),
        ]

    async def show_branch(self, request: web.Request) -> web.Response:
        """The phone's page; every machine stands in it already."""
        if PARAMETER in request.query:
            return self._remember(request)
        language = self._languages.chosen(request)
        return self._reply(request, ("/", language), partial(self._branch, language))

    async def show_machine(self, request: web.Request) -> web.Response:
        """Where a sticker leads."""
        if PARAMETER in request.query:
            return self._remember(request)
        name, language = request.match_info["machine"].rstrip("/"), self._languages.chosen(request)
        views = self._model.snapshot().machines
        view = next((one for one in views if one.machine == name and one.gym == self._gym), None)
        if view is None:
            return self._nowhere(name, language)
        write = partial(self._machine, view, language)
        return self._reply(request, ("/m/", name, language), write)

    async def show_kiosk(self, request: web.Request) -> web.Response:
        """The wall's screen; what its address says further, its script reads."""
        language = self._languages.of_place(request)
        write = partial(self._wall, language)
        return self._reply(request, ("/kiosk", language), write, Refresh=ANEW)

    async def show_logo(self, request: web.Request) -> web.Response:
        """The branch's logo, if it has one."""
        if self._logo is None:
            raise web.HTTPNotFound
        return reply(request, self._logo)

    async def show_technician(self, request: web.Request) -> web.Response:
        """For who holds a technician's key; the page itself holds no data."""
        if PARAMETER in request.query:
            return self._remember(request)
        language = self._languages.chosen(request)
        write = partial(self._page, "technician/index.html", language, ("common", "technician"))
        return self._reply(request, ("/technician", language), write)

    async def show_worker(self, request: web.Request) -> web.Response:
        """The service worker; it stands at the root, for its scope is where it stands."""
        return reply(request, self._workers[self._languages.chosen(request)])

    async def show_manifest(self, request: web.Request) -> web.Response:
        """What a phone that installs the page is told."""
        words = self._languages.flat(self._languages.chosen(request))
        name = self._model.branch(self._gym).name
        told = {
            "name": name,
            "short_name": name[:12],
            "description": words["phone.install"],
            "start_url": "/",
            "scope": "/",
            "display": "standalone",
            "theme_color": "#17603c",
            "background_color": "#f4f5f2",
            "icons": [
                {"src": f"{self._pages.root}/shared/icon.svg", "sizes": "any"},
                {"src": f"{self._pages.root}/shared/icon-512.png", "sizes": "512x512"},
                {"src": f"{self._pages.root}/shared/icon-192.png", "sizes": "192x192"},
            ],
        }
        body = packed_body(msgspec.json.encode(told), "application/manifest+json", vary=VARY)
        return reply(request, body)

    # --- how they are written --------------------------------------------------------------------

    def _reply(
        self, request: web.Request, key: tuple[str, ...], write: Callable[[], str], **more: str
    ) -> web.Response:
        """`more`: headers."""
        body = self._ready.get(key) or self._ready.put(key, _body(write(), **more))
        return reply(request, body)

    def _remember(self, request: web.Request) -> web.Response:
        return remember(request, self._languages.chosen(request))

    def _page(self, name: str, language: str, parts: tuple[str, ...], /, **more: str) -> str:
        """A template, filled: what all pages need, and `more`, which is HTML."""
        branch = self._model.branch(self._gym)
        values = self._languages.flat(language) | {
            "language": language,
            "languages": languages(self._languages.named(), language),
            "words": self._languages.embedded(language, *parts),
            "web": self._pages.root,
            "branch": escape(branch.name),
            "as_of": f"{branch.as_of:.0f}" if self._model.synchronised() else "",
        }
        return fill(self._pages.text(name), values | more)

    def _branch(self, language: str) -> str:
        views = [one for one in self._model.snapshot().machines if one.gym == self._gym]
        words, branch = self._languages.flat(language), self._model.branch(self._gym)
        free = sum(one.status is Status.FREE for one in views)
        is_closed = not branch.open and self._model.synchronised()
        shown = {"machines": by_category(views, branch, words)}
        shown["counted"] = words["common.free_of_all"].format(free=free, all=len(views))
        shown["summary"] = words["phone.closed"] if is_closed else summary(free, len(views), words)
        shown["categories"] = category_links(views, branch)
        return self._page("phone/index.html", language, OF_PHONES, **shown)

    def _machine(self, view: MachineView, language: str) -> str:
        words = self._languages.flat(language)
        others = listed(words["machine.others"], self._others(view), words)
        named = {"name": escape(view.name), "machine": view.machine, "status": view.status.value}
        named |= {"sign": SIGNS[view.status], "word": word(view.status, words)}
        return self._page("phone/machine.html", language, OF_PHONES, others=others, **named)

    def _worker(self, language: str) -> Body:
        """It speaks as its reader does: a push says what happened, not in which words."""
        words = self._languages.embedded(language, "alert")
        code = self._pages.text("phone/worker.js")
        filled = code.replace("{web}", self._pages.root).replace("{words}", words)
        return packed_body(filled.encode(), "text/javascript; charset=utf-8", vary=VARY)

    def _wall(self, language: str) -> str:
        settings = {"colour": self._kiosk.colour, "screen": escape(self._kiosk.screen or "")}
        branch, logo, words = (
            self._model.branch(self._gym),
            self._logo,
            self._languages.flat(language),
        )
        more = settings | {"version": self._pages.version, "gym": self._gym, "code": "/qr.svg"}
        more["logo"] = '<img id="logo" src="/kiosk/logo" alt="">' if logo else ""
        more["look"] = logo.etag if logo else ""
        more |= {"zone": escape(branch.timezone), "counts": counts(branch)}
        views = [one for one in self._model.snapshot().machines if one.gym == self._gym]
        more |= {"tiles": tiles(views, words), "legend": legend(words)}
        return self._page("kiosk/index.html", language, ("common", "kiosk"), **more)

    def _others(self, view: MachineView) -> list[MachineView]:
        """What else is free of its kind, where it is not."""
        if view.status is Status.FREE:
            return []
        alike = self._model.category(self._gym, view.category)
        return [one for one in alike if one.status is Status.FREE][:MOST_OTHERS]

    def _nowhere(self, name: str, language: str) -> web.Response:
        words, branch = self._languages.flat(language), self._model.branch(self._gym).name
        said = words["machine.nowhere"].replace("{name}", f"<bdi>{escape(name[:SHOWN])}</bdi>")
        hint = words["machine.nowhere_hint"].replace("{branch}", f"<bdi>{escape(branch)}</bdi>")
        page = self._page("phone/nowhere.html", language, (), said=said, hint=hint)
        return web.Response(status=404, text=page, content_type="text/html")


def remember(request: web.Request, language: str) -> web.Response:
    """The language that was asked for, on this phone; then the page itself."""
    reply = web.Response(status=303, headers={"Location": request.rel_url.raw_path})
    reply.set_cookie(COOKIE, language, max_age=KEPT, samesite="Strict")
    return reply


def logo_of(path: str | None) -> Body | None:
    """The branch's logo; one that cannot be shown is told in the log, and left out."""
    if path is None:
        return None
    kind = KINDS.get(Path(path).suffix.lower())
    try:
        told = Path(path).read_bytes()
    except OSError as error:
        log.warning("[kiosk] logo = %r is not shown: %s", path, error)
        return None
    if kind is None or len(told) > LARGEST_LOGO:
        wanted = f"must be one of {', '.join(KINDS)}, of at most {LARGEST_LOGO} bytes"
        log.warning("[kiosk] logo = %r is not shown: %s", path, wanted)
        return None
    return packed_body(told, kind)


def _body(page: str, **more: str) -> Body:
    return packed_body(page.encode(), HTML, vary=VARY, **more)
