"""Pieces of HTML that the gateway writes itself: a page says something before any script."""

import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape

from gateway.core.events import Status
from gateway.readmodel import BranchView, CategoryView, MachineView

SIGNS = {
    Status.FREE: "✓",
    Status.OCCUPIED: "●",
    Status.UNKNOWN: "?",
    Status.OUT_OF_SERVICE: "–",  # noqa: RUF001  as the script has it
}
HOLE = re.compile(r"\{([a-z_]+(?:\.[a-z_]+)?)\}")
Words = Mapping[str, str]
"""`section.key` → text, escaped."""


def fill(template: str, values: Mapping[str, str]) -> str:
    """Every `{hole}` by its value, in one go: what a value holds is text. KeyError: no such."""
    return HOLE.sub(lambda hole: values[hole[1]], template)


def word(status: Status, words: Words) -> str:
    """What a status is called."""
    return words[f"common.{status.value}"]


def listed(title: str, views: Iterable[MachineView], words: Words) -> str:
    """A section of machines, or nothing at all."""
    rows = "".join(_row(view, words) for view in views)
    return f'<section><h2>{title}</h2><ul role="list">{rows}</ul></section>' if rows else ""


def summary(free: int, every: int, words: Words) -> str:
    """How many are free, as the script writes it: nothing moves when it does."""
    free_now, of_all = words["phone.free_now"], words["phone.of_all"]
    return f"<strong>{free_now.format(free=free)}</strong> {of_all.format(all=every)}"


def by_category(
    views: Sequence[MachineView], branch: BranchView, words: Words, at: str | None = ""
) -> str:
    """Every machine, as the script shows them later; `at`: who has their pages, None: nobody."""
    return "".join(_section(one, _of(one, views), words, at) for one in branch.categories)


def category_links(views: Sequence[MachineView], branch: BranchView) -> str:
    """The way to each category, with how many are free there."""
    return "".join(_link(one, _free(_of(one, views))) for one in branch.categories)


def counts(branch: BranchView) -> str:
    """How much of each category is free, for a wall."""
    return "".join(_count(one) for one in branch.categories)


def legend(words: Words) -> str:
    """What each sign means."""
    return "".join(
        f'<span data-status="{status.value}"><b>{sign}</b> {word(status, words)}</span>'
        for status, sign in SIGNS.items()
    )


def tiles(views: Iterable[MachineView], words: Words) -> str:
    """Every machine, in a list: where each stands its script knows."""
    return "".join(_tile(view, words) for view in views)


def _tile(view: MachineView, words: Words) -> str:
    return (
        f'<div class="tile" data-status="{view.status.value}">'
        f'<b aria-hidden="true">{SIGNS[view.status]}</b>'
        f'<span dir="auto" class="name">{escape(view.name)}</span>'
        f'<span class="unseen">{word(view.status, words)}</span></div>'
    )


def _count(category: CategoryView) -> str:
    """Of what nobody knows it is no zero."""
    free, unknown = (category.counts.get(one, 0) for one in (Status.FREE, Status.UNKNOWN))
    known = free + category.counts.get(Status.OCCUPIED, 0) or not unknown
    kind = ("" if free else "none") if known else "unknown"
    said = free if known else SIGNS[Status.UNKNOWN]
    unsure = f"{SIGNS[Status.UNKNOWN]} {unknown}" if known and unknown else ""
    name = f'<h2 dir="auto">{escape(category.name)}</h2>'
    of = f"<p><b>{said}</b><span> / {sum(category.counts.values())}</span></p>"
    all_of = f'<div data-category="{category.category}" class="{kind}">'
    return f"{all_of}{name}{of}<i>{unsure}</i></div>"


def _link(category: CategoryView, free: int) -> str:
    none = "" if free else ' class="none"'
    name = f'<span dir="auto">{escape(category.name)}</span>'
    return f'<a href="#category-{category.category}">{name} <b{none}>{free}</b></a>'


def _section(
    category: CategoryView, views: Sequence[MachineView], words: Words, at: str | None
) -> str:
    counted = words["common.free_here"].format(free=_free(views), all=len(views))
    free_first = sorted(views, key=lambda view: view.status is not Status.FREE)
    rows = "".join(_row(view, words, at) for view in free_first)
    heading = f'<h2 id="category-{category.category}" dir="auto">{escape(category.name)}</h2>'
    return f'<section><div>{heading}<p>{counted}</p></div><ul role="list">{rows}</ul></section>'


def _of(category: CategoryView, views: Sequence[MachineView]) -> list[MachineView]:
    return [view for view in views if view.category == category.category]


def _free(views: Sequence[MachineView]) -> int:
    return sum(view.status is Status.FREE for view in views)


def _row(view: MachineView, words: Words, at: str | None = "") -> str:
    link = "" if at is None else f' href="{escape(at)}/m/{view.machine}"'
    return (
        f'<li data-status="{view.status.value}">'
        f'<span class="sign" aria-hidden="true">{SIGNS[view.status]}</span>'
        f'<a class="name" dir="auto"{link}>{escape(view.name)}</a>'
        f'<span class="state"><b>{word(view.status, words)}</b></span></li>'
    )


def languages(named: Iterable[tuple[str, str, str]], now: str) -> str:
    """A link for every language but the one that is read."""
    return " ".join(
        f'<a href="?lang={language}" lang="{language}" hreflang="{language}"'
        f' title="{sentence}">{name}</a>'
        for language, name, sentence in named
        if language != now
    )
