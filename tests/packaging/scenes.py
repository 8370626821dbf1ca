"""What Prometheus would have scraped, an hour in minutes: all is well, or one thing is not."""

from __future__ import annotations

from typing import Any

HOUR = "0x120"
TROUBLE = 30  # minutes of quiet before what a scene changes

Series = dict[str, str]


def constant(value: float, then: float | None = None) -> str:
    """So much, and after the quiet something else."""
    return f"{value}+{HOUR}" if then is None else f"{value}+0x{TROUBLE} {then}+{HOUR}"


def rising(each: float, then: float | None = None) -> str:
    """A counter that rises by so much a minute, and after the quiet otherwise."""
    return f"0+{each}x120" if then is None else f"0+{each}x{TROUBLE} {each * TROUBLE}+{then}x120"


def ends() -> str:
    return f"1+0x{TROUBLE} stale"


def replica(name: str, version: str = "1.0.0") -> str:
    return f'muxboard_build_info{{instance="{name}",version="{version}",python="3.11.2"}}'


def host(number: int) -> str:
    return f'{{instance="a:1",host="web{number}"}}'


def denied(code: str) -> str:
    return f'muxboard_denied_total{{instance="a:1",code="{code}"}}'


def late(name: str, limit: str) -> str:
    return f'muxboard_{name}_seconds_bucket{{instance="a:1",le="{limit}"}}'


WELL: Series = {
    replica("a:1"): constant(1),
    replica("b:1"): constant(1),
    **{f"muxboard_host_up{host(number)}": constant(1) for number in range(10)},
    **{f"muxboard_sweep_seconds{host(number)}": constant(0.2) for number in range(10)},
    **{
        denied(code): rising(0)
        for code in ("registry_unavailable", "audit_unavailable", "attach_cap", "internal")
    },
    denied("unauthenticated"): rising(6),
    late("loop_lag", "0.025"): rising(60),
    late("loop_lag", "0.25"): rising(60),
    late("loop_lag", "+Inf"): rising(60),
    late("attach", "0.5"): rising(5),
    late("attach", "10"): rising(5),
    late("attach", "+Inf"): rising(5),
}
# What goes wrong → the alerts that fire, and no others.
SCENES: dict[str, tuple[Series, set[str]]] = {
    "all is well": ({}, set()),
    "all replicas are gone": ({replica("a:1"): ends(), replica("b:1"): ends()}, {"MuxboardAbsent"}),
    "one replica is gone": ({replica("b:1"): ends()}, {"MuxboardReplicaAbsent"}),
    "redis is away": ({denied("registry_unavailable"): rising(0, 1)}, {"MuxboardRegistryUnavailable"}),
    "the disk is full": ({denied("audit_unavailable"): rising(0, 1)}, {"MuxboardAuditUnavailable"}),
    "one host is down": ({f"muxboard_host_up{host(0)}": constant(1, 0)}, {"MuxboardHostDown"}),
    "three of ten hosts are down": (
        {f"muxboard_host_up{host(number)}": constant(1, 0) for number in range(3)},
        {"MuxboardHostDown", "MuxboardManyHostsDown"},
    ),
    "one replica alone cannot reach a host": (
        {
            f"muxboard_host_up{host(0)}": constant(1, 0),
            'muxboard_host_up{instance="b:1",host="web0"}': constant(1),
        },
        {"MuxboardHostDown"},
    ),
    "hosts are slow": (
        {f"muxboard_sweep_seconds{host(number)}": constant(0.2, 7) for number in range(3)},
        {"MuxboardSweepsLate"},
    ),
    "one host is slow": ({f"muxboard_sweep_seconds{host(0)}": constant(0.2, 7)}, set()),
    "the loop is held up": ({late("loop_lag", "0.025"): rising(60, 50)}, {"MuxboardLoopLate"}),
    "attaching takes long": ({late("attach", "0.5"): rising(5, 3)}, {"MuxboardAttachSlow"}),
    "the cap is reached": ({denied("attach_cap"): rising(0, 1)}, {"MuxboardTerminalsRefused"}),
    "somebody guesses": ({denied("unauthenticated"): rising(6, 120)}, {"MuxboardLoginsRefused"}),
    "a few mistype": ({denied("unauthenticated"): rising(6, 30)}, set()),
    "a bug": ({denied("internal"): rising(0, 1)}, {"MuxboardInternalErrors"}),
    "two versions": (
        {replica("b:1"): ends(), replica("b:1", "1.1.0"): "_x30 1+0x120"},
        {"MuxboardVersionsDiffer"},
    ),
}
# Minutes at which to look: before the trouble, and when every rule that waits has waited.
BEFORE, AFTER = TROUBLE - 1, {"MuxboardReplicaAbsent": TROUBLE + 14, "MuxboardVersionsDiffer": TROUBLE + 70}


def unit_tests(rules: str) -> dict[str, Any]:
    """Return promtool's file of unit tests; JSON is YAML too."""
    return {
        "rule_files": [rules],
        "evaluation_interval": "1m",
        "tests": [_unit_test(name, changed, fires) for name, (changed, fires) in SCENES.items()],
    }


def _unit_test(name: str, changed: Series, fires: set[str]) -> dict[str, Any]:
    after = max((AFTER.get(alert, TROUBLE + 30) for alert in fires), default=TROUBLE + 30)
    return {
        "name": name,
        "interval": "1m",
        "input_series": [{"series": s, "values": values} for s, values in {**WELL, **changed}.items()],
        "promql_expr_test": [_firing(BEFORE, set()), _firing(after, fires)],
    }


def _firing(minute: int, alerts: set[str]) -> dict[str, Any]:
    return {
        "expr": 'group by (alertname) (ALERTS{alertstate="firing"})',
        "eval_time": f"{minute}m",
        "exp_samples": [{"labels": f'{{alertname="{alert}"}}', "value": 1} for alert in sorted(alerts)],
    }
