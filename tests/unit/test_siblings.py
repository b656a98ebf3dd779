"""The chain's other branches: what they told, how long it counts, and what it may cost."""

import asyncio
from collections.abc import Sequence

import pytest

from gateway.chain import Branch, Category, Counted, Machine, Place, Summary, encode
from gateway.core.errors import ElsewhereError
from gateway.core.events import Cause, Status
from gateway.readmodel import BranchView, ReadModel
from gateway.upstream import siblings as module
from gateway.upstream.chain_model import ChainModel
from gateway.upstream.siblings import MOST, MOST_BYTES, TOO_OLD, Siblings, Standing

NOW = 1_800_000_000.0
OWN = BranchView("own", "Own", None, None, "UTC", True, "local", NOW, ())


class Clock:
    offset = NOW
    assumed = False

    def __init__(self) -> None:
        self.now, self.synchronised = 0.0, True

    def monotonic(self) -> float:
        return self.now

    def wall(self) -> float:
        return self.now + NOW


class Own:
    def branches(self) -> tuple[BranchView, ...]:
        return (OWN,)

    def branch(self, _gym: str) -> BranchView:
        return OWN

    def foretell(self, *_: object) -> object:
        return self


class Rig:
    def __init__(self) -> None:
        self.clock = Clock()
        self.rung = 0
        self.siblings = Siblings("own", self.clock, self._ring)
        own: ReadModel = Own()  # type: ignore[assignment]
        self.model = ChainModel("own", own, self.siblings, self.clock)

    def _ring(self) -> None:
        self.rung += 1

    def hear(self, gym: str, told: Branch | Summary) -> None:
        word = type(told).__name__.lower()
        self.siblings.hear(f"gyms/{gym}/{word}", encode(told))

    def hear_all(self, gym: str = "north", *, ago: float = 0.0) -> None:
        self.hear(gym, branch(gym))
        self.hear(gym, summary(gym, self.clock.wall() - ago))
        self.siblings.hear(f"gyms/{gym}/gateway", b"online")


@pytest.fixture
def rig() -> Rig:
    return Rig()


def branch(gym: str = "north") -> Branch:
    return Branch(
        gym_id=gym,
        name=gym.title(),
        latitude=1.0,
        timezone="UTC",
        public_url="http://north.example",
        categories=(Category(category="legs", name="Legs"),),
        machines=(
            Machine(machine_id="a", name="A", category="legs", position=Place(1, 2)),
            Machine(machine_id="b", name="B", category="legs"),
        ),
    )


def summary(gym: str, at: float) -> Summary:
    machines: dict[str, Standing] = {"a": ("occupied", at - 10, "observed")}
    legs = Counted(
        category="legs", name="Legs", total=2, free=0, occupied=1, unknown=1, out_of_service=0
    )
    return Summary(
        gym_id=gym, epoch="e", seq=1, as_of=at, open=True, machines=machines, categories=(legs,)
    )


def test_a_branch_is_listed_once_it_has_described_itself(rig: Rig) -> None:
    rig.hear("north", summary("north", NOW))
    assert rig.model.branches() == (OWN,)
    rig.hear("north", branch())
    view = rig.model.branches()[1]
    assert (view.gym, view.name, view.source, view.as_of) == ("north", "North", "remote", NOW)
    assert view.open
    assert view.categories[0].counts[Status.OCCUPIED] == 1
    assert view.categories[0].counts[Status.UNKNOWN] == 1


def test_a_machine_is_as_its_branch_says(rig: Rig) -> None:
    rig.hear_all()
    view = rig.model.machine("north", "a")
    assert (view.status, view.cause, view.last_change) == (
        Status.OCCUPIED,
        Cause.OBSERVED,
        NOW - 10,
    )
    assert view.position == (1, 2)
    assert [one.machine for one in rig.model.category("north", "legs")] == ["a", "b"]


@pytest.mark.parametrize("way", ["old", "offline", "silent clock"])
def test_of_a_branch_that_is_silent_nothing_is_known(rig: Rig, way: str) -> None:
    rig.hear_all(ago=TOO_OLD if way == "old" else 0.0)
    if way == "offline":
        rig.siblings.hear("gyms/north/gateway", b"offline")
    elif way == "silent clock":
        rig.clock.synchronised = False
        rig.clock.now = TOO_OLD
    view = rig.model.machine("north", "a")
    assert (view.status, view.cause) == (Status.UNKNOWN, Cause.SILENT)
    counts = rig.model.branch("north").categories[0].counts
    assert counts == {**dict.fromkeys(Status, 0), Status.UNKNOWN: 2}


def test_what_is_unknown_is_unknown(rig: Rig) -> None:
    rig.hear_all()
    with pytest.raises(KeyError):
        rig.model.branch("south")
    with pytest.raises(KeyError):
        rig.model.machine("north", "c")
    with pytest.raises(KeyError):
        rig.model.category("north", "arms")
    assert rig.model.foretell("north", "a") is None
    assert rig.model.foretell("own", "a") is not None


async def test_a_siblings_history_is_where_it_says(rig: Rig) -> None:
    rig.hear_all()
    with pytest.raises(ElsewhereError, match=r"http://north\.example/m/a"):
        await rig.model.history("north", "a", 0, 1)
    with pytest.raises(ElsewhereError, match=r"http://north\.example/"):
        await rig.model.usual("north")


def test_a_branch_that_is_taken_out_is_forgotten(rig: Rig) -> None:
    rig.hear_all()
    rig.siblings.hear("gyms/north/branch", b"")
    assert len(rig.siblings) == 0
    assert rig.siblings._bytes == 0


@pytest.mark.parametrize(
    "payload",
    [b"{", b"[]", b'{"v":2}', encode(branch("south")), b'{"v":1,"gymId":"north"}', b"\xff"],
)
def test_what_makes_no_sense_is_counted(rig: Rig, payload: bytes) -> None:
    rig.siblings.hear("gyms/north/branch", payload)
    assert rig.model.branches() == (OWN,)
    assert rig.siblings.dropped["malformed"] == 1


@pytest.mark.parametrize("topic", ["gyms/own/branch", "gyms/a/b/branch", "gyms/a/bins", "x", ""])
def test_what_is_ours_or_none_of_ours_is_not_taken(rig: Rig, topic: str) -> None:
    rig.siblings.hear(topic, encode(branch()))
    assert len(rig.siblings) == 0


def test_no_more_branches_are_taken_than_there_is_room_for(rig: Rig) -> None:
    for number in range(MOST + 5):
        rig.siblings.hear(f"gyms/g{number}/branch", encode(branch(f"g{number}")))
    assert len(rig.siblings) == MOST
    assert rig.siblings.dropped["full"] == 5


def test_no_more_bytes_are_taken_than_there_is_room_for(rig: Rig) -> None:
    for number in range(40):
        rig.siblings.hear(f"gyms/g{number}/summary", b"x" * 500_000)
    assert rig.siblings._bytes <= MOST_BYTES
    assert rig.siblings.dropped["full"] == 40 - MOST_BYTES // 500_000


def test_a_siblings_clock_that_is_ahead_does_not_keep_it_alive(rig: Rig) -> None:
    rig.hear_all(ago=-7200.0)
    assert rig.model.branch("north").as_of == NOW
    rig.clock.now = TOO_OLD
    assert rig.model.machine("north", "a").status is Status.UNKNOWN


def test_what_a_known_branch_says_anew_needs_no_more_room(rig: Rig) -> None:
    for number in range(33):
        rig.siblings.hear(f"gyms/g{number}/summary", b"x" * 500_000)
        rig.siblings.hear(f"gyms/g{number}/summary", b"y" * 500_000)
    assert rig.siblings.dropped["full"] == 0


def test_hours_that_nobody_understands_are_closed(rig: Rig) -> None:
    told = Branch(gym_id="north", name="N", timezone="Mars/Base", categories=(), machines=())
    rig.hear("north", told)
    assert not rig.model.branch("north").open


class Line:
    largest = 65_536

    def __init__(self) -> None:
        self.words: list[str] = []

    async def send(self, topic: str, payload: bytes, *, retain: bool = False) -> None: ...

    def subscribe(self, topics: Sequence[tuple[str, int]]) -> None:
        self.words += [f"+{topic}" for topic, _ in topics]

    def unsubscribe(self, topics: Sequence[str]) -> None:
        self.words += [f"-{topic}" for topic in topics]


async def test_summaries_that_use_up_the_ration_rest_for_a_while(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PERIOD", 0.02)
    monkeypatch.setattr(module, "RATION", 10_000)
    monkeypatch.setattr(module, "LISTENS", 0.02)
    line = Line()
    listening = asyncio.create_task(rig.siblings.listen(line))
    await asyncio.sleep(0.01)
    rig.siblings.hear("gyms/a/summary", b"x" * 2_000)
    await asyncio.sleep(0.5)
    listening.cancel()
    words = [word for word in line.words if "summary" in word]
    assert words == ["+gyms/+/summary", "-gyms/+/summary", "+gyms/+/summary"]
