"""Phase 2 of the role, played once for all tests: the role is real, the hub is the demo's (a real JupyterHub), kubectl and helm are stand-ins."""

import asyncio
import base64
import json
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
import yaml

# A run of Ansible is many processes; on a machine with much else to do it takes its time.
pytestmark = pytest.mark.timeout(400)

OWN_VALUES = {
    "hub": {
        "initContainers": [{"name": "mine", "image": "busybox"}],
        "networkPolicy": {"egress": [{"ports": [{"port": 5432}]}]},
        "extraConfig": {"10-mine": "c.JupyterHub.shutdown_on_logout = True"},
    }
}


@pytest.fixture(scope="module")
def demo(tmp_path_factory, root):
    """A hub, the service and a cluster in processes of their own; what a script needs to know of them."""
    folder = tmp_path_factory.mktemp("demo")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with (folder / "demo.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "moorage.cli", "demo", "--port", str(port), "--folder", str(folder / "demo")],
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            cwd=root,
        )
    try:
        yield wait_for(folder, process)
    finally:
        process.terminate()
        process.wait(30)


def wait_for(folder, process):
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline and process.poll() is None:
        try:
            info = json.loads((folder / "demo/info.json").read_text())
            urllib.request.urlopen(f"{info['hub_url']}/hub/api/", timeout=2).close()
            urllib.request.urlopen(f"{info['api_url']}/readyz", timeout=2).close()
            return info
        except OSError:
            time.sleep(0.2)
    raise AssertionError((folder / "demo.log").read_text())


def secret(name, namespace, **data):
    encoded = {key: base64.b64encode(text.encode()).decode() for key, text in data.items()}
    return {"kind": "Secret", "metadata": {"name": name, "namespace": namespace}, "data": encoded}


@pytest.fixture(scope="module")
def hub(demo, new_playbook, tmp_path_factory):
    """The playbook where phase 1 is done, on a hub that was there before."""
    playbook = new_playbook()
    own = tmp_path_factory.mktemp("values") / "own.yaml"
    own.write_text(yaml.safe_dump(OWN_VALUES))
    kubeconfig = yaml.safe_load(Path(demo["kubeconfig"]).read_text())
    playbook.add(
        secret(
            "moorage-tokens",
            "moorage",
            tokens="hub:reader:a-token-of-forty-eight\nadmin:admin:another-token-of-the-same\n",
        ),
        secret("hub", "jupyterhub", **{"hub.services.moorage-check.apiToken": demo["admin_token"]}),
    )
    before = [{"revision": 1, "status": "deployed", "description": "Install complete"}]
    (playbook.state / "releases.json").write_text(json.dumps({"jupyterhub": before}))

    def play(*tags, **variables):
        return asyncio.run(
            playbook.run(
                *tags,
                environment={
                    "FAKE_API": kubeconfig["clusters"][0]["cluster"]["server"],
                    "FAKE_TOKEN": kubeconfig["users"][0]["user"].get("token", ""),
                    "FAKE_PODS": "jupyter",
                },
                moorage_hub_url=demo["hub_url"],
                moorage_api_url=demo["api_url"],
                moorage_hub_values_files=[str(own)],
                moorage_check_choice={"cpu": "500m", "memory": "768Mi", "gpu": 0},
                moorage_check_retries=30,
                **variables,
            )
        )

    playbook.play = play
    return playbook


@pytest.fixture(scope="module")
def upgraded(hub):
    return hub.play("--tags", "hub")


def test_the_hub_is_upgraded_with_the_own_values_first(hub, upgraded):
    assert upgraded.rc == 0, upgraded.output
    [before, now] = hub.releases()["jupyterhub"][:2]
    assert (before["status"], now["description"][:8]) == ("superseded", "moorage ")
    assert yaml.safe_load(now["values"][0]) == OWN_VALUES


def test_the_rendered_values_fit_the_chart_and_keep_the_own_lists(hub, upgraded, fits_the_chart):
    rendered = yaml.safe_load(hub.releases()["jupyterhub"][1]["values"][1])

    config = fits_the_chart(rendered)

    assert config.MoorageSpawner.service_url == "http://moorage.moorage:8000"
    assert [container["name"] for container in rendered["hub"]["initContainers"]] == ["mine", "moorage"]
    assert rendered["hub"]["networkPolicy"]["egress"][0] == OWN_VALUES["hub"]["networkPolicy"]["egress"][0]


def test_the_hub_gets_the_reading_token_and_no_other(hub, upgraded):
    token = base64.b64decode(hub.objects()["secret/jupyterhub/moorage-hub"]["data"]["token"]).decode()

    assert token == "a-token-of-forty-eight"
    assert token not in upgraded.output


def test_the_service_may_read_the_quotas_of_the_hubs_namespace_and_nothing_else_there(hub, upgraded):
    assert hub.objects()["role/jupyterhub/moorage-limits"]["rules"] == [
        {"apiGroups": [""], "resources": ["resourcequotas", "limitranges"], "verbs": ["list"]}
    ]
    [subject] = hub.objects()["rolebinding/jupyterhub/moorage-limits"]["subjects"]
    assert (subject["name"], subject["namespace"]) == ("moorage", "moorage")


def test_the_check_sees_the_form_and_the_pod_that_was_chosen(upgraded):
    assert "Node, CPU, Memory, Image, with what is free now" in upgraded.text
    assert '"cpu limit": 0.5, "cpu request": 0.25, "memory limit": 805306368' in upgraded.text.replace('\\"', '"')


def test_the_check_leaves_nothing_behind(demo, upgraded):
    request = urllib.request.Request(
        f"{demo['hub_url']}/hub/api/users", headers={"Authorization": f"token {demo['admin_token']}"}
    )

    assert "moorage-check" not in [user["name"] for user in json.load(urllib.request.urlopen(request, timeout=10))]


def test_the_same_values_again_are_no_upgrade(hub, upgraded):
    again = hub.play("--tags", "hub", "--skip-tags", "check-hub")

    assert again.rc == 0, again.output
    assert again.changed == 0


def test_a_pod_that_is_not_what_was_chosen_fails_the_check_and_takes_the_hub_back(hub, upgraded):
    played = hub.play("--tags", "hub", moorage_hub_options={"cpu_guarantee_ratio": 0.25})

    assert played.rc != 0
    assert '"cpu request": 0.125' in played.text.replace('\\"', '"')
    assert "The hub was taken back." in played.text
    assert hub.releases()["jupyterhub"][-1]["description"] == "Rollback to 1"
    assert not [at for at in hub.objects() if at.startswith(("secret/jupyterhub/moorage", "role"))]


def test_a_second_rollback_changes_nothing(hub, upgraded):
    hub.play("--tags", "rollback-hub")
    before = hub.releases()

    played = hub.play("--tags", "rollback-hub")

    assert played.rc == 0, played.output
    assert (played.changed, hub.releases()) == (0, before)
