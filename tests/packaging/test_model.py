"""The model of a fleet: its arithmetic, and that it finds its figures in the benchmark's results."""

from __future__ import annotations

import subprocess
import sys

import pytest

from bench import model
from bench.model import MIB, Costs, Load, MissingError, Question
from tests.rig.service import CHECKOUT

COSTS = Costs(
    service_bytes=50 * MIB,
    host_bytes=100_000,
    host_sweep_s=0.001,
    master_bytes=3 * MIB,
    master_cpu=0.0005,
    attach_bytes=40_000,
    client_bytes=2 * MIB,
    idle_cpu=0.0001,
    busy_loop_cpu=0.002,
    busy_client_cpu=0.001,
    board_host_s=0.00001,
)


def test_each_thing_costs_what_it_costs():
    load = Load(hosts=10, idle=20, busy=5, masters=4, boards=2, sweeps_per_s=30, seen_per_s=60)
    assert model.memory(COSTS, load) == 50 * MIB + 10 * 100_000 + 25 * (40_000 + 2 * MIB) + 4 * 3 * MIB
    assert model.loop(COSTS, load) == pytest.approx(25 * 0.0001 + 5 * 0.002 + 30 * 0.001 + 2 * 60 * 0.00001)
    assert model.cpu(COSTS, load) == pytest.approx(model.loop(COSTS, load) + 5 * 0.001 + 4 * 0.0005)


@pytest.mark.parametrize("change", [{"hosts": 4000}, {"people": 1000}, {"terminals": 6}, {"busy": 0.6}])
def test_more_of_anything_takes_no_fewer_replicas(change):
    usual = {"hosts": 2000, "people": 500}
    before, after = (model.answer(COSTS, Question(**asked)) for asked in (usual, {**usual, **change}))
    assert after.replicas >= before.replicas
    load = after.load
    assert model.loop(COSTS, load) <= 0.5
    assert model.memory(COSTS, load) <= 2048 * MIB
    fewer = model.load_of(Question(**{**usual, **change}), after.replicas - 1)
    assert model.loop(COSTS, fewer) > 0.5 or model.memory(COSTS, fewer) > 2048 * MIB


def test_what_no_number_of_replicas_carries_is_said():
    asked = Question(hosts=30_000, people=10)  # their connections alone are more than a replica may hold
    assert model.told(COSTS, asked).startswith("no number of replicas carries it")


def test_a_row_of_a_row_is_told_from_another_ones():
    text = """
## Fleet

|                 | OpenSSH | muxboard, tmux | limit |
|-----------------|--------:|---------------:|-------|
| 200 hosts, s    |    1.17 |           0.74 |       |
| the same: CPU   |    1.2  |           0.26 |       |
| 500 hosts, s    |         |           1.88 |       |
| the same: CPU   |         |           0.83 |       |
| without figures |    1.00 |                |       |
"""
    assert model.rows(text) == {
        "Fleet / 200 hosts, s": 0.74,
        "Fleet / 200 hosts, s; CPU": 0.26,
        "Fleet / 500 hosts, s": 1.88,
        "Fleet / 500 hosts, s; CPU": 0.83,
    }
    with pytest.raises(MissingError, match="make bench"):
        model.costs(text)


def test_it_answers_from_the_results_that_are_here():
    done = subprocess.run(
        [sys.executable, "-m", "bench.model", "--hosts", "2000", "--people", "500"],
        cwd=CHECKOUT, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("2,000 hosts, 500 people: ")
    for option in ("--terminals", "--busy", "--looking", "--interval", "--core", "--memory"):
        assert f"  {option} " in done.stdout, "each assumption is told"
    missing = subprocess.run(
        [sys.executable, "-m", "bench.model", "--hosts", "1", "--people", "1", "--results", "README.md"],
        cwd=CHECKOUT, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert (missing.returncode, len(missing.stderr.splitlines())) == (1, 1)
    assert "has no row" in missing.stderr
