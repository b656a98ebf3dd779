"""One machine."""

from dataclasses import replace

from aiohttp import web

from gateway.api import examples
from gateway.api.lookup import identifier, looking_up
from gateway.api.messages import MachineReply, clock_of, encode, machine_reply
from gateway.api.operation import Operation
from gateway.api.query import no_parameters
from gateway.api.ready import Ready, body_of, reply
from gateway.readmodel import ReadModel


class MachineRoutes:
    """`/machines/{machineId}` of our own gym, and the full path of any."""

    def __init__(self, model: ReadModel, own_gym: str, ready: Ready) -> None:
        self._model = model
        self._own_gym = own_gym
        self._ready = ready

    def operations(self) -> list[Operation]:
        """What is served here."""
        short = Operation(
            method="GET",
            path="/machines/{machineId}",
            handler=self.show_machine,
            summary="One machine of our own branch",
            tag="Machines",
            parameters=(examples.MACHINE_ID,),
            gives=MachineReply,
            example=examples.MACHINE,
            live=True,
        )
        full = replace(
            short,
            path="/branches/{gymId}/machines/{machineId}",
            summary="One machine of any branch known here",
            parameters=(examples.GYM_ID, examples.MACHINE_ID),
        )
        return [short, full]

    async def show_machine(self, request: web.Request) -> web.Response:
        """A machine as it stands."""
        gym = own_or_named_gym(request, self._own_gym)
        machine = identifier(request, "machineId", "machine")
        no_parameters(request)
        key = (gym, machine)
        body = self._ready.get(key) or self._ready.put(
            key, body_of(encode(self._read(gym, machine)))
        )
        return reply(request, body)

    def _read(self, gym: str, machine: str) -> MachineReply:
        with looking_up("branch", gym):
            as_of = self._model.branch(gym).as_of
        with looking_up("machine", machine):
            view = self._model.machine(gym, machine)
        told = self._model.foretell(gym, machine)
        return machine_reply(view, as_of, clock_of(self._model), told)


def own_or_named_gym(request: web.Request, own_gym: str) -> str:
    """The gym in the path; short paths mean our own."""
    if "gymId" not in request.match_info:
        return own_gym
    return identifier(request, "gymId", "branch")
