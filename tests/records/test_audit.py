"""Audit lines: one each, short, plain, always JSON; and what happens when they cannot be written."""

from __future__ import annotations

import json
import logging
import os
import stat
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from muxboard.config.schema import Audit as AuditConfig
from muxboard.problems import Code, Problem
from muxboard.records.audit import MAX_LINE_BYTES, Audit, Line, encode

BAD = ["\\" * 5000, "🦀" * 5000, '"' * 5000, "\n", "\u202e", "\x1b]0;x\x07", "\u2066", "\ud800"]
NAMES = "principal gate client host user session terminal mode code request_id".split()  # noqa: SIM905

texts = st.text() | st.sampled_from(BAD)
lines = st.builds(
    Line,
    event=st.sampled_from(["terminal.start", "auth.denied"]),
    result=texts,
    ts=st.none() | st.floats(0, 1e11),
    **{name: st.none() | texts for name in NAMES},
    bytes_in=st.none() | st.integers(0, 2**63),
    bytes_out=st.none() | st.integers(0, 2**63),
    duration_ms=st.none() | st.integers(0, 2**63),
)
FULL = dict.fromkeys(NAMES, "\\" * 5000)


@given(lines)
@example(Line(event="auth.denied", result="🦀" * 5000, **FULL))
def test_whatever_is_audited_is_one_short_plain_line_of_json(line):
    given_fields = {name for name in line.__struct_fields__ if getattr(line, name) is not None} | {"ts"}
    text = encode(line)
    assert len(text) <= MAX_LINE_BYTES
    assert text.count(b"\n") == 1
    assert text.endswith(b"\n")
    shown = text[:-1].decode()
    assert not [c for c in shown if unicodedata.category(c) in {"Cc", "Cf", "Cs", "Zl", "Zp"}]
    said = json.loads(shown)
    assert set(said) == given_fields, "absent fields are left out, given ones are not"
    assert not [c for value in said.values() if isinstance(value, str) for c in value if not c.isprintable()]


def test_ordinary_names_are_written_as_they_are():
    said = json.loads(encode(Line(event="session.create", result="ok", session="größe 🦀", user="deploy")))
    assert (said["session"], said["user"]) == ("größe 🦀", "deploy")
    assert said["ts"] > 1.7e9


def test_two_hostile_names_do_not_become_the_same_name():
    """What is escaped stays distinguishable, so nobody can be taken for somebody else."""
    assert encode(Line(event="session.kill", result="ok", ts=0.0, session="a\u202eb")) != encode(
        Line(event="session.kill", result="ok", ts=0.0, session="ab")
    )


@pytest.fixture
def audit(tmp_path):
    audit = Audit(AuditConfig(path=str(tmp_path / "audit.jsonl")))
    yield audit
    audit.close()


def test_lines_are_appended_to_a_private_file(audit, tmp_path):
    path = tmp_path / "audit.jsonl"
    path.write_text("earlier\n")
    audit.write(Line(event="auth.denied", result="no"))
    audit.write(Line(event="auth.denied", result="no"))
    assert len(path.read_text().splitlines()) == 3
    path.unlink()
    audit.close()
    audit.open()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_full_disk_refuses_what_is_audited(caplog):
    audit = Audit(AuditConfig(path="/dev/full"))
    with pytest.raises(Problem) as told:
        audit.write(Line(event="terminal.start", result="ok"))
    assert told.value.code is Code.audit_unavailable
    assert audit.failed
    assert "No space left" in caplog.text
    assert audit._fd == -1


def test_a_full_disk_lets_it_pass_where_the_configuration_says_so(caplog):
    audit = Audit(AuditConfig(path="/dev/full", on_failure="continue"))
    audit.write(Line(event="terminal.start", result="ok"))
    audit.write(Line(event="terminal.start", result="ok"))
    assert caplog.text.count("audit cannot be written") == 1, "told once, not for every line"


def test_what_has_happened_already_is_written_to_the_log_instead(caplog):
    Audit(AuditConfig(path="/dev/full")).note(Line(event="terminal.end", result="exited", session="api"))
    assert '"session":"api"' in caplog.text


def test_after_a_full_disk_writing_goes_on_by_itself(tmp_path):
    path = tmp_path / "audit.jsonl"
    path.symlink_to("/nowhere")  # not followed: a link may point to anything
    audit = Audit(AuditConfig(path=str(path)))
    with pytest.raises(Problem):
        audit.write(Line(event="terminal.start", result="ok"))
    path.unlink()
    audit.write(Line(event="terminal.start", result="ok"))
    assert not audit.failed
    audit.close()
    assert len(path.read_text().splitlines()) == 1


def test_a_line_cut_short_is_a_failure(tmp_path, monkeypatch):
    audit = Audit(AuditConfig(path=str(tmp_path / "audit")))
    monkeypatch.setattr(os, "write", lambda fd, data: len(data) - 1)  # what a full quota does
    with pytest.raises(Problem):
        audit.write(Line(event="terminal.start", result="ok"))


@pytest.mark.parametrize("anew", [True, False])
def test_a_renamed_file_is_left_and_a_new_one_begun(audit, tmp_path, anew):
    """As logrotate does it, with and without ``create``."""
    path = tmp_path / "audit.jsonl"
    audit.write(Line(event="terminal.start", result="before"))
    path.rename(tmp_path / "audit.jsonl.1")
    if anew:
        path.touch(0o600)
    audit.write(Line(event="terminal.start", result="after"))
    assert "before" in (tmp_path / "audit.jsonl.1").read_text()
    assert "after" not in (tmp_path / "audit.jsonl.1").read_text()
    assert [json.loads(line)["result"] for line in path.read_text().splitlines()] == ["after"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_without_a_path_lines_go_to_the_service_log(caplog):
    caplog.set_level(logging.INFO)
    Audit(AuditConfig()).write(Line(event="terminal.start", result="ok"))
    (record,) = [record for record in caplog.records if record.name == "muxboard.audit"]
    assert json.loads(record.getMessage())["event"] == "terminal.start"
