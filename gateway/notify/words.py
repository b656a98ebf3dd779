"""What a member reads on its lock screen."""

from unicodedata import bidirectional

from gateway.core.notices import Notice

TURNING = frozenset({"R", "AL", "RLE", "RLO", "LRE", "LRO", "PDF", "RLI", "LRI", "FSI", "PDI"})
"""Letters that run from right to left, and signs that turn text."""
ISOLATES = dict.fromkeys(map(ord, "\u2066\u2067\u2068\u2069"))


def title_of(notice: Notice) -> str:
    """`Leg press 1 is free`."""
    if notice.trial:
        return f"A trial: {alone(notice.name)}"
    return f"{alone(notice.name)} is free"


def alone(name: str) -> str:
    """A name that runs the other way must not turn the sentence around it."""
    if not any(bidirectional(sign) in TURNING for sign in name):
        return name
    return f"\u2068{name.translate(ISOLATES)}\u2069"


def body_of(notice: Notice) -> str:
    """The member's own note, and whether others know it too."""
    if notice.trial:
        return "This is how a ring reaches you. Nothing has become free."
    who = "You are the first to know." if notice.place == 1 else "Others know it too."
    return f"{notice.note}\n{who}" if notice.note else who
