"""Who gets a place when there are few."""

from gateway.api.gate import Gate


class Guest:
    def __init__(self) -> None:
        self.is_cut = False

    def cut(self) -> None:
        self.is_cut = True


def nobody(_address: str) -> bool:
    return False


def test_one_address_has_its_share_and_no_more() -> None:
    gate = Gate(10, 2, nobody)
    assert [gate.enter("a"), gate.enter("a"), gate.enter("a"), gate.enter("b")] == [
        True,
        True,
        False,
        True,
    ]
    gate.leave("a", Guest())
    assert gate.enter("a")


def test_an_exempt_address_has_no_share() -> None:
    gate = Gate(10, 2, lambda _address: True)
    assert [gate.enter("a") for _ in range(5)] == [True] * 5


def test_when_all_places_are_taken_who_idles_longest_goes() -> None:
    gate, guests = Gate(3, 3, nobody), [Guest() for _ in range(3)]
    for guest in guests:
        gate.enter("a")
        gate.idles(guest)
    gate.works(guests[0])
    assert gate.enter("b")
    assert [guest.is_cut for guest in guests] == [False, True, False]


def test_who_works_keeps_its_place() -> None:
    gate, guest = Gate(1, 1, nobody), Guest()
    gate.enter("a")
    gate.idles(guest)
    gate.works(guest)
    assert not gate.enter("b")
    assert gate.refused == 1
