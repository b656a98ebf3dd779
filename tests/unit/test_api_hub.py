"""What waits in the hub is bounded."""

from unittest.mock import Mock

from config.sections import Limits
from gateway.api.hub import MOST_GATHERED, Hub
from gateway.bus import Bus
from gateway.core.events import Cause, Cursor, Event, Status
from gateway.readmodel import Snapshot


def event(seq: int) -> Event:
    return Event(seq, "e", "m", Status.FREE, Cause.OBSERVED, 1.0, 1.0, True, None)


async def test_a_flood_is_gathered_up_to_a_bound() -> None:
    bus = Bus()
    model = Mock(snapshot=Mock(return_value=Snapshot(Cursor("e", 0), ())))
    hub = Hub(model, bus, Limits())
    hub.start()
    waited = []
    for seq in range(1, 3 * MOST_GATHERED):
        bus.publish([event(seq)])
        waited.append(len(hub._pending))
    assert max(waited) < MOST_GATHERED
    hub.close()
    assert hub._cursor == Cursor("e", 3 * MOST_GATHERED - 1)
    assert not hub._pending
