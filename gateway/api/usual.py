"""`GET /branches/{gymId}/usual`: how full a branch usually is."""

import asyncio

from aiohttp import web

from gateway.api import examples
from gateway.api.history import PATIENCE
from gateway.api.lookup import identifier, looking_up
from gateway.api.messages import UsualReply, encode, week_of
from gateway.api.operation import Operation
from gateway.api.query import no_parameters
from gateway.api.ready import Ready, body_of, reply
from gateway.readmodel import ReadModel


class UsualRoutes:
    """The usual week of a whole branch."""

    def __init__(self, model: ReadModel, ready: Ready) -> None:
        self._model = model
        self._ready = ready

    def operations(self) -> list[Operation]:
        """What is served here."""
        return [
            Operation(
                method="GET",
                path="/branches/{gymId}/usual",
                handler=self.show_usual,
                summary="A branch's usual week, and its busiest and quietest moments today",
                tag="Branches",
                parameters=(examples.GYM_ID,),
                gives=UsualReply,
                example=examples.USUAL,
                live=True,
                refuses=(409, 503),
            )
        ]

    async def show_usual(self, request: web.Request) -> web.Response:
        """Over the last eight weeks; null where nothing was observed."""
        no_parameters(request)
        gym = identifier(request, "gymId", "branch")
        key = ("usual", gym)
        if (body := self._ready.get(key)) is None:
            with looking_up("branch", gym):
                async with asyncio.timeout(PATIENCE):
                    usual = await self._model.usual(gym)
            said = UsualReply(gym_id=gym, timezone=usual.timezone, patterns=week_of(usual.patterns))
            body = self._ready.put(key, body_of(encode(said)))
        return reply(request, body)
