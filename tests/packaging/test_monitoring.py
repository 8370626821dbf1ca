"""The dashboard and the alert rules ask for what the service exports, and fire when they should."""

from __future__ import annotations

import contextlib
import getpass
import http.client
import itertools
import json
import re
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests.packaging import scenes
from tests.rig.ports import free_ports
from tests.rig.service import CHECKOUT, Service, local_host
from tests.rig.tmux import Tmux
from tests.rig.waiting import until
from tests.web.test_health import METRICS

FOLDER = CHECKOUT / "packaging/monitoring"
RULES = FOLDER / "alerts.yaml"
DASHBOARD = json.loads((FOLDER / "dashboard.json").read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
SCRAPED = {"instance", "job"}  # labels that Prometheus adds
SAMPLE = re.compile(r"^(\w+)(?:\{(.*)\})? (\S+)$", re.MULTILINE)
LABEL = re.compile(r'(\w+)="([^"]*)"')
SELECTOR = re.compile(r"\b(muxboard_\w+)(?:\{([^}]*)\})?")


def promtool(*words, **options):
    command = [CHECKOUT / "tools/promtool", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, **options)


def rule_expressions() -> list[str]:
    return re.findall(r"^ +expr: (.+)$", RULES.read_text(), re.MULTILINE)


def panel_expressions() -> list[str]:
    return [target["expr"] for panel in PANELS for target in panel["targets"]]


def filled(expression: str) -> str:
    """With Grafana's variables as it fills them in."""
    shown = expression.replace("$__rate_interval", "5m").replace("$instance", ".*").replace("$host", ".*")
    assert "$" not in shown
    return shown


@pytest.fixture(scope="module")
def scrape():
    """What a service exports that has done some work; one for all, for it is only read."""
    port, closed = free_ports(2)
    dead = {"key": "dead", "hostname": "127.0.0.1", "port": closed, "ssh_user": "nobody"}
    config = {
        "server": {"metrics_bind": f"127.0.0.1:{port}"},
        "auth": {"gate": "token"},
        "hosts": [local_host(), dead],
    }
    tmux = Tmux(Path(tempfile.mkdtemp(prefix="mbtmux-", dir="/tmp")))
    with contextlib.closing(tmux):
        tmux.new("api", "cat")
        service = Service(config, env=tmux.env)
        with contextlib.closing(service):
            service.wait_until_ready()
            _work(service)
            return until(lambda: _worked(_get(port)), "every metric", seconds=20)


def _work(service: Service) -> None:
    """Attach, type, read; be refused; have one host that answers and one that does not."""
    until(lambda: service.sessions() == ["api"], "the session")
    me = getpass.getuser()
    asked = {"host": "local", "user": me, "session": "api", "mode": "control", "cols": 80, "rows": 24}
    place = f"/api/v1/terminals/{service.request('POST', '/api/v1/terminals', json=asked).json()['id']}"
    assert service.request("POST", f"{place}/input?offset=0", body=b"typed\r").status == 200
    assert service.request("GET", f"{place}/output?offset=0&wait=5").body
    assert service.request("POST", "/api/v1/login", json={"token": "x" * 20}, token=None).status == 401


def _get(port: int) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    with contextlib.closing(connection):
        connection.request("GET", "/metrics", headers={"Host": "prometheus.example"})
        return connection.getresponse().read().decode()


def _worked(text: str) -> str:
    """The text, once the dead host was asked and the loop's lag was measured."""
    return text if 'host="dead"' in text and "muxboard_loop_lag_seconds_count 0.0" not in text else ""


def exported(scrape: str) -> dict[str, dict[str, set[str]]]:
    """Metric → label → its values."""
    found: dict[str, dict[str, set[str]]] = {}
    for name, labels, _ in SAMPLE.findall(scrape):
        known = found.setdefault(name, {})
        for label, value in LABEL.findall(labels):
            known.setdefault(label, set()).add(value)
    return found


def test_every_metric_of_the_contract_is_exported_with_its_labels_and_type(scrape):
    found = exported(scrape)
    assert {name: set(found[name]) for name in METRICS} == METRICS
    types = dict(re.findall(r"^# TYPE (\S+) (\S+)$", scrape, re.MULTILINE))
    for name in METRICS:
        kind = "counter" if name.endswith("_total") else "histogram" if name.endswith("_bucket") else "gauge"
        assert types[name.removesuffix("_bucket")] == kind
        assert f"# HELP {name.removesuffix('_bucket')} " in scrape
    assert found["muxboard_host_up"] == {"host": {"local", "dead"}}
    for line in ('muxboard_host_up{host="dead"} 0.0', 'muxboard_host_up{host="local"} 1.0'):
        assert line in scrape
    for line in ("muxboard_terminals 1.0", 'muxboard_denied_total{code="unauthenticated"} 1.0'):
        assert line in scrape
    assert 'muxboard_denied_total{code="registry_unavailable"} 0.0' in scrape, "so that its first is a rise"
    checked = promtool("check", "metrics", input=scrape)
    assert (checked.returncode, checked.stderr) == (0, "")


@pytest.mark.parametrize("expression", sorted({*rule_expressions(), *panel_expressions()}))
def test_every_metric_and_label_that_is_asked_for_is_exported(scrape, expression):
    found = exported(scrape)
    named = SELECTOR.findall(filled(expression))
    assert named
    for name, matchers in named:
        assert name in found
        for label, value in re.findall(r'(\w+)=~?"([^"]*)"', matchers):
            assert label in found[name].keys() | SCRAPED
            assert value == ".*" or value in found[name][label]
    labels = {label for name, _ in named for label in found[name]} | SCRAPED
    for listed in re.findall(r"\bby \(([^)]*)\)", expression):
        assert {label.strip() for label in listed.split(",")} <= labels


def test_every_panel_shows_something(scrape, tmp_path):
    """Each expression of the dashboard, over what was scraped: Prometheus itself evaluates it."""
    series = []
    for name, labels, value in SAMPLE.findall(scrape):
        rises = re.search(r"_(total|bucket|count|sum)$", name)
        own = f'{labels + "," if labels else ""}instance="a:1",job="muxboard"'
        series.append({"series": f"{name}{{{own}}}", "values": f"{value}+{float(value) if rises else 0}x30"})
    expressions = sorted({filled(each) for each in panel_expressions()})
    tests = [{"expr": each, "eval_time": "20m", "exp_samples": []} for each in expressions]
    unit = {
        "evaluation_interval": "1m",
        "rule_files": [],
        "tests": [{"interval": "1m", "input_series": series}],
    }
    unit["tests"][0]["promql_expr_test"] = tests
    (tmp_path / "panels.yaml").write_text(json.dumps(unit))
    done = promtool("test", "rules", tmp_path / "panels.yaml")
    said = done.stdout + done.stderr
    empty = [each for each in expressions if f"expr: {json.dumps(each)}" not in said]
    assert empty == [], said[:2000]  # promtool complains about each that is not empty
    assert "parse error" not in said


def test_the_rules_are_valid():
    done = promtool("check", "rules", RULES)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(rule_expressions())} rules found" in done.stdout


def test_each_rule_fires_when_it_should_and_only_then(tmp_path):
    file = tmp_path / "scenes.yaml"
    file.write_text(json.dumps(scenes.unit_tests(str(RULES))))
    done = promtool("test", "rules", file)
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_rule_has_a_scene_and_a_line_in_the_docs():
    rules = RULES.read_text()
    alerts = set(re.findall(r"- alert: (\w+)", rules))
    assert len(alerts) == len(rule_expressions())
    assert {alert for _, fires in scenes.SCENES.values() for alert in fires} == alerts
    docs = (CHECKOUT / "docs/operations.md").read_text()
    assert set(re.findall(r"^\| `(Muxboard\w+)` \|", docs, re.MULTILINE)) == alerts
    blocks = rules.split("- alert: ")[1:]
    for block in blocks:
        assert re.search(r"severity: (critical|warning)\n", block), block
        assert "summary: " in block


def test_the_panels_have_titles_units_and_the_chosen_data_source():
    assert DASHBOARD["uid"] == "muxboard"
    (source,) = [each for each in DASHBOARD["templating"]["list"] if each["type"] == "datasource"]
    assert (source["name"], source["query"]) == ("datasource", "prometheus")
    chosen = {"type": "prometheus", "uid": "${datasource}"}
    for panel in PANELS:
        assert panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert panel["targets"], panel["title"]
        for part in (panel, *panel["targets"]):
            assert part["datasource"] == chosen, panel["title"]
        for target in panel["targets"]:
            kept = [set(each.split(", ")) for each in re.findall(r"by \(([^)]*)\)", target["expr"])]
            for label in re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]):
                assert any(label in labels for labels in kept), panel["title"]
    for variable in DASHBOARD["templating"]["list"]:
        if variable["type"] == "query":
            assert variable["datasource"] == chosen
            assert any(f"${variable['name']}" in each for each in panel_expressions())
    assert not re.search(r'"(uid|url)": "(http|[a-zA-Z0-9]{9}")', json.dumps(DASHBOARD)), (
        "somebody's own Grafana"
    )


def test_no_panel_lies_on_another():
    every = DASHBOARD["panels"]
    assert len({panel["id"] for panel in every}) == len(every)
    for panel in every:
        place = panel["gridPos"]
        assert place["x"] >= 0
        assert place["x"] + place["w"] <= 24
        assert place["w"] > 0 < place["h"]
    for one, other in itertools.combinations((panel["gridPos"] for panel in every), 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        assert beside or one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
