"""Gates and links that are valid and weak."""

from __future__ import annotations

import pytest

from tests.access import jwts
from tests.config.test_weak import GOOD, found  # noqa: F401  a fixture

ENV = {"KEY": "a-key-of-more-than-thirty-two-characters"}
KEYS = 'jwks_url = "https://idp.example.com/keys"\n'
JWT = '[[auth.jwt]]\nissuer = "https://idp.example.com"\naudience = "us"\n'
ISSUER = '[[auth.links.issuers]]\nissuer = "https://ci.example.com"\n' + KEYS


def gate(name, *tables):
    return GOOD.replace('gate = "token"', f'gate = "{name}"') + "".join(tables)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        (gate("none").replace("https://ops.example.com/console/", "http://localhost/"), "auth.gate"),
        (gate("header"), "auth.gate"),
        (gate("jwt", JWT, KEYS, JWT.replace("idp", "other"), KEYS), "auth.jwt"),
        (gate("jwt", JWT, 'secret_env = "KEY"\nalgorithms = ["HS256"]\n'), "auth.jwt[0].algorithms"),
        (gate("jwt", JWT, KEYS, 'header = "X-Forwarded-Access-Token"\n'), "auth.jwt[0].header"),
        (gate("token", '[auth.links]\nsecret_env = "KEY"\nmax_ttl = "8d"\n'), "auth.links.max_ttl"),
        (gate("token", '[auth.links]\nsecret_env = "KEY"\nsession = "2d"\n'), "auth.links.session"),
        (gate("token", ISSUER), "auth.links.issuers[0]"),
    ],
)
def test_each_is_told_alone_with_a_remedy(found, text, path):  # noqa: F811
    told = found(text, ENV)
    assert list(told) == [path]
    assert told[path].problem.endswith(".")
    assert told[path].remedy


@pytest.mark.parametrize(
    "text",
    [
        gate("jwt", JWT, KEYS),
        gate("cookie", '[auth.cookie]\nsecret_env = "KEY"\n'),
        gate("os.path:join"),
        gate("token", '[auth.links]\nsecret_env = "KEY"\n', ISSUER, 'hosts = ["ci*"]\n'),
    ],
)
def test_a_good_one_is_told_nothing(found, text):  # noqa: F811
    assert found(text, ENV) == {}


@pytest.mark.parametrize(
    ("name", "tables", "who"),
    [
        ("token", (), "the token"),
        ("cookie", ('[auth.cookie]\nsecret_env = "KEY"\n',), "the other application"),
        ("jwt", (JWT, KEYS), "nobody sees"),
        ("os.path:join", (), "nobody sees"),
    ],
)
def test_without_grants_it_is_said_who_may_what(found, name, tables, who):  # noqa: F811
    text = gate(name, *tables).replace(
        '[[grants]]\nprincipals = ["operator"]\nrole = "operator"\nhosts = ["web*"]\n', ""
    )
    assert who in found(text, ENV)["grants"].problem


@pytest.mark.parametrize(("mode", "told"), [(0o666, True), (0o644, False)])
def test_who_may_write_a_key_file_makes_tokens(found, tmp_path, mode, told):  # noqa: F811
    path = tmp_path / "key.pem"
    path.write_bytes(jwts.pem(jwts.RSA))
    path.chmod(mode)
    text = gate("jwt", JWT, f'public_key_file = "{path}"\n')
    assert (str(path) in found(text, ENV)) is told


def test_a_secret_file_that_the_group_reads_is_told(found, tmp_path):  # noqa: F811
    path = tmp_path / "link-key"
    path.write_text(ENV["KEY"])
    path.chmod(0o640)
    told = found(gate("token", f'[auth.links]\nsecret_file = "{path}"\n'), ENV)
    assert list(told) == ["auth.links.secret_file"]
