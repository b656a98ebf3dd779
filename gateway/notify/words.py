"""What a member reads on its lock screen."""

from gateway.core.notices import Notice


def title_of(notice: Notice) -> str:
    """`Leg press 1 is free`."""
    if notice.trial:
        return f"A trial: {notice.name}"
    return f"{notice.name} is free"


def body_of(notice: Notice) -> str:
    """The member's own note, and whether others know it too."""
    if notice.trial:
        return "This is how a ring reaches you. Nothing has become free."
    who = "You are the first to know." if notice.place == 1 else "Others know it too."
    return f"{notice.note}\n{who}" if notice.note else who
