"""Web Push's own cryptography: RFC 8291 (aes128gcm) and RFC 8292 (VAPID)."""

import base64
import hmac
import json
import os

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

RECORD = 4096  # bytes: RFC 8291 has one record
SALT = 16  # bytes
CURVE = ec.SECP256R1()
Private = ec.EllipticCurvePrivateKey


def encrypt(
    plain: bytes,
    p256dh: str,
    auth: str,
    private: Private | None = None,
    salt: bytes | None = None,
) -> bytes:
    """RFC 8291, sections 3.3 and 3.4. `private` and `salt` are fresh unless a test gives them.

    Raises ValueError: the browser's key is no point of the curve, or no base64url.
    """
    theirs = ec.EllipticCurvePublicKey.from_encoded_point(CURVE, unbase64(p256dh))
    private, salt = private or ec.generate_private_key(CURVE), salt or os.urandom(SALT)
    ours = point(private)
    shared = private.exchange(ec.ECDH(), theirs)
    info = b"WebPush: info\0" + unbase64(p256dh) + ours
    secret = _expand(_mac(unbase64(auth), shared), info, 32)
    key = _mac(salt, secret)
    cek = _expand(key, b"Content-Encoding: aes128gcm\0", 16)
    nonce = _expand(key, b"Content-Encoding: nonce\0", 12)
    head = salt + RECORD.to_bytes(4, "big") + bytes([len(ours)]) + ours
    return head + AESGCM(cek).encrypt(nonce, plain + b"\x02", None)


def token(private: Private, audience: str, contact: str, expires: int) -> str:
    """RFC 8292's JWT, signed with ES256; `expires` in epoch seconds."""
    claims = {"aud": audience, "exp": expires, "sub": contact}
    head = {"typ": "JWT", "alg": "ES256"}
    text = ".".join(base64url(json.dumps(part).encode()) for part in (head, claims))
    r, s = decode_dss_signature(private.sign(text.encode(), ec.ECDSA(SHA256())))
    return f"{text}.{base64url(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


def new_key() -> bytes:
    """A private key as PEM."""
    private = ec.generate_private_key(CURVE)
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def load_key(pem: bytes) -> Private:
    """Raises ValueError: it is none of this curve."""
    private = load_pem_private_key(pem, None)
    if not isinstance(private, ec.EllipticCurvePrivateKey) or private.curve.name != CURVE.name:
        raise ValueError("the VAPID key is no P-256 private key")
    return private


def point(private: Private) -> bytes:
    """Its public key, uncompressed."""
    return private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def base64url(data: bytes) -> str:
    """Without padding."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def unbase64(text: str) -> bytes:
    """Padding may be missing. Raises ValueError."""
    return base64.urlsafe_b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4))


def _mac(key: bytes, data: bytes) -> bytes:
    return hmac.digest(key, data, "sha256")


def _expand(key: bytes, info: bytes, size: int) -> bytes:
    return _mac(key, info + b"\x01")[:size]
