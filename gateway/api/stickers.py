"""`GET /machines/{machineId}/qr.svg`: the sticker's code; and those of branches."""

from aiohttp import web

from gateway.api import examples
from gateway.api.lookup import identifier, looking_up
from gateway.api.operation import Operation
from gateway.api.query import no_parameters
from gateway.api.ready import Ready, body_of, reply
from gateway.bridge import in_thread
from gateway.readmodel import ReadModel
from gateway.stickers import link, svg

SVG = "image/svg+xml"


class StickerRoutes:
    """It leads to the machine's page under the branch's public address, whoever asks by what."""

    def __init__(self, model: ReadModel, gym: str, public_url: str, ready: Ready) -> None:
        self._model = model
        self._gym = gym
        self._public_url = public_url
        self._ready = ready

    def operations(self) -> list[Operation]:
        """What is served here."""
        return [
            Operation(
                method="GET",
                path="/machines/{machineId}/qr.svg",
                handler=self.show_code,
                summary="A QR code that leads to the machine's page",
                tag="Machines",
                parameters=(examples.MACHINE_ID,),
                media=SVG,
            ),
            Operation(
                method="GET",
                path="/qr.svg",
                handler=self.show_own_code,
                summary="A QR code that leads to our page",
                tag="Branches",
                media=SVG,
            ),
            Operation(
                method="GET",
                path="/branches/{gymId}/qr.svg",
                handler=self.show_code_of_branch,
                summary="A QR code that leads to a branch's page",
                tag="Branches",
                parameters=(examples.GYM_ID,),
                media=SVG,
            ),
        ]

    async def show_code(self, request: web.Request) -> web.Response:
        """As an image."""
        no_parameters(request)
        machine = identifier(request, "machineId", "machine")
        with looking_up("machine", machine):
            self._model.machine(self._gym, machine)
        return await self._reply(request, link(self._public_url, machine))

    async def show_own_code(self, request: web.Request) -> web.Response:
        """As an image."""
        no_parameters(request)
        return await self._reply(request, self._public_url)

    async def show_code_of_branch(self, request: web.Request) -> web.Response:
        """As an image; of one that names no page of its own, ours."""
        no_parameters(request)
        gym = identifier(request, "gymId", "branch")
        with looking_up("branch", gym):
            url = self._model.branch(gym).public_url
        return await self._reply(request, url or self._public_url)

    async def _reply(self, request: web.Request, url: str) -> web.Response:
        body = self._ready.get(url)
        if body is None:
            image = await in_thread(lambda: svg(url))  # 5 ms; on a Pi 25
            body = self._ready.put(url, body_of(image.encode(), SVG))
        return reply(request, body)
