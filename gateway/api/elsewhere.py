"""What is done at a branch's own gateway: the hub of its chain says where that is."""

from collections.abc import Callable, Sequence

from aiohttp import web

from gateway.api.alerts import NewAlert
from gateway.api.body import body_as
from gateway.core.errors import ElsewhereError
from gateway.readmodel import ReadModel

PATHS = ("/members", "/alerts", "/push", "/push-subscriptions", "/tickets", "/machines", "/m")
ADVICE = "; `GET /branches` names every branch's `publicUrl`"


class Asked(NewAlert, frozen=True, forbid_unknown_fields=True):
    """An alert as a branch takes it, and which branch is meant."""

    gym_id: str | None = None


class ElsewhereRoutes:
    """Members and their alerts; and the short paths, which mean a branch's own machines."""

    def __init__(self, model: ReadModel, having: Callable[[str], Sequence[str]]) -> None:
        """`having`: the branches in which a machine of that id stands."""
        self._model = model
        self._having = having

    def routes(self) -> list[web.RouteDef]:
        """What is refused here; the first that fits."""
        return [
            web.post("/alerts", self.create_alert),
            web.get("/machines/{machineId}{rest:(/.*)?}", self.refuse_machine),
            web.get("/m/{machineId}", self.refuse_machine),
            *[web.route("*", path + "{rest:(/.*)?}", self.refuse) for path in PATHS],
        ]

    async def create_alert(self, request: web.Request) -> web.Response:
        """Raises ElsewhereError, naming the branch's gateway."""
        asked = await body_as(request, Asked)
        gyms = [asked.gym_id] if asked.gym_id else self._having(asked.machine_id or "")
        raise self._error("Alerts are made", gyms)

    async def refuse_machine(self, request: web.Request) -> web.Response:
        """Raises ElsewhereError: several branches may have one of that id."""
        gyms = self._having(request.match_info["machineId"])
        raise self._error("Here a machine is asked for by its full path; the short one is", gyms)

    async def refuse(self, _request: web.Request) -> web.Response:
        """Raises ElsewhereError."""
        raise self._error("This is done", ())

    def _error(self, what: str, gyms: Sequence[str]) -> ElsewhereError:
        """Naming one, if there is but one."""
        where = next(iter(gyms)) if len(gyms) == 1 else None
        if where is None:
            return ElsewhereError(f"{what} at each branch's own gateway{ADVICE}.")
        try:
            url = self._model.branch(where).public_url
        except KeyError:
            return ElsewhereError(f"{what} at the branch; {where[:64]!r} is none of ours{ADVICE}.")
        if url is None:
            return ElsewhereError(f"{what} at the branch {where}, which names no `publicUrl`.")
        return ElsewhereError(f"{what} at the branch {where}: {url}", url)
