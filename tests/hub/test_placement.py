"""Nodes that the hub's servers can never use are closed, as far as what is known of them tells."""

import re
from types import SimpleNamespace

import pytest
import pytest_asyncio

from moorage.hub.choice.offered.placement import Placement, barred, placement_of
from moorage.hub.view.nodes import read_node

PURPOSE = "hub.jupyter.org/node-purpose"


def node(name, *, labels=None, taints=()):
    return read_node({"name": name, "hostname_label": name, "labels": labels or {}, "taints": list(taints)})


def cluster(*nodes):
    return {one.name: one for one in nodes}


def taint(key, value="", effect="NoSchedule"):
    return {"key": key, "value": value, "effect": effect}


USERS, CORE, BARE = node("users", labels={PURPOSE: "user"}), node("core", labels={PURPOSE: "core"}), node("bare")


def term(operator, *values, key=PURPOSE):
    return {"matchExpressions": [{"key": key, "operator": operator, "values": list(values)}]}


def test_a_node_selector_closes_nodes_with_another_label_or_without_it():
    found = barred(Placement({PURPOSE: "user"}), cluster(USERS, CORE, BARE))

    words = f"not for this hub's servers ({PURPOSE}=user needed)"
    assert found == {"core": words, "bare": words}


def test_a_label_that_the_service_shows_of_no_node_closes_none():
    assert barred(Placement({"pool": "users"}), cluster(USERS, CORE)) == {}
    assert barred(Placement({}, [term("In", "users", key="pool")]), cluster(USERS, CORE)) == {}


@pytest.mark.parametrize(
    ("terms", "closed"),
    [
        ([term("In", "user")], {"core", "bare"}),
        ([term("NotIn", "core")], {"core"}),
        ([term("Exists")], {"bare"}),
        ([term("DoesNotExist")], {"users", "core"}),
        ([term("In", "user"), term("DoesNotExist")], {"core"}),
        ([term("In", "user"), term("In", "x", key="hidden")], set()),
        ([{"matchExpressions": [*term("In", "user")["matchExpressions"], *term("Exists", key="hidden")["matchExpressions"]]}], {"core", "bare"}),
        ([{"match_expressions": term("In", "user")["matchExpressions"]}], {"core", "bare"}),
        ([term("Gt", "3")], set()),
        ([{"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["users"]}]}], set()),
        (["nonsense", None, 7], set()),
        ([{"matchExpressions": "nonsense"}], set()),
    ],
)  # fmt: skip
def test_a_required_affinity_closes_the_nodes_that_meet_none_of_its_terms(terms, closed):
    assert set(barred(Placement({}, terms), cluster(USERS, CORE, BARE))) == closed


@pytest.mark.parametrize(
    ("taints", "tolerations", "reason"),
    [
        ([taint("dedicated", "gpu")], [], "reserved (dedicated=gpu)"),
        ([taint("dedicated")], [{"key": "dedicated", "value": "x"}], "reserved (dedicated)"),
        ([taint("dedicated", "gpu")], [{"key": "dedicated", "operator": "Equal", "value": "gpu"}], None),
        ([taint("dedicated", "gpu")], [{"key": "dedicated", "operator": "Exists", "effect": "NoSchedule"}], None),
        (
            [taint("a", effect="NoExecute")],
            [{"key": "a", "operator": "Exists", "effect": "NoSchedule"}],
            "reserved (a)",
        ),
        ([taint("a"), taint("b")], [{"operator": "Exists"}], None),
        ([taint("dedicated", effect="PreferNoSchedule")], [], None),
        ([taint("level", "7")], [{"key": "level", "operator": "Gt", "value": "3"}], None),
        ([taint("node.kubernetes.io/not-ready", effect="NoExecute")], [], None),
        ([taint("nvidia.com/gpu", "present")], [], None),
        ([taint("dedicated")], ["nonsense"], None),
    ],
)
def test_a_taint_that_is_not_tolerated_closes_a_node_unless_it_may_pass(taints, tolerations, reason):
    found = barred(Placement({}, [], tolerations), cluster(node("tainted", taints=taints)))

    assert found.get("tainted") == reason


@pytest.mark.parametrize(
    "later",
    [
        {"modify_pod_hook": print},
        {"pre_spawn_hook": print},
        {"extra_pod_config": {"tolerations": []}},
        {"extra_pod_config": {"runtimeClassName": "gpu"}},
    ],
)
def test_where_something_may_change_the_pod_later_nothing_is_closed(later):
    usual = {"node_affinity_required": {}, "tolerations": {}, "extra_pod_config": {}}

    assert placement_of(SimpleNamespace(**{**usual, **later}), {PURPOSE: "user"}) is None
    assert placement_of(SimpleNamespace(**usual), {PURPOSE: "user"}) == Placement({PURPOSE: "user"})


def test_no_placement_closes_nothing():
    assert barred(None, cluster(node("tainted", taints=[taint("dedicated")]))) == {}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def required(load, tmp_path_factory):
    """`scheduling.userPods.nodeAffinity.matchNodePurpose: require`: neither core-1 nor any-1 is for users."""
    more = 'c.JupyterHub.tornado_settings = {"slow_spawn_timeout": 3}'
    made = load("moorage_test_z2jh").standing(
        load, tmp_path_factory.mktemp("require"), node_purpose="require", more=more
    )
    async with made as (hub, cluster):
        yield hub, cluster


@pytest.mark.asyncio(loop_scope="session")
async def test_nodes_that_are_not_for_users_are_closed_on_the_form_and_count_for_nothing(required):
    hub, _ = required
    person = await hub.log_in("looks")

    page = await person.form()

    options = dict(re.findall(r'<option value="([^"]+-1|user-2)"([^>]*)>', page))
    assert options == {"user-1": "", "user-2": "", "core-1": " disabled", "any-1": " disabled"}
    assert f"core-1 (not for this hub&#x27;s servers ({PURPOSE}=user needed))" in page
    assert "0.1 to 16" in page
    assert "reserved" not in page  # user-2 is, for those who tolerate its taint, as these do
    await person.close()


@pytest.mark.asyncio(loop_scope="session")
async def test_such_a_node_is_refused_with_the_reason_and_the_others_can_be_had(required, load):
    hub, cluster = required
    await hub.api("POST", "/users/tries")

    status, answer = await hub.api("POST", "/users/tries/server", {"moorage": 1, "node": "any-1"})
    taken, _ = await hub.api("POST", "/users/tries/server", {"moorage": 1, "node": "user-2", "cpu": "1"})

    assert status == 400
    assert answer["message"] == (
        f"any-1 is not for this hub's servers ({PURPOSE}=user needed). Choose another node or Automatic."
    )
    assert taken in (201, 202)
    pod = await load("moorage_test_rig").until(lambda: load("moorage_test_pods").pod_of(cluster, "tries"))
    assert pod["spec"]["nodeSelector"] == {"kubernetes.io/hostname": "user-2"}


def test_a_taint_that_goes_away_by_itself_closes_no_node():
    passing = {**taint("karpenter.sh/unregistered", effect="NoExecute"), "passes": True}

    assert barred(Placement({}), cluster(node("new", taints=[passing]))) == {}
