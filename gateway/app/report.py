"""What the technician and the operator are told over the local socket."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from config.effective import sensors_of
from config.sections import Config, Sensor
from gateway.core.clock import Clock
from gateway.core.errors import Fault, InvalidError
from gateway.core.findings import Finding, findings
from gateway.core.opening import Opening
from gateway.pipeline.judge import Hearing
from gateway.ports.state import PortState
from gateway.samples import Samples, Seen
from sensors.decoder import Decoder

LONGEST_NUMBER = 18  # digits: beyond these nothing was ever counted


def newer_samples(
    samples: Samples, clock: Clock, sensor: str, after: int | None
) -> tuple[int, list[dict[str, object]]]:
    """(the newest number, the samples of that sensor after number `after`); None: from now on."""
    if after is None:
        return samples.newest, []
    return samples.newest, [_seen(seen, clock) for seen in samples.after(after, sensor)]


Look = Callable[[Hearing], list[Finding]]
"""What is odd about a sensor."""


def sensors_report(
    config: Config,
    hearings: Mapping[str, Hearing],
    decoders: Mapping[str, Decoder],
    clock: Clock,
    look: Look,
) -> dict[str, object]:
    """Every sensor: what it says, when last, what could not be used and why, what is odd."""
    rows = [_sensor(s, hearings[s.id], decoders.get(s.id), clock, look) for s in sensors_of(config)]
    return {"asOf": clock.wall(), "sensors": rows}


def looker(opening: Opening, clock: Clock) -> Look:
    """Judges a sensor's last hours by the branch's opening hours."""

    def is_open(at: float) -> bool:
        return opening.is_open(at + clock.offset)

    def after(at: float, seconds: float) -> float:
        return opening.after_open_seconds(at + clock.offset, seconds) - clock.offset

    def look(hearing: Hearing) -> list[Finding]:
        battery = hearing.last.battery if hearing.last else None
        return findings(hearing.past, battery, clock.monotonic(), is_open, after)

    return look


def findings_report(hearings: Mapping[str, Hearing], look: Look) -> dict[str, list[Finding]]:
    """Sensor → what is odd; the others are left out."""
    rows = {name: look(hearing) for name, hearing in hearings.items()}
    return {name: found for name, found in rows.items() if found}


def ports_report(states: Iterable[PortState], clock: Clock) -> list[dict[str, object]]:
    """Every port: how it is, since when, what is wrong and what to do."""
    return [
        {
            "id": state.id,
            "kind": state.kind,
            "state": state.state,
            "since": _wall(state.since, clock),
            "problem": state.problem,
            "dropped": {reason: count for reason, count in state.dropped.items() if count},
        }
        for state in states
    ]


def remarks_report(
    hearings: Mapping[str, Hearing], decoders: Mapping[str, Decoder]
) -> dict[str, dict[str, int]]:
    """Sensor → what was odd or could not be used, counted by reason; silent ones are left out."""
    rows = {name: _remarks(hearing, decoders.get(name)) for name, hearing in hearings.items()}
    return {name: remarks for name, remarks in rows.items() if remarks}


def samples_report(samples: Samples, query: Mapping[str, str], clock: Clock) -> object:
    """The samples that came after number `after`, of one `sensor` or of all.

    Ask again with `newest`. Raises InvalidError.
    """
    after = query.get("after", str(samples.newest))
    if not (after.isascii() and after.isdigit() and len(after) <= LONGEST_NUMBER):
        raise InvalidError([Fault("/after", "must be the number of a sample")])
    rows = [_seen(seen, clock) for seen in samples.after(int(after), query.get("sensor"))]
    return {"newest": samples.newest, "samples": rows}


def _sensor(
    sensor: Sensor, hearing: Hearing, decoder: Decoder | None, clock: Clock, look: Look
) -> dict[str, object]:
    verdict = hearing.detector.verdict
    return {
        "sensorId": sensor.id,
        "machineId": sensor.machine,
        "driver": sensor.driver,
        "source": sensor.topic if sensor.source == "mqtt" else f"{sensor.source}/{sensor.channel}",
        "repeats": hearing.repeats,
        "status": verdict.status,
        "cause": verdict.cause,
        "lastHeard": _wall(hearing.last_heard, clock),
        "active": hearing.last.active if hearing.last else None,
        "strength": hearing.last.strength if hearing.last else None,
        "unit": hearing.last.unit if hearing.last else None,
        "levels": dict(hearing.last.levels) if hearing.last else {},
        "battery": hearing.last.battery if hearing.last else None,
        "signal": hearing.last.signal if hearing.last else None,
        "calibrationVersion": hearing.version,
        "score": None if hearing.score is None else round(hearing.score, 4),
        "busyAfter": hearing.detector.rule.busy_after,
        "freeAfter": hearing.detector.rule.free_after,
        "staleAfter": hearing.detector.rule.stale_after,
        "clockOffset": hearing.clock_offset,
        "dropped": _remarks(hearing, decoder),
        "findings": look(hearing),
    }


def _remarks(hearing: Hearing, decoder: Decoder | None) -> dict[str, int]:
    """A sum of counters leaves zeros out."""
    return dict((decoder.dropped if decoder else Counter()) + hearing.remarks)


def _seen(seen: Seen, clock: Clock) -> dict[str, object]:
    return {"sensorId": seen.sensor, "at": _wall(seen.at, clock), **seen.sample.plain()}


def _wall(at: float | None, clock: Clock) -> float | None:
    return None if at is None else at + clock.offset
