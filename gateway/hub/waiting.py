"""What the broker brought and no transaction has taken yet: the past in its order, now the newest.

Bins and digests are acknowledged after the commit, so the broker bounds them. How branches stand
may come faster than it is stored: beyond what one transaction takes, a newer word of a branch takes
the place of those that wait.
"""

import asyncio
from collections.abc import Callable

from gateway.hub.sorting import MOST_BRANCHES, Message

MOST_AT_ONCE = 64  # messages of one transaction: 32,000 bins, 0.4 s; MQTT 3.1.1 brokers send 1,000
MOST_STANDING = 256  # words of one transaction on how branches stand: 0.1 s
STANDING = frozenset(("branch", "summary", "gateway"))  # retained: the newest word is the whole


class Waiting:
    """Two lanes: neither waits for the other."""

    def __init__(self) -> None:
        self._past: list[Message] = []
        self._now: dict[str, list[Message]] = {}  # by gymId
        self._standing = 0  # of these: at most a transaction's worth, and three of each branch
        self._some = asyncio.Event()
        self._superseded = 0

    def put(
        self,
        topic: str,
        payload: bytes,
        receipt: Callable[[], None],
        retained: bool = False,  # noqa: FBT001, FBT002  as the port hands it over
    ) -> None:
        """One more."""
        message = Message(topic, payload, receipt, retained)
        _, gym, kind = topic.split("/") if topic.count("/") == 2 else ("", "", "")  # noqa: PLR2004  gyms/{gymId}/{kind}
        if kind in STANDING and payload:
            self._stand(gym, message)
            if kind == "branch":
                self._come_back(topic)
        else:
            self._past.append(message)  # taken back: that counts behind the last words
        self._some.set()

    def _stand(self, gym: str, message: Message) -> None:
        """A branch keeps its place in the line: who speaks often is not served last."""
        if gym not in self._now and len(self._now) >= MOST_BRANCHES:
            message.receipt()  # names made up without end; a retained word comes again
            return
        words = self._now.setdefault(gym, [])
        if self._standing >= MOST_STANDING:
            for before in [word for word in words if word.topic == message.topic]:
                words.remove(before)
                self._standing -= 1
                self._give_way(before)
        words.append(message)
        self._standing += 1

    def _come_back(self, topic: str) -> None:
        """A description that was taken back and is told anew was never gone."""
        for taken_back in [one for one in self._past if one.topic == topic]:
            self._past.remove(taken_back)
            self._give_way(taken_back)

    def _give_way(self, before: Message) -> None:
        self._superseded += 1
        before.receipt()

    async def take(self, patience: float) -> list[Message]:
        """The oldest of each lane, so many at most; [] if none came within `patience` seconds."""
        try:
            async with asyncio.timeout(patience):
                await self._some.wait()
        except TimeoutError:
            return []
        taken: list[Message] = []
        while self._now and len(taken) < MOST_STANDING:
            taken += self._now.pop(next(iter(self._now)))
        self._standing -= len(taken)
        taken += self._past[:MOST_AT_ONCE]
        del self._past[:MOST_AT_ONCE]
        if not self._past and not self._now:
            self._some.clear()
        return taken

    def superseded(self) -> int:
        """How many gave way to newer ones since this was asked last."""
        many, self._superseded = self._superseded, 0
        return many
