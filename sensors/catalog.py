"""The sensor families: a file in `drivers/` is a driver."""

from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from sensors import drivers
from sensors.decoder import Driver


@cache
def names() -> list[str]:
    """Every family's name, sorted, without importing one of them."""
    return sorted(module.name for module in iter_modules(drivers.__path__))


def load(name: str) -> Driver:
    """The family of that name; KeyError when there is no such file."""
    if name not in names():
        raise KeyError(name)
    found: Driver = import_module(f"sensors.drivers.{name}").DRIVER
    return found
