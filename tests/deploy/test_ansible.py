import re
import subprocess
import sys

import pytest
import yaml

# A run of Ansible is many processes; on a machine with much else to do it takes its time.
pytestmark = pytest.mark.timeout(400)


def test_the_playbook_is_sound_ansible(root, tmp_path):
    subprocess.run(
        [
            *(sys.executable, "-m", "ansible", "playbook", "--syntax-check"),
            *(
                "--inventory",
                str(root / "deploy/ansible/inventory.example.yml"),
                str(root / "deploy/ansible/moorage.yml"),
            ),
        ],
        check=True,
        capture_output=True,
        timeout=60,
        cwd=root / "deploy/ansible",
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "LANG": "C.UTF-8"},
    )


def tasks_of(root):
    """Every task of the role, blocks opened."""
    waiting = [
        task
        for path in sorted((root / "deploy/ansible/roles/moorage/tasks").glob("*.yml"))
        for task in yaml.safe_load(path.read_text())
    ]
    while waiting:
        task = waiting.pop()
        yield task
        for part in ("block", "rescue", "always"):
            waiting.extend(task.get(part, []))


def test_only_modules_of_ansible_core_are_used(root):
    keywords = {"name", "tags", "when", "vars", "register", "environment", "block", "rescue", "always", "until", "retries",
                "delay", "delegate_to", "diff", "loop", "loop_control", "no_log", "changed_when", "failed_when", "check_mode"}  # fmt: skip

    for task in tasks_of(root):
        modules = set(task) - keywords
        assert all(module.startswith("ansible.builtin.") for module in modules), task


def test_what_handles_a_token_is_never_printed(root):
    for task in tasks_of(root):
        secret = any(word in str({k: v for k, v in task.items() if k not in ("block", "rescue", "always", "vars")})
                     for word in ("moorage_hub_token", "moorage_tokens", "moorage_check_secret", "moorage_headers", "builtin.password"))  # fmt: skip
        assert not secret or task.get("no_log"), task["name"]


def test_no_task_has_a_variable_of_its_own_that_another_task_keeps_a_result_in(root):
    # A registered result, or a fact, comes before the variables of a task, also of a task in another file.
    tasks = list(tasks_of(root))
    kept = {task["register"] for task in tasks if "register" in task}
    kept |= {name for task in tasks for name in task.get("ansible.builtin.set_fact") or ()}

    assert kept & {name for task in tasks for name in task.get("vars") or ()} == set()


def test_every_variable_of_the_role_has_a_default_and_a_description(root):
    role = root / "deploy/ansible/roles/moorage"
    defaults = yaml.safe_load((role / "defaults/main.yml").read_text())
    described = yaml.safe_load((role / "meta/argument_specs.yml").read_text())["argument_specs"]["main"]["options"]

    assert set(defaults) == set(described)


OWN = {
    "initContainers": [{"name": "mine", "image": "busybox"}],
    "extraEnv": {"PYTHONPATH": "/srv/mine"},
    "networkPolicy": {"egress": [{"ports": [{"port": 5432}]}]},
}


def values_of(rendered, token="a-token", own=OWN):
    made = rendered(
        "jupyterhub-values.yaml.j2",
        moorage_own=own,
        moorage_hub_token=token,
        moorage_image_reference="a:1",
        moorage_service_url="http://moorage.moorage:8000",
        moorage_hub_options={"cpu_guarantee_ratio": 0.25},
    )
    return yaml.safe_load(made)


def test_the_values_of_the_role_fit_the_chart_and_keep_what_is_there(rendered, fits_the_chart):
    values = values_of(rendered)

    config = fits_the_chart(values)

    assert config.MoorageSpawner.service_url == "http://moorage.moorage:8000"
    assert config.MoorageSpawner.cpu_guarantee_ratio == 0.25
    assert [container["name"] for container in values["hub"]["initContainers"]] == ["mine", "moorage"]
    assert values["hub"]["networkPolicy"]["egress"][0] == OWN["networkPolicy"]["egress"][0]
    assert values["hub"]["extraEnv"]["PYTHONPATH"] == "/opt/moorage-hub:/srv/mine"


def test_another_token_makes_another_pod_of_the_hub_and_is_in_no_value(rendered):
    old, new = (values_of(rendered, token=token) for token in ("a-token", "b-token"))

    assert old["hub"]["annotations"] != new["hub"]["annotations"]
    assert "a-token" not in str(old)


def test_a_node_whose_driver_is_starting_fails_no_check(deploy):
    from jinja2.nativetypes import NativeEnvironment

    role = deploy / "ansible" / "roles" / "moorage"
    text = (role / "tasks" / "check_api.yml").read_text()
    expression = re.search(r'moorage_gpu_nodes: "(.+)"', text)
    nodes = [{"name": str(gpu), "capacity": {"gpu": gpu}} for gpu in (None, 0, 2)]

    found = NativeEnvironment().from_string(expression[1]).render(moorage_resources={"json": nodes})

    assert [node["name"] for node in found] == ["2"]
