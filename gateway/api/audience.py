"""Members' open streams: what is for one member alone goes to these."""

from collections.abc import Callable, Iterable
from time import monotonic

from gateway.api.framing import Message
from gateway.api.viewer import Viewer
from gateway.core.access import Role
from gateway.core.presence import Presence

KIND = "alert"
_MEMBER = f"{Role.MEMBER}:"

Waiting = Callable[[str], Iterable[bytes]]
"""Member → the alerts it has not confirmed, as JSON."""


class Audience:
    """Finds a member's streams by index."""

    def __init__(self, presence: Presence) -> None:
        self._presence = presence
        self._viewers: dict[str, set[Viewer]] = {}
        self._missed: set[Viewer] = set()
        self._waiting: Waiting = lambda _member: ()

    def greet_with(self, waiting: Waiting) -> None:
        """What a member that comes is told."""
        self._waiting = waiting

    def came(self, viewer: Viewer) -> None:
        """A stream was opened, by whomever."""
        if (member := _member_of(viewer)) is not None:
            self._viewers.setdefault(member, set()).add(viewer)
            self._presence.came(member)

    def left(self, viewer: Viewer) -> None:
        """It has ended."""
        if (member := _member_of(viewer)) is None:
            return
        self._missed.discard(viewer)
        self._presence.left(member, monotonic())
        self._viewers[member].discard(viewer)
        if not self._viewers[member]:
            del self._viewers[member]

    def has_stream(self, member: str) -> bool:
        """Whether one of the member's streams is open."""
        return member in self._viewers

    def greet(self, viewer: Viewer) -> None:
        """Tell a member what it has not confirmed."""
        if (member := _member_of(viewer)) is not None:
            viewer.say(*[Message(KIND, data) for data in self._waiting(member)])

    def drained(self, viewer: Viewer) -> None:
        """It reads again: what was said meanwhile is said now."""
        if viewer in self._missed:
            self._missed.discard(viewer)
            self.greet(viewer)

    def tell(self, member: str, data: bytes) -> bool:
        """Write to the member's streams; False: none of them reads."""
        message, told = Message(KIND, data), False
        for viewer in self._viewers.get(member, ()):
            if viewer.behind_since is None:
                viewer.say(message)
                told = True
            else:
                self._missed.add(viewer)
        return told


def _member_of(viewer: Viewer) -> str | None:
    holder = viewer.holder or ""
    return holder.removeprefix(_MEMBER) if holder.startswith(_MEMBER) else None
