"""The pages of a hub: every branch in a list, the machines of each, and its screen."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from html import escape
from zoneinfo import ZoneInfo

from aiohttp import web

from config.sections import Kiosk
from gateway.api.fragments import (
    SIGNS,
    Words,
    by_category,
    category_links,
    counts,
    fill,
    languages,
    legend,
)
from gateway.api.languages import FIRST, Languages
from gateway.api.pages import Pages
from gateway.api.ready import Ready, packed_body, reply
from gateway.api.screens import ANEW, HTML, VARY, remember
from gateway.core.events import Status
from gateway.readmodel import BranchView, MachineView, ReadModel

LANGUAGE = "lang"
RENEWED = "30"  # seconds: these pages have no script
SHOWN = 64  # characters of a name that is none of ours


class ChainScreens:
    """`/`, `/b/{gymId}` and `/kiosk?branch=…`."""

    def __init__(
        self, model: ReadModel, name: str, ready: Ready, pages: Pages, wall: Callable[[], float]
    ) -> None:
        """`name`: the chain's."""
        self._model = model
        self._name = name
        self._ready = ready
        self._pages = pages
        self._wall = wall
        self._languages = Languages(pages, FIRST)

    def routes(self) -> list[web.RouteDef]:
        """What is served here, to people rather than programs."""
        return [
            web.get("/", self.show_chain),
            web.get("/b/{gymId}", self.show_branch),
            web.get("/kiosk", self.show_kiosk),
        ]

    async def show_chain(self, request: web.Request) -> web.Response:
        """Every branch, and how much of it is free."""
        if LANGUAGE in request.query:
            return remember(request, self._languages.chosen(request))
        language = self._languages.chosen(request)
        write = partial(self._chain, language)
        return self._reply(request, ("/", language), write, Refresh=RENEWED)

    async def show_branch(self, request: web.Request) -> web.Response:
        """A branch's machines; each leads to its page at the branch, where one can wait for it."""
        if LANGUAGE in request.query:
            return remember(request, self._languages.chosen(request))
        gym, language = request.match_info["gymId"], self._languages.chosen(request)
        try:
            branch = self._model.branch(gym)
        except KeyError:
            return to_the_list()
        write = partial(self._branch, branch, language)
        return self._reply(request, ("/b/", gym, language), write, Refresh=RENEWED)

    async def show_kiosk(self, request: web.Request) -> web.Response:
        """A branch's screen; what its address says further, its script reads."""
        language, gym = self._languages.of_place(request), request.query.get("branch", "")
        if not gym:
            return to_the_list()
        try:
            branch = self._model.branch(gym)
        except KeyError:
            return self._without(request, gym, language)
        write = partial(self._kiosk, branch, language)
        return self._reply(request, ("/kiosk", gym, language), write, Refresh=ANEW)

    def _without(self, request: web.Request, gym: str, language: str) -> web.Response:
        """The list, until there is that branch: nobody stands at a wall to ask again."""
        named = f"<bdi>{escape(gym[:SHOWN])}</bdi>"
        said = self._languages.flat(language)["kiosk.no_branch"].replace("{branch}", named)
        page = self._chain(language, said).encode()
        return reply(request, packed_body(page, HTML, vary=VARY, Refresh=RENEWED))

    def _reply(
        self, request: web.Request, key: tuple[str, ...], write: Callable[[], str], **more: str
    ) -> web.Response:
        """`more`: headers."""
        body = self._ready.get(key)
        if body is None:
            body = self._ready.put(key, packed_body(write().encode(), HTML, vary=VARY, **more))
        return reply(request, body)

    def _chain(self, language: str, said: str = "") -> str:
        """`said`: instead of how many are free."""
        words, views = self._languages.flat(language), self._model.branches()
        free, every = (sum(n) for n in zip((0, 0), *map(_counted, views), strict=True))
        unknown = sum(_many(view, Status.UNKNOWN) for view in views)
        counted = words["common.free_here_unknown" if unknown else "common.free_of_all"]
        more = {
            "chain": escape(self._name),
            "summary": said or counted.format(free=free, all=every, unknown=unknown),
            "branches": "".join(_row(view, words, self._wall()) for view in views),
        }
        return fill(self._pages.text("chain/index.html"), self._common(language) | more)

    def _branch(self, branch: BranchView, language: str) -> str:
        words, views = self._languages.flat(language), self._machines(branch)
        more = {
            "branch": escape(branch.name),
            "summary": _said(branch, words, self._wall()),
            "categories": category_links(views, branch),
            "machines": by_category(views, branch, words, branch.public_url),
        }
        return fill(self._pages.text("chain/branch.html"), self._common(language) | more)

    def _machines(self, branch: BranchView) -> list[MachineView]:
        of_each = (self._model.category(branch.gym, one.category) for one in branch.categories)
        return [view for views in of_each for view in views]

    def _kiosk(self, branch: BranchView, language: str) -> str:
        more = {
            "words": self._languages.embedded(language, "common", "kiosk"),
            "branch": escape(branch.name),
            "as_of": f"{branch.as_of:.0f}",
            "colour": Kiosk().colour,
            "screen": "",
            "logo": "",
            "look": "",
            "zone": escape(branch.timezone),
            "counts": counts(branch),
            "tiles": "",
            "legend": legend(self._languages.flat(language)),
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


def to_the_list() -> web.Response:
    """Whatever branch was asked for is none of ours, or is not any more."""
    return web.Response(status=303, headers={"Location": "/"})


def _counted(view: BranchView) -> tuple[int, int]:
    """(free, all) machines."""
    every = sum(sum(one.counts.values()) for one in view.categories)
    return _many(view, Status.FREE), every


def _many(view: BranchView, status: Status) -> int:
    return sum(one.counts.get(status, 0) for one in view.categories)


def _row(view: BranchView, words: Words, now: float) -> str:
    (free, every), unknown = _counted(view), _many(view, Status.UNKNOWN)
    status = Status.FREE if free else Status.UNKNOWN if unknown == every else Status.OCCUPIED
    sign = SIGNS[status] if status is Status.UNKNOWN else free
    return (
        f'<li data-status="{status.value}">'
        f'<span class="sign" aria-hidden="true">{sign}</span>'
        f'<a class="name" dir="auto" href="/b/{view.gym}">{escape(view.name)}</a>'
        f'<span class="state">{_said(view, words, now)} · '
        f'<a href="/kiosk?branch={view.gym}">{words["phone.wall"]}</a></span></li>'
    )


def _said(view: BranchView, words: Words, now: float) -> str:
    """How much is free, how much nobody knows, and when that was said."""
    (free, every), unknown = _counted(view), _many(view, Status.UNKNOWN)
    said = words["phone.other_partly" if unknown else "phone.other"]
    return said.format(free=free, all=every, unknown=unknown, time=_time(view, now))


def _time(view: BranchView, now: float) -> str:
    """Of its last word, on its own clock; with the day where that is another one."""
    at, today = (datetime.fromtimestamp(one, ZoneInfo(view.timezone)) for one in (view.as_of, now))
    return at.strftime("%H:%M" if at.date() == today.date() else "%Y-%m-%d %H:%M")
