"""Valid settings that a security reviewer would ask about."""

from __future__ import annotations

import pytest

from muxboard.config import load, weak

GOOD = """
[server]
bind = "127.0.0.1:8765"
public_url = "https://ops.example.com/console/"
trusted_proxies = ["127.0.0.1/32"]
[auth]
gate = "token"
[[grants]]
principals = ["operator"]
role = "operator"
hosts = ["web*"]
[audit]
path = "AUDIT"
"""
TOKEN = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def found(tmp_path):
    """Call it with a configuration for what is weak in it: paths, and everything said about each."""

    def found(text, environ=None, mode=0o600, token=TOKEN):
        path = tmp_path / "muxboard.toml"
        path.write_text(text.replace("AUDIT", str(tmp_path / "audit.jsonl")))
        path.chmod(mode)
        env = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", **(environ or {})}
        if token:
            env["MUXBOARD_TOKEN"] = token
        return {each.path: each for each in weak.settings(load(str(path), env), env)}

    return found


def test_a_good_one_is_told_nothing(found):
    assert found(GOOD) == {}


def test_the_embedded_default_is_good(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert weak.settings(load(None, {"HOME": str(tmp_path)}), {}) == []


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("redis://cache.internal/0", "without TLS"),
        ("redis://:secret@192.0.2.1/0", "without TLS"),
        ("rediss://cache.internal/0?ssl_cert_reqs=none", "is not checked"),
        ("rediss://cache.internal/0", None),
        ("rediss://cache.internal/0?ssl_cert_reqs=required", None),
        ("redis://127.0.0.1:6379/0", None),
        ("redis://localhost/0", None),
        ("unix:///run/redis.sock", None),
    ],
)
def test_a_redis_that_others_could_listen_to_or_be(found, url, said):
    weak = found(GOOD, {"MUXBOARD_REGISTRY_URL": url})
    assert list(weak) == ([] if said is None else ["registry.url"])
    assert said is None or said in weak["registry.url"].problem
    assert "secret" not in str(weak)


def test_a_name_that_looks_like_a_socket_is_another_machine(found):
    weak = found(GOOD.replace("https://ops.example.com/console/", "http://unix.example.com/"))
    assert "server.public_url" in weak


def changed(old, new):
    assert old in GOOD
    return GOOD.replace(old, new)


BIND, URL = 'bind = "127.0.0.1:8765"\n', 'public_url = "https://ops.example.com/console/"\n'
REMOTE = '[[hosts]]\nkey = "web{0}"\nhostname = "web{0}"\n'


@pytest.mark.parametrize(
    ("text", "path"),
    [
        (changed(BIND + URL, 'bind = "0.0.0.0:1"\n'), "server.bind"),
        (changed(BIND, 'bind = "[::]:1"\n').replace("trusted_proxies", "allowed_hosts"), "server.bind"),
        (changed("https://ops", "http://ops"), "server.public_url"),
        (changed('"127.0.0.1/32"', '"127.0.0.1/32", "0.0.0.0/0"'), "server.trusted_proxies[1]"),
        (changed('"127.0.0.1/32"', '"::/1"'), "server.trusted_proxies[0]"),
        (changed(BIND, 'bind = "unix:/run/http.sock"\n'), "server.trusted_proxies"),
        (changed("[auth]", 'allowed_origins = ["http://a.example"]\n[auth]'), "server.allowed_origins[0]"),
        (changed("[auth]", 'frame_ancestors = ["http://a.example"]\n[auth]'), "server.frame_ancestors[0]"),
        (changed("[auth]", 'metrics_bind = "0.0.0.0:9"\n[auth]'), "server.metrics_bind"),
        (changed("[[grants]]", '[auth.token]\nsession = "30d"\n[[grants]]'), "auth.token.session"),
        (changed("[audit]", '[limits]\nlogin_failures = "9/second"\n[audit]'), "limits.login_failures"),
        (changed("[[grants]]", '[limits]\nlifetime = ""\n[[grants]]'), "limits.lifetime"),
        (changed('["operator"]', '["*"]').replace('["web*"]', '["*"]'), "grants[0]"),
        (changed('path = "AUDIT"', ""), "audit.path"),
        (changed('path = "AUDIT"', 'path = "AUDIT"\non_failure = "continue"'), "audit.on_failure"),
        (GOOD + '[ssh]\nhost_keys = "accept-new"\n' + REMOTE.format(1), "ssh.host_keys"),
        (GOOD + REMOTE.format(1) + 'host_keys = "accept-new"\n', "hosts[0].host_keys"),
        (GOOD + REMOTE.format(1) + 'ssh_user = "root"\n', "hosts[0].ssh_user"),
        (GOOD + REMOTE.format(1) + 'tmux_users = ["ops", "root"]\n', "hosts[0].tmux_users"),
        (GOOD + REMOTE.format(1) + 'password_env = "MUXBOARD_TOKEN"\n', "hosts[0].password_env"),
        (GOOD + '[inventory]\nwatched_interval = "100ms"\n', "inventory.watched_interval"),
        (GOOD + '[inventory]\ninterval = "200ms"\n', "inventory.interval"),
    ],
)  # fmt: skip
def test_each_is_told_alone_with_a_remedy(found, text, path):
    told = found(text)
    assert list(told) == [path]
    assert told[path].problem.endswith((".", "…"))
    assert told[path].remedy


def test_a_unix_socket_whose_proxy_is_trusted_is_good(found):
    text = changed(BIND, 'bind = "unix:/run/http.sock"\n').replace("127.0.0.1/32", "unix")
    assert found(text) == {}


def test_a_local_host_without_tmux_is_told(found):
    assert found(GOOD, {"PATH": "/nowhere"})["tmux"].remedy == "apt-get install tmux"


def test_a_short_interval_is_weak_with_many_hosts(found):
    text = GOOD + "".join(REMOTE.format(number) for number in range(600))
    assert found(text)["inventory.watched_interval"].remedy == 'watched_interval = "3s" or more'
    assert found(GOOD + "".join(REMOTE.format(number) for number in range(500))) == {}


def test_hosts_that_share_a_weakness_share_a_line(found):
    hosts = "".join(REMOTE.format(number) + 'ssh_user = "root"\n' for number in range(20))
    (told,) = found(GOOD + hosts).values()
    assert told.path == "hosts[0].ssh_user"
    assert told.problem.startswith("web0, web1, web2 and 17 more: ")


def test_a_token_of_a_word_is_told_and_not_shown(found):
    told = found(GOOD, token="aaaaaaaabbbbbbbb")
    assert list(told) == ["auth.token"]
    assert "aaaa" not in str(told)


def test_a_fresh_token_at_each_start_is_for_loopback_alone(found):
    assert list(found(GOOD, token="")) == ["auth.token"]


def test_who_may_write_to_the_file_may_do_everything(found, tmp_path):
    assert list(found(GOOD, mode=0o620)) == [str(tmp_path / "muxboard.toml")]
    assert found(GOOD, mode=0o644) == {}


def test_who_may_write_to_known_hosts_chooses_the_hosts(found, tmp_path):
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "known_hosts").write_text("")
    (tmp_path / ".ssh" / "known_hosts").chmod(0o666)
    assert list(found(GOOD)) == ["~/.ssh/known_hosts"]


def test_a_secret_of_ours_that_the_group_may_read(found, tmp_path):
    file = tmp_path / "password"
    file.write_text("secret")
    file.chmod(0o640)
    text = GOOD + REMOTE.format(1) + f'password_file = "{file}"\n'
    assert found(text).keys() == {"hosts[0].password_file"}
    assert any("can be read by its group" in each.problem for each in found(text).values())
    file.chmod(0o600)
    assert not any("can be read" in each.problem for each in found(text).values())


def test_without_ssh_terminals_log_in_anew(found):
    assert list(found(GOOD + REMOTE.format(1), {"PATH": "/nowhere"})) == ["ssh"]
