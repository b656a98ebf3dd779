"""Pages that say how things stand without a script: a machine's, and the list of what is free."""

from collections.abc import Iterable
from html import escape
from pathlib import Path

from aiohttp import web

from gateway.api.pages import FOLDER
from gateway.api.query import no_parameters
from gateway.api.ready import Body, Ready, body_of, reply
from gateway.core.events import Status
from gateway.readmodel import MachineView, ReadModel

HTML = "text/html; charset=utf-8"
WORDS = {
    Status.FREE: ("✓", "Free"),
    Status.OCCUPIED: ("●", "In use"),
    Status.UNKNOWN: ("?", "Unknown"),
    Status.OUT_OF_SERVICE: ("–", "Out of service"),  # noqa: RUF001  as the script has it
}
MOST_OTHERS = 6  # free ones of the same kind: a screen of a phone


class PlainRoutes:
    """`/` and `/m/{machineId}`: true when written; a script keeps them true."""

    def __init__(self, model: ReadModel, gym: str, ready: Ready, folder: Path = FOLDER) -> None:
        self._model = model
        self._gym = gym
        self._ready = ready
        self._index = (folder / "phone/index.html").read_text(encoding="utf-8")
        self._page = (folder / "phone/machine.html").read_text(encoding="utf-8")

    def routes(self) -> list[web.RouteDef]:
        """What is served here, to people rather than programs."""
        return [
            web.get("/", self.show_branch),
            web.get("/m/{machine}", self.show_machine),
        ]

    async def show_branch(self, request: web.Request) -> web.Response:
        """The phone's page; in it, for who has no script, what is free."""
        body = self._ready.get("/") or self._ready.put("/", _body(self._branch()))
        return reply(request, body)

    async def show_machine(self, request: web.Request) -> web.Response:
        """Where a sticker leads."""
        no_parameters(request)
        name = request.match_info["machine"]
        views = self._model.snapshot().machines
        view = next((one for one in views if one.machine == name), None)
        if view is None:
            return self._nowhere(name)
        key = ("/m/", name)
        body = self._ready.get(key) or self._ready.put(key, _body(self._machine(view)))
        return reply(request, body)

    def _branch(self) -> str:
        free = [one for one in self._model.snapshot().machines if one.status is Status.FREE]
        text = _list("Free now", free) or "<p>Nothing is known to be free now.</p>"
        return self._index.replace("{free}", text)

    def _machine(self, view: MachineView) -> str:
        sign, word = WORDS[view.status]
        values = {"branch": self._name(), "name": view.name, "machine": view.machine}
        values |= {"status": view.status.value, "sign": sign, "word": word, "rest": ""}
        page = self._page
        for key, value in values.items():
            page = page.replace(f"{{{key}}}", escape(value).replace("{", "&#123;"))
        return page.replace("{others}", self._others(view))

    def _others(self, view: MachineView) -> str:
        """What else is free of its kind, where it is not."""
        if view.status is Status.FREE:
            return ""
        free = [
            one
            for one in self._model.snapshot().machines
            if one.category == view.category and one.status is Status.FREE
        ]
        return _list("Free of the same kind", free[:MOST_OTHERS])

    def _nowhere(self, name: str) -> web.Response:
        text = (
            '<!doctype html><html lang="en"><meta charset="utf-8"><title>Not here</title>'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            '<link rel="stylesheet" href="/web/phone/style.css"><body>'
            f"<h1>There is no machine “{escape(name[:64])}” here</h1><p>It may have been replaced:"
            f' <a href="/">see every machine of {escape(self._name())}</a>.</p>'
        )
        return web.Response(status=404, text=text, content_type="text/html")

    def _name(self) -> str:
        return self._model.branch(self._gym).name


def _body(page: str) -> Body:
    return body_of(page.encode(), HTML)


def _list(title: str, views: Iterable[MachineView]) -> str:
    items = "".join(
        f'<li data-status="{one.status.value}"><span class="sign" aria-hidden="true">'
        f'{WORDS[one.status][0]}</span><a class="name" dir="auto" href="/m/{one.machine}">'
        f'{escape(one.name)}</a><span class="state">{WORDS[one.status][1]}</span></li>'
        for one in views
    )
    return f'<section><h2>{title}</h2><ul role="list">{items}</ul></section>' if items else ""
