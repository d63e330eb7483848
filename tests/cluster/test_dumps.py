"""Objects from files, as `kubectl` wrote them."""

import json

import pytest

from moorage.cluster import dumps
from moorage.errors import MoorageError


def test_a_list_of_one_kind_needs_no_kind_on_its_items(tmp_path):
    file = tmp_path / "nodes.json"
    file.write_text(json.dumps({"apiVersion": "v1", "kind": "NodeList", "items": [{"metadata": {"name": "n1"}}]}))

    assert dumps.read([str(file)])[0] == [{"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n1"}}]


def test_yaml_documents_are_read_too(tmp_path):
    file = tmp_path / "dump.yaml"
    file.write_text("kind: Node\nmetadata: {name: n1}\n---\nkind: Node\nmetadata: {name: n2}\n")

    assert [body["metadata"]["name"] for body in dumps.read([str(file)])[0]] == ["n1", "n2"]


@pytest.mark.parametrize("content", ["", "{}", "a: [", "[]", "just words"])
def test_a_file_that_is_no_dump_is_refused_with_what_to_do(tmp_path, content):
    file = tmp_path / "dump"
    file.write_text(content)

    with pytest.raises(MoorageError) as refusal:
        dumps.read([str(file)])[0]

    assert "kubectl get" in refusal.value.hint


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(MoorageError, match="can't be read"):
        dumps.read([str(tmp_path / "nothing")])


def test_of_an_object_in_several_files_the_last_counts_and_it_is_said_where_it_differs(tmp_path, node, pod):
    first, second = tmp_path / "a.json", tmp_path / "b.yaml"
    same, old, new = pod("p", namespace="lab"), node("n1", cpu="4"), node("n1", cpu="8")
    first.write_text(json.dumps({"kind": "List", "items": [old, same]}))
    second.write_text(json.dumps({"kind": "List", "items": [node("n2"), same]}) + json.dumps(new))

    objects, told = dumps.read([str(first), str(second)])

    names = [body["metadata"]["name"] for body in objects]
    assert sorted(names) == ["n1", "n2", "p"]
    assert objects[names.index("n1")] == new
    assert told == [f"Node n1 is in {first} and in {second}, and not the same: the last one counts"]


def test_objects_of_one_name_in_several_namespaces_and_groups_are_several(tmp_path, pod):
    file = tmp_path / "dump.json"
    ingresses = [{"apiVersion": version, "kind": "Ingress", "metadata": {"name": "p"}} for version in ("a/v1", "b/v1")]
    file.write_text(json.dumps([pod("p", namespace="a"), pod("p", namespace="b"), *ingresses]))

    objects, told = dumps.read([str(file)])

    assert (len(objects), told) == (4, [])


def test_many_that_differ_are_told_in_few_sentences(tmp_path, node):
    files = [tmp_path / "a.json", tmp_path / "b.json"]
    for file, cpu in zip(files, ("1", "2"), strict=True):
        file.write_text(json.dumps([node(f"n{number}", cpu=cpu) for number in range(9)]))

    _, told = dumps.read([str(file) for file in files])

    assert len(told) == 6
    assert told[-1].startswith("4 more objects")
