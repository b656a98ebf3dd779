import base64
import datetime as dt
import warnings
from dataclasses import replace
from types import SimpleNamespace

import pytest
from http_message_signatures import HTTPMessageSigner, HTTPMessageVerifier
from http_message_signatures.algorithms import HMAC_SHA256
from http_message_signatures.resolvers import MappingKeyResolver
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.signatures import (
    Nonces,
    SignatureError,
    Signed,
    base_of,
    content_digest,
    derive,
    key_id_of,
    mac_of,
    sign,
    verify,
)

NOW, STARTED = 1_700_000_000.0, 1_600_000_000.0
SECRET = derive(b"master" * 6, "k1")
URL = "http://gym.local:8080/machines/bench-01/service?a=%20b"
PUT = Signed("PUT", URL, body=b'{"note": "broken"}')
GET = Signed("GET", URL)


def signed(request: Signed, created: float = NOW, nonce: str = "n1", key: str = "k1") -> Signed:
    added = sign(request, SECRET, key, int(created), nonce)
    headers = {**request.headers, **{name.lower(): text for name, text in added.items()}}
    return replace(request, headers=headers)


def altered(request: Signed, header: str, old: str, new: str) -> Signed:
    assert old in request.headers[header]
    text = request.headers[header].replace(old, new, 1)
    return replace(request, headers={**request.headers, header: text})


def accept(request: Signed, seen: Nonces | None = None, now: float = NOW) -> None:
    verify(request, SECRET, now, STARTED, Nonces() if seen is None else seen)


def refusal(request: Signed, now: float = NOW, started: float = STARTED) -> str:
    with pytest.raises(SignatureError) as caught:
        verify(request, SECRET, now, started, Nonces())
    return str(caught.value)


@pytest.mark.parametrize("request_", [PUT, GET])
def test_what_we_sign_we_accept(request_: Signed) -> None:
    assert key_id_of(signed(request_)) == "k1"
    accept(signed(request_))


# --- the second opinion ---------------------------------------------------------------------------

KEYS = MappingKeyResolver(public_keys={"k1": SECRET}, private_keys={"k1": SECRET})


@pytest.mark.parametrize("request_", [PUT, GET])
@pytest.mark.parametrize("include_alg", [True, False])
def test_what_the_library_signs_we_accept(request_: Signed, include_alg: bool) -> None:
    message = SimpleNamespace(method=request_.method, url=request_.target_uri, headers={})
    HTTPMessageSigner(signature_algorithm=HMAC_SHA256, key_resolver=KEYS).sign(
        message,
        key_id="k1",
        created=dt.datetime.fromtimestamp(NOW, dt.UTC),
        nonce='a "quoted\\ nonce',
        include_alg=include_alg,
        covered_component_ids=("@method", "@target-uri"),
        body=request_.body or None,
    )
    accept(replace(request_, headers={k.lower(): v for k, v in message.headers.items()}))


@pytest.mark.parametrize("request_", [PUT, GET])
def test_what_we_sign_the_library_accepts(request_: Signed) -> None:
    now = dt.datetime.now(dt.UTC).timestamp()
    ours = signed(request_, created=now, nonce='a "quoted\\ nonce')
    message = SimpleNamespace(method=ours.method, url=ours.target_uri, headers=dict(ours.headers))
    verifier = HTTPMessageVerifier(signature_algorithm=HMAC_SHA256, key_resolver=KEYS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = verifier.verify(message)
    assert results[0].parameters["keyid"] == "k1"


def test_the_rfc_s_published_hmac_example_holds() -> None:
    key = base64.b64decode(
        "uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ=="
    )
    components = [
        ("date", "Tue, 20 Apr 2021 02:07:55 GMT"),
        ("@authority", "example.com"),
        ("content-type", "application/json"),
    ]
    names = '("date" "@authority" "content-type")'
    base = base_of(components, f'{names};created=1618884473;keyid="test-shared-secret"')
    expected = "pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8="
    assert base64.b64encode(mac_of(key, base)).decode() == expected


# --- refusals -------------------------------------------------------------------------------------


def test_a_replay_is_refused() -> None:
    seen = Nonces()
    accept(signed(PUT), seen)
    with pytest.raises(SignatureError, match="nonce was used"):
        accept(signed(PUT), seen)
    accept(signed(PUT, nonce="n2"), seen)


@pytest.mark.parametrize(
    ("method", "url"),
    [
        ("POST", URL),
        ("PUT", URL + "c"),
        ("PUT", URL.replace("http:", "https:")),
        ("PUT", URL.replace("bench-01", "bench-02")),
    ],
)
def test_a_signature_for_another_call_is_refused(method: str, url: str) -> None:
    assert "does not fit the request" in refusal(
        replace(signed(PUT), method=method, target_uri=url)
    )


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('nonce="n1"', 'nonce="n2"'),
        ("created=17", "created=17000000010;created=17"),
        ("created=1700000000", "created=1700000001"),
        ('keyid="k1"', 'keyid="k2"'),
        ('"@method" "@target-uri"', '"@target-uri" "@method"'),
        (';alg="hmac-sha256"', ""),
    ],
)
def test_an_altered_signature_input_is_refused(old: str, new: str) -> None:
    refusal(altered(signed(PUT), "signature-input", old, new))


def test_a_body_that_was_exchanged_is_refused() -> None:
    assert refusal(replace(signed(PUT), body=b"{}")) == "Content-Digest does not fit the body"
    both = altered(
        replace(signed(PUT), body=b"{}"),
        "content-digest",
        content_digest(PUT.body),
        content_digest(b"{}"),
    )
    assert "does not fit the request" in refusal(both)


def test_a_body_that_the_signature_does_not_cover_is_refused() -> None:
    smuggled = replace(signed(GET), body=b"{}")
    assert refusal(smuggled) == "the signature must also cover content-digest"


def test_a_digest_that_is_covered_must_be_there_in_sha_256() -> None:
    whole = signed(PUT)
    gone = {name: text for name, text in whole.headers.items() if name != "content-digest"}
    assert "content-digest, which is not there" in refusal(replace(whole, headers=gone))
    other = Signed("PUT", URL, {"content-digest": "sha-512=:AAAA:"}, b"x")
    parameters = (
        '("@method" "@target-uri" "content-digest")'
        f';created={NOW:.0f};nonce="n1";keyid="k1";alg="hmac-sha256"'
    )
    components = [("@method", "PUT"), ("@target-uri", URL), ("content-digest", "sha-512=:AAAA:")]
    mac = base64.b64encode(mac_of(SECRET, base_of(components, parameters))).decode()
    added = {"signature-input": f"s={parameters}", "signature": f"s=:{mac}:"}
    assert "lacks sha-256" in refusal(replace(other, headers={**other.headers, **added}))


@pytest.mark.parametrize("away", [-61, 61])
def test_a_signature_of_another_minute_is_refused(away: int) -> None:
    accept(signed(PUT, created=NOW + away * 60 / 61))
    assert "61 s" in refusal(signed(PUT, created=NOW + away))


def test_a_signature_from_before_the_start_is_refused() -> None:
    assert "before the gateway started" in refusal(signed(PUT, NOW - 5), started=NOW - 4)


def test_another_secret_is_refused() -> None:
    other = derive(b"master" * 6, "k2")
    assert other != SECRET
    with pytest.raises(SignatureError, match="secret of its key"):
        verify(signed(PUT), other, NOW, STARTED, Nonces())


def test_another_algorithm_is_refused() -> None:
    other = altered(signed(PUT), "signature-input", "hmac-sha256", "rsa-v1_5-sha256")
    assert refusal(other) == 'only alg="hmac-sha256" is understood'


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('"@method" ', "", "must also cover @method"),
        (' "@target-uri"', "", "must also cover @target-uri"),
        (' "content-digest"', "", "must also cover content-digest"),
        ("created=1700000000", 'created="now"', "lacks the parameter created"),
        (';nonce="n1"', "", 'lacks the parameter nonce="…"'),
        ('nonce="n1"', f'nonce="{"x" * 129}"', "nonce is longer"),
        (';keyid="k1"', "", 'lacks the parameter keyid="…"'),
        (";alg=", ";expires=1;alg=", "parameter expires is not understood"),
        (";alg=", ';nonce="n3";alg=', "parameter nonce stands there twice"),
        ('"@method"', '"@method" "@method"', "component twice"),
        ('"@method"', '"@method" "@path"', "only @method, @target-uri"),
        ('"@method"', '"@method" "x-not-there"', "x-not-there, which is not there"),
        ('"@method"', '"@method";req', "malformed from character 1"),
        ("sig1=", "other=", "Signature lacks the label other"),
        ("sig1=(", 'sig1=();keyid="k1", sig1=(', "label sig1 stands there twice"),
        ("sig1=(", 'sig2=();keyid="k1", sig1=(', "several signatures (sig2, sig1)"),
    ],
)
def test_a_refusal_tells_what_is_missing(old: str, new: str, told: str) -> None:
    assert told in refusal(altered(signed(PUT), "signature-input", old, new))


@pytest.mark.parametrize("header", ["signature-input", "signature"])
def test_a_missing_header_is_named(header: str) -> None:
    assert refusal(altered(signed(PUT), header, signed(PUT).headers[header], "")) == (
        f"the header {'Signature-Input' if header == 'signature-input' else 'Signature'} is missing"
    )


def test_the_named_one_of_several_signatures_counts() -> None:
    whole = signed(PUT)
    two = {**whole.headers, "signature-input": f"x=(),{whole.headers['signature-input']}"}
    request = replace(whole, headers=two)
    verify(request, SECRET, NOW, STARTED, Nonces(), label="sig1")
    with pytest.raises(SignatureError, match="no label sig2"):
        verify(request, SECRET, NOW, STARTED, Nonces(), label="sig2")


@given(st.text(max_size=60) | st.from_regex(r'\A[a-z=("@;:, \\)0-9*]{0,60}\Z'))
def test_whatever_stands_in_the_headers_the_answer_is_a_refusal(text: str) -> None:
    whole = signed(PUT)
    for header in ("signature-input", "signature", "content-digest"):
        if text != whole.headers[header]:
            refusal(replace(whole, headers={**whole.headers, header: text}))


# --- nonces ---------------------------------------------------------------------------------------


def test_a_nonce_belongs_to_its_key() -> None:
    seen = Nonces()
    seen.add("k1", "n", int(NOW), NOW)
    seen.add("k2", "n", int(NOW), NOW)
    assert seen.count == 2


def test_a_forged_signature_leaves_no_nonce_behind() -> None:
    seen = Nonces()
    with pytest.raises(SignatureError):
        verify(replace(signed(PUT), body=b"{}"), SECRET, NOW, STARTED, seen)
    with pytest.raises(SignatureError):
        verify(replace(signed(PUT), method="GET"), SECRET, NOW, STARTED, seen)
    assert seen.count == 0


def test_a_full_memory_of_nonces_refuses_and_empties_with_time() -> None:
    seen = Nonces(most=2)
    seen.add("k", "a", int(NOW), NOW)
    seen.add("k", "b", int(NOW), NOW)
    with pytest.raises(SignatureError, match="too many"):
        seen.add("k", "c", int(NOW), NOW)
    seen.add("k", "c", int(NOW) + 61, NOW + 61)
    assert seen.count == 1


def test_no_step_of_the_clock_lets_a_replay_through() -> None:
    seen = Nonces()
    accept(signed(PUT, nonce="old"), seen)
    accept(signed(PUT, created=NOW + 3600, nonce="new"), seen, now=NOW + 3600)
    with pytest.raises(SignatureError, match="used before"):
        accept(signed(PUT, nonce="old"), seen)
