"""``python -m bench.model --hosts 2000 --people 500``: how many replicas, by what ``make bench`` measured.

Every figure is a row of bench/results.md; what is not measured is an assumption, printed with the answer.
"""

from __future__ import annotations

import argparse
import math
import re
from dataclasses import dataclass
from pathlib import Path

from muxboard.hosts.sweep import STEP_S

RESULTS = Path(__file__).parent / "results.md"
COLUMN = "muxboard, tmux"
MIB, KIB, KB = 2**20, 2**10, 1000
SWEPT_HOSTS = 500  # of the fleet's larger run


class MissingError(Exception):
    """The results do not have a row: it has another name now, or was not measured."""


@dataclass(frozen=True, slots=True)
class Costs:
    """What one of each costs: bytes, and seconds of one core a second (or for each time)."""

    service_bytes: float
    host_bytes: float
    host_sweep_s: float  # for each time that it is asked
    master_bytes: float  # a host's ssh that its terminals share
    master_cpu: float
    attach_bytes: float  # in the service
    client_bytes: float  # its own ssh
    idle_cpu: float  # of the service and its ssh together
    busy_loop_cpu: float  # of the service, beyond idle
    busy_client_cpu: float
    board_host_s: float  # for each host that was asked, and each board that looks


@dataclass(frozen=True, slots=True)
class Load:
    """What one process has to do."""

    hosts: int
    idle: float
    busy: float
    masters: float
    boards: float = 0.0
    sweeps_per_s: float = 0.0  # hosts that this one asks
    seen_per_s: float = 0.0  # hosts that are asked by anybody, which boards are told of


def memory(costs: Costs, load: Load) -> float:
    """Return the bytes of the service and its children."""
    attaches = load.idle + load.busy
    own = costs.service_bytes + load.hosts * costs.host_bytes + attaches * costs.attach_bytes
    return own + attaches * costs.client_bytes + load.masters * costs.master_bytes


def loop(costs: Costs, load: Load) -> float:
    """Return the share of one core that the service itself takes; it has one, and keys wait for it."""
    asking = load.sweeps_per_s * costs.host_sweep_s
    telling = load.boards * load.seen_per_s * costs.board_host_s
    return (load.idle + load.busy) * costs.idle_cpu + load.busy * costs.busy_loop_cpu + asking + telling


def cpu(costs: Costs, load: Load) -> float:
    """Return the cores that the service and its children take."""
    return loop(costs, load) + load.busy * costs.busy_client_cpu + load.masters * costs.master_cpu


# --- where the costs come from


def rows(text: str) -> dict[str, float]:
    """Return ``group / row`` → figure. "the same: X" is the row before it, then X."""
    found: dict[str, float] = {}
    group, before, columns = "", "", [""]
    for line in text.splitlines():
        if line.startswith("## "):
            group = line[3:]
        elif line.startswith("|"):
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            if not cells[0]:
                columns = cells
            elif COLUMN in columns and re.fullmatch(r"-?[\d.]+", cells[columns.index(COLUMN)]):
                name = cells[0]
                if name.startswith("the same: "):
                    name = f"{before}; {name.removeprefix('the same: ')}"
                else:
                    before = name
                found[f"{group} / {name}"] = float(cells[columns.index(COLUMN)])
    return found


def costs(text: str) -> Costs:
    """Return what a run's results say. Raises: MissingError."""
    found = rows(text)

    def figure(name: str) -> float:
        if name not in found:
            raise MissingError(f"bench/results.md has no row {name!r}: make bench")
        return found[name]

    def scale(name: str) -> float:
        return figure(f"Scale / {name}")

    steady = "Fleet over ssh / 500 hosts: steady sweep, s"
    return Costs(
        service_bytes=scale("service without attaches: memory, MiB") * MIB,
        host_bytes=figure(f"{steady}; memory per host, KB") * KB,
        host_sweep_s=figure(f"{steady}; own CPU, s") / SWEPT_HOSTS,
        master_bytes=scale("per host with terminals: memory of its ssh, KiB") * KIB,
        master_cpu=scale("per host with terminals: CPU, ms/s") / 1000,
        attach_bytes=scale("per attach: memory of the service, KiB") * KIB,
        client_bytes=scale("per attach: memory of its ssh, KiB") * KIB,
        idle_cpu=scale("per idle attach: CPU, ms/s") / 1000,
        busy_loop_cpu=scale("per busy attach: CPU of the service, ms/s") / 1000,
        busy_client_cpu=scale("per busy attach: CPU of its ssh, ms/s") / 1000,
        board_host_s=scale("per board and host that was asked: CPU, ms") / 1000,
    )


# --- the question


@dataclass(frozen=True, slots=True)
class Question:
    """A fleet and its people, and what is assumed of them."""

    hosts: int
    people: int
    terminals: float = 2.0  # that each has open
    busy: float = 0.1  # of them, that print 20 lines a second
    looking: float = 0.3  # of the people, with a board open
    interval_s: float = 2.0  # inventory.watched_interval
    core: float = 0.5  # of its core that a service may take: beyond, keys wait
    memory_mib: float = 2048.0  # that a replica may take


@dataclass(frozen=True, slots=True)
class Answer:
    """So many replicas carry it, and what each has then."""

    replicas: int
    load: Load
    round_s: float  # how old the board is at most


def load_of(question: Question, replicas: int) -> Load:
    """Return what one of so many replicas has to do."""
    attaches = question.people * question.terminals / replicas
    seen = min(question.hosts / question.interval_s, replicas / STEP_S)
    return Load(
        hosts=question.hosts,
        idle=attaches * (1 - question.busy),
        busy=attaches * question.busy,
        # Terminals that fall on hosts as they like: few share one where there are many hosts.
        masters=question.hosts * (1 - (1 - 1 / question.hosts) ** attaches),
        boards=question.people * question.looking / replicas,
        sweeps_per_s=seen / replicas if question.looking else 0.0,
        seen_per_s=seen if question.looking else 0.0,
    )


def answer(costs: Costs, question: Question, most: int = 1000) -> Answer:
    """Return the fewest replicas that carry it. Raises: OverflowError, where no number does."""
    for replicas in range(1, most):
        load = load_of(question, replicas)
        if loop(costs, load) <= question.core and memory(costs, load) <= question.memory_mib * MIB:
            round_s = question.hosts / load.seen_per_s if load.seen_per_s else math.inf
            return Answer(replicas, load, round_s)
    raise OverflowError("no number of replicas carries it: what each does for every host is too much already")


def told(costs: Costs, question: Question) -> str:
    """Return the answer and everything it rests on."""
    try:
        found = answer(costs, question)
    except OverflowError as error:
        return str(error)
    load = found.load
    descriptors = 512 + question.hosts + 3 * (load.idle + load.busy) + load.boards
    lines = [
        f"{question.hosts:,} hosts, {question.people:,} people: {found.replicas} replicas carry it.",
        f"Run {found.replicas + 1}, so that one may be away.",
        "",
        "Each of the replicas that carry it:",
        f"  {load.idle + load.busy:.0f} terminals, {load.busy:.0f} of them busy; {load.boards:.0f} boards",
        f"  {loop(costs, load):.2f} of the service's one core; {cpu(costs, load):.2f} cores with its ssh",
        f"  {memory(costs, load) / MIB:.0f} MiB with its ssh; {descriptors:.0f} descriptors",
        f"  asks {load.sweeps_per_s:.0f} hosts a second; boards are {found.round_s:.0f} s old at most",
        "",
        "Assumed, and to be changed by options:",
        f"  --terminals {question.terminals:g}: that each person has open, all over ssh",
        f"  --busy {question.busy:g}: the share of them that print 20 lines a second",
        f"  --looking {question.looking:g}: the share of people with a board open",
        f"  --interval {question.interval_s:g}: inventory.watched_interval, in seconds",
        f"  --core {question.core:g}: of its one core that the service may take; beyond, keys wait",
        f"  --memory {question.memory_mib:g}: MiB that a replica may take",
        "Assumed, and in the code:",
        "  replicas share Redis; each has a connection to every host, each host is asked by one of them;",
        f"  a replica begins {1 / STEP_S:.0f} hosts a second at most; what another has found costs nothing;",
        "  something has changed on each host each time that it is asked, and every board is told;",
        "  terminals fall on hosts as they like, and those on one host share one ssh.",
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.model", description=__doc__)
    parser.add_argument("--hosts", type=int, required=True)
    parser.add_argument("--people", type=int, required=True)
    parser.add_argument("--terminals", type=float, default=argparse.SUPPRESS)
    parser.add_argument("--busy", type=float, default=argparse.SUPPRESS)
    parser.add_argument("--looking", type=float, default=argparse.SUPPRESS)
    parser.add_argument("--interval", type=float, default=argparse.SUPPRESS, dest="interval_s")
    parser.add_argument("--core", type=float, default=argparse.SUPPRESS)
    parser.add_argument("--memory", type=float, default=argparse.SUPPRESS, dest="memory_mib")
    parser.add_argument("--results", type=Path, default=RESULTS)
    given = vars(parser.parse_args())
    path = given.pop("results")
    try:
        print(told(costs(path.read_text()), Question(**given)))
    except MissingError as error:
        parser.exit(1, f"{error}\n")


if __name__ == "__main__":
    main()
