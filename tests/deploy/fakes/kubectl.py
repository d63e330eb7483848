"""As much of kubectl as the role calls, with the objects in one JSON file. Where it forwards a port and which pods there are come from the environment."""

import argparse
import base64
import json
import os
import shutil
import sys
import time
import urllib.parse
import urllib.request
from pathlib import Path

import yaml

STATE = Path(os.environ["FAKE_STATE"]) / "objects.json"
LOG = Path(os.environ["FAKE_STATE"]) / "kubectl.log"


def key(found):
    return f"{found['kind'].lower()}/{found['metadata'].get('namespace', '')}/{found['metadata']['name']}"


def load():
    return json.loads(STATE.read_text()) if STATE.exists() else {}


def save(objects):
    STATE.write_text(json.dumps(objects))


def secret_data(found):
    plain = found.pop("stringData", {})
    if plain:
        found["data"] = {name: base64.b64encode(text.encode()).decode() for name, text in plain.items()}
    return found


def apply(create):
    objects = load()
    for found in map(secret_data, yaml.safe_load_all(sys.stdin.read())):
        former = objects.get(key(found))
        if former is not None and create:
            sys.exit(f"Error from server (AlreadyExists): {key(found)} already exists")
        word = "created" if former is None else "unchanged" if former == found else "configured"
        print(f"{found['kind'].lower()}/{found['metadata']['name']} {word}")
        if word != "unchanged" and found["kind"] == "Deployment":
            found_sets = [name for name in objects if name.startswith("replicaset/")]
            name = f"moorage-{len(found_sets) + 1}"
            objects[f"replicaset/moorage/{name}"] = {"kind": "ReplicaSet", "metadata": {"name": name}}
        objects[key(found)] = found
    save(objects)


def kustomize(folder):
    """Enough for the folders of this tree: resources, a namespace, the image's new name, generated settings."""
    folder = Path(folder)
    listed = yaml.safe_load((folder / "kustomization.yaml").read_text())
    found = []
    for name in listed["resources"]:
        path = folder / name
        found += kustomize(path) if path.is_dir() else list(yaml.safe_load_all(path.read_text()))
    for one in found:
        if one["kind"] not in ("Namespace", "ClusterRole", "ClusterRoleBinding"):
            one["metadata"]["namespace"] = listed["namespace"]
    return found


def get(kind, name, args):
    objects = load()
    if kind == "replicasets":
        print(
            "\n".join(
                f"replicaset.apps/{value['metadata']['name']}"
                for at, value in objects.items()
                if at.startswith("replicaset/")
            )
        )
        return
    if kind == "pods":
        namespace = os.environ.get("FAKE_PODS", args.namespace)
        query = urllib.parse.urlencode({"labelSelector": args.selector})
        headers = {"Authorization": f"Bearer {os.environ['FAKE_TOKEN']}"} if os.environ.get("FAKE_TOKEN") else {}
        request = urllib.request.Request(
            f"{os.environ['FAKE_API']}/api/v1/namespaces/{namespace}/pods?{query}", headers=headers
        )
        print(urllib.request.urlopen(request, timeout=10).read().decode())
        return
    found = objects.get(f"{kind}/{args.namespace}/{name}")
    if found is None:
        if args.ignore_not_found:
            return
        sys.exit(f'Error from server (NotFound): {kind} "{name}" not found')
    if args.output == "json":
        print(json.dumps(found))
    else:
        print(found["data"][args.output.removeprefix("jsonpath={.data.").removesuffix("}").replace("\\", "")], end="")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("words", nargs="*")
    for option in ("context", "namespace", "filename", "output", "selector", "timeout", "address"):
        parser.add_argument(f"--{option}", default="")
    parser.add_argument("--ignore-not-found", action="store_true")
    parser.add_argument("--wait", default="")
    args = parser.parse_intermixed_args()
    with LOG.open("a") as log:
        log.write(" ".join(sys.argv[1:]) + "\n")
    match args.words:
        case ["apply"]:
            apply(create=False)
        case ["create"]:
            apply(create=True)
        case ["create", "namespace", name]:
            objects = load()
            if f"namespace//{name}" in objects:
                sys.exit(f'Error from server (AlreadyExists): namespaces "{name}" already exists')
            objects[f"namespace//{name}"] = {"kind": "Namespace", "metadata": {"name": name}}
            save(objects)
        case ["kustomize", folder]:
            shutil.copytree(folder, STATE.parent / "kustomized", dirs_exist_ok=True)
            print(yaml.safe_dump_all(kustomize(folder)))
        case ["get", kind, *rest]:
            get(kind, rest[0] if rest else "", args)
        case ["rollout", "status", _]:
            pass
        case ["rollout", "undo", name]:
            print(f"{name} rolled back")
        case ["delete", *names]:
            objects = load()
            wanted = [names[0] + "/" + name for name in names[1:]] if "/" not in names[0] else names
            for name in wanted:
                kind, _, bare = name.partition("/")
                for at in (f"{kind}/{args.namespace}/{bare}", f"{kind}//{bare}"):
                    if objects.pop(at, None) is not None:
                        print(f"{name} deleted")
            save(objects)
        case ["port-forward", _, _]:
            print(f"Forwarding from 127.0.0.1:{os.environ['FAKE_PORT']} -> 8000", flush=True)
            time.sleep(600)
        case _:
            sys.exit(f"the fake kubectl does not know: {args.words}")


main()
