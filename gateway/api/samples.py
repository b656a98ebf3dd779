"""`GET /sensors/{sensorId}/samples`: what a sensor says, as it says it."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from time import monotonic

from aiohttp import web

from gateway.api.door import address_of
from gateway.api.hub import Hub
from gateway.api.lookup import identifier
from gateway.api.messages import encode
from gateway.api.operation import Operation
from gateway.api.query import no_parameters
from gateway.api.sensors import SENSOR_ID, TAG
from gateway.core.access import Role
from gateway.core.errors import UnknownIdError

EACH = 0.2  # seconds between two looks: five lines a second are as many as eyes read
BEAT = 10.0  # seconds without a sample, then a comment shows that we live
LASTS = 600.0  # seconds: a technician stands there for minutes; who may still come in comes again
WRITE_WITHIN = 10.0  # seconds for a client to take what it is sent

Newer = Callable[[str, int | None], tuple[int, Iterable[Mapping[str, object]]]]
"""(sensor, the newest number seen; None: none yet) → (the newest now, the samples between)."""


class SampleRoutes:
    """One stream for each technician that watches."""

    def __init__(
        self,
        known: Callable[[], Iterable[str]],
        newer: Newer,
        hub: Hub,
    ) -> None:
        """`hub` has places for streams."""
        self._known = known
        self._newer = newer
        self._hub = hub

    def operations(self) -> list[Operation]:
        """What is served here."""
        return [
            Operation(
                method="GET",
                path="/sensors/{sensorId}/samples",
                handler=self.stream_samples,
                summary="A sensor's samples as server-sent events, for ten minutes",
                tag=TAG,
                parameters=(SENSOR_ID,),
                media="text/event-stream",
                who=Role.TECHNICIAN,
            )
        ]

    async def stream_samples(self, request: web.Request) -> web.StreamResponse:
        """Every sample from now on, until the client goes."""
        no_parameters(request)
        name = identifier(request, "sensorId", "sensor")
        if name not in self._known():
            raise UnknownIdError("sensor", name)
        with self._hub.seat(address_of(request)):
            response = web.StreamResponse(headers={"Cache-Control": "no-cache"})
            response.content_type = "text/event-stream"
            await response.prepare(request)
            with suppress(ConnectionError, TimeoutError):
                await self._tell(response, name)
            response.force_close()
        return response

    async def _tell(self, response: web.StreamResponse, name: str) -> None:
        newest, _ = self._newer(name, None)
        end, told_at = monotonic() + LASTS, monotonic()
        await response.write(b"retry: 2000\n\n")
        while monotonic() < end:
            newest, rows = self._newer(name, newest)
            said = b"".join(b"event: sample\ndata: %b\n\n" % encode(row) for row in rows)
            if said or monotonic() - told_at >= BEAT:
                told_at = monotonic()
                async with asyncio.timeout(WRITE_WITHIN):
                    await response.write(said or b": still here\n\n")
            await asyncio.sleep(EACH)
