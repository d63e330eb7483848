"""What the API takes, said as exactly as a schema can: what fits it is answered, and what does not is refused.

Amounts and names are read by the modules that use them, whose sentences say more than a pattern; here stands the same
for programs that write requests from the description.
"""

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

_Schema = dict[str, Any]

_SUFFIX = r"([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]{1,18})?"
_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = rf"{_LABEL}(\.{_LABEL})*"
_NULL: _Schema = {"type": "null"}


def _or_null(schema: _Schema) -> _Schema:
    return {"anyOf": [schema, _NULL]}


_TEXT = _or_null({"type": "string"})
_TEXTS: _Schema = {"type": "object", "additionalProperties": _TEXT}


def _amount(digits: str, *numbers: _Schema, most: int | None = 64, empty: bool = False) -> _Schema:
    text = f"{digits}{_SUFFIX}"
    pattern = f"^({text})?$" if empty else f"^{text}$"
    longest = {"maxLength": most} if most is not None else {}
    return {"anyOf": [{"type": "string", "pattern": pattern, **longest}, *numbers, _NULL]}


def _number(kind: str, **least: int) -> _Schema:
    return {"type": kind, **least, "exclusiveMaximum": 10**18}


_ANY = r"([0-9]+(\.[0-9]*)?|\.[0-9]+)"
_ABOVE_0 = r"(0*[1-9][0-9]*(\.[0-9]*)?|0*\.0*[1-9][0-9]*)"
_CORES = _amount(_ANY, _number("number", minimum=0))
_BYTES = _amount(_ANY, _number("integer", minimum=0))
_SOME_CORES = _amount(_ABOVE_0, _number("number", exclusiveMinimum=0), empty=True)
_SOME_BYTES = _amount(_ABOVE_0, _number("integer", exclusiveMinimum=0), empty=True)
_AMOUNTS: _Schema = {
    "anyOf": [
        {"type": "object", "additionalProperties": _amount(rf"[+-]?{_ANY}", {"type": "number"}, most=None)},
        _NULL,
    ]
}
# Extended resources, as kubernetes v1.36 pkg/apis/core/v1/helper/helpers.go has it (IsExtendedResourceName).
_RESOURCE = rf"^(?!requests\.)(?!.*kubernetes\.io/)({_SUBDOMAIN}/([A-Za-z0-9][-A-Za-z0-9_.]{{0,61}})?[A-Za-z0-9])?$"
# Upstream bounds the domain to 253 with `requests.` before it, and the name to 63.
_LONGEST_RESOURCE = 240
_CONTAINERS: _Schema = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "image": _TEXT,
            "resources": _or_null({"type": "object", "properties": {"requests": _AMOUNTS, "limits": _AMOUNTS}}),
        },
    },
}
# The fields that a verdict depends on most; a pod may have all that Kubernetes knows.
_POD: _Schema = {
    "type": "object",
    "description": "A v1.Pod, or a pod template.",
    "properties": {
        "kind": {"enum": ["Pod", "", None]},
        "metadata": {
            "type": "object",
            "properties": {"name": {"type": "string"}, "namespace": _TEXT, "uid": _TEXT, "labels": _or_null(_TEXTS)},
        },
        "spec": {
            "type": "object",
            "properties": {"containers": _or_null(_CONTAINERS), "nodeSelector": _or_null(_TEXTS)},
        },
    },
}
_CLAIM: _Schema = {
    "type": "object",
    "description": "A v1.PersistentVolumeClaim.",
    "properties": {
        "kind": {"enum": ["PersistentVolumeClaim", "", None]},
        "metadata": {
            "type": "object",
            "properties": {
                "name": {"type": "string", "minLength": 1},
                "namespace": _TEXT,
                "labels": _or_null(_TEXTS),
                "annotations": _or_null(_TEXTS),
            },
            "required": ["name"],
        },
        "spec": _or_null(
            {
                "type": "object",
                "properties": {
                    "accessModes": _or_null({"type": "array", "items": {"type": "string"}}),
                    "storageClassName": _TEXT,
                    "volumeMode": _TEXT,
                    "volumeName": _TEXT,
                    "resources": _or_null({"type": "object", "properties": {"requests": _AMOUNTS}}),
                },
            }
        ),
    },
    "required": ["metadata"],
}
# Each looks through all volumes of its class.
MOST_CLAIMS = 16
_CLAIMS: _Schema = {
    "anyOf": [{"type": "array", "items": _CLAIM, "maxItems": MOST_CLAIMS}, _NULL],
    "description": "Claims that are created before the pod, as KubeSpawner does; one that exists stays as it is.",
}


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


# JSON knows one kind of number: 2.0 is a whole one.
Whole = Annotated[int, BeforeValidator(_whole)]
Count = Annotated[int, Field(ge=0, le=1_000_000), BeforeValidator(_whole)]


class Toleration(BaseModel):
    """A v1.Toleration."""

    model_config = ConfigDict(extra="allow", strict=True)

    key: str | None = None
    operator: str | None = None
    value: str | None = None
    effect: str | None = None


class Ask(BaseModel):
    """What a person wants, from which a pod is made."""

    model_config = ConfigDict(extra="forbid", strict=True)

    cpu: Annotated[str | int | float | None, WithJsonSchema(_CORES)] = Field(
        None, description="A quantity of cores, such as 4 or 500m."
    )
    memory: Annotated[str | Whole | None, WithJsonSchema(_BYTES)] = Field(
        None, description="A quantity of bytes, such as 16Gi."
    )
    gpu: Count | None = Field(None, description="A count of GPU units.")
    gpu_resource: Annotated[
        str | None,
        WithJsonSchema({"anyOf": [{"type": "string", "pattern": _RESOURCE, "maxLength": _LONGEST_RESOURCE}, _NULL]}),
    ] = Field(None, max_length=_LONGEST_RESOURCE, description="Resource name of the GPUs.")
    node: str | None = Field(None, max_length=253, description="A node's name; empty for any.")
    node_selector: dict[str, str] | None = None
    tolerations: list[Toleration] | None = None
    namespace: str | None = Field(None, max_length=63)
    image: str | None = Field(None, max_length=512, description="An image by its name in the catalogue, or reference.")


def _one_of_two(schema: _Schema) -> None:
    pod, ask = _POD, next(kind for kind in schema["properties"]["ask"]["anyOf"] if kind != _NULL)
    both = ({"pod": pod, "ask": _NULL, "claims": _CLAIMS}, {"ask": ask, "pod": _NULL, "claims": _NULL})
    del schema["properties"], schema["additionalProperties"], schema["type"]
    schema["oneOf"] = [
        {"type": "object", "additionalProperties": False, "properties": given, "required": [next(iter(given))]}
        for given in both
    ]


class FitRequest(BaseModel):
    """A pod, with the claims that come with it, or an ask."""

    model_config = ConfigDict(extra="forbid", strict=True, json_schema_extra=_one_of_two)

    pod: dict[str, Any] | None = None
    ask: Ask | None = None
    claims: list[dict[str, Any]] | None = None


class FormDefaultsChange(BaseModel):
    """Fields that are left out keep their value; null clears one."""

    model_config = ConfigDict(extra="forbid", strict=True)

    default_node: Annotated[
        str | None,
        WithJsonSchema({"anyOf": [{"type": "string", "pattern": f"^({_SUBDOMAIN})?$", "maxLength": 253}, _NULL]}),
    ] = Field(None, max_length=253)
    default_cpu: Annotated[str | int | float | None, WithJsonSchema(_SOME_CORES)] = None
    default_memory: Annotated[str | Whole | None, WithJsonSchema(_SOME_BYTES)] = None
    default_gpu: Count | None = None
    default_image: Annotated[
        str | None,
        WithJsonSchema(
            {"anyOf": [{"type": "string", "pattern": "^([A-Za-z0-9][A-Za-z0-9._:/@+-]*)?$", "maxLength": 1024}, _NULL]}
        ),
    ] = Field(None, max_length=1024)
