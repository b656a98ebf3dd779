"""Why an alert did not ring is counted from its subscription on, however many wait."""

from gateway.core.alerts import Alert, Book, Reason
from gateway.core.events import Cursor
from gateway.core.silences import Silences

LATE, TAKEN = Reason.LATE, Reason.TAKEN


def waiting(book: Book, number: int, machine: str | None = "press") -> Alert:
    legs, start = None if machine else "legs", Cursor("e", 0)
    alert = Alert(number, f"a{number}", "m", machine, legs, None, 1e9, False, 0.0, "", 0.0, start)
    book.put(alert)
    return alert


def test_an_edge_counts_for_all_who_waited_then_and_for_nobody_later() -> None:
    book = Book({"press": "legs", "curl": "legs"})
    silences = Silences(book)
    one, any_, other = waiting(book, 1), waiting(book, 2, None), waiting(book, 3, "curl")
    silences.note_all("press", LATE)
    later = waiting(book, 4)
    silences.note_all("press", TAKEN)
    assert silences.of(one) == silences.of(any_) == {LATE: 1, TAKEN: 1}
    assert (silences.of(other), silences.of(later)) == ({}, {TAKEN: 1})


def test_what_is_collected_is_what_was_shown_and_counting_begins_anew() -> None:
    book = Book({"press": "legs"})
    silences = Silences(book)
    alerts = [waiting(book, number) for number in (1, 2)]
    silences.note_all("press", LATE)
    silences.note_all("press", LATE)
    silences.note(alerts[0], TAKEN)
    shown = {alert.number: silences.of(alert) for alert in alerts}
    assert silences.collect() == shown == {1: {LATE: 2, TAKEN: 1}, 2: {LATE: 2}}
    assert not silences
    assert silences.total == {LATE: 4, TAKEN: 1}


def test_where_nobody_waits_nothing_is_kept() -> None:
    silences = Silences(Book({"press": "legs"}))
    silences.note_all("press", LATE)
    assert not silences
