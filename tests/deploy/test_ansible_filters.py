"""What the role compares: objects, values and manifests."""

import base64
import json

import pytest
import yaml

LIVE = {
    "hub": {
        "config": {"GitHubOAuthenticator": {"client_secret": "s"}},
        "extraEnv": {"A": "1"},
        "extraVolumes": [{"name": "mine", "emptyDir": {}}],
    },
    "cull": {"every": 300},
    "singleuser": {"profileList": None},
}


def test_values_that_no_file_has_are_lost_and_told_by_their_path(filters):
    assert filters["moorage_lost"](LIVE, {}) == [
        "hub.config.GitHubOAuthenticator.client_secret",
        "hub.extraEnv.A",
        "hub.extraVolumes[mine]",
        "cull.every",
        "singleuser.profileList",
    ]


def test_values_that_are_given_are_not_lost_also_where_they_differ(filters):
    given = {**LIVE, "cull": {"every": 600}, "hub": {**LIVE["hub"], "extraVolumes": [{"name": "mine", "hostPath": {}}]}}

    assert filters["moorage_lost"](LIVE, given) == []


def test_what_may_go_is_not_missed(filters):
    may_go = ["hub.config", "hub.extraEnv.A", "hub.extraVolumes", "cull", "singleuser.profileList"]

    assert filters["moorage_lost"](LIVE, {}, may_go) == []
    assert filters["moorage_lost"](LIVE, {}, ["hub.conf"]) == filters["moorage_lost"](LIVE, {})


def test_entries_of_a_list_without_names_are_missed_one_by_one(filters):
    live = {"hub": {"admins": ["ada", "bob"]}}

    assert filters["moorage_lost"](live, {"hub": {"admins": ["ada"]}}) == ["hub.admins[1]"]


@pytest.mark.parametrize("path", ["/opt/moorage-hub", "/opt/moorage-hub:/srv/mine"])
def test_moorages_part_of_a_releases_values_is_not_the_operators(filters, rendered, path):
    import yaml

    own = {
        "hub": {"extraEnv": {"A": "1"}, "initContainers": [{"name": "mine"}], "extraConfig": {}},
        "cull": {"every": 300},
    }
    if path.endswith("mine"):
        own["hub"]["extraEnv"]["PYTHONPATH"] = "/srv/mine"
    made = rendered(
        "jupyterhub-values.yaml.j2",
        moorage_own=own["hub"],
        moorage_hub_token="t",
        moorage_image_reference="a:1",
        moorage_service_url="u",
    )
    ours = yaml.safe_load(made)["hub"]
    live = {
        "hub": {**own["hub"], **ours, "extraEnv": {**own["hub"]["extraEnv"], **ours["extraEnv"]}},
        "cull": {"every": 300},
    }

    kept = filters["moorage_own"](live)

    assert live["hub"]["extraEnv"]["PYTHONPATH"] == path
    assert kept == {"hub": {key: value for key, value in own["hub"].items() if value}, "cull": {"every": 300}}


def test_a_list_of_variables_is_not_touched(filters):
    live = {"hub": {"extraEnv": [{"name": "SECRET", "value": "s"}]}}

    assert filters["moorage_own"](live) == live


def role(rules, **metadata):
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": {"name": "r", "namespace": "n", "uid": "1", "resourceVersion": "2", **metadata},
        "rules": rules,
    }


def test_the_way_back_names_only_what_has_changed(filters):
    former, now = role(["a"], labels={"x": "1"}), role(["b"], annotations={"y": "1"}, labels={"x": "1"})

    [way] = filters["moorage_ways_back"]([former, role(["c"], name="other")], [now, role(["c"], name="other", uid="7")])

    assert (way["resource"], way["namespace"], way["name"]) == ("Role.v1.rbac.authorization.k8s.io", "n", "r")
    assert way["patch"] == [
        {"op": "remove", "path": "/metadata/annotations"},
        {"op": "add", "path": "/rules", "value": ["a"]},
    ]


def test_a_manifests_difference_shows_no_secret(filters):
    secret = "kind: Secret\nmetadata: {name: s}\ndata: {a: hidden}\n---\n"
    before = secret + "kind: ConfigMap\nmetadata: {name: c}\ndata: {a: old}\n"
    after = secret.replace("hidden", "hushed") + "kind: ConfigMap\nmetadata: {name: c}\ndata: {a: new}\n"

    text = filters["moorage_difference"](before, after)

    assert "-  a: old" in text
    assert "+  a: new" in text
    assert "h" not in text.replace("ConfigMap", "")


@pytest.mark.parametrize(
    ("choice", "resources", "differs"),
    [
        (
            {"cpu": "500m", "memory": "1Gi"},
            {"limits": {"cpu": "0.5", "memory": "1024Mi"}, "requests": {"memory": "1Gi"}},
            False,
        ),
        ({"cpu": "2"}, {"limits": {"cpu": "1"}}, True),
        ({"gpu": 1}, {"limits": {"nvidia.com/gpu": "1"}}, False),
        ({"gpu": 0}, {"limits": {"nvidia.com/gpu": "1"}}, True),
    ],
)
def test_a_pod_is_compared_with_the_choice_in_the_same_units(filters, choice, resources, differs):
    pod = {"spec": {"nodeName": "n1", "containers": [{"name": "notebook", "image": "a:1", "resources": resources}]}}

    sides = filters["moorage_compared"](pod, {"node": "n1", **choice})

    assert (sides["chosen"] != sides["got"]) is differs


def test_the_account_of_a_component_is_read_from_the_manifest(filters):
    def deployment(component, **spec):
        metadata = {"name": component, "labels": {"component": component}}
        return {"kind": "Deployment", "metadata": metadata, "spec": {"template": {"spec": spec}}}

    made = [deployment("proxy", serviceAccountName="proxy"), deployment("hub", serviceAccountName="bay-hub")]

    assert filters["moorage_account"](yaml.safe_dump_all(made), "hub") == "bay-hub"
    assert filters["moorage_account"](yaml.safe_dump_all([deployment("hub")]), "hub") == "default"


HISTORY = [
    {"revision": 1, "description": "Install complete"},
    {"revision": 2, "description": "moorage 0.1.0"},
    {"revision": 3, "description": "moorage 0.2.0"},
    {"revision": 4, "description": "Rollback to 2"},
    {"revision": 5, "description": "Rollback to 4"},
    {"revision": 6, "description": "Rollback to 1"},
    {"revision": 7, "description": "Upgrade complete"},
]


@pytest.mark.parametrize(
    ("revision", "ours"), [(0, False), (1, False), (2, True), (4, True), (5, True), (6, False), (7, False)]
)
def test_a_revision_is_the_roles_where_it_is_one_of_its_own_again(filters, revision, ours):
    assert filters["moorage_ours"](HISTORY, revision) is ours


def named(kind, name, namespace="moorage", **metadata):
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "namespace": namespace, **metadata}}


def test_what_no_release_has_is_told_from_what_another_one_has(filters):
    def of(release):
        notes = {"meta.helm.sh/release-name": release, "meta.helm.sh/release-namespace": "moorage"}
        return named("Service", f"of-{release}", annotations=notes)

    there = [named("Service", "nobody's"), of("moorage"), of("other")]

    strangers = filters["moorage_strangers"](there, "moorage", "moorage")

    assert [one["metadata"]["name"] for one in strangers] == ["nobody's", "of-other"]
    assert filters["moorage_of_others"](strangers) == ["Service of-other (release other)"]


def test_what_lies_in_a_namespace_that_is_yet_to_be_made_cannot_be_compared(filters):
    namespaces = [named("Namespace", "there", ""), named("Namespace", "new", "")]
    wanted = [*namespaces, named("Service", "a", "there"), named("Service", "b", "new")]

    assert filters["moorage_nowhere"](wanted, namespaces[:1]) == wanted[3:]


def deployment(settings, *, applied=None, **pod):
    container = {"name": "moorage", "envFrom": [{"configMapRef": {"name": settings}}]}
    spec = {"template": {"spec": {"containers": [{**container, **pod.pop("container", {})}], **pod}}}
    made = {**named("Deployment", "moorage"), "spec": spec}
    if applied:
        made["metadata"]["annotations"] = {"kubectl.kubernetes.io/last-applied-configuration": json.dumps(applied)}
    return made


def test_what_manifests_say_beyond_the_chart_is_told_by_its_path(filters):
    of_theirs = deployment(
        "moorage-settings-1", nodeSelector={"disk": "ssd"}, container={"env": [{"name": "HTTPS_PROXY", "value": "p"}]}
    )
    # The API server's defaults are nobody's wish.
    theirs = [
        deployment("moorage-settings-1", applied=of_theirs, restartPolicy="Always"),
        {**named("ConfigMap", "moorage-settings-1"), "data": {"MOORAGE_LOG_LEVEL": "debug", "MOORAGE_PORT": "8000"}},
        {**named("ConfigMap", "of-others"), "data": {"A": "B"}},
    ]
    ours = [
        deployment("moorage-settings"),
        {**named("ConfigMap", "moorage-settings"), "data": {"MOORAGE_PORT": "8000"}},
    ]

    said = filters["moorage_said"](theirs, ours, "moorage")

    assert filters["moorage_lost"](said["there"], said["wanted"]) == [
        "settings.log_level",
        "pod.nodeSelector.disk",
        "container.env[HTTPS_PROXY]",
    ]
    assert filters["moorage_said"]([], ours, "moorage")["there"] == {}


def test_what_the_role_has_made_is_told_by_its_records_and_names(filters):
    def record(phase, state):
        data = base64.b64encode(json.dumps({"before_moorage": state}).encode()).decode()
        return {**named("Secret", f"moorage-record-{phase}"), "data": {"record": data}}

    release = {"name": "moorage", "revision": 2, "last": 3}
    api, hub = named("Service", "moorage"), named("Secret", "moorage-hub", "jupyterhub")
    kept = [
        record("api", {"found": [], "made": [api], "release": release}),
        record("hub", {"found": [], "made": [hub]}),
        named("Secret", "moorage-tokens"),
        named("ConfigMap", "moorage-settings-2g8bk4fkh6"),
        named("Secret", "moorage-registry"),
    ]

    made = [one["metadata"]["name"] for one in filters["moorage_made"](kept)]

    assert sorted(made) == [
        *("moorage", "moorage-hub", "moorage-record-api", "moorage-record-hub"),
        *("moorage-settings-2g8bk4fkh6", "moorage-tokens"),
    ]
    assert filters["moorage_found_release"](kept, "moorage")
    assert not filters["moorage_found_release"](kept, "berths")
    assert not filters["moorage_found_release"](kept[1:], "moorage")
