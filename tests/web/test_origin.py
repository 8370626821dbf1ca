"""Where a request comes from, purely."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tornado.httputil import HTTPHeaders

from muxboard.config.schema import Server
from muxboard.config.values import Bind
from muxboard.web.origin import Origins

PROXY = "10.0.0.1"


def headers(*pairs: tuple[str, str]) -> HTTPHeaders:
    found = HTTPHeaders()
    for name, value in pairs:
        found.add(name, value)
    return found


def origins(**fields) -> Origins:
    return Origins(Server(trusted_proxies=["10.0.0.0/8", "fd00::/8"], **fields))


@pytest.mark.parametrize(
    ("host", "answers"),
    [
        ("localhost", True), ("LOCALHOST:1", True), ("127.0.0.1:99999", True), ("[::1]:8765", True),
        ("ops.example.com", True), ("ops.example.com:443", True), ("board.lan", True), ("10.1.2.3", True),
        ("evil.example", False), ("x.ops.example.com", False), ("ops.example.com.", False), ("", False),
        ("localhost:", False), ("localhost:1:2", False), ("user@localhost", False), ("local host", False),
        ("127.1", False), ("[::1", False), ("localhost/x", False), ("l\u00f6calhost", False),
    ],
)  # fmt: skip
def test_answers_to_its_own_names_alone(host, answers):
    known = origins(
        bind=Bind("10.1.2.3", 80), public_url="https://ops.example.com/console/", allowed_hosts=["board.lan"]
    )
    assert known.answers_to(known.see("192.0.2.1", "http", headers(("Host", host)))) is answers


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "::"])  # noqa: S104
def test_a_wildcard_bind_is_no_name(host):
    known = origins(bind=Bind(host, 80))
    assert not known.answers_to(known.see("192.0.2.1", "http", headers(("Host", "0.0.0.0"))))  # noqa: S104


def test_forwarding_headers_count_from_trusted_proxies_alone():
    sent = headers(
        ("Host", "inner"), ("X-Forwarded-Host", "ops.example.com"), ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-For", "192.0.2.9"),
    )  # fmt: skip
    known = origins()
    seen = known.see(PROXY, "http", sent)
    assert (seen.host, seen.scheme, seen.client) == ("ops.example.com", "https", "192.0.2.9")
    seen = known.see("192.0.2.1", "http", sent)
    assert (seen.host, seen.scheme, seen.client) == ("inner", "http", "192.0.2.1")


@pytest.mark.parametrize(
    ("received", "forwarded", "answers"),
    [
        ("127.0.0.1:8765", "ops.example.com", True),
        ("ops.example.com", "ops.example.com", True),
        ("inner", "ops.example.com", False),
        # A page under a rebound name, in a browser that runs where the proxy does.
        ("evil.example:8765", "localhost", False),
        ("evil.example", "ops.example.com", False),
        ("", "ops.example.com", False),
        ("127.0.0.1", "evil.example", False),
    ],
)
def test_a_proxy_forwards_a_host_of_ours_to_a_host_of_ours(received, forwarded, answers):
    known = origins(public_url="https://ops.example.com/")
    sent = headers(("Host", received), ("X-Forwarded-Host", forwarded))
    assert known.answers_to(known.see(PROXY, "http", sent)) is answers


def test_underscore_twins_and_other_spellings_are_not_read():
    sent = headers(
        ("Host", "inner"), ("X_Forwarded_Host", "a"), ("X-Forwarded_For", "b"), ("Forwarded", "for=c")
    )
    seen = origins().see(PROXY, "http", sent)
    assert (seen.host, seen.client) == ("inner", PROXY)


@pytest.mark.parametrize(
    ("forwarded", "client"),
    [
        (["192.0.2.1"], "192.0.2.1"),
        (["evil, 192.0.2.1"], "192.0.2.1"),
        (["192.0.2.1, 10.2.3.4"], "192.0.2.1"),
        (["192.0.2.1", "10.2.3.4"], "192.0.2.1"),
        (["10.9.9.9, 10.2.3.4"], "10.9.9.9"),
        (["192.0.2.1, garbage"], PROXY),
        (["192.0.2.1, garbage, 10.2.3.4"], "10.2.3.4"),
        (["2001:db8::1"], "2001:db8::1"),
        ([""], PROXY),
        ([], PROXY),
        (["192.0.2.1,"], PROXY),
    ],
)
def test_the_client_is_the_rightmost_address_that_is_not_trusted(forwarded, client):
    sent = headers(("Host", "x"), *(("X-Forwarded-For", line) for line in forwarded))
    assert origins().see(PROXY, "http", sent).client == client


@pytest.mark.parametrize("peer", ["", "@", "0.0.0.0", "::ffff:10.0.0.1"])  # noqa: S104
def test_a_peer_without_a_trusted_address_is_not_a_proxy(peer):
    assert (
        origins().see(peer, "http", headers(("Host", "x"), ("X-Forwarded-For", "192.0.2.1"))).client == peer
    )


@pytest.mark.parametrize(
    ("pairs", "allowed"),
    [
        ([("Origin", "http://localhost:8765")], True),
        ([("Origin", "https://ops.example.com")], True),
        ([("Origin", "https://portal.example.com")], True),
        ([("Origin", "http://localhost:8765"), ("Origin", "http://localhost:8765")], False),
        ([("Origin", "http://localhost:8765"), ("Origin", "https://evil.example")], False),
        ([("Origin", "http://localhost")], False),
        ([("Origin", "https://localhost:8765")], False),
        ([("Origin", "http://ops.example.com")], False),
        ([("Origin", "http://localhost:8765/")], False),
        ([("Origin", "null")], False),
        ([("Origin", "")], False),
        ([], False),
        ([("Sec-Fetch-Site", "same-origin")], True),
        ([("Sec-Fetch-Site", "same-site")], False),
        ([("Sec-Fetch-Site", "none")], False),
        ([("Sec-Fetch-Site", "same-origin"), ("Sec-Fetch-Site", "same-origin")], False),
        ([("Origin", "https://evil.example"), ("Sec-Fetch-Site", "same-origin")], False),
    ],
)
def test_who_may_act(pairs, allowed):
    known = origins(
        public_url="https://ops.example.com/console/", allowed_origins=["https://portal.example.com"]
    )
    sent = headers(("Host", "localhost:8765"), *pairs)
    assert known.allows(known.see("192.0.2.1", "http", sent), sent) is allowed


@given(st.text(max_size=40), st.text(max_size=40), st.text(max_size=60), st.text(max_size=40))
def test_whatever_is_sent_is_judged_without_an_error(host, peer, forwarded, origin):
    sent = HTTPHeaders()
    for name, value in (("Host", host), ("X-Forwarded-For", forwarded), ("Origin", origin)):
        sent[name] = "".join(c for c in value if c.isprintable())
    known = origins()
    for address in (peer, PROXY):
        seen = known.see(address, "http", sent)
        if known.answers_to(seen):
            assert seen.host.startswith(("localhost", "127.0.0.1", "[::1]"))
        assert not known.allows(seen, sent) or sent["Origin"].lower().strip() == f"http://{seen.host}"


@pytest.mark.parametrize(
    ("bind", "trusted", "believed"),
    [
        (Bind("", 0, "/run/http.sock"), ["unix"], True),
        (Bind("", 0, "/run/http.sock"), [], False),
        (Bind("", 0, "/run/http.sock"), ["0.0.0.0/32"], True),
        (Bind("127.0.0.1", 80), ["unix"], False),
    ],
)
def test_whoever_comes_by_the_unix_socket_is_a_proxy_where_that_is_said(bind, trusted, believed):
    """Tornado calls them 0.0.0.0. A client that says so of itself is not one of them."""
    known = Origins(Server(bind=bind, trusted_proxies=trusted))
    sent = headers(("Host", "localhost"), ("X-Forwarded-For", "192.0.2.9"), ("X-Forwarded-Proto", "https"))
    seen = known.see("0.0.0.0", "http", sent)  # noqa: S104
    assert (seen.client, seen.scheme) == (("192.0.2.9", "https") if believed else ("0.0.0.0", "http"))  # noqa: S104
    assert known.from_proxy("0.0.0.0") is believed  # noqa: S104
    assert not known.from_proxy("127.0.0.1")


def test_a_client_that_calls_itself_the_unix_socket_is_no_proxy():
    known = Origins(Server(bind=Bind("", 0, "/run/http.sock"), trusted_proxies=["unix"]))
    sent = headers(("Host", "localhost"), ("X-Forwarded-For", "192.0.2.9, 0.0.0.0"))
    assert known.see("0.0.0.0", "http", sent).client == "0.0.0.0"  # noqa: S104
