"""Tokens, and what their holders may do."""

import pytest

from moorage.simulator.api.authorization import Rule


def bearer(token):
    return {"headers": {"Authorization": f"Bearer {token}"}}


@pytest.fixture
def tokens(simulator):
    simulator.authorizer.add("admin", "ada")
    simulator.authorizer.add("reader", "bob", [(["get", "list", "watch"], ["nodes"])])
    simulator.authorizer.add("local", "eve", [Rule(("list",), ("pods",), namespaces=("lab",))])


async def test_without_tokens_everybody_may_do_everything(http):
    status, _, _ = await http.get("/api/v1/secrets")

    assert status == 200


async def test_with_tokens_an_unknown_one_is_unauthorized(tokens, http):
    status, body, _ = await http.get("/api/v1/nodes", **bearer("guess"))

    assert (status, body["reason"]) == (401, "Unauthorized")


async def test_with_tokens_nobody_in_particular_may_do_nothing(tokens, http):
    status, body, _ = await http.get("/api/v1/nodes")

    assert status == 403
    assert 'User "system:anonymous" cannot list resource "nodes"' in body["message"]


async def test_a_right_is_for_a_verb_on_a_resource(tokens, http):
    nodes, _, _ = await http.get("/api/v1/nodes", **bearer("reader"))
    pods, body, _ = await http.get("/api/v1/namespaces/lab/pods", **bearer("reader"))
    made, _ = await http.send("POST", "/api/v1/nodes", {"metadata": {"name": "n"}}, **bearer("reader"))

    assert (nodes, pods, made) == (200, 403, 403)
    assert body["message"] == (
        'pods is forbidden: User "bob" cannot list resource "pods" in API group "" in the namespace "lab"'
    )


async def test_a_right_may_hold_in_one_namespace_alone(tokens, http):
    there, _, _ = await http.get("/api/v1/namespaces/lab/pods", **bearer("local"))
    elsewhere, _, _ = await http.get("/api/v1/namespaces/other/pods", **bearer("local"))
    everywhere, _, _ = await http.get("/api/v1/pods", **bearer("local"))

    assert (there, elsewhere, everywhere) == (200, 403, 403)


async def test_a_review_tells_what_a_token_may(tokens, http):
    def review(resource):
        attributes = {"verb": "list", "resource": resource}
        return {"kind": "SelfSubjectAccessReview", "spec": {"resourceAttributes": attributes}}

    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    _, nodes = await http.send("POST", path, review("nodes"), **bearer("reader"))
    _, pods = await http.send("POST", path, review("pods"), **bearer("reader"))

    assert (nodes["status"]["allowed"], pods["status"]["allowed"]) == (True, False)


async def test_a_removed_token_is_not_let_in_any_more(tokens, simulator, http):
    simulator.authorizer.remove("reader")

    status, _, _ = await http.get("/api/v1/nodes", **bearer("reader"))

    assert status == 401
