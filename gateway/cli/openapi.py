"""`gateway openapi`."""

import json
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import click

from config.load import ConfigError, explain, load
from config.sections import Config
from gateway.api import asyncapi as messages
from gateway.api import calls, postman
from gateway.api import openapi as document
from gateway.api.backing import Backing
from gateway.api.operation import Operation
from gateway.cli.options import CONFIG

NOBODY: Any = None  # stands for the parts that only a call would need


@click.command()
@CONFIG
@click.option("--openapi", "form", flag_value="openapi", default=True, help="The calls: OpenAPI.")
@click.option("--asyncapi", "form", flag_value="asyncapi", help="The messages: AsyncAPI 3.0.")
@click.option("--postman", "form", flag_value="postman", help="The calls as a Postman collection.")
def openapi(path: Path, form: str) -> None:
    """Print the API's document, as a running gateway serves it; none needs to run.

    \b
    Examples:
      gateway openapi > openapi.json
      gateway openapi --asyncapi | jq '.channels | keys'
      gateway openapi --postman > gym.postman_collection.json

    Exit codes: 0 good, 2 mistakes in the configuration.
    """
    try:
        config = load(path)
    except ConfigError as error:
        click.echo(explain(error), err=True)
        sys.exit(2)
    click.echo(json.dumps(_made(form, config), indent=2, ensure_ascii=False))


def _made(form: str, config: Config) -> dict[str, Any]:
    if form == "asyncapi":
        return messages.asyncapi(config)
    make = postman.postman if form == "postman" else document.openapi
    return make(without_a_gateway(config), config)


def without_a_gateway(config: Config) -> list[Operation]:
    """The calls of this configuration, with nothing behind them."""
    parts = {field.name: NOBODY for field in fields(Backing)}
    return calls.operations(Backing(**parts | {"config": config}), NOBODY, NOBODY, NOBODY)
