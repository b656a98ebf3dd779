"""No push goes into the LAN, whatever an endpoint is called."""

import pytest

from gateway.notify.addresses import is_public, objection

NAMED = ("127.0.0.1:4433", "[::1]:4433", "push.gym.lan:8443", "push.example.org", "192.168.1.5")


@pytest.mark.parametrize(
    "url",
    [
        "https://fcm.googleapis.com/fcm/send/abc:APA91b",
        "https://FCM.googleapis.com/fcm/send/abc",
        "https://updates.push.services.mozilla.com/wpush/v2/gAAAA",
        "https://web.push.apple.com/QGuQyavXutnMH-lx",
        "https://wns2-par02p.notify.windows.com/w/?token=BQYAAA%3d%3d",
        "https://push.example.org/1",
        "https://push.gym.lan:8443/1",
        "http://127.0.0.1:4433/1",
        "http://[::1]:4433/1",
    ],
)
def test_known_services_and_what_the_operators_named_are_fine(url: str) -> None:
    assert objection(url, NAMED) is None


@pytest.mark.parametrize(
    "url",
    [
        "http://fcm.googleapis.com/1",
        "http://push.gym.lan:8443/1",
        "ftp://127.0.0.1:4433/1",
        "http://127.0.0.1:4434/1",
        "https://192.168.1.5/1",
        "https://a@127.0.0.1:4433/1",
        "https://fcm.googleapis.com:443/1",
        "https://fcm.googleapis.com:99999/1",
        "https://fcm.googleapis.com./1",
        "https://a..push.apple.com/1",
        "https://%s.push.apple.com/1" % ("a" * 64),
        "https://fcm.googleapis.com@10.0.0.1/1",
        "https://10.0.0.1\\@fcm.googleapis.com/1",
        "https://10.0.0.1#@fcm.googleapis.com/1",
        "https://fcm.google\napis.com/1",
        "https://fcm.googleapis.com/ 1",
        "https://\uff46cm.googleapis.com/1",
        "https://notify.windows.com/1",
        "https://2130706433/1",
        "https://0x7f.1/1",
        "https://[::1",
        "https://[fe80::1%25eth0]/1",
        "//fcm.googleapis.com/1",
        "",
    ],
)
def test_all_else_is_refused(url: str) -> None:
    assert objection(url, NAMED) is not None


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.0.1", "169.254.1.1", "100.64.0.1"),
        *("0.0.0.0", "224.0.0.1", "255.255.255.255", "192.0.0.1", "198.18.0.1"),
        *("::", "::1", "fe80::1%eth0", "fc00::1", "fd12::1", "fec0::1", "ff0e::1"),
        *("::ffff:192.168.0.1", "::7f00:1", "2002:c0a8:1::1", "2002:808:808::1"),
        *("2001:0:53aa:64c:0:0:3f57:fefd", "64:ff9b::c0a8:1", "64:ff9b:1::1", "2001:db8::1"),
    ],
)
def test_an_address_of_ours_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "2a00:1450:4001:80b::200a", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert is_public(address)
