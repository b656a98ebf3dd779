"""One machine: the verdicts on its sensors, combined into its status."""

from collections.abc import Callable, Iterable, Mapping
from operator import attrgetter

from gateway.core.events import Cause, Change, Status
from gateway.core.occupancy import Detector, Held, Rule, Verdict, Word


class Machine:
    """Any active sensor = occupied, all known and inactive = free, else unknown.

    `combine = "all"` the other way round: any inactive = free, all active = occupied.
    Methods take monotonic seconds and return the machine's changes, oldest first.
    """

    def __init__(
        self,
        machine: str,
        rules: Mapping[str, Rule],
        combine: str = "any",
        hold_until: Callable[[float], float] | None = None,
    ) -> None:
        self.machine = machine
        self._strong, self._weak = Status.OCCUPIED, Status.FREE
        if combine == "all":
            self._strong, self._weak = self._weak, self._strong
        start = Verdict(Status.UNKNOWN, Cause.START, 0.0, 0.0)
        self.detectors = {name: Detector(rule, start, hold_until) for name, rule in rules.items()}
        self._verdicts = dict.fromkeys(rules, start)
        self._sensed = start
        self.verdict = start
        """What is shown: what was sensed, unless staff took the machine out of service."""

    def start(self, now: float) -> list[Change]:
        """Begin with nothing known: the first unknown is a change."""
        self.restore(Verdict(Status.UNKNOWN, Cause.START, now, now), now)
        return [self._change(self.verdict)]

    def restore(self, verdict: Verdict, heard_at: float) -> None:
        """Go on from `verdict` on every sensor, as if last heard at `heard_at`."""
        self.verdict = self._sensed = verdict
        if self.out_of_service:  # what its sensors said then was not stored
            now = verdict.decided
            self._sensed = Verdict(Status.UNKNOWN, Cause.START, now, now)
        self._verdicts = dict.fromkeys(self._verdicts, self._sensed)
        for detector in self.detectors.values():
            detector.restore(self._sensed, heard_at)

    def adopt(self, older: "Machine", sensors: Iterable[str], now: float) -> list[Change]:
        """Go on as `older` stands, with those of its `sensors` that are ours too.

        What its status is by other sensors is no edge, and nobody's live word.
        """
        self.verdict, self._sensed = older.verdict, older._sensed  # noqa: SLF001  of our own kind
        for name in sensors:
            rule = self.detectors[name].rule
            self.detectors[name] = older.detectors[name]
            self.detectors[name].rule = rule
            self._verdicts[name] = older._verdicts[name]  # noqa: SLF001
        status = self._status()
        if status is self._sensed.status:
            return []
        cause = self._blind_cause() if status is Status.UNKNOWN else Cause.OBSERVED
        self._sensed = Verdict(status, cause, now, now)
        return self._show(self._sensed)

    def resume(self, sensor: str, held: Held | None) -> None:
        """Go on with what a sensor that speaks on change held, after `restore`.

        One that holds no word has no part in what was restored, whatever that was.
        """
        detector = self.detectors[sensor]
        if held is not None:
            detector.resume(held)
        now = self.verdict.decided
        if (held is None or held.word is None) and self._counts_on(sensor):
            cause = Cause.SENSOR_OFFLINE if held is not None and held.offline else Cause.START
            detector.verdict = self._verdicts[sensor] = Verdict(Status.UNKNOWN, cause, now, now)
        if self._status() is not self._sensed.status:
            self._sensed = Verdict(Status.UNKNOWN, self._blind_cause(), now, now)
            self._show(self._sensed)

    def _counts_on(self, sensor: str) -> bool:
        """Whether what was restored says something of this sensor: its own unknown stays as is."""
        return len(self.detectors) > 1 or self._verdicts[sensor].status.observed

    def hear(self, sensor: str, word: Word, now: float) -> list[Change]:
        """Take a word of one of its sensors."""
        return self._until(now) + self._combine(sensor, self.detectors[sensor].hear(word, now))

    def availability(
        self, sensor: str, now: float, *, online: bool, itself: bool = True
    ) -> list[Change]:
        """Take a device's own word that it is there or gone; not `itself`: its bridge's."""
        changes = self._until(now)
        verdicts = self.detectors[sensor].availability(now, online=online, itself=itself)
        return changes + self._combine(sensor, verdicts)

    def lost(self, sensor: str, at: float) -> list[Change]:
        """Take that one of its sensors cannot be heard since `at`."""
        return self._until(at) + self._combine(sensor, self.detectors[sensor].lost(at))

    def back(self, sensor: str, now: float) -> list[Change]:
        """Take that one of its sensors is heard again."""
        return self._until(now) + self._combine(sensor, self.detectors[sensor].back(now))

    @property
    def out_of_service(self) -> bool:
        """Whether staff said so."""
        return self.verdict.status is Status.OUT_OF_SERVICE

    def service(self, now: float, *, out: bool) -> list[Change]:
        """Take the staff's word that it is out of service, or back as its sensors see it now."""
        changes = self.tick(now)
        if out is not self.out_of_service:
            sensed = self._sensed
            back = Verdict(sensed.status, sensed.cause, now, now, live=False)
            staff = Verdict(Status.OUT_OF_SERVICE, Cause.STAFF, now, now, live=False)
            self.verdict = staff if out else back
            changes.append(self._change(self.verdict))
        return changes

    def tick(self, now: float) -> list[Change]:
        """Let time pass."""
        due = [(verdict, name) for name, d in self.detectors.items() for verdict in d.tick(now)]
        due.sort(key=lambda pair: pair[0].decided)
        return [change for verdict, name in due for change in self._combine(name, [verdict])]

    def _until(self, now: float) -> list[Change]:
        """What was due before `now` on any sensor's account; a lone detector sees to it itself."""
        return self.tick(now) if len(self.detectors) > 1 else []

    def _combine(self, sensor: str, verdicts: list[Verdict]) -> list[Change]:
        changes = []
        for verdict in verdicts:
            self._verdicts[sensor] = verdict
            combined, before = self._combined(verdict), self._sensed
            if (combined.status, combined.cause) != (before.status, before.cause):
                self._sensed = combined
                changes += self._show(combined)
        return changes

    def _show(self, sensed: Verdict) -> list[Change]:
        if self.out_of_service:
            return []
        self.verdict = sensed
        return [self._change(sensed)]

    def _combined(self, newest: Verdict) -> Verdict:
        """The machine's verdict after `newest`, one of its sensors' verdicts."""
        if len(self._verdicts) == 1:
            return newest
        status = self._status()
        if status is self._sensed.status:
            same = newest.status is status  # only who agrees can change the cause
            cause = newest.cause if same else self._sensed.cause
            return _replaced(self._sensed, cause, newest.decided)
        if status is newest.status and status is not self._weak:
            return newest
        if status is Status.UNKNOWN:
            return Verdict(status, self._blind_cause(), newest.decided, newest.decided)
        at = max(map(attrgetter("at"), self._verdicts.values()))
        said = (newest.live, newest.seq, newest.calibration)
        return Verdict(status, newest.cause, at, newest.decided, *said)

    def _status(self) -> Status:
        statuses = {verdict.status for verdict in self._verdicts.values()}
        if self._strong in statuses:
            return self._strong
        return self._weak if statuses == {self._weak} else Status.UNKNOWN

    def _blind_cause(self) -> Cause:
        """Why the newest of the sensors that we cannot judge is unknown."""
        unknown = [v for v in self._verdicts.values() if v.status is Status.UNKNOWN]
        return max(unknown, key=attrgetter("decided")).cause

    def _change(self, verdict: Verdict) -> Change:
        return Change(
            self.machine,
            verdict.status,
            verdict.cause,
            verdict.at,
            verdict.decided,
            verdict.live,
            verdict.seq,
            verdict.calibration,
        )


def _replaced(verdict: Verdict, cause: Cause, decided: float) -> Verdict:
    """A change of cause alone keeps its old `at`; it is no edge, and no word of the sensor's."""
    return Verdict(verdict.status, cause, verdict.at, decided, live=False)
