"""Signed requests: RFC 9421 with hmac-sha256, and RFC 9530's digest of the body."""

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from heapq import heappop, heappush

from gateway.core.signature_fields import Input, byte_sequences, bytes_item, inputs, quoted

TOLERANCE = 60.0  # seconds that the signer's clock may differ from ours
MOST_NONCES = 10_000  # 3.5 MB: 50 keys that each use 100 calls a minute to the full
LONGEST_NONCE = 128  # characters
ALGORITHM = "hmac-sha256"
ALWAYS = ("@method", "@target-uri")
DIGEST = "content-digest"


class SignatureError(Exception):
    """A signature that does not hold; the text says what is missing or wrong."""


@dataclass(frozen=True, slots=True)
class Signed:
    """What a signature can be about. Names of headers are in lower case."""

    method: str
    target_uri: str
    """As the signer calls it: our public URL, the path and the query."""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class _Claim:
    """A signature and what it says of itself."""

    said: Input
    mac: bytes

    def text(self, name: str) -> str:
        value = self.said.parameters.get(name)
        if not isinstance(value, str) or not value:
            raise SignatureError(f'Signature-Input lacks the parameter {name}="…"')
        return value

    @property
    def created(self) -> int:
        value = self.said.parameters.get("created")
        if not isinstance(value, int):
            raise SignatureError("Signature-Input lacks the parameter created=<epoch seconds>")
        return value


class Nonces:
    """Remembers each nonce for as long as its signature could be good: at most 120 s.

    The newest `created` that was forgotten is kept, and what is not newer is refused: so no
    step of the clock makes an old signature good again.
    """

    def __init__(self, most: int = MOST_NONCES) -> None:
        self._most = most
        self._known: set[tuple[str, str]] = set()
        self._oldest: list[tuple[int, tuple[str, str]]] = []
        self._forgotten = -(2**53)

    @property
    def count(self) -> int:
        """How many are remembered."""
        return len(self._known)

    def add(self, key_id: str, nonce: str, created: int, now: float) -> None:
        """Take note. Raises SignatureError if it was seen, or if there is no room."""
        while self._oldest and self._oldest[0][0] < now - TOLERANCE:
            moment, name = heappop(self._oldest)
            self._known.discard(name)
            self._forgotten = max(self._forgotten, moment)
        if (key_id, nonce) in self._known or created <= self._forgotten:
            raise SignatureError("this nonce was used before; sign each request with a new one")
        if len(self._known) >= self._most:
            raise SignatureError("too many signed requests in two minutes; try again later")
        self._known.add((key_id, nonce))
        heappush(self._oldest, (created, (key_id, nonce)))


def derive(master: bytes, key_id: str) -> bytes:
    """The secret of a key: nothing of it is stored."""
    return hmac.digest(master, key_id.encode(), "sha256")


def key_id_of(request: Signed, label: str | None = None) -> str:
    """Who says to have signed. Raises SignatureError."""
    return _read(request, label).text("keyid")


def verify(  # each is needed, and none belongs to another
    request: Signed,
    secret: bytes,
    now: float,
    started_at: float,
    seen: Nonces,
    label: str | None = None,
) -> None:
    """Raises SignatureError unless the request is signed, fresh, and here for the first time.

    `now` and `started_at` (of this process: older signatures it may have seen before it forgot
    everything) in epoch seconds; `label` names the signature where there are several.
    """
    claim = _read(request, label)
    _judge_cover(request, claim)
    _judge_time(claim.created, now, started_at)
    if not hmac.compare_digest(mac_of(secret, _base(request, claim.said)), claim.mac):
        raise SignatureError("the signature does not fit the request and the secret of its key")
    if DIGEST in claim.said.components:
        _judge_digest(request)
    seen.add(claim.text("keyid"), claim.text("nonce"), claim.created, now)


def sign(  # these are the signature's parts
    request: Signed, secret: bytes, key_id: str, created: int, nonce: str, label: str = "sig1"
) -> dict[str, str]:
    """The headers to add: Signature-Input, Signature, and Content-Digest if there is a body."""
    added = {"Content-Digest": content_digest(request.body)} if request.body else {}
    headers = {**request.headers, **{name.lower(): text for name, text in added.items()}}
    names = (*ALWAYS, DIGEST) if request.body else ALWAYS
    said = Input(names, {"created": created, "nonce": nonce, "keyid": key_id, "alg": ALGORITHM})
    mac = mac_of(secret, _base(replace(request, headers=headers), said))
    return {
        **added,
        "Signature-Input": f"{label}={said}",
        "Signature": bytes_item(label, mac),
    }


def content_digest(body: bytes) -> str:
    """The value of Content-Digest."""
    return bytes_item("sha-256", hashlib.sha256(body).digest())


def base_of(components: Iterable[tuple[str, str]], parameters: str) -> bytes:
    """What is signed: RFC 9421, section 2.5."""
    lines = [f"{quoted(name)}: {value}" for name, value in components]
    try:
        return "\n".join([*lines, f'"@signature-params": {parameters}']).encode("ascii")
    except UnicodeEncodeError:
        raise SignatureError("what is signed must be ASCII; escape the URL's other signs") from None


def mac_of(secret: bytes, base: bytes) -> bytes:
    """RFC 9421, section 3.3.3."""
    return hmac.digest(secret, base, "sha256")


# --- judging ------------------------------------------------------------------------------------


def _judge_cover(request: Signed, claim: _Claim) -> None:
    """The signature must be about all that matters, and made as we understand it."""
    needed = (*ALWAYS, DIGEST) if request.body else ALWAYS
    missing = [name for name in needed if name not in claim.said.components]
    if missing:
        raise SignatureError(f"the signature must also cover {_listed(missing)}")
    algorithm = claim.said.parameters.get("alg", ALGORITHM)  # without: that of the key, this one
    if algorithm != ALGORITHM:
        raise SignatureError(f'only alg="{ALGORITHM}" is understood')
    claim.text("keyid")
    if len(claim.text("nonce")) > LONGEST_NONCE:
        raise SignatureError(f"the nonce is longer than {LONGEST_NONCE} characters")


def _judge_time(created: int, now: float, started_at: float) -> None:
    if abs(now - created) > TOLERANCE:
        late = now - created
        where = f"{late:.0f} s old" if late > 0 else f"{-late:.0f} s in the future"
        raise SignatureError(f"created is {where}; at most {TOLERANCE:.0f} s are accepted")
    if created < started_at:
        raise SignatureError("created is before the gateway started; sign the request again")


def _judge_digest(request: Signed) -> None:
    try:
        given = byte_sequences(request.headers[DIGEST], "Content-Digest").get("sha-256")
    except ValueError as error:
        raise SignatureError(str(error)) from None
    if given is None:
        raise SignatureError("Content-Digest lacks sha-256=:…:")
    if not hmac.compare_digest(given, hashlib.sha256(request.body).digest()):
        raise SignatureError("Content-Digest does not fit the body")


def _base(request: Signed, said: Input) -> bytes:
    return base_of([(name, _value(request, name)) for name in said.components], str(said))


def _value(request: Signed, name: str) -> str:
    if name == "@method":
        return request.method
    if name == "@target-uri":
        return request.target_uri
    if name.startswith("@"):
        raise SignatureError(f"of the @ components only {_listed(ALWAYS)} are understood")
    if name not in request.headers:
        raise SignatureError(f"the signature covers the header {name}, which is not there")
    return request.headers[name].strip()


def _read(request: Signed, label: str | None) -> _Claim:
    try:
        said = inputs(request.headers.get("signature-input", ""))
        macs = byte_sequences(request.headers.get("signature", ""), "Signature")
    except ValueError as error:
        raise SignatureError(str(error)) from None
    chosen = _chosen(list(said), label)
    if chosen not in macs:
        raise SignatureError(f"Signature lacks the label {chosen} that Signature-Input has")
    return _Claim(said[chosen], macs[chosen])


def _chosen(labels: list[str], label: str | None) -> str:
    if label is None and len(labels) == 1:
        return labels[0]
    if label is None:
        raise SignatureError(f"there are several signatures ({_listed(labels)}); send one")
    if label not in labels:
        raise SignatureError(f"Signature-Input has no label {label}")
    return label


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
