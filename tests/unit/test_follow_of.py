"""What a stream follows where several branches have machines of one id."""

from gateway.api.viewer import follow_of
from gateway.core.events import Cause, Status
from gateway.readmodel import MachineView


def view(gym: str, machine: str, category: str = "legs", *, many: bool = True) -> MachineView:
    name = f"{gym}/{machine}" if many else None
    what = (Status.FREE, Cause.OBSERVED, 0.0, 0.0)
    return MachineView(gym, machine, machine, category, *what, {}, in_log=name)


CHAIN = (view("a", "bench"), view("b", "bench"), view("b", "rower", "cardio"))


def test_an_id_means_that_machine_in_every_branch() -> None:
    assert follow_of(CHAIN, ["bench"], ()) == {"a/bench", "b/bench"}


def test_a_full_name_means_one_machine() -> None:
    assert follow_of(CHAIN, ["b/bench"], ()) == {"b/bench"}


def test_machines_and_categories_unite() -> None:
    assert follow_of(CHAIN, ["a/bench"], ["cardio"]) == {"a/bench", "b/rower"}


def test_in_a_branch_of_its_own_an_id_is_the_name() -> None:
    assert follow_of([view("a", "bench", many=False)], ["bench"], ()) == {"bench"}
