import json
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
                "delay", "loop", "loop_control", "no_log", "changed_when", "failed_when", "check_mode"}  # fmt: skip

    for task in tasks_of(root):
        modules = set(task) - keywords
        assert all(module.startswith("ansible.builtin.") for module in modules), task


def test_what_handles_a_token_is_never_printed(root):
    for task in tasks_of(root):
        secret = any(word in str({k: v for k, v in task.items() if k not in ("block", "rescue", "always", "vars")})
                     for word in ("moorage_hub_token", "moorage_tokens", "moorage_check_secret", "moorage_headers", "builtin.password"))  # fmt: skip
        assert not secret or task.get("no_log"), task["name"]


def test_every_variable_of_the_role_has_a_default_and_a_description(root):
    role = root / "deploy/ansible/roles/moorage"
    defaults = yaml.safe_load((role / "defaults/main.yml").read_text())
    described = yaml.safe_load((role / "meta/argument_specs.yml").read_text())["argument_specs"]["main"]["options"]

    assert set(defaults) == set(described)


async def test_the_overlay_of_the_role_is_what_kustomize_understands(new_playbook, kubectl):
    playbook = new_playbook()

    played = await playbook.run(
        *("--tags", "api", "--check"),
        moorage_namespace="berths",
        moorage_image="harbor.example.org/library/moorage",
        moorage_image_tag="1.2",
        moorage_replicas=3,
        moorage_optional_manifests=["runtime-classes.yaml", "gpu-agent.yaml"],
        moorage_settings={"harbor_url": "https://harbor.example.org", "label_allow_list": "a,b"},
        moorage_images=[{"name": "a", "reference": "a:1"}],
    )

    assert played.rc == 0, played.output
    assert playbook.objects() == {}
    built = subprocess.run(
        [kubectl, "kustomize", str(playbook.state / "kustomized")],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    ).stdout

    found = {(one["kind"], one["metadata"]["name"].split("-settings")[0]): one for one in yaml.safe_load_all(built)}
    deployment = found["Deployment", "moorage"]["spec"]
    settings = found["ConfigMap", "moorage"]["data"]
    assert deployment["replicas"] == 3
    assert deployment["template"]["spec"]["containers"][0]["image"] == "harbor.example.org/library/moorage:1.2"
    assert settings["MOORAGE_HARBOR_URL"] == "https://harbor.example.org"
    assert json.loads(settings["MOORAGE_IMAGES"]) == [{"name": "a", "reference": "a:1"}]
    assert settings["MOORAGE_QUOTA_NAMESPACES"] == "jupyterhub"
    assert settings["MOORAGE_TOKEN_FILE"] == "/etc/moorage/tokens/tokens"
    assert {kind for kind, _ in found} >= {"Namespace", "NetworkPolicy", "PodDisruptionBudget", "Service"}
    assert ("Namespace", "berths") in found
    assert found["DaemonSet", "moorage-gpu-agent"]["metadata"]["namespace"] == "berths"
    for name in ("moorage", "moorage-runtime-classes"):
        [subject] = found["ClusterRoleBinding", name]["subjects"]
        assert subject["namespace"] == "berths"
