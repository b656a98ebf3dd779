"""Only a proven, live edge rings, once, in order, and only while the machine is still free."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest

from gateway.core.alerts import Alert, Book, Reason
from gateway.core.events import Cause, Cursor, Event, Status
from gateway.core.quiet_hours import QuietHours
from gateway.core.rings import Firing, Moment, Offer, Patience, Reach, Rings

WALL = 1_700_000_000.0  # a Tuesday, 22:13 UTC
FREE, OCCUPIED, UNKNOWN = Status.FREE, Status.OCCUPIED, Status.UNKNOWN


class House:
    """Two machines of one category, and a clock that we move."""

    def __init__(self, head_start: float = 60.0) -> None:
        self.book = Book({"press": "legs", "curl": "legs"})
        self.rings = Rings(self.book, Patience(10.0, head_start), ZoneInfo("UTC"))
        self.now, self.seq = 0.0, 0
        self.synchronised = True
        self.reach: Callable[[str], Reach] = lambda _: Reach.STREAM

    def wait(self, number: int, machine: str | None = "press", **more: object) -> Alert:
        category = None if machine else "legs"
        alert = Alert(
            number=number,
            id=f"a{number}",
            member=f"m{number}",
            machine=machine,
            category=category,
            quiet=None,
            expires=WALL + 1e6,
            repeat=False,
            cooldown=300.0,
            note="",
            created=WALL,
            since=Cursor("e", self.seq),
        )
        alert = replace(alert, **more)  # type: ignore[arg-type]  # any field
        self.book.put(alert)
        return alert

    def say(
        self, status: Status, machine: str = "press", *, live: bool = True, age: float = 0.0
    ) -> object:
        self.seq += 1
        wall = WALL + self.now - age
        event = Event(self.seq, "e", machine, status, Cause.OBSERVED, wall, wall, live, None)
        return self.rings.take(event, age, self.now)

    def becomes_free(self, machine: str = "press") -> None:
        self.say(OCCUPIED, machine)
        self.say(FREE, machine)

    def after(self, seconds: float) -> list[str]:
        """Who rings, that much later."""
        self.now += seconds
        moment = Moment(self.now, WALL + self.now, self.synchronised, self.reach)
        firings = self.rings.turn(moment).firings
        for firing in firings:
            self.told(firing)
        return [firing.alert.id for firing in firings]

    def told(self, firing: Firing) -> None:
        if firing.alert.repeat:
            self.rings.cool(firing.alert, self.now + firing.alert.cooldown)
        else:
            self.book.remove(firing.alert)

    def why(self, alert: Alert) -> Mapping[Reason, int]:
        return self.rings.silences.of(alert)


def test_it_rings_once_the_machine_has_stayed_free() -> None:
    house = House()
    house.wait(1)
    house.becomes_free()
    assert house.after(9.9) == []
    assert house.after(0.1) == ["a1"]
    assert house.after(1000.0) == []


def test_who_came_first_knows_first_and_the_next_after_the_head_start() -> None:
    house = House()
    house.wait(2)
    house.wait(1)
    house.becomes_free()
    assert house.after(10.0) == ["a1"]
    assert house.after(59.0) == []
    assert house.after(1.0) == ["a2"]


def test_without_a_head_start_all_know_at_once() -> None:
    house = House(head_start=0.0)
    for number in range(1, 4):
        house.wait(number)
    house.becomes_free()
    assert house.after(10.0) == ["a1", "a2", "a3"]


def test_taken_again_before_it_settles_rings_nobody() -> None:
    house = House()
    alert = house.wait(1)
    house.becomes_free()
    house.say(OCCUPIED)
    assert house.after(100.0) == []
    assert house.why(alert) == {Reason.TAKEN: 1}


def test_taken_again_before_the_head_start_is_over_the_next_hears_nothing() -> None:
    house = House()
    house.wait(1)
    house.wait(2)
    house.becomes_free()
    assert house.after(10.0) == ["a1"]
    assert house.say(OCCUPIED) == ("e", 2)
    assert house.after(100.0) == []


def test_a_category_rings_for_its_first_machine_in_the_order_of_all() -> None:
    house = House()
    house.wait(1, machine=None)
    house.wait(2, machine="curl")
    house.becomes_free("curl")
    assert house.after(10.0) == ["a1"]
    assert house.after(60.0) == ["a2"]


@pytest.mark.parametrize("before", [UNKNOWN, Status.OUT_OF_SERVICE])
def test_what_we_did_not_see_become_free_rings_nobody(before: Status) -> None:
    house = House()
    alert = house.wait(1)
    house.say(before)
    house.say(FREE)
    assert house.after(100.0) == []
    assert house.why(alert) == {Reason.NOT_PROVEN: 1}


def test_a_late_word_rings_nobody() -> None:
    house = House()
    alert = house.wait(1)
    house.say(OCCUPIED)
    house.say(FREE, live=False)
    assert house.after(100.0) == []
    assert house.why(alert) == {Reason.LATE: 1}


def test_an_old_edge_rings_nobody_and_a_younger_one_at_once() -> None:
    house = House()
    alert = house.wait(1)
    house.say(OCCUPIED)
    house.say(FREE, age=130.1)
    assert house.why(alert) == {Reason.TOO_OLD: 1}
    house.say(OCCUPIED)
    house.say(FREE, age=130.0)
    assert house.after(0.0) == ["a1"]


def test_another_cause_of_the_same_status_is_no_edge_and_ends_none() -> None:
    house = House()
    house.wait(1)
    house.becomes_free()
    house.say(FREE)
    assert house.after(10.0) == ["a1"]


def test_who_subscribed_after_the_edge_waits_for_the_next() -> None:
    house = House()
    house.becomes_free()
    house.wait(1)
    assert house.after(100.0) == []
    house.becomes_free()
    assert house.after(10.0) == ["a1"]


def test_quiet_hours_pass_the_ring_on_and_leave_the_alert_armed() -> None:
    house = House()
    quiet = house.wait(1, quiet=QuietHours(22 * 60, 7 * 60))
    house.wait(2)
    house.becomes_free()
    assert house.after(10.0) == ["a2"]
    assert house.why(quiet) == {Reason.QUIET: 1}
    assert quiet in house.book


def test_who_cannot_be_reached_is_passed_over_and_keeps_its_place() -> None:
    house = House()
    away = house.wait(1)
    house.wait(2)
    house.reach = lambda member: Reach.NOT if member == "m1" else Reach.CHANNEL
    house.becomes_free()
    assert house.after(10.0) == ["a2"]
    assert house.why(away) == {Reason.UNREACHABLE: 1}
    assert house.book.place(away) == 1


def test_while_the_clock_is_wrong_only_open_streams_ring() -> None:
    house = House(head_start=0.0)
    house.synchronised = False
    house.wait(1, quiet=QuietHours(22 * 60, 7 * 60))
    pushed = house.wait(2)
    house.reach = lambda member: Reach.CHANNEL if member == "m2" else Reach.STREAM
    house.becomes_free()
    assert house.after(10.0) + house.after(0.0) == ["a1"]
    assert house.why(pushed) == {Reason.CLOCK: 1}


def test_a_repeating_alert_rests_for_its_cooldown() -> None:
    house = House()
    alert = house.wait(1, repeat=True)
    house.becomes_free()
    assert house.after(10.0) == ["a1"]
    house.becomes_free()
    assert house.after(289.0) == []
    assert house.why(alert) == {Reason.COOLDOWN: 1}
    house.becomes_free()
    assert house.after(20.0) == ["a1"]


def test_what_has_expired_rings_no_more() -> None:
    house = House()
    house.wait(1, expires=WALL + 9.0)
    house.becomes_free()
    assert house.after(10.0) == []


def test_a_long_queue_is_looked_through_in_pieces() -> None:
    house = House(head_start=0.0)
    for number in range(1, 1201):
        house.wait(number)
    house.becomes_free()
    pieces = [len(house.after(10.0)), len(house.after(0.0)), len(house.after(0.0))]
    assert pieces == [500, 500, 200]


def test_the_place_counts_who_came_before_for_the_same_machine() -> None:
    house = House()
    house.wait(1, machine=None)
    house.wait(2, machine="curl")
    last = house.wait(3)
    assert house.book.place(last) == 2


def test_a_start_reads_an_edge_that_had_not_settled_again() -> None:
    house = House()
    house.wait(1)
    house.becomes_free()
    assert house.rings.oldest_unsettled("e") == house.seq
    house.after(10.0)
    assert house.rings.oldest_unsettled("e") is None  # told: its row says how far it got


def _begun(seq: int, due: float, judged: int) -> Offer:
    return Offer("press", "e", seq, WALL, due, judged=judged, rung=1)


def test_an_offer_whose_edge_is_read_again_goes_on_where_it_stood() -> None:
    house = House()
    house.wait(1)
    house.wait(2)
    house.rings.resume({"press": OCCUPIED}, [_begun(1, 40.0, judged=1)], 0.0, Cursor("e", 0))
    house.say(FREE)
    assert house.after(10.0) == []  # not anew: the first has been told
    assert house.after(30.0) == ["a2"]


def test_an_offer_beyond_the_cursor_outlives_that_the_machine_was_free_there_too() -> None:
    house = House()
    house.wait(1)
    house.wait(2)
    house.rings.resume({"press": FREE}, [_begun(2, 40.0, judged=1)], 0.0, Cursor("e", 0))
    house.say(OCCUPIED)
    house.say(FREE)
    assert house.after(40.0) == ["a2"]


def test_an_offer_of_a_machine_that_was_taken_before_the_cursor_rings_nobody() -> None:
    house = House()
    house.wait(1)
    house.rings.resume({"press": OCCUPIED}, [_begun(1, 40.0, judged=0)], 0.0, Cursor("e", 1))
    assert house.after(60.0) == []


def test_a_kill_between_open_pages_and_the_others_forgets_nobody() -> None:
    house = House(head_start=0.0)
    for number in (1, 2, 3):
        house.wait(number)
    house.reach = lambda member: Reach.STREAM if member == "m2" else Reach.CHANNEL
    house.becomes_free()
    house.now += 10.0
    turn = house.rings.turn(Moment(house.now, WALL, True, house.reach))
    assert [firing.alert.id for firing in turn.firings] == ["a2"]
    house.told(turn.firings[0])
    stored = [replace(offer, ahead=0, told=set()) for offer in turn.offers]
    house.rings.resume({"press": FREE}, stored, house.now, Cursor("e", house.seq))
    assert house.after(0.0) == ["a1", "a3"]


def test_one_alert_rings_for_one_of_two_machines_that_become_free_together() -> None:
    for head_start in (0.0, 60.0):
        house = House(head_start)
        house.wait(1, machine=None)
        house.becomes_free("press")
        house.becomes_free("curl")
        assert house.after(10.0) == ["a1"]
        assert house.after(60.0) == []
