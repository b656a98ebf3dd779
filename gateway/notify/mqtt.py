"""MQTT: rings for the operators' own programs on the branch's broker."""

from collections.abc import Callable

from gateway.core.notices import Notice, Outcome, Target
from gateway.notify.webhook import payload

Publish = Callable[[str, bytes], bool]
"""(topic, payload) with QoS 1 → whether the broker is there."""


class Mqtt:
    """Publishes what a webhook would be sent."""

    def __init__(self, publish: Publish) -> None:
        self._publish = publish

    async def send(self, notice: Notice, target: Target, delivery: str) -> Outcome:  # noqa: ARG002  the message names itself
        """One attempt."""
        sent = self._publish(target.address, payload(notice))
        return Outcome("delivered") if sent else Outcome("retry", "the broker is not there")
