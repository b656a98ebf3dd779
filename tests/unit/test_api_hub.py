"""What waits in the hub is bounded, and told to each viewer once and in order."""

import asyncio
from unittest.mock import Mock

import pytest

from config.sections import Limits
from gateway.api.framing import WEBSOCKET, text_frame
from gateway.api.hub import Hub
from gateway.api.masks import Masks
from gateway.api.rounds import MOST_GATHERED, SLICE, Rounds
from gateway.api.viewer import Follow, Viewer
from gateway.bus import Bus
from gateway.core.events import Cause, Cursor, Event, Status
from gateway.readmodel import MachineView, Snapshot

VIEW = MachineView("g", "m", "M", "all", Status.FREE, Cause.OBSERVED, 1.0, 1.0, {})


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
        waited.append(len(hub._rounds._pending))
    assert max(waited) < MOST_GATHERED
    hub.close()
    assert hub._rounds.cursor == Cursor("e", 3 * MOST_GATHERED - 1)
    assert not hub._rounds._pending


def viewer(follow: Follow = None) -> Mock:
    return Mock(spec=Viewer, follow=follow, framing=WEBSOCKET)


def told(one: Mock) -> list[int]:
    """The numbers of the events it was told."""
    pushed = [message for call in one.push.call_args_list for message in call.args[0]]
    return [message.at.seq for message in pushed]


async def one_slice(crowd: list[Mock]) -> None:
    while not any(one.push.called for one in crowd):
        await asyncio.sleep(0)


async def test_a_round_gives_the_loop_away_between_two_slices() -> None:
    rounds = Rounds({"m": VIEW}, Cursor("e", 0))
    crowd = [viewer() for _ in range(3 * SLICE)]
    for one in crowd:
        rounds.join(one, None)
    rounds.hear([event(1)])
    await one_slice(crowd)
    assert 0 < sum(one.push.called for one in crowd) < len(crowd)
    rounds.flush()
    assert all(told(one) == [1] for one in crowd)


async def test_who_joins_in_the_middle_of_a_round_is_told_what_is_new_to_it() -> None:
    rounds = Rounds({"m": VIEW}, Cursor("e", 0))
    crowd, early, late = [viewer() for _ in range(3 * SLICE)], viewer(), viewer()
    for one in crowd:
        rounds.join(one, None)
    rounds.hear([event(1)])
    await one_slice(crowd)
    rounds.join(early, None)
    rounds.hear([event(2)])
    rounds.join(late, None)
    rounds.hear([event(3)])
    rounds.flush()
    rounds.hear([event(4)])
    rounds.flush()
    assert (told(crowd[-1]), told(early), told(late)) == ([1, 2, 3, 4], [2, 3, 4], [3, 4])


async def test_who_leaves_before_its_first_round_is_told_nothing() -> None:
    rounds, one = Rounds({"m": VIEW}, Cursor("e", 0)), viewer()
    rounds.hear([event(1)])
    rounds.join(one, None)
    rounds.leave(one)
    rounds.hear([event(2)])
    rounds.flush()
    assert not one.push.called
    assert not rounds.groups


@pytest.mark.parametrize("pieces", range(1, 12))
def test_masks_are_seen_however_the_bytes_are_cut(pieces: int) -> None:
    masked = b"\x81\x85AAAAhello" + b"\x81\xfe\x01\x00AAAA" + b"x" * 256 + b"\x8a\x80AAAA"
    watch = Masks()
    cuts = [masked[n : n + pieces] for n in range(0, len(masked), pieces)]
    assert all(watch.are_there(cut) for cut in cuts)
    assert not all(watch.are_there(bytes([byte])) for byte in b"\x81\x05")


@pytest.mark.parametrize(
    ("size", "head"),
    [
        (125, b"\x81\x7d"),
        (126, b"\x81\x7e\x00\x7e"),
        (65_535, b"\x81\x7e\xff\xff"),
        (65_536, b"\x81\x7f" + (65_536).to_bytes(8, "big")),
    ],
)
def test_a_frame_says_how_long_it_is(size: int, head: bytes) -> None:
    assert text_frame(b"x" * size) == head + b"x" * size


async def test_nothing_published_is_no_round() -> None:
    rounds, one = Rounds({"m": VIEW}, Cursor("e", 0)), viewer()
    rounds.join(one, None)
    rounds.hear([])
    await asyncio.sleep(0.01)
    rounds.hear([event(1)])
    await one_slice([one])
    assert told(one) == [1]
