"""The file: found in order, overridden by the environment, refused with every reason at once."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from muxboard.config import Config, ConfigError, load
from muxboard.config.load import find, valid_socket_path
from muxboard.config.schema import Grant, Host
from muxboard.config.secrets import read_secret_file
from muxboard.config.show import EXAMPLE, effective, example, json_schema, reference

TOKEN = "sixteen characters"


@pytest.fixture
def write(tmp_path):
    def write(text, name="muxboard.toml"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return str(path)

    return write


def plain(config):
    return msgspec.to_builtins(config, enc_hook=str)


DEFAULTS = plain(Config())


def refused(path, environ=None, **options):
    with pytest.raises(ConfigError) as told:
        load(path, environ or {}, **options)
    lines = [line.removeprefix(f"{path}: ") for line in told.value.lines]
    assert all("\n" not in line for line in lines)
    return lines


def test_without_a_file_there_is_one_local_host_on_loopback(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    loaded = load(None, {"HOME": str(tmp_path)})
    assert plain(loaded.config) == DEFAULTS
    assert [(host.key, host.local) for host in loaded.config.hosts] == [("local", True)]
    assert loaded.config.server.bind.loopback
    assert loaded.token is None
    assert loaded.source == ""


def test_the_file_is_looked_for_in_this_order(tmp_path, monkeypatch, write):
    monkeypatch.chdir(tmp_path)
    environ = {"HOME": str(tmp_path / "home"), "MUXBOARD_CONFIG": "named.toml"}
    write("", "home/.config/muxboard/muxboard.toml")
    write("", "xdg/muxboard/muxboard.toml")
    write("", "muxboard.toml")
    assert find("given.toml", environ) == Path("given.toml")
    assert find(None, environ) == Path("named.toml")
    del environ["MUXBOARD_CONFIG"]
    assert find(None, environ) == Path("muxboard.toml")
    Path("muxboard.toml").unlink()
    assert find(None, environ) == tmp_path / "home/.config/muxboard/muxboard.toml"
    environ["XDG_CONFIG_HOME"] = str(tmp_path / "xdg")
    assert find(None, environ) == tmp_path / "xdg/muxboard/muxboard.toml"


@pytest.mark.parametrize("place", ["muxboard.toml", "home/.config/muxboard/muxboard.toml"])
@pytest.mark.parametrize(
    "wrong",
    [(4242, 0o644, "belongs to another user (uid 4242)"), (0, 0o666, "can be written by everybody")],
)
def test_a_strangers_file_is_not_come_upon(tmp_path, monkeypatch, write, place, wrong):
    """Whoever leaves one in /tmp would have a shell of all who start the service there."""
    monkeypatch.chdir(tmp_path)
    path = write("", place)
    environ = {"HOME": str(tmp_path / "home")}
    assert find(None, environ)
    owner, mode, said = wrong
    os.chown(path, owner, owner)
    Path(path).chmod(mode)
    with pytest.raises(ConfigError) as told:
        load(None, environ)
    assert told.value.lines == [f"{path}: {said}: if you mean this file, name it with -c"]
    assert load(path, environ).source == path
    assert load(None, {**environ, "MUXBOARD_CONFIG": path}).source == path


def test_what_may_not_be_looked_at_is_not_come_upon(tmp_path, monkeypatch, write):
    """As /etc/muxboard is for everybody but the service."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(find.__globals__, "ETC", Path(write("", "etc/muxboard.toml")))
    write("", "home/.config/muxboard/muxboard.toml")
    tmp_path.chmod(0o700)
    environ = {"HOME": str(tmp_path / "home")}
    assert find(None, environ) is not None
    os.seteuid(4242)
    try:
        assert find(None, environ) is None
    finally:
        os.seteuid(0)


def test_a_named_file_that_is_not_there_is_an_error_not_the_default(tmp_path):
    assert refused(str(tmp_path / "no.toml")) == ["cannot be read: No such file or directory"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"\xff\xfe", "is not UTF-8: byte 0"),
        (b"a = ", "is not TOML: Invalid value"),
        (b"a = 1\na = 2\n", "is not TOML: Cannot overwrite a value"),
        (b"#" * (1 << 20) + b"#", "is larger than 1 MiB"),
        (b"a = " + b"[" * 100_000, "is not TOML: nested too deeply"),
    ],
    ids=["latin1", "cut", "twice", "large", "deep"],
)
def test_a_file_that_is_no_toml_is_one_line(write, content, reason):
    (line,) = refused(write(content))
    assert line.startswith(reason)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_file_loads_or_is_refused(write, content):
    try:
        load(write(content), {})
    except ConfigError as error:
        assert error.lines  # noqa: PT017  most bytes are refused


def test_the_example_loads_as_the_defaults(write):
    assert plain(load(write(example()), {}).config) == DEFAULTS


def uncommented(text):
    """What stands in the example's tables and fields, whether or not it is commented out."""
    lines = (line.removeprefix("# ") for line in text.splitlines())
    return "\n".join(line for line in lines if re.match(r"\w+ = |\[+[\w.]+\]+$", line))


def split(text):
    """The example's lines of fields, as they are, by the table that they are below."""
    tables, below = {}, ""
    for line in text.splitlines():
        if table := re.fullmatch(r"(?:# )?\[+([\w.]+)\]+", line):
            below = table[1]
        elif re.match(r"# \w+ = ", line):
            tables.setdefault(below, []).append(line)
    return tables


def test_what_the_example_calls_a_default_is_one(write):
    """Put in force, it changes nothing: neither the file nor a row of a list."""
    text = example()
    rows = re.findall(r"(?m)^# \[\[([\w.]+)\]\]$", text)
    assert sorted(rows) == ["auth.jwt", "auth.links.issuers", "grants", "hosts"]
    given, defaults = [], []
    for table, lines in split(text).items():
        head = f"[[{table}]]" if table in rows else f"[{table}]"
        examples = [line for line in lines if f"  # {EXAMPLE}" in line]
        claims = [line for line in lines if line not in examples]
        if table in rows:
            given += [head, *examples]
            defaults += [head, *examples, *claims]
        else:
            defaults += [head, *claims]
    assert sum(len(lines) for lines in split(text).values()) == len(re.findall(r"(?m)^# \w+ = ", text))
    with_rows = plain(load(write(uncommented("\n".join(given))), {}).config)
    assert plain(load(write(uncommented("\n".join(defaults))), {}).config) == with_rows
    assert {**with_rows, "auth": {**with_rows["auth"], "jwt": [], "links": DEFAULTS["auth"]["links"]}} == {
        **DEFAULTS,
        **{name: with_rows[name] for name in ("grants", "hosts")},
    }


def test_the_example_with_its_comments_removed_loads(write):
    """Every line that is commented out is valid TOML and names a field."""
    text = example()
    tables = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    assert plain(load(write(tables), {}).config) == DEFAULTS

    config = plain(load(write(uncommented(text)), {}).config)
    assert config["auth"]["gate"] == "token"
    assert config["grants"] == [
        plain(Grant("operator", principals=["ada@example.com"], create_users=["deploy"]))
    ]
    assert config["hosts"] == [
        plain(Host(key="web1", hostname="web1.internal", host_keys="strict", max_sessions=20))
    ]


def test_no_default_is_made_up_where_there_is_none():
    """What a field that is not set stands for is said by its meaning."""
    shown = [line for line in reference().splitlines() if "| not set |" in line]
    assert [line.split("`")[1] for line in shown] == ["gate", "create_users", "host_keys", "max_sessions"]
    assert all("default: " in line for line in shown)
    told = json_schema()["$defs"]
    assert told["Grant"]["properties"]["create_users"]["default"] is None


def test_the_effective_configuration_loads_as_itself_and_shows_no_secret(write):
    path = write(
        '[server]\nbind = "[::1]:1"\n[auth]\ngate = "token"\n[limits]\nidle = "1.5s"\nlifetime = "90061.5s"\n'
        '[[grants]]\nrole = "viewer"\nprincipals = ["\u00e9\\"*"]\ncreate_users = []\n'
        '[[hosts]]\nkey = "a"\nlocal = true\nsession_order = ["x\\\\y"]\n'
    )
    loaded = load(path, {"MUXBOARD_TOKEN": TOKEN})
    shown = effective(loaded)
    assert TOKEN not in shown
    assert plain(load(write(shown, "again.toml"), {}).config) == plain(loaded.config)


def test_the_environment_overrides_the_file_and_bind_overrides_both(write):
    path = write('[server]\nbind = "127.0.0.1:1"\n')
    environ = {"MUXBOARD_BIND": "127.0.0.1:2", "MUXBOARD_LOG_LEVEL": "debug"}
    assert load(path, {}).config.server.bind.port == 1
    assert load(path, environ).config.server.bind.port == 2
    assert load(path, environ, bind="127.0.0.1:3").config.server.bind.port == 3
    assert load(path, environ).log_level == "DEBUG"
    shared = load(path, {"MUXBOARD_REGISTRY_URL": "redis://:secret@x:1/0"}).config.registry.url
    assert shared.reveal() == "redis://:secret@x:1/0"
    assert str(shared) == repr(shared) == "redis://********@x:1/0"


@pytest.mark.parametrize(
    "url", ["", "redis", "redis://", "http://x", "memory://x", "redis://x:99999", "unix://"]
)
def test_a_registry_is_a_url_without_a_password(write, url):
    (line,) = refused(write(f'[registry]\nurl = "{url}"\n'))
    assert line.startswith("registry.url: must be")


@pytest.mark.parametrize("url", ["redis://:secret@x", "unix:///run/redis.sock?password=secret"])
def test_a_password_of_the_registry_does_not_stand_in_the_file(write, url):
    path = write(f'[registry]\nurl = "{url}"\nunknown = 1\n')
    with pytest.raises(ConfigError) as told:
        load(path, {})
    assert all(line.startswith(f"{path}: registry.") for line in told.value.lines)
    assert len(told.value.lines) == 2, "with all that is wrong besides"
    assert "MUXBOARD_REGISTRY_URL" in str(told.value.lines)
    assert "secret" not in str(told.value.lines)


@pytest.mark.parametrize("bind", ["0.0.0.0:1", "[::]:1", "192.0.2.1:1"])
def test_a_bind_beyond_loopback_needs_a_named_gate(write, bind):
    (line,) = refused(write(""), bind=bind)
    assert line.startswith("auth.gate: must be named")
    assert load(write('[auth]\ngate = "token"\n'), {}, bind=bind).config.server.bind.port == 1


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ('[inventory]\ninterval = "0s"', "inventory.interval"),
        ('[inventory]\ncommand_timeout = ""', "inventory.command_timeout"),
        ('[limits]\noutput_queue = "64KiB"', "limits.output_queue"),
        ('[auth.token]\nsession = ""', "auth.token.session"),
        ('[[grants]]\nrole = "admin"', "grants[0]"),
        ('[server]\ntrusted_proxies = ["10.0.0.1/8"]', "server.trusted_proxies[0]"),
        ('[server]\nallowed_origins = ["*"]', "server.allowed_origins[0]"),
        ('[server]\nframe_ancestors = ["https://a; script-src *"]', "server.frame_ancestors[0]"),
        ('[server]\nmetrics_bind = "9090"', "server.metrics_bind"),
        ('[[hosts]]\nkey = "a"', "hosts[0].hostname"),
        ('[[hosts]]\nkey = "a"\nlocal = true\n[[hosts]]\nkey = "a"\nlocal = true', "hosts[1].key"),
        ('[[hosts]]\nkey = "a"\nlocal = true\ntmux_socket = "x"', "hosts[0].tmux_socket"),
        ('[[hosts]]\nkey = "a"\nlocal = true\ntmux_socket_file = "x"', "hosts[0].tmux_socket_file"),
        ('[[hosts]]\nkey = "a"\nlocal = true\ntmux_users = ["b", "b"]', "hosts[0].tmux_users"),
        (
            '[[hosts]]\nkey = "a"\nlocal = true\ntmux_socket = "/x"\ntmux_socket_file = "/x"',
            "hosts[0].tmux_socket_file",
        ),
    ],
    ids=lambda value: value if "\n" not in value else "",
)
def test_what_cannot_work_is_refused_by_its_path(write, text, path):
    (line,) = refused(write(text))
    assert line.startswith(f"{path}: ")


def test_a_key_with_a_newline_does_not_break_its_line(write):
    """A line of the error names one thing: a quoted key stays quoted."""
    assert refused(write('"a\\nb\\u001b[31m" = 1')) == ['"a\\nb\\u001b[31m": unknown key']


@pytest.mark.parametrize("path", ["/run/tmux/default", "/tmp/tmux-0/a+b=c,d@e%f", "/" + "x" * 106])
def test_plain_absolute_socket_paths_are_taken(path):
    assert valid_socket_path(path)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "x",
        "./x",
        "//x",
        "/x/",
        "/x//y",
        "/x/../y",
        "/x/.",
        "/#(touch x)",
        "/a b",
        "/x\n",
        "/" + "x" * 107,
        "/é",
    ],
)
def test_other_socket_paths_are_refused(path):
    assert not valid_socket_path(path)


def test_the_token_comes_from_the_environment_or_a_private_file(write):
    token_file = Path(write(f"{TOKEN}\n", "token"))
    token_file.chmod(0o600)
    by_file = write(f'[auth.token]\ntoken_file = "{token_file}"\n')
    assert load(by_file, {}).token.reveal() == TOKEN
    by_name = write('[auth.token]\ntoken_env = "MY_TOKEN"\n', "env.toml")
    assert load(by_name, {"MY_TOKEN": TOKEN}).token.reveal() == TOKEN
    assert load(by_name, {"MY_TOKEN": "", "MUXBOARD_TOKEN": TOKEN}).token.reveal() == TOKEN
    assert refused(by_name) == ["auth.token.token_env: the environment variable MY_TOKEN is not set"]
    assert refused(by_name, {"MY_TOKEN": "short"}) == [
        "auth.token.token_env: must hold at least 16 characters"
    ]


def test_a_token_file_that_others_can_read_is_refused(write):
    path = Path(write(TOKEN, "token"))
    path.chmod(0o604)
    with pytest.raises(ValueError, match="chmod o="):
        read_secret_file(str(path))
    path.unlink()
    with pytest.raises(ValueError, match="No such file"):
        read_secret_file(str(path))


def test_the_configuration_names_files_that_exist_only_when_asked():
    """``config`` reads nothing but the file: printing the example starts no process and no server."""
    done = subprocess.run(
        [sys.executable, "-m", "muxboard", "config", "example"],
        capture_output=True,
        text=True,
        check=True,
        cwd="/",
        env={"PATH": "/nowhere", "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert done.stdout.strip() == example().strip()
    assert done.stderr == ""
