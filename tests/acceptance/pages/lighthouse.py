"""Lighthouse on the phone's page and the kiosk: its scores, and every audit that is not full."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from tests.acceptance.pages.visits import CHROMIUM, named, path_of, served
from tests.process import GatewayProcess

VERSION = "12.8.2"  # the last for Node 20; another version, other scores
FOLDER = Path(__file__).parents[3] / ".venv/lighthouse"
PROGRAM = FOLDER / "node_modules/lighthouse/cli/index.js"
PRESETS = {"phone": [], "machine": [], "kiosk": ["--preset=desktop"]}
CATEGORIES = ("performance", "accessibility", "best-practices")
WANTED = 95
CHROME = "--headless=new --no-sandbox --disable-gpu --disable-background-networking"


def install() -> None:
    """Into .venv, unless it is there: 185 MB that no other test needs."""
    manifest = FOLDER / "node_modules/lighthouse/package.json"
    if manifest.exists() and json.loads(manifest.read_text())["version"] == VERSION:
        return
    print(f"installing lighthouse {VERSION} into {FOLDER}", flush=True)
    FOLDER.mkdir(parents=True, exist_ok=True)
    command = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(FOLDER)]
    subprocess.run([*command, f"lighthouse@{VERSION}"], check=True)


def campaign(process: GatewayProcess, out: Path) -> bool:
    """Whether each score is at least what is wanted; the reports are kept as pages in `out`."""
    install()
    good = True
    for view in served(process, *PRESETS):
        report = audit(process, view.name, out / f"lighthouse-{view.name}")
        for category in CATEGORIES:
            score = round(100 * (report["categories"][category]["score"] or 0))
            print(f"lighthouse {view.name}: {category} {score} (wanted: {WANTED})", flush=True)
            good = good and score >= WANTED
            for reference in report["categories"][category]["auditRefs"]:
                _tell(report["audits"][reference["id"]], reference["weight"])
    return good


def audit(process: GatewayProcess, name: str, path: Path) -> Any:
    """Lighthouse's report."""
    url = f"http://127.0.0.1:{process.port}{path_of(process, named(name))}"
    command = ["node", str(PROGRAM), url, "--quiet", f"--chrome-flags={CHROME}", *PRESETS[name]]
    command += [f"--only-categories={','.join(CATEGORIES)}"]
    command += ["--output=json", "--output=html", f"--output-path={path}"]
    env = os.environ | {"CHROME_PATH": str(CHROMIUM)}
    subprocess.run(command, check=True, env=env, timeout=180)
    return json.loads(path.with_name(f"{path.name}.report.json").read_text(encoding="utf-8"))


def _tell(one: dict[str, Any], weight: float) -> None:
    """An audit that has a score below 1; those without weight are hints."""
    if one["score"] is None or one["score"] == 1:
        return
    shown = one.get("displayValue", "")
    print(f"    {one['score']:.2f} (weight {weight:g}) {one['id']}: {one['title']} {shown}")
    items = one.get("details", {}).get("items", [])
    for item in items[:5] if isinstance(items, list) else [items]:
        where = item.get("node", {}).get("selector") or item.get("url") or item.get("description")
        if where:
            print(f"        {where}")
