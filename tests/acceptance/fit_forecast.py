"""Find the forecast's shipped coefficients anew.

`python -m tests.acceptance.fit_forecast EVENTS.csv --until 2018-07-08 --timezone Europe/London`
prints BUSY and IDLE for gateway/core/forecast.py. Learns in time order; three weeks are for
warming up; what comes after `--until` is not looked at.
"""

import argparse
from bisect import bisect_right
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from gateway.cli.forecast import events_of
from gateway.core.events import Status
from gateway.core.forecast import Forecast
from gateway.core.logistic import fit
from gateway.core.usage import WEEK

HORIZONS = (300.0, 900.0, 1800.0, 3600.0, 7200.0)
EVERY = 1800.0  # seconds between questions: neighbours say the same
WARM_UP = 3 * WEEK


def main() -> None:
    """Read, ask, fit, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("events")
    parser.add_argument("--until", required=True)
    parser.add_argument("--timezone", default="UTC")
    asked = parser.parse_args()
    zone = ZoneInfo(asked.timezone)
    with Path(asked.events).open(encoding="utf-8") as file:
        events = events_of(file, zone)
    end = datetime.fromisoformat(asked.until).replace(tzinfo=zone).timestamp()
    rows: dict[Status, list[tuple[float, ...]]] = {Status.OCCUPIED: [], Status.FREE: []}
    targets: dict[Status, list[float]] = {Status.OCCUPIED: [], Status.FREE: []}
    forecast = Forecast(zone)
    log = sorted((at, machine, busy) for machine, of in events.items() for at, busy in of)
    times = {machine: [at for at, _ in of] for machine, of in events.items()}
    done, now = 0, log[0][0]
    while now + max(HORIZONS) < end:
        while log[done][0] <= now:
            at, machine, busy = log[done]
            forecast.learn(machine, Status.OCCUPIED if busy else Status.FREE, at)
            done += 1
        for machine, of in events.items():
            for horizon in HORIZONS if now > log[0][0] + WARM_UP else ():
                seen = forecast.seen(machine, now, horizon)
                if seen is not None:
                    then = of[bisect_right(times[machine], now + horizon) - 1][1]
                    rows[seen[0]].append(seen[1])
                    targets[seen[0]].append(float(not then))
        now += EVERY
    for name, status in (("BUSY", Status.OCCUPIED), ("IDLE", Status.FREE)):
        found = fit(rows[status], targets[status])
        print(f"{name} = ({', '.join(f'{c:.3f}' for c in found)})  # {len(rows[status])} samples")


if __name__ == "__main__":
    main()
