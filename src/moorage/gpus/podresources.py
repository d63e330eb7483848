"""Which container has which device, from the kubelet itself: its PodResources service, on a socket of the node.

Every kubelet since 1.28 answers it, so it names holders where the status of pods does not yet (before 1.36). It is
asked by the agent alone: a service elsewhere can't reach the socket.

Source: k8s.io/kubelet v0.36 pkg/apis/podresources/v1/api.proto
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from moorage.texts import later

if TYPE_CHECKING:
    from pathlib import Path

SOCKET = "kubelet.sock"
_LIST = "/v1.PodResourcesLister/List"
_LARGEST = 16 << 20  # as the kubelet's own client has it

# Of each message the fields that are read: name, number, and the message that it repeats (None: text).
_MESSAGES: dict[str, tuple[tuple[str, int, str | None, bool], ...]] = {
    "ListPodResourcesResponse": (("pod_resources", 1, "PodResources", True),),
    "PodResources": (("name", 1, None, False), ("namespace", 2, None, False), ("containers", 3, "Container", True)),
    "Container": (("name", 1, None, False), ("devices", 2, "Devices", True)),
    "Devices": (("resource_name", 1, None, False), ("device_ids", 2, None, True)),
}


class NotAnswered(Exception):
    """The kubelet did not say."""


def holdings(folder: Path, *, within: float = 5.0) -> list[dict[str, Any]]:
    """`{"namespace", "pod", "container", "resource", "devices": [id, …]}` of each container with devices.

    `folder` is the kubelet's `pod-resources`; the socket in it is made anew when the kubelet starts again, so it is
    opened anew each time. Raises `NotAnswered`, in words, where nothing came within so many seconds.
    """
    socket = folder / SOCKET
    try:
        socket.stat()
    except FileNotFoundError:
        raise NotAnswered(
            later("there is no socket {socket} in the kubelet's folder for pod resources", socket=SOCKET)
        ) from None
    except OSError as error:
        words = later(
            "the kubelet's folder for pod resources can't be opened ({error}); the agent must run as root",
            error=error.strerror,
        )
        raise NotAnswered(words) from error
    with grpc.insecure_channel(
        f"unix:{socket}", options=[("grpc.max_receive_message_length", _LARGEST), ("grpc.enable_http_proxy", 0)]
    ) as channel:
        ask = channel.unary_unary(
            _LIST,
            request_serializer=lambda _: b"",
            response_deserializer=_message("ListPodResourcesResponse").FromString,
        )
        try:
            answer = ask(None, timeout=within)
        except grpc.RpcError as error:
            raise NotAnswered(
                later("the kubelet did not say who holds which device: {why}", why=_words(error))
            ) from error
    return [
        {
            "namespace": pod.namespace,
            "pod": pod.name,
            "container": container.name,
            "resource": devices.resource_name,
            "devices": list(devices.device_ids),
        }
        for pod in answer.pod_resources
        for container in pod.containers
        for devices in container.devices
    ]


def _words(error: grpc.RpcError) -> str:
    code = error.code() if isinstance(error, grpc.Call) else None
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return later("no answer in time")
    if code is grpc.StatusCode.UNAVAILABLE:
        return later("it can't be reached; the agent must run as root to open its socket")
    return code.name.lower().replace("_", " ") if code is not None else later("no answer")


@cache
def _message(name: str) -> Any:
    file = descriptor_pb2.FileDescriptorProto(name="podresources.proto", package="v1", syntax="proto3")
    field = descriptor_pb2.FieldDescriptorProto
    for message, fields in _MESSAGES.items():
        described = file.message_type.add(name=message)
        for word, number, kind, repeats in fields:
            described.field.add(
                name=word,
                number=number,
                label=field.LABEL_REPEATED if repeats else field.LABEL_OPTIONAL,
                type=field.TYPE_MESSAGE if kind else field.TYPE_STRING,
                type_name=f".v1.{kind}" if kind else None,
            )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"v1.{name}"))
