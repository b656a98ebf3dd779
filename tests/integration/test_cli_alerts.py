"""`gateway alerts` and `gateway keys audit`, as a technician calls them."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from click.testing import CliRunner, Result

from config.sections import Alerts, Notify
from gateway.cli import main
from tests.integration.memory_model import GYM
from tests.integration.served import Served, serving, settled
from tests.integration.test_notify import Receiver, member, outcomes, receiving

ALWAYS = {"start": "00:00", "end": "23:59"}


@pytest.fixture
async def hook() -> AsyncIterator[Receiver]:
    async with receiving() as receiver:
        yield receiver


@pytest.fixture
async def api(hook: Receiver) -> AsyncIterator[Served]:
    rules = Alerts(settle=0.02, all_at_once=True)
    async with serving(rules=rules, notify=Notify(webhooks=(hook.url,))) as served:
        served.publish("leg-press-01", served.model.views["leg-press-01"].status.OCCUPIED)
        yield served


async def gateway(api: Served, *words: str) -> Result:
    """The command beside the running gateway."""
    folder = api.socket_path.parent
    config = folder / "gateway.toml"
    config.write_text(
        f'[branch]\nid = "{GYM}"\nname = "Central"\n[store]\nhistory = "{folder}/history.db"\n'
    )
    line = [*words, "--config", str(config)]
    return await asyncio.to_thread(CliRunner().invoke, main, line)


async def waiting(api: Served, **terms: object) -> str:
    body = {"machineId": "leg-press-01", **terms}
    reply = await api.call("POST", "/alerts", body, Authorization=await member(api))
    alert: str = (await reply.json())["alertId"]
    return alert


async def test_the_list_names_every_alert(api: Served) -> None:
    names = [await waiting(api), await waiting(api)]
    done = await gateway(api, "alerts", "list")
    assert all(name in done.output for name in names)
    lines = (await gateway(api, "alerts", "list", "--json", "--limit", "1")).output.splitlines()
    assert [json.loads(line)["alertId"] for line in lines] == names[1:]


async def test_show_tells_what_rang_and_what_became_of_it(api: Served) -> None:
    alert = await waiting(api, quietHours=None)
    api.publish("leg-press-01")
    await settled(lambda: any(kind == "delivered" for kind, *_ in outcomes(api)))
    done = await gateway(api, "alerts", "show", alert)
    assert "webhook webhook-1: delivered 201, 1 attempt" in done.output
    row = json.loads((await gateway(api, "alerts", "show", alert, "--json")).output)
    assert [firing["machine"] for firing in row["firings"]] == ["leg-press-01"]


async def test_a_trial_goes_everywhere_and_says_that_it_is_one(api: Served, hook: Receiver) -> None:
    alert = await waiting(api)
    done = await gateway(api, "alerts", "test", alert)
    assert (done.exit_code, "webhook-1  delivered 201" in done.output) == (0, True)
    said = json.loads(hook.heard[0][1])
    assert (said["type"], said["alertId"]) == ("trial", alert)
    assert outcomes(api) == []  # no row: it is no ring


async def test_a_trial_that_does_not_arrive_exits_1_and_says_why(
    api: Served, hook: Receiver
) -> None:
    hook.answers = [(403, {})]
    done = await gateway(api, "alerts", "test", await waiting(api), "--json")
    (tried,) = json.loads(done.output)["tried"]
    assert (done.exit_code, tried["outcome"], tried["reason"]) == (1, "permanent", "403")


async def test_quiet_hours_hold_for_trials_until_one_insists(api: Served, hook: Receiver) -> None:
    alert = await waiting(api, quietHours=ALWAYS)
    done = await gateway(api, "alerts", "test", alert)
    assert (done.exit_code, "--anyway" in done.output, hook.heard) == (1, True, [])
    assert (await gateway(api, "alerts", "test", alert, "--anyway")).exit_code == 0


@pytest.mark.parametrize("word", ["show", "test"])
@pytest.mark.parametrize("alert", ["a0000000000000000", "../keys", "x" * 300])
async def test_an_unknown_alert_is_said(api: Served, word: str, alert: str) -> None:
    done = await gateway(api, "alerts", word, alert)
    assert done.exit_code == 1
    assert done.output.startswith("There is no alert")


async def test_the_audit_log_is_read_in_order(api: Served) -> None:
    await api.key("staff", name="Front desk")
    await api.key("kiosk", name="Screen")
    done = await gateway(api, "keys", "audit")
    assert [line.split("  ")[2] for line in done.output.splitlines()] == ["key created"] * 2
    (newest,) = (await gateway(api, "keys", "audit", "--limit", "1", "--json")).output.splitlines()
    assert "Screen" in json.loads(newest)["detail"]
