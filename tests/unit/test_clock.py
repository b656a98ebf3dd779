"""Two clocks: whether wall time can be believed, and what is dated by it."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway import clock as module
from gateway.clock import ASSUMED_AFTER, BUILT, SystemClock, dated, kernel_says_so
from gateway.core.events import Cause, Change, Status

NOW = BUILT + 1_000_000.0


@dataclass
class Machine:
    """The machine's clocks as the module sees them."""

    wall: float = NOW
    uptime: float = 100.0
    disciplined: bool = False

    def time(self) -> float:
        return self.wall

    def monotonic(self) -> float:
        return self.uptime

    def source(self) -> bool:
        return self.disciplined

    def pass_time(self, seconds: float) -> None:
        self.wall += seconds
        self.uptime += seconds


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    machine = Machine()
    monkeypatch.setattr(module, "time", machine)
    monkeypatch.setattr(SystemClock, "monotonic", staticmethod(machine.monotonic))
    return machine


@pytest.fixture
def rtc(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A real-time clock that set the system's, which nothing else disciplines."""
    monkeypatch.setattr(module, "RTC", tmp_path)
    monkeypatch.setattr(module, "_adjtimex", lambda: module.TIME_ERROR)
    (tmp_path / "hctosys").write_text("1\n")
    (tmp_path / "since_epoch").write_text(f"{NOW:.0f}\n")
    return tmp_path


def test_time_is_synchronised_if_the_kernel_says_so(machine: Machine) -> None:
    machine.disciplined = True
    clock = SystemClock(source=machine.source)
    assert (clock.synchronised, clock.assumed) == (True, False)


def test_time_is_synchronised_if_it_is_trusted(machine: Machine) -> None:
    assert SystemClock(trusted=True).synchronised
    assert SystemClock().wall() == machine.wall


def test_the_kernel_is_believed_though_something_was_stored_in_the_future(machine: Machine) -> None:
    machine.disciplined = True
    assert SystemClock(source=machine.source, newest_stored=NOW + 1e9).synchronised


@pytest.mark.usefixtures("machine")
def test_time_is_synchronised_if_a_valid_rtc_says_so(rtc: Path) -> None:
    assert kernel_says_so()
    (rtc / "hctosys").write_text("0\n")
    assert not kernel_says_so()


@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize("content", [f"{NOW + 5:.0f}", "0", "", "never"])
def test_an_rtc_that_disagrees_or_cannot_be_read_says_nothing(rtc: Path, content: str) -> None:
    (rtc / "since_epoch").write_text(content)
    assert not kernel_says_so()


def test_an_rtc_without_battery_is_not_valid(machine: Machine, rtc: Path) -> None:
    machine.wall = 946_684_800.0  # 2000-01-01, where such clocks begin
    (rtc / "since_epoch").write_text("946684800")
    assert not kernel_says_so()


def test_a_machine_without_an_rtc_has_none_that_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(module, "RTC", tmp_path / "none")
    monkeypatch.setattr(module, "_adjtimex", lambda: -1)
    assert not kernel_says_so()


def test_after_10_minutes_without_a_plausible_clock_is_assumed(machine: Machine) -> None:
    clock = SystemClock(source=machine.source)
    machine.pass_time(ASSUMED_AFTER - 1)
    assert not clock.look()
    assert (clock.synchronised, clock.assumed) == (False, False)
    machine.pass_time(1)
    assert not clock.look()
    assert (clock.synchronised, clock.assumed) == (True, True)


@pytest.mark.parametrize("newest", [NOW + 1e6, 0.0])
def test_a_clock_earlier_than_the_newest_event_or_the_build_is_not_assumed(
    machine: Machine, newest: float
) -> None:
    machine.wall = NOW if newest else BUILT - 1e6
    clock = SystemClock(source=machine.source, newest_stored=newest)
    machine.pass_time(ASSUMED_AFTER + 1)
    clock.look()
    assert (clock.synchronised, clock.assumed) == (False, False)


def test_an_assumed_clock_is_corrected_when_time_arrives(machine: Machine) -> None:
    clock = SystemClock(source=machine.source)
    machine.pass_time(ASSUMED_AFTER)
    clock.look()
    machine.wall += 3600
    machine.disciplined = True
    assert clock.look()
    assert (clock.synchronised, clock.assumed, clock.stepped) == (True, False, 3600)


def test_time_becomes_known_once(machine: Machine) -> None:
    clock = SystemClock(source=machine.source)
    machine.disciplined = True
    assert [clock.look() for _ in range(3)] == [True, False, False]


def test_a_jump_of_the_wall_clock_moves_the_offset_and_nothing_else(machine: Machine) -> None:
    clock = SystemClock(trusted=True)
    machine.pass_time(10)
    machine.wall += 3600
    assert clock.wall() == machine.wall - 3600  # until the next look
    clock.look()
    assert (clock.wall(), clock.monotonic(), clock.stepped) == (machine.wall, 110, 0)


def test_a_change_is_dated_by_when_it_is_recorded_and_since_when_it_holds(
    machine: Machine,
) -> None:
    change = Change("m", Status.FREE, Cause.OBSERVED, at=40, decided=90)
    (one,) = dated([change], SystemClock(trusted=True))
    assert (one.timestamp, one.last_change) == (NOW, NOW - 60)
    assert (one.monotonic, one.synchronised) == (machine.uptime, True)


def test_what_is_dated_by_an_assumed_clock_may_be_corrected(machine: Machine) -> None:
    clock = SystemClock(source=machine.source)
    machine.pass_time(ASSUMED_AFTER)
    clock.look()
    (one,) = dated([Change("m", Status.FREE, Cause.OBSERVED, at=40, decided=90)], clock)
    assert not one.synchronised
