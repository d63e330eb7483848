"""Every setting of the service: an option of `moorage serve`, or an environment variable `MOORAGE_…`."""

import ipaddress
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="MOORAGE_", extra="ignore", validate_default=True)

    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(default=8000, ge=0, le=65535, description="Port to listen on.")
    root_path: str = Field(
        default="", description="Path at which a proxy serves this service, such as /services/moorage."
    )
    token_file: Path | None = Field(
        default=None,
        description="File with one `name:reader:token` or `name:admin:token` a line; read again when it changes. "
        "`reader+holders` may also see who holds what.",
    )
    hub_api_url: str | None = Field(
        default=None,
        description="JupyterHub's API, such as http://hub:8081/hub/api: people log in with the hub, and its tokens "
        "count. A service that the hub starts knows it.",
    )
    hub_api_token: SecretStr | None = Field(default=None, description="The service's own token of the hub.")
    hub_api_token_file: Path | None = Field(default=None, description="File with the service's own token of the hub.")
    hub_url: str = Field(
        default="/hub", description="The hub as browsers reach it: a path of the same host, or an address."
    )
    hub_client_id: str = Field(
        default="service-moorage", description="OAuth client of the hub: `service-` and the service's name there."
    )
    hub_oauth_callback: str | None = Field(
        default=None, description="Where the hub sends people back to; defaults to /oauth_callback below the root path."
    )
    hub_admin_groups: Annotated[list[str], NoDecode] = Field(
        default_factory=list,
        description="Groups of the hub, separated by commas, that may do what the hub's administrators may here.",
    )
    hub_holder_groups: Annotated[list[str], NoDecode] = Field(
        default_factory=list, description="Groups of the hub, separated by commas, that may see who holds what."
    )
    kubernetes_tokens: bool = Field(
        default=False,
        description="Accept Kubernetes' own tokens: who may list nodes reads. Needs optional/token-review.yaml.",
    )
    allow_anonymous_access_from_everywhere: bool = Field(
        default=False,
        description="Listen beyond loopback without any sign-in: anyone who can reach the port can read everything.",
    )

    kubeconfig: Path | None = Field(
        default=None, description="Kubeconfig file; without one, the pod's service account is used."
    )
    context: str | None = Field(default=None, description="Context of the kubeconfig; defaults to its current context.")
    api_server: str | None = Field(
        default=None, description="URL of an API server or of `kubectl proxy`, instead of a kubeconfig."
    )
    api_token_file: Path | None = Field(default=None, description="File with a token for that API server.")
    api_ca_file: Path | None = Field(default=None, description="CA certificates for this API server.")
    coalesce_seconds: float = Field(
        default=0.05, ge=0, le=5, description="Seconds for which changes are collected into one message."
    )
    label_allow_list: Annotated[list[str], NoDecode] = Field(
        default_factory=list, description="Additional node labels to show, separated by commas; * matches any text."
    )
    quota_namespaces: Annotated[list[str], NoDecode] = Field(
        default_factory=list,
        description="Namespaces whose quotas and limit ranges are read, to tell refusals before a start; separated by "
        "commas. Needs the right to list both there.",
    )
    user_priority: int = Field(
        default=0,
        description="Priority of people's servers: what pods below it hold is told as `evictable`.",
    )
    schedulers: Annotated[list[str], NoDecode] = Field(
        default_factory=list,
        description="Additional schedulers that are kube-scheduler with other scores, separated by commas; * matches "
        "any text. Their pods get the same verdicts. Zero to JupyterHub's user-scheduler is known.",
    )
    scheduler_configmaps: Annotated[list[str], NoDecode] = Field(
        default_factory=list,
        description="ConfigMaps with the configuration of a kube-scheduler, as namespace/name or namespace/name/key "
        "(key: config.yaml), separated by commas. What it switches off is then not checked for its pods. Needs the "
        "right to get them.",
    )
    scheduler_config_file: Path | None = Field(
        default=None, description="File with such a configuration; read again when it changes. It needs no right."
    )
    machines_file: Path | None = Field(
        default=None,
        description="YAML file with the kinds of machines that an autoscaler can add; read again when it changes.",
    )
    machines_state_file: Path | None = Field(
        default=None,
        description="File that keeps across restarts what was seen of machines that came and went, such as what those "
        "of a pool look like that has none now.",
    )
    cluster_autoscaler_namespace: str = Field(
        default="kube-system",
        pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
        description="Namespace of Cluster Autoscaler's status; needs optional/cluster-autoscaler.yaml.",
    )
    replay_megabytes: int = Field(
        default=16, ge=1, description="Memory for the messages from which streams can be resumed."
    )
    max_streams: int = Field(
        default=5000, ge=1, description="Maximum number of open streams; others are told to try again later."
    )

    gpu_resources: Annotated[list[str], NoDecode] = Field(
        default_factory=list, description="Additional resource names that count as GPUs, separated by commas."
    )
    gpu_holders: Literal["hidden", "namespace", "pod"] = Field(
        default="hidden",
        description="How much everybody sees of who holds GPUs or room on a node: nothing, the namespace, or the pod. "
        "Tokens with `+holders` see the pod.",
    )
    gpu_prometheus_url: str | None = Field(
        default=None, description="Prometheus that scrapes the GPU exporters, such as http://prometheus:9090."
    )
    gpu_prometheus_token_file: Path | None = Field(default=None, description="File with a token for Prometheus.")
    gpu_dcgm: bool = Field(default=False, description="Ask the dcgm-exporter of each node, by its pod's address.")
    gpu_dcgm_namespace: str | None = Field(
        default=None, description="Namespace of the exporter; all are searched by default."
    )
    gpu_dcgm_port: int = Field(default=9400, ge=1, le=65535, description="Its port.")
    gpu_amd: bool = Field(default=False, description="Ask AMD's device-metrics-exporter of each node.")
    gpu_amd_namespace: str | None = Field(
        default=None, description="Namespace of the exporter; all are searched by default."
    )
    gpu_amd_port: int = Field(default=5000, ge=1, le=65535, description="Its port.")
    gpu_agent: bool = Field(
        default=False, description="Ask moorage's agent on each node; needs optional/gpu-agent.yaml."
    )
    gpu_agent_namespace: str | None = Field(
        default=None, description="Namespace of the agent; all are searched by default."
    )
    gpu_agent_port: int = Field(default=9837, ge=1, le=65535, description="The agent's port.")
    gpu_exec_namespace: str | None = Field(
        default=None,
        description="Run nvidia-smi by exec in pods of this namespace. This right amounts to root on the nodes.",
    )
    gpu_exec_selector: str | None = Field(
        default=None, description="Label selector of those pods; defaults to those of NVIDIA's charts."
    )
    gpu_exec_command: str = Field(
        default="nvidia-smi", description="The command to run there, with its path if needed."
    )
    gpu_poll_seconds: float = Field(
        default=15, ge=1, description="Seconds between queries to the exporters, the agent and Prometheus."
    )
    gpu_node_deadline_seconds: float = Field(default=4, gt=0, description="Seconds that one node may take to answer.")

    images: Annotated[list[Any], NoDecode] = Field(
        default_factory=list, description="Images to offer, as a JSON list of references or objects."
    )
    images_file: Path | None = Field(default=None, description="YAML or JSON file with the same list.")
    images_refresh_seconds: float = Field(default=60, gt=0, description="Seconds between queries to the registry.")
    images_timeout_seconds: float = Field(
        default=10, gt=0, description="Seconds that one answer of the registry may take."
    )
    harbor_url: str | None = Field(default=None, description="Harbor registry to read images from.")
    harbor_project: str | None = Field(default=None, description="The registry's project.")
    oci_url: str | None = Field(
        default=None, description="Any other registry that implements the OCI distribution API."
    )
    oci_repositories: Annotated[list[str], NoDecode] = Field(
        default_factory=list, description="Repositories of that registry to offer, separated by commas."
    )
    registry_username: str | None = Field(default=None, description="User or robot account for the registry.")
    registry_password: SecretStr | None = Field(default=None, description="Its password.")
    registry_password_file: Path | None = Field(default=None, description="File with the password for the registry.")
    registry_ca_file: Path | None = Field(default=None, description="CA certificates for the registry.")
    image_tags: str = Field(default="*", description="Tags to offer; * matches any text.")
    image_prefix: str | None = Field(
        default=None, description="Registry name in image references, if nodes use a different one from the URL."
    )

    state_file: Path | None = Field(
        default=None, description="File that keeps the form's defaults across restarts, for a single replica."
    )
    state_configmap: str | None = Field(
        default=None,
        pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?/[a-z0-9]([-a-z0-9.]*[a-z0-9])?$",
        description="ConfigMap of moorage's own, as namespace/name, that keeps the form's defaults and what was seen "
        "of machines, for all replicas. Needs optional/state.yaml. Takes the place of both state files.",
    )
    default_node: str | None = Field(default=None, description="Default node in the form; empty means Automatic.")
    default_cpu: str | None = Field(
        default=None, description="Default CPU in the form; empty: what the hub is configured to give."
    )
    default_memory: str | None = Field(
        default=None, description="Default memory in the form; empty: what the hub is configured to give."
    )
    default_gpu: int = Field(default=0, ge=0, description="Default number of GPUs in the form.")
    default_image: str | None = Field(default=None, description="Default image in the form.")

    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Minimum level that is logged."
    )
    log_format: Literal["json", "text"] = Field(default="json", description="One JSON object per line, or plain text.")

    @field_validator("images", mode="before")
    @classmethod
    def _json_list(cls, value: Any) -> Any:
        import json

        if not isinstance(value, str):
            return value
        if not value.strip():
            return []
        try:
            return json.loads(value)
        except json.JSONDecodeError:
            return [part.strip() for part in value.split(",") if part.strip()]

    @field_validator(
        "label_allow_list",
        "quota_namespaces",
        "schedulers",
        "scheduler_configmaps",
        "oci_repositories",
        "gpu_resources",
        "hub_admin_groups",
        "hub_holder_groups",
        mode="before",
    )
    @classmethod
    def _comma_list(cls, value: Any) -> Any:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value

    @field_validator("scheduler_configmaps")
    @classmethod
    def _namespace_and_name(cls, value: list[str]) -> list[str]:
        for name in value:
            if not 2 <= len(parts := name.split("/")) <= 3 or not all(parts):
                raise ValueError(f"{name} is no ConfigMap: write namespace/name, such as jupyterhub/user-scheduler")
        return value

    @field_validator("root_path")
    @classmethod
    def _no_slash_at_the_end(cls, value: str) -> str:
        return value.rstrip("/")

    @model_validator(mode="after")
    def _never_open_by_accident(self) -> "Settings":
        if not self.guarded and not self.allow_anonymous_access_from_everywhere and not self.loopback_only:
            raise ValueError(
                f"listening on {self.host} without a token file would let everybody in: set MOORAGE_TOKEN_FILE, "
                "MOORAGE_HUB_API_URL or MOORAGE_KUBERNETES_TOKENS, listen on 127.0.0.1, or pass "
                "--allow-anonymous-access-from-everywhere if that is intended"
            )
        if self.hub_api_url is not None and self.hub_api_token is None and self.hub_api_token_file is None:
            raise ValueError("MOORAGE_HUB_API_URL needs MOORAGE_HUB_API_TOKEN_FILE, the service's own token of the hub")
        files = {"MOORAGE_STATE_FILE": self.state_file, "MOORAGE_MACHINES_STATE_FILE": self.machines_state_file}
        if self.state_configmap is not None and (set_ := [name for name, file in files.items() if file is not None]):
            raise ValueError(
                f"MOORAGE_STATE_CONFIGMAP and {' and '.join(set_)} are both set: keep the ConfigMap for several "
                "replicas, or files for one, and unset the other"
            )
        if bool(self.harbor_url) != bool(self.harbor_project):
            raise ValueError("a Harbor registry needs both MOORAGE_HARBOR_URL and MOORAGE_HARBOR_PROJECT")
        return self

    @property
    def guarded(self) -> bool:
        """Whether somebody who is unknown is told nothing."""
        return self.token_file is not None or self.hub_api_url is not None or self.kubernetes_tokens

    @property
    def loopback_only(self) -> bool:
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def password(self) -> str | None:
        """The registry's password; a file is read at each use, so that a rotated one is taken up."""
        if self.registry_password_file is not None:
            return self.registry_password_file.read_text(encoding="utf-8").strip()
        return self.registry_password.get_secret_value() if self.registry_password is not None else None
