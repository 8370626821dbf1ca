"""Grants: closed by default, and every one that is written only takes away."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from muxboard.access.grants import Grants, Need
from muxboard.access.principal import Principal
from muxboard.config.schema import Grant

names = st.sampled_from(
    ["ops@example.com", "dev@example.com", "a", "", "[", "*", "OPS@example.com"]
) | st.text(max_size=4)
patterns = st.lists(st.sampled_from(["*", "ops@*", "a", "[", "[!a]", "?", "dev*"]) | names, max_size=3)
roles = st.sampled_from(["viewer", "operator", "admin"])
grants = st.builds(
    Grant,
    role=roles,
    principals=patterns,
    groups=patterns,
    hosts=patterns,
    users=patterns,
    create_users=st.none() | patterns,
)
people = st.builds(
    Principal, name=names, gate=st.just("token"), groups=st.lists(names, max_size=2).map(tuple)
)
places = st.tuples(names, names)

OPS = Principal(name="ops", gate="token", groups=("sre",))


def reach(grants, principal, place):
    return {need for need in Need if grants.allows(principal, need, *place)}


@given(people, places)
def test_without_grants_whoever_got_in_is_admin_everywhere(principal, place):
    assert reach(Grants([]), principal, place) == set(Need)
    assert Grants([]).oversees(principal)
    assert Grants([]).role(principal, *place) == "admin"


@given(st.lists(grants, min_size=1, max_size=4), people, places)
def test_every_permission_comes_from_one_written_grant(written, principal, place):
    """Grants together allow what each allows alone, and nothing besides; no grant allows by being there."""
    alone = [reach(Grants([grant]), principal, place) for grant in written]
    assert reach(Grants(written), principal, place) == set().union(*alone)


@given(st.lists(grants, min_size=1, max_size=4), people, places)
def test_the_role_shown_is_the_role_that_is_enforced(written, principal, place):
    allowed, role = reach(Grants(written), principal, place), Grants(written).role(principal, *place)
    assert (role is None) == (not allowed)
    assert (Need.control in allowed) == (role in {"operator", "admin"})
    assert (Need.oversee in allowed) == (role == "admin")
    if Need.oversee in allowed:
        assert Grants(written).oversees(principal)


@given(grants, people, places)
def test_somebody_whom_no_grant_names_may_nothing(grant, principal, place):
    nobody = Grant(role=grant.role, hosts=grant.hosts, users=grant.users)
    assert reach(Grants([nobody]), principal, place) == set()
    assert not Grants([nobody]).oversees(principal)


def test_roles_hold_what_the_contract_says():
    looking, working = {Need.list, Need.view}, {Need.control, Need.create, Need.change, Need.mint}
    for role, allowed in {"viewer": looking, "operator": looking | working, "admin": set(Need)}.items():
        assert reach(Grants([Grant(role=role, principals=["ops"])]), OPS, ("web1", "deploy")) == allowed


def test_hosts_users_and_groups_bound_a_grant():
    written = Grants([Grant(role="operator", groups=["sre"], hosts=["web*"], users=["deploy"])])
    assert written.allows(OPS, Need.control, "web1", "deploy")
    assert not written.allows(OPS, Need.list, "db1", "deploy")
    assert not written.allows(OPS, Need.list, "web1", "root")
    assert not written.allows(Principal(name="sre", gate="token"), Need.list, "web1", "deploy")


def test_create_users_bounds_creating_alone():
    """None of them written: as users. An empty list: may not create."""
    for create_users, may in ((None, True), ([], False), (["deploy"], True), (["other"], False)):
        written = Grants([Grant(role="admin", principals=["ops"], create_users=create_users)])
        assert written.allows(OPS, Need.create, "web1", "deploy") == may
        assert written.allows(OPS, Need.change, "web1", "deploy")


def test_principals_of_two_gates_are_never_the_same():
    assert Principal(name="x", gate="token").key != Principal(name="x", gate="jwt").key
