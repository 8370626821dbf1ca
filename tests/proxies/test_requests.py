"""What muxboard knows of a request through each proxy: which page sent it, and from where."""

from __future__ import annotations

import os
import pwd

import pytest

from tests.proxies.visitor import Visitor

TMUX_USER = pwd.getpwuid(os.getuid()).pw_name
ELSEWHERE = "127.0.0.2"  # loopback too, and not the proxy's address


@pytest.mark.parametrize("origin", ["https://evil.example.com", "null", "", "http://localhost"])
def test_a_page_of_another_origin_cannot_act_with_somebodys_login(site, origin):
    lines = [("Origin", origin)] if origin else []
    answer = site.visitor("ann").send(f"{site.url}api/v1/refresh", {}, lines)
    assert (answer.status, answer.json()["code"]) == (403, "origin_refused")


@pytest.mark.parametrize("forwarded", ["X-Forwarded-Host", "X-Original-Host", "Forwarded"])
def test_a_claimed_host_makes_no_origin_ours(site, forwarded):
    lines = [("Origin", "http://evil.example.com"), (forwarded, "evil.example.com")]
    answer = site.visitor("ann").send(f"{site.url}api/v1/refresh", {}, lines)
    assert answer.status in {403, 421}, answer.text


def test_a_page_of_our_own_can(site):
    lines = [("Origin", site.url.rstrip("/"))]
    assert site.visitor("ann").send(f"{site.url}api/v1/refresh", {}, lines).status == 202


def test_a_socket_wants_the_login_and_the_origin(site):
    lines = [
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "nf6dB8Pb/BLinZ7UexUXHg=="),
    ]
    socket = f"{site.url}api/v1/terminals/some/socket"
    ours, foreign = ("Origin", site.url.rstrip("/")), ("Origin", "https://evil.example.com")
    assert Visitor().get(socket, [*lines, ours]).status in {401, 302}
    assert site.visitor("ann").get(socket, [*lines, foreign]).status == 403
    assert site.visitor("ann").get(socket, [*lines, ours]).status == 404


def test_the_audit_log_has_the_clients_address_and_not_what_it_says_of_itself(site):
    ann = Visitor(ELSEWHERE)
    ann.log_in(site.url, "ann")
    lines = [
        ("Origin", site.url.rstrip("/")),
        ("X-Forwarded-For", "203.0.113.6"),
        ("X-Real-IP", "203.0.113.6"),
    ]
    sessions = f"{site.url}api/v1/hosts/local/users/{TMUX_USER}/sessions"
    answer = ann.send(sessions, {"name": "made", "command": "cat"}, lines)
    assert answer.status == 201, answer.text
    site.tmux("kill-session", "-t", "=made")
    [made] = [line for line in site.audit if line["event"] == "session.create"]
    assert made["principal"] == "ann@example.com"
    # Envoy puts the machine's own address in place of a loopback one.
    assert made["client"] == ELSEWHERE or site.front.name == "envoy"
    assert made["client"] != "203.0.113.6"
