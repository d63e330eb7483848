"""`moorage nodes` on a cluster with queues."""

import json

from moorage.simulator.builders import cluster_queue, local_queue, workload


def dump(*objects):
    return json.dumps({"kind": "List", "items": list(objects)})


async def test_queues_are_listed_below_the_nodes(moorage, node) -> None:
    quotas, used = {"rtx4090": {"nvidia.com/gpu": 4, "memory": "64Gi"}}, {"rtx4090": {"nvidia.com/gpu": 3}}
    objects = [
        node("n1", gpu=4),
        cluster_queue("gpus", quotas, used=used),
        local_queue("lab", cluster_queue="gpus", namespace="people"),
        workload("ada", queue="lab", namespace="people"),
        local_queue("lost", cluster_queue="gone", namespace="people"),
    ]

    shown = await moorage("nodes", "--from", "-", stdin=dump(*objects), env={"COLUMNS": "160"})

    rows = {row.split()[0]: " ".join(row.split()[1:]) for row in shown.out.splitlines() if row.startswith("people/")}
    assert rows["people/lab"] == "rtx4090: 1/4 GPU, 64Gi/64Gi 0 1 open"
    assert rows["people/lost"].startswith("- 0 0 Its cluster queue does not exist.")


async def test_a_cluster_without_queues_shows_none_and_one_whose_queues_may_not_be_read_says_so(moorage, node) -> None:
    from moorage.cli.queues import queues_table

    shown = await moorage("nodes", "--from", "-", stdin=dump(node("n1")))

    assert "QUEUE" not in shown.out
    told = {"kueue": "not_allowed", "reason": "grant it", "queues": []}
    table = queues_table(told)
    assert table is not None
    assert [str(cell) for column in table.columns for cell in column.cells][:2] == ["?", "grant it"]
    assert queues_table({"kueue": "absent", "reason": None, "queues": []}) is None
