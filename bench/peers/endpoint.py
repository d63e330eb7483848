"""The straightforward endpoint: at each request all nodes and all pods are listed with the official client, and requests summed up.

usage: endpoint.py KUBECONFIG PORT, with the Python that has the client.
"""

import json
import sys
from collections import defaultdict
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, HTTPServer

from kubernetes import client, config
from kubernetes.utils.quantity import parse_quantity


def allocated(api: client.CoreV1Api) -> dict[str, dict[str, str]]:
    sums: dict[str, dict[str, Decimal]] = {node.metadata.name: defaultdict(Decimal) for node in api.list_node().items}
    for pod in api.list_pod_for_all_namespaces().items:
        if pod.spec.node_name not in sums or pod.status.phase in ("Succeeded", "Failed"):
            continue
        for container in pod.spec.containers:
            for name, amount in ((container.resources and container.resources.requests) or {}).items():
                sums[pod.spec.node_name][name] += parse_quantity(amount)
    return {node: {name: str(amount) for name, amount in of.items()} for node, of in sums.items()}


def main(kubeconfig: str, port: int) -> None:
    config.load_kube_config(kubeconfig)
    api = client.CoreV1Api()

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(allocated(api)).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    HTTPServer(("127.0.0.1", port), Answer).serve_forever()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
