"""The documents are made from the operations, and say of each what is so."""

import json
import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from config.load import load
from config.sections import Branch, Config
from gateway.api.asyncapi import asyncapi
from gateway.api.openapi import TAGS, openapi
from gateway.api.postman import postman
from gateway.cli import main
from gateway.cli.openapi import without_a_gateway

SHIPPED = Path(__file__).parents[2] / "gateway.toml"
CONFIG = Config(branch=Branch(id="hk-central", name="Central", public_url="https://gym.example"))
OPERATIONS = without_a_gateway(CONFIG)
DOCUMENT = openapi(OPERATIONS, CONFIG)
COMPONENTS = DOCUMENT["components"]
BY_ID = {operation.id: operation for operation in OPERATIONS}


def responses(operation: str) -> dict[str, Any]:
    found = BY_ID[operation]
    said: dict[str, Any] = DOCUMENT["paths"][found.path][found.method.lower()]["responses"]
    return said


def references(value: Any) -> set[str]:
    if isinstance(value, list):
        return {name for part in value for name in references(part)}
    if not isinstance(value, dict):
        return set()
    own = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
    return own.union(*map(references, value.values()))


def at(document: Any, reference: str) -> Any:
    for part in reference.removeprefix("#/").split("/"):
        document = document[part.replace("~1", "/")]
    return document


def test_the_validator_of_the_specification_finds_nothing() -> None:
    validator = pytest.importorskip("openapi_spec_validator")
    validator.OpenAPIV31SpecValidator(DOCUMENT).validate()


@pytest.mark.parametrize("document", [DOCUMENT, asyncapi(CONFIG)], ids=["openapi", "asyncapi"])
def test_every_reference_leads_somewhere(document: Any) -> None:
    assert references(document)
    for reference in references(document):
        assert at(document, reference)


def test_every_operation_has_a_name_of_its_own() -> None:
    assert len(BY_ID) == len(OPERATIONS)


def test_every_tag_is_described() -> None:
    assert {operation.tag for operation in OPERATIONS} <= TAGS.keys()


def test_a_call_with_a_body_may_refuse_it_in_every_way() -> None:
    assert responses("reportWrong").keys() >= {"201", "400", "404", "413", "415", "422", "429"}


def test_any_call_may_refuse_a_wrong_credential_and_a_foreign_host() -> None:
    for operation in BY_ID:
        assert responses(operation).keys() >= {"401", "421"}


def test_a_live_read_may_be_known_already() -> None:
    live = responses("listBranches")
    assert "ETag" in live["200"]["headers"]
    assert "content" not in live["304"]


def test_who_may_call_is_said_where_tools_look_for_it() -> None:
    def security(name: str) -> list[dict[str, list[str]]]:
        found = DOCUMENT["paths"][BY_ID[name].path][BY_ID[name].method.lower()]["security"]
        return list(found)

    assert {} in security("listBranches")
    assert {} not in security("listEvents")
    assert {"ticket": []} in security("openStream")


def test_what_is_found_leads_on() -> None:
    links = responses("listMachines")["200"]["links"]
    assert links["showMachine"]["parameters"] == {
        "machineId": "$response.body#/machines/0/machineId"
    }
    assert "listMachines" not in links


def test_every_example_is_what_its_schema_says() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    for operation in filter(lambda one: one.example is not None, OPERATIONS):
        media = responses(operation.id)[str(operation.status)]["content"]["application/json"]
        jsonschema.validate(media["example"], media["schema"] | {"components": COMPONENTS})


def test_every_message_is_what_its_schema_says() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    components = asyncapi(CONFIG)["components"]
    for message in components["messages"].values():
        for example in message["examples"]:
            jsonschema.validate(example["payload"], message["payload"] | {"components": components})


def test_no_pattern_needs_python_to_be_understood() -> None:
    assert "\\\\Z" not in json.dumps([DOCUMENT, asyncapi(CONFIG)])


def test_documents_tell_nothing_of_brokers_and_versions() -> None:
    text = json.dumps([DOCUMENT, asyncapi(load(SHIPPED)), postman(OPERATIONS, CONFIG)])
    assert not re.search(r"mosquitto|aiohttp|Python/|127\.0\.0\.1", text)


def test_the_branchs_public_address_is_the_server() -> None:
    assert [server["url"] for server in DOCUMENT["servers"]] == ["https://gym.example"]
    servers = asyncapi(CONFIG)["servers"]
    assert (servers["http"]["protocol"], servers["websocket"]["protocol"]) == ("https", "wss")


def test_the_collection_leaves_out_what_never_ends() -> None:
    names = json.dumps(postman(OPERATIONS, CONFIG)["item"])
    assert "/branches" in names
    assert "GET /stream" not in names
    assert "GET /ws" not in names


def test_a_call_that_needs_somebody_must_be_401_without_a_token() -> None:
    def script(name: str) -> str:
        folders = postman([BY_ID[name]], CONFIG)["item"]
        return str(folders[0]["item"][0]["event"][0]["script"]["exec"][0])

    assert script("listEvents").endswith("[200, 403] : [401];")
    assert script("listBranches") == "const right = [200];"


def test_a_new_operation_needs_no_word_elsewhere() -> None:
    new = replace(BY_ID["showBranch"], path="/new/{gymId}", summary="New")
    made = openapi([*OPERATIONS, new], CONFIG)["paths"]["/new/{gymId}"]["get"]
    assert made["summary"] == "New"
    assert "404" in made["responses"]


@pytest.mark.parametrize(
    ("option", "key"), [((), "openapi"), (("--asyncapi",), "asyncapi"), (("--postman",), "item")]
)
def test_the_command_prints_a_document_without_a_gateway(option: tuple[str, ...], key: str) -> None:
    done = CliRunner().invoke(main, ["openapi", "--config", str(SHIPPED), *option])
    assert done.exit_code == 0, done.output
    assert key in json.loads(done.stdout)


def test_a_wrong_configuration_ends_the_command_with_2(tmp_path: Path) -> None:
    wrong = tmp_path / "gateway.toml"
    wrong.write_text("[brunch]\n")
    done = CliRunner().invoke(main, ["openapi", "--config", str(wrong)])
    assert done.exit_code == 2
    assert "brunch" in done.output


def test_statuses_stand_in_order() -> None:
    for operation in BY_ID:
        assert all(a < b for a, b in pairwise(map(int, responses(operation))))
