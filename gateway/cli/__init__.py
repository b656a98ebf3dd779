"""The command line: one file per subject, each read only when its command is called."""

from importlib import import_module

import click

COMMANDS = {  # name → module of this package
    "alerts": "alerts",
    "calibrate": "calibrate",
    "calibration": "calibration",
    "check": "check",
    "decode": "offline",
    "forecast": "forecast",
    "hub": "hub",
    "keys": "keys",
    "openapi": "openapi",
    "reload": "reload",
    "replay": "offline",
    "run": "run",
    "sensors": "sensors",
    "simulate": "simulate",
    "stickers": "stickers",
    "upstream": "upstream",
    "version": "version",
}


class Commands(click.Group):
    """Reads a command's file when it is called: starting the gateway loads nothing else."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  click's signature
        """All commands, sorted."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The command of that name, or None."""
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"gateway.cli.{COMMANDS[cmd_name]}")
        command: click.Command = getattr(module, cmd_name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with a hint where the name is nearly right."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            from difflib import get_close_matches  # noqa: PLC0415  only when a name is wrong

            near = get_close_matches(args[0], COMMANDS, n=1)
            hint = f" Did you mean `gateway {near[0]}`?" if near else ""
            raise click.UsageError(f"{error.message}{hint}", ctx) from None


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """The gym gateway: machine occupancy from sensors to screens.

    \b
    Examples:
      gateway check --config /etc/gateway/gateway.toml
      gateway run --config /etc/gateway/gateway.toml
      gateway sensors list

    Tab completion: eval "$(_GATEWAY_COMPLETE=bash_source gateway)"
    """
