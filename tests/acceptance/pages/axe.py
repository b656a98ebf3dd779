"""axe-core on a page: which rules of accessibility it breaks, where, and how."""

from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

from playwright.async_api import Page

from tests.acceptance.pages.visits import THEMES, Manner, View, browsing, opened, served
from tests.process import GatewayProcess

SOURCE = Path(__file__).parents[3] / ".venv/node/node_modules/axe-core/axe.min.js"
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
SIZES = ((320, 640), (1280, 800))
RUN = """
async tags => {
    const options = {
        runOnly: { type: "tag", values: tags },
        rules: { "target-size": { enabled: true } },
        resultTypes: ["violations", "incomplete"],
    };
    const { violations, incomplete } = await axe.run(document, options);
    const told = rule => ({ target, failureSummary }) => (
        { rule, where: target.flat().join(" "), how: failureSummary.replace(/\\s+/g, " ") }
    );
    const all = results => results.flatMap(({ id, nodes }) => nodes.map(told(id)));
    return { broken: all(violations), unsure: all(incomplete) };
}
"""


@dataclass(frozen=True)
class Fault:
    """A rule that is broken in one place."""

    rule: str
    where: str
    how: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.where}\n      {self.how}"


async def faults(page: Page) -> tuple[list[Fault], list[Fault]]:
    """(what is broken, what axe cannot judge: text over pictures, mostly)."""
    await page.evaluate(SOURCE.read_text(encoding="utf-8"))  # our policy forbids it as a script
    found = await page.evaluate(RUN, TAGS)
    return [Fault(**one) for one in found["broken"]], [Fault(**one) for one in found["unsure"]]


async def campaign(process: GatewayProcess) -> bool:
    """Every page, language, theme and width; whether nothing is broken."""
    places = looked = 0
    async with browsing() as browser:
        for view in served(process):
            broken: defaultdict[Fault, list[Manner]] = defaultdict(list)
            unsure: Counter[str] = Counter()
            for manner in manners():
                async with opened(browser, process, view, manner) as page:
                    surely, perhaps = await faults(page)
                for fault in surely:
                    broken[fault].append(manner)
                unsure.update(f"{fault.rule}: {fault.how}" for fault in perhaps)
                looked += 1
            _tell(view, broken, unsure)
            places += len(broken)
    print(f"axe: {looked} views, {places} places where a rule is broken (wanted: 0)")
    return places == 0


def _tell(view: View, broken: dict[Fault, list[Manner]], unsure: Counter[str]) -> None:
    print(f"axe {view.name}: {len(broken)} broken", flush=True)
    for fault, seen in broken.items():
        print(f"    {fault}\n      in {len(seen)}: {', '.join(map(str, seen))}")
    for how, count in unsure.most_common():
        print(f"    unsure, {count} times: {how}")


def manners() -> list[Manner]:
    """Both languages, both themes, both widths."""
    return [
        Manner(language, theme, *size)
        for language in ("en", "zh-Hant")
        for theme in THEMES
        for size in SIZES
    ]
