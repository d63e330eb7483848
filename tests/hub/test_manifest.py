"""What the service is told of a pod and its claim: all that a scheduler reads, and nothing that is secret."""

from types import SimpleNamespace

import msgspec
import pytest
from kubernetes_asyncio.client.rest import ApiException

from moorage.hub.start import manifest
from moorage.objects.pods import Container

SECRET = "t0ken"


def test_of_a_container_is_told_what_verdicts_read_and_no_more():
    fields = {field.encode_name for field in msgspec.structs.fields(Container)}
    container = {
        **dict.fromkeys(fields, "kept"),
        "env": [{"name": "JUPYTERHUB_API_TOKEN", "value": SECRET}],
        "envFrom": [{"secretRef": {"name": SECRET}}],
        "command": [SECRET],
        "args": [SECRET],
        "lifecycle": {"postStart": {"exec": {"command": [SECRET]}}},
    }

    told = manifest.for_verdict({"spec": {"containers": [container], "initContainers": [container]}}, namespace="n")

    assert told["spec"] == {key: [dict.fromkeys(fields, "kept")] for key in ("containers", "initContainers")}


def test_all_that_places_a_pod_is_told():
    spec = {
        "affinity": {"nodeAffinity": {}},
        "tolerations": [{"key": "hub.jupyter.org/dedicated"}],
        "nodeSelector": {"zone": "a"},
        "schedulerName": "user-scheduler",
        "priorityClassName": "default-priority",
        "volumes": [{"name": "home", "persistentVolumeClaim": {"claimName": "claim-ada"}}],
        "topologySpreadConstraints": [],
        "resourceClaims": [],
        "runtimeClassName": "kata",
        "hostNetwork": True,
    }
    metadata = {"name": "jupyter-ada", "labels": {"hub.jupyter.org/network-access-hub": "true"}}

    told = manifest.for_verdict({"metadata": {**metadata, "annotations": {"a": SECRET}}, "spec": spec}, namespace="n")

    assert told["spec"] == spec
    assert told["metadata"] == {**metadata, "namespace": "n"}


def test_of_a_claim_is_told_what_decides_on_its_volume():
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "10Gi"}}}
    marks = {"volume.beta.kubernetes.io/storage-class": "fast", "hub.jupyter.org/username": SECRET}
    claim = {"metadata": {"name": "claim-ada", "annotations": marks, "labels": {"a": SECRET}}, "spec": spec}

    told = manifest.claim_for_verdict(claim, namespace="n")

    assert told["spec"] == spec
    assert told["metadata"] == {
        "name": "claim-ada",
        "namespace": "n",
        "annotations": {"volume.beta.kubernetes.io/storage-class": "fast"},
    }


class Server:
    """An API server that answers the creation of a claim, and the question for it, with these statuses."""

    def __init__(self, create, read):
        self.create, self.read = create, read

    async def create_namespaced_persistent_volume_claim(self, namespace, body, *, dry_run):
        assert dry_run == "All"
        self._answer(self.create)

    async def read_namespaced_persistent_volume_claim(self, name, namespace):
        self._answer(self.read)

    @staticmethod
    def _answer(status):
        if status == 0:
            raise OSError("nobody there")
        if status >= 300:
            error = ApiException(status=status)
            error.body = '{"message": "exceeded quota: homes"}'
            raise error


@pytest.mark.parametrize(
    ("create", "read", "refused"),
    [
        (201, 404, False),
        (409, 200, False),
        (403, 404, True),
        (403, 200, False),
        (422, 200, True),
        (500, 404, False),
        (0, 404, False),
    ],
)
async def test_a_claim_is_refused_where_kubespawner_would_fail_over_it(create, read, refused):
    claim = SimpleNamespace(metadata=SimpleNamespace(name="claim-ada"))

    words = await manifest.claim_refusal(Server(create, read), claim, namespace="n", timeout=1)

    assert words == ("exceeded quota: homes" if refused else None)
