"""Web Push's cryptography, against the RFC's own example."""

from cryptography.hazmat.primitives.asymmetric import ec

from gateway.notify.push_crypto import (
    CURVE,
    base64url,
    encrypt,
    load_key,
    new_key,
    point,
    unbase64,
)

# RFC 8291, Appendix A
PRIVATE = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"
P256DH = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
AUTH = "BTBZMqHH6r4Tts7J_aSIgg"
SALT = "DGv6ra1nlYgDCS1FRnbzlw"
BODY = (
    "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6"
    "TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulc"
    "y4a-fN"
)


def test_the_example_of_rfc_8291_comes_out() -> None:
    private = ec.derive_private_key(int.from_bytes(unbase64(PRIVATE), "big"), CURVE)
    plain = b"When I grow up, I want to be a watermelon"
    assert base64url(encrypt(plain, P256DH, AUTH, private, unbase64(SALT))) == BODY


def test_a_key_survives_its_file() -> None:
    pem = new_key()
    assert point(load_key(pem)) == point(load_key(pem))
    assert len(point(load_key(pem))) == 65
