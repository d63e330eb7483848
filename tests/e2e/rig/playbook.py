"""deploy/ansible/moorage.yml, played with the real helm and the real kubectl of the testbed."""

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from rig.hub import ROOT

# The only thing of kubectl that needs a real kubelet: all else, and the look at the Service before it, is the real one's.
FORWARD = """#!/bin/sh
options=
for word in "$@"; do
  case "$word" in
    port-forward) forwards=yes;;
    service/*) [ -z "$forwards" ] || service=$word;;
    *) [ -n "$forwards" ] || options="$options $word";;
  esac
done
[ -n "$forwards" ] || exec {kubectl} "$@"
{kubectl} $options get "$service" > /dev/null || exit 1
echo "Forwarding from 127.0.0.1:{port} -> 8000"
exec sleep 60
"""


@dataclass(frozen=True)
class Played:
    """What a run of the playbook said and did."""

    rc: int
    output: str

    @property
    def text(self) -> str:
        """The output in one line, since Ansible breaks long messages."""
        return " ".join(self.output.split())

    @property
    def changed(self) -> int:
        return int(re.findall(r"changed=(\d+)", self.output)[-1])


class Playbook:
    def __init__(self, folder: Path, *, programs: Path, kubeconfig: Path, service_port: int, **variables: Any) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        wrapper = folder / "kubectl"
        wrapper.write_text(FORWARD.format(kubectl=programs / "kubectl", port=service_port))
        wrapper.chmod(0o755)
        self.variables = {
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            "moorage_kubectl": str(wrapper),
            "moorage_helm": str(programs / "helm"),
            "moorage_replicas": 1,
            "moorage_rollout_timeout": 30,
            "moorage_hub_helm_timeout": 30,
            "moorage_check_delay": 1,
            "moorage_check_retries": 15,
            "moorage_check_spawn_timeout": 30,
            **variables,
        }
        self._environment = {
            "PATH": f"{programs}:{os.environ['PATH']}",
            "HOME": str(folder),
            "LANG": "C.UTF-8",
            "KUBECONFIG": str(kubeconfig),
            "ANSIBLE_CONFIG": str(ROOT / "deploy/ansible/ansible.cfg"),
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_PIPELINING": "1",
            "ANSIBLE_LOCAL_TEMP": str(folder / "tmp"),
        }

    def run(self, *words: str, **variables: Any) -> Played:
        inventory = self.folder / "inventory.yml"
        inventory.write_text(
            yaml.safe_dump({"moorage": {"hosts": {"localhost": {**self.variables, **variables}}}}, allow_unicode=True)
        )
        command = [sys.executable, "-m", "ansible", "playbook", "--inventory", inventory, *words]
        done = subprocess.run(
            [*command, ROOT / "deploy/ansible/moorage.yml"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env=self._environment,
            timeout=400,
            check=False,
            text=True,
        )
        return Played(done.returncode, done.stdout)
