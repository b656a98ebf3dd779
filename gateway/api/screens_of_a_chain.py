"""The pages of a hub: every branch in a list, and the screen of each."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from html import escape
from zoneinfo import ZoneInfo

from aiohttp import web

from config.sections import Kiosk
from gateway.api.fragments import fill, languages
from gateway.api.languages import FIRST, Languages
from gateway.api.pages import Pages
from gateway.api.query import no_parameters
from gateway.api.ready import Ready, packed_body, reply
from gateway.api.screens import HTML, VARY, remember
from gateway.core.events import Status
from gateway.readmodel import BranchView, ReadModel

LANGUAGE = "lang"


class ChainScreens:
    """`/` and `/kiosk?branch=…`."""

    def __init__(self, model: ReadModel, name: str, ready: Ready, pages: Pages) -> None:
        """`name`: the chain's."""
        self._model = model
        self._name = name
        self._ready = ready
        self._pages = pages
        self._languages = Languages(pages, FIRST)

    def routes(self) -> list[web.RouteDef]:
        """What is served here, to people rather than programs."""
        return [web.get("/", self.show_chain), web.get("/kiosk", self.show_kiosk)]

    async def show_chain(self, request: web.Request) -> web.Response:
        """Every branch, and how much of it is free."""
        if LANGUAGE in request.query:
            return remember(request, self._languages.chosen(request))
        no_parameters(request)
        language = self._languages.chosen(request)
        return self._reply(request, ("/", language), partial(self._chain, language))

    async def show_kiosk(self, request: web.Request) -> web.Response:
        """A branch's screen; what its address says further, its script reads."""
        language, gym = self._languages.of_place(request), request.query.get("branch", "")
        try:
            branch = self._model.branch(gym)
        except KeyError:
            raise web.HTTPSeeOther("/") from None
        write = partial(self._kiosk, branch, language)
        return self._reply(request, ("/kiosk", gym, language), write)

    def _reply(
        self, request: web.Request, key: tuple[str, ...], write: Callable[[], str]
    ) -> web.Response:
        body = self._ready.get(key)
        if body is None:
            body = self._ready.put(key, packed_body(write().encode(), HTML, vary=VARY))
        return reply(request, body)

    def _chain(self, language: str) -> str:
        words, views = self._languages.flat(language), self._model.branches()
        free, every = (sum(n) for n in zip((0, 0), *map(_counted, views), strict=True))
        more = {
            "chain": escape(self._name),
            "summary": words["common.free_of_all"].format(free=free, all=every),
            "branches": "".join(_row(view, words["phone.other"]) for view in views),
        }
        return fill(self._pages.text("chain/index.html"), self._common(language) | more)

    def _kiosk(self, branch: BranchView, language: str) -> str:
        more = {
            "words": self._languages.embedded(language, "common", "kiosk"),
            "branch": escape(branch.name),
            "as_of": f"{branch.as_of:.0f}",
            "colour": Kiosk().colour,
            "screen": "",
            "logo": "",
            "version": self._pages.version,
            "gym": branch.gym,
            "code": f"/branches/{branch.gym}/qr.svg",
        }
        return fill(self._pages.text("kiosk/index.html"), self._common(language) | more)

    def _common(self, language: str) -> dict[str, str]:
        return self._languages.flat(language) | {
            "language": language,
            "languages": languages(self._languages.named(), language),
            "web": self._pages.root,
        }


def _counted(view: BranchView) -> tuple[int, int]:
    """(free, all) machines."""
    every = sum(sum(one.counts.values()) for one in view.categories)
    return sum(one.counts.get(Status.FREE, 0) for one in view.categories), every


def _row(view: BranchView, counted: str) -> str:
    free, every = _counted(view)
    time = datetime.fromtimestamp(view.as_of, ZoneInfo(view.timezone)).strftime("%H:%M")
    said = counted.format(free=free, all=every, time=time)
    return (
        f'<li data-status="{"free" if free else "occupied"}">'
        f'<span class="sign" aria-hidden="true">{free}</span>'
        f'<a class="name" dir="auto" href="/kiosk?branch={view.gym}">{escape(view.name)}</a>'
        f'<span class="state">{said}</span></li>'
    )
