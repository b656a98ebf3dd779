"""Options that several commands take, each said once."""

from pathlib import Path

import click

CONFIG = click.option(
    "--config",
    "path",
    type=click.Path(path_type=Path),
    default=Path("gateway.toml"),
    show_default=True,
    help="The branch's configuration.",
)
JSON_LINES = click.option("--json", "as_json", is_flag=True, help="JSON, one object a line.")
JSON_OBJECT = click.option("--json", "as_json", is_flag=True, help="One JSON object.")
