"""One pod on one node, from being bound to being gone.

    image ─► environment ─► process ─► ready ─► exit ─► again, or the pod's end

The first container's command is a local process; other containers and init containers are said to run or to have run. A
pod that carries the annotation `simulator.moorage/process: none`, or whose command only its image would know, runs
without a process.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from moorage.simulator.controllers import resizing
from moorage.simulator.controllers.logbook import Logbook
from moorage.simulator.controllers.probes import passes
from moorage.simulator.controllers.processes import Process
from moorage.simulator.rules import podstatus
from moorage.simulator.rules.environment import BadEnvironment, NoCommand, command, environment, process_environment
from moorage.simulator.rules.podstatus import container_id, container_status, running, terminated, waiting
from moorage.simulator.store.metadata import now
from moorage.simulator.store.resources import NODES, PODS
from moorage.simulator.store.status import Refusal

if TYPE_CHECKING:
    from pathlib import Path

    from moorage.simulator.api.objects import Api
    from moorage.simulator.controllers.events import Recorder
    from moorage.simulator.controllers.hosts import Hosts

Json = dict[str, Any]

NO_PROCESS = "simulator.moorage/process"
_LONGEST_PAUSE = 10.0


class Keeper:
    """Looks after one pod."""

    def __init__(self, pod: Json, *, api: Api, hosts: Hosts, events: Recorder) -> None:
        self._api = api
        self._hosts = hosts
        self._events = events
        self._namespace, self._name = str(pod["metadata"]["namespace"]), str(pod["metadata"]["name"])
        self._uid = str(pod["metadata"]["uid"])
        self._node = pod["spec"]["nodeName"]
        self._spec: Json = pod["spec"]
        annotations = pod["metadata"].get("annotations") or {}
        self._fake = annotations.get(NO_PROCESS) == "none" or not hosts.processes or self._uid in hosts.without_process
        self._others = (pod.get("status") or {}).get("phase") != "Pending"
        self._address: str | None = None
        self._process: Process | None = None
        self._restarts = 0
        self._started = now()
        self._last: Json = {}
        self._granted: list[tuple[str, list[str]]] = []
        self.waits_to_resize = False
        self._living: asyncio.Task[None] | None = None
        self._ending: asyncio.Task[Any] | None = None

    @property
    def _container(self) -> Json:
        return self._spec["containers"][0]  # type: ignore[no-any-return]

    # Orders from the kubelet

    def begin(self) -> None:
        if not self._others:
            self._living = asyncio.create_task(self._live(), name=f"pod {self._namespace}/{self._name}")

    def end(self, grace_seconds: int) -> None:
        """The pod was deleted and has so long to finish."""
        if self._ending is None:
            self._ending = asyncio.create_task(self._end(grace_seconds), name=f"end {self._namespace}/{self._name}")

    def forget(self) -> None:
        """The pod's object is gone: nothing may go on."""
        if self._ending is None or not self._ending.done():
            ending, self._ending = self._ending, asyncio.create_task(self._stop_process(0))
            if ending is not None and ending is not asyncio.current_task():
                ending.cancel()

    def resize(self) -> None:
        """Give the containers what the pod asks for now, or tell why not."""
        pod = self._api.find(PODS, self._namespace, self._name)
        if self._others or self._ending is not None or pod is None or pod["metadata"]["uid"] != self._uid:
            return
        status, self.waits_to_resize = resizing.decided(self._api, pod, had=self._spec["containers"])
        if not self.waits_to_resize:
            self._spec = {**self._spec, "containers": pod["spec"]["containers"]}
        self._write_status(status)

    async def abandon(self) -> None:
        """The simulator stops."""
        if self._ending is not None:
            self._ending.cancel()
        await self._stop_process(2)

    # The pod's life

    async def _live(self) -> None:
        try:
            self._address = self._hosts.addresses.take()
            self._write(waiting("ContainerCreating"), phase="Pending")
            await self._have_image()
            if self._fake:
                await self._be_fake()
                return
            pause = 1.0
            while await self._run_once():
                about = f"container {self._container['name']} in pod {self._name}_{self._namespace}({self._uid})"
                why = f"back-off {int(pause)}s restarting failed {about}"
                self._write(waiting("CrashLoopBackOff", why), phase="Running")
                self._tell("BackOff", f"Back-off restarting failed {about}", warning=True)
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
                self._restarts += 1
        except Refusal:
            return  # the pod is gone

    async def _have_image(self) -> None:
        """As the kubelet: pull, fail, back off, try again, for as long as it takes."""
        image = self._container.get("image", "")
        pause = 1.0
        while not self._hosts.has_image(image):
            why = (
                f'failed to pull and unpack image "{image}": failed to resolve reference "{image}": {image}: not found'
            )
            self._tell("Pulling", f'Pulling image "{image}"')
            self._tell(
                "Failed", f'Failed to pull image "{image}": rpc error: code = NotFound desc = {why}', warning=True
            )
            self._tell("Failed", "Error: ErrImagePull", warning=True)
            self._write(waiting("ErrImagePull", f"rpc error: code = NotFound desc = {why}"), phase="Pending")
            await asyncio.sleep(pause)
            self._tell("BackOff", f'Back-off pulling image "{image}"')
            self._tell("Failed", "Error: ImagePullBackOff", warning=True)
            self._write(
                waiting("ImagePullBackOff", f'Back-off pulling image "{image}": ErrImagePull: {why}'), phase="Pending"
            )
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)
        self._tell("Pulled", f'Container image "{image}" already present on machine')

    async def _be_fake(self) -> None:
        self._take_devices()
        self._tell("Created", "Container created")
        self._tell("Started", "Container started")
        self._started = now()
        self._write(running(self._started), phase="Running", ready=True)

    async def _run_once(self) -> bool:
        """Run the container to its end; whether it shall run again."""
        words, env = await self._prepared()
        if words is None:
            await self._be_fake()
            return False
        log = Logbook()
        self._hosts.log(self._uid, self._container["name"], log)
        home = self._home()
        address = self._address or "127.0.0.1"
        surroundings = process_environment(env, home=home, address=address)
        try:
            self._process = await Process.start(words, env=surroundings, folder=home, log=log, mark=self._uid)
        except OSError as error:
            log.append(f"{error}\n".encode())
            log.close()
            return self._ended(128, reason="StartError")
        self._started = now()
        self._tell("Created", "Container created")
        self._tell("Started", "Container started")
        probe = self._container.get("readinessProbe")
        self._write(running(self._started), phase="Running", ready=probe is None)
        watching = asyncio.create_task(self._watch_readiness(probe, address)) if probe else None
        try:
            code = await self._process.wait()
        finally:
            if watching is not None:
                watching.cancel()
        await self._process.sweep()
        self._process = None
        return self._ended(code)

    async def _prepared(self) -> tuple[list[str] | None, dict[str, str]]:
        """The command and its environment; waits until all that the pod refers to is there."""
        while True:
            pod = self._pod()
            granted = self._take_devices()
            try:
                env = environment(self._api, pod, self._container)
                if any(name.startswith("nvidia.com/") for name, _ in granted):
                    held = [identity for name, ids in granted if name.startswith("nvidia.com/") for identity in ids]
                    env["NVIDIA_VISIBLE_DEVICES"] = ",".join(identity.split("::")[0] for identity in held)
                return command(self._container, env, address=self._address or "127.0.0.1"), env
            except BadEnvironment as error:
                self._write(waiting("CreateContainerConfigError", error.message), phase="Pending")
                self._tell("Failed", f"Error: {error.message}", warning=True)
            except NoCommand as error:
                self._write(waiting("RunContainerError", error.message), phase="Pending")
                self._tell("Failed", f"Error: {error.message}", warning=True)
            await asyncio.sleep(1)

    async def _watch_readiness(self, probe: Json, address: str) -> None:
        await asyncio.sleep(float(probe.get("initialDelaySeconds") or 0))
        ready = False
        while True:
            if (now_ready := await passes(probe, self._container, address)) != ready:
                ready = now_ready
                with contextlib.suppress(Refusal):
                    self._write(running(self._started), phase="Running", ready=ready)
            await asyncio.sleep(float(probe.get("periodSeconds") or 10) if ready else 0.2)

    def _ended(self, code: int, *, reason: str = "") -> bool:
        policy = self._spec.get("restartPolicy", "Always")
        state = terminated(code, started=self._started, container_id=self._identity(), reason=reason)
        if policy == "Always" or (policy == "OnFailure" and code != 0):
            self._last = state
            return True
        self._hosts.devices.give_back(self._uid)
        self._write(state, phase="Succeeded" if code == 0 else "Failed")
        return False

    # The pod's end

    async def _end(self, grace_seconds: int) -> None:
        if not self._others:
            self._tell("Killing", f"Stopping container {self._container['name']}")
        code = await self._stop_process(grace_seconds)
        with contextlib.suppress(Refusal):
            if not self._others:
                state = terminated(code, started=self._started, container_id=self._identity())
                self._write(state, phase="Succeeded" if code == 0 else "Failed")
            pod = self._api.find(PODS, self._namespace, self._name)
            if pod is not None and pod["metadata"]["uid"] == self._uid:
                self._api.delete(PODS, self._namespace, self._name, {"gracePeriodSeconds": 0})

    async def _stop_process(self, grace_seconds: float) -> int:
        process, self._process = self._process, None
        if self._living is not None:
            self._living.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._living
        code = 0
        if process is not None:
            await process.stop(grace_seconds)
            code = await process.wait()
        self._hosts.devices.give_back(self._uid)
        if self._address is not None:
            self._hosts.addresses.give_back(self._address)
        return code

    # Small things

    def _pod(self) -> Json:
        pod = self._api.read(PODS, self._namespace, self._name).body
        if pod["metadata"]["uid"] != self._uid:
            raise Refusal(404, "NotFound", "another pod has this name now")
        return pod

    def _identity(self) -> str:
        return container_id(self._uid, self._container["name"], self._restarts)

    def _take_devices(self) -> list[tuple[str, list[str]]]:
        self._hosts.devices.give_back(self._uid)
        node = self._api.find(NODES, None, self._node)
        self._granted = self._hosts.devices.take(node, self._container, self._uid) if node else []
        return self._granted

    def _home(self) -> Path:
        """The folder of the claim that is mounted, so that a home outlives its pods, or one of the pod's own."""
        claims = {
            volume["name"]: volume["persistentVolumeClaim"]["claimName"]
            for volume in self._spec.get("volumes") or ()
            if volume.get("persistentVolumeClaim")
        }
        mounted = [claims[m["name"]] for m in self._container.get("volumeMounts") or () if m.get("name") in claims]
        place: Path = self._hosts.folder
        own = place / "pods" / self._uid
        home = place / "volumes" / self._namespace / str(mounted[0]) if mounted else own
        home.mkdir(parents=True, exist_ok=True)
        return home

    def _tell(self, reason: str, message: str, *, warning: bool = False) -> None:
        field = f"spec.containers{{{self._container['name']}}}"
        self._events.record(self._pod(), reason, message, warning=warning, field=field, host=self._node)

    def _write(self, state: Json, *, phase: str, ready: bool = False) -> None:
        pod = self._pod()
        identity = "" if "waiting" in state and not self._restarts else self._identity()
        first = container_status(
            self._container,
            state,
            ready=ready,
            restarts=self._restarts,
            last=self._last,
            identity=identity,
            devices=self._granted,
        )
        rest = [container_status(c, state, ready=ready) for c in self._spec["containers"][1:]]
        init = [self._done(c) for c in self._spec.get("initContainers") or ()]
        status = podstatus.pod_status(
            pod,
            [first, *rest],
            phase=phase,
            address=self._address,
            host=self._hosts.address(self._node),
            init=init,
        )
        self._write_status(status)

    def _write_status(self, status: Json) -> None:
        self._api.update(
            PODS, self._namespace, self._name, lambda body: {**body, "status": status}, subresource="status"
        )

    def _done(self, container: Json) -> Json:
        if container.get("restartPolicy") == "Always":
            return container_status(container, running(self._started), ready=True)
        state = terminated(0, started=self._started, container_id=self._identity())
        return container_status(container, state, ready=True)
