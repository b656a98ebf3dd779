"""Streams that come from another hub of the chain."""

import asyncio
from unittest.mock import AsyncMock

from gateway.core.events import Cursor
from gateway.hub.follower import where
from gateway.hub.model import Chain
from gateway.hub.picture import Picture
from gateway.readmodel import Replay


async def test_who_was_told_more_by_another_hub_is_waited_for_and_loses_nothing() -> None:
    picture, stored = Picture(), Cursor("e", 7)
    picture.cursor = Cursor("e", 5)

    async def read(work: object) -> object:
        if work is not where:
            return Replay((), picture.cursor)
        asyncio.get_running_loop().call_soon(setattr, picture, "cursor", stored)
        return stored, 1

    model = Chain(picture, AsyncMock(side_effect=read), lambda: 0.0)
    assert await model.since(stored) == Replay((), stored)
    assert (await model.since(Cursor("e", 8))).reset == "unknown_id"
