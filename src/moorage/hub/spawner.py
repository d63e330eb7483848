"""KubeSpawner with a form that knows the cluster, and a choice that is applied exactly.

The path of a choice: the form alone passes through `options_from_form`, where a refusal is shown on the page and
counts as nothing. Every way to start a server (form, REST, an administrator, a restart with saved options) then passes
through `_run_apply_user_options`: KubeSpawner's profile first, since what it sets is what is offered, then the choice.
KubeSpawner applies the profile once more in `load_user_options`, and the choice is applied again. Each step sets traits
of this one spawner; no dictionary of the administrator's configuration is changed in place.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tornado import web
from traitlets import Any as AnyTrait

from moorage.errors import quoted
from moorage.hub import policy
from moorage.hub.choice import fields, holding, options
from moorage.hub.choice.offered.offer import VERSION, Choice, Offer
from moorage.hub.choice.offered.offering import gpu_names, offer_of
from moorage.hub.choice.offered.placement import placement_of
from moorage.hub.choice.offered.refusal import Refusal
from moorage.hub.choice.size import refuse_large
from moorage.hub.configured import CHOSEN
from moorage.hub.pages.handlers import install
from moorage.hub.settings import Settings
from moorage.hub.start import affinity, held, manifest
from moorage.hub.start.heard import queueing
from moorage.hub.submitted import FIRST_WORD_SECONDS, Submitted, sentence
from moorage.hub.view.facts import HOSTNAME
from moorage.texts import later, t

_NOTHING = later(
    "What you may have can't be determined right now, so no server can be started. "
    "Try again in a minute, or contact the hub's administrator."
)


class MoorageSpawner(Settings, Submitted):
    """Start a server with exactly the node, CPU, memory, GPU and image that were chosen. All options of KubeSpawner
    go on working.
    """

    # KubeSpawner's trait, which carries no type.
    node_selector: Any
    # A dictionary to JupyterHub 6. Version 5 hands on and saves whatever JSON was posted, and a stricter trait would
    # make a person's every page fail from then on.
    user_options = AnyTrait({})

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        install(MoorageSpawner)
        # What the start that is under way holds.
        self.taken: dict[str, int] = {}
        self._good_options = getattr(self.orm_spawner, "user_options", None) or {}
        self.service, self.broadcast = self._hub_state.service(self.service_url, self.service_token, log=self.log)

    async def offer(self) -> Offer:
        """What this spawner's person may choose now. Every path asks here."""
        allowed, problem = None, self.unreadable
        if problem is None:
            try:
                allowed = await policy.allowed(self)
            except Exception as error:
                problem = policy.unreadable(error, "an option")
        self._hub_state.note_problem(self.user.name, problem, log=self.log)
        if allowed is None:
            return Offer(closed=t(_NOTHING))
        service = self.service
        return offer_of(
            allowed,
            nodes=service.nodes,
            images=service.images,
            said=service.defaults,
            configured=self.configured,
            preset=self.preset,
            placement=placement_of(self, self.bounding_selector()),
            held=held.by_others(self) if allowed.user_limits else (),
        )

    # The choice

    async def _run_apply_user_options(self, user_options: Any) -> None:
        """Apply our part of the options, then the administrator's own hook."""
        try:
            await self._apply_options(user_options)
        except Exception:
            # JupyterHub saves what was asked for before anybody looks at it, and a start without options of its own
            # would be refused for them again.
            self.user_options = self.orm_spawner.user_options = self._good_options
            self.db.commit()
            raise
        self._good_options = user_options

    def keep_options(self, user_options: dict[str, Any]) -> None:
        """Save these options for the next start."""
        self.user_options = self.orm_spawner.user_options = self._good_options = user_options
        self.db.commit()

    async def _apply_options(self, user_options: Any) -> None:
        try:
            await self._take(user_options)
        except Refusal as refusal:
            raise self._refused(sentence(refusal)) from None
        except web.HTTPError as error:
            self._was_refused = error.status_code < 500
            raise
        except Exception:  # whatever a stranger's options set off, the hub answers 400 and runs on
            self.log.exception("Options of %s could not be applied", self._log_name)
            raise self._refused(t("These options could not be applied. Choose again on the spawn page.")) from None
        if self.apply_user_options:
            await super()._run_apply_user_options(user_options)

    async def _take(self, user_options: Any) -> None:
        self.put_back()
        self._choice, self.taken = None, {}
        refuse_large(user_options)
        if fields.is_ours(user_options):
            # The first start after the hub's own start may come before the service has said a word.
            await self.service.settled(FIRST_WORD_SECONDS)
        await self.take_profile(user_options)
        await self.choose(user_options)
        if fields.is_ours(user_options):
            await self.trial.of(self, user_options, choice=self._choice, offer=self._offer)

    async def choose(self, user_options: Any) -> None:
        """Set the traits that these options stand for. Raises `Refusal`."""
        offer = self._offer = await self.offer()
        if offer.closed is not None:
            raise Refusal(offer.closed)
        if fields.is_ours(user_options):
            self._choice = options.decide(user_options, offer)
        elif user_options and not isinstance(user_options, Mapping):
            raise Refusal("The options of a server must be an object.")
        elif user_options and self.profile_list and not offer.presets_only:
            return
        else:
            if user_options:
                self._refuse_lost(user_options)
                self.log.info(
                    "Options of %s are not moorage's (%s): taking the defaults", self._log_name, _keys(user_options)
                )
            self._choice = options.decide({"moorage": VERSION}, offer.without_limits())
        # Nothing else may run between the look at what others hold and this.
        self.taken = self._choice.asked()
        self.note_before(CHOSEN)
        self._apply(self._choice, offer)

    def _refuse_lost(self, user_options: Mapping[str, Any]) -> None:
        """Options that somebody meant for us, and that would be lost; what was saved before ours came is left alone."""
        if user_options == self._good_options or self.apply_user_options or "profile" in user_options:
            return
        for key in user_options:
            if (near := fields.nearest(key)) is not None:
                said = f"“{near}”" if key == near else f"{quoted(key)} (did you mean “{near}”?)"
                raise Refusal(f"The option {said} is read only beside “moorage”: 1. Add this to the options.")

    def _apply(self, choice: Choice, offer: Offer) -> None:
        if "cpu" not in choice.as_configured:
            self.cpu_limit = choice.cpu_milli / 1000
            self.cpu_guarantee = choice.cpu_request_milli / 1000
        if "memory" not in choice.as_configured:
            self.mem_limit = self.mem_guarantee = choice.memory_bytes
        # Where there is no choice for anybody, the hub gives what it is configured to give.
        if offer.gpu_most != 0 or "gpu_max" in self.whose or callable(self.gpu_max):
            ours = gpu_names(self.configured, offer.gpu_resources)
            asked = {choice.gpu_resource: str(choice.gpu)} if choice.gpu else {}
            for trait in ("extra_resource_limits", "extra_resource_guarantees"):
                kept = {name: amount for name, amount in getattr(self, trait).items() if name not in ours}
                setattr(self, trait, {**kept, **asked})
        if HOSTNAME in self.preset and (choice.node or offer.defaults.node):  # another choice than the profile's node
            self.node_selector = {key: value for key, value in self.node_selector.items() if key != HOSTNAME}
        if choice.node is not None:
            self.node_selector = {**self.node_selector, **choice.node.selector}
        if choice.image is not None and not choice.image.own:
            self.image = choice.image.reference
            if "image_pull_policy" not in self.preset and not self._is_configured("image_pull_policy"):
                self.image_pull_policy = manifest.pull_policy(self.image)

    def _is_configured(self, trait: str) -> bool:
        names = {cls.__name__ for cls in type(self).__mro__}
        return any(trait in self.config[name] for name in names if name in self.config)

    async def load_user_options(self) -> None:
        """KubeSpawner's profile once more, after hooks; what was chosen by hand has the last word over it."""
        try:
            await self.load_profile_again()
            self._hold_profile()
        except Refusal as refusal:
            raise self._refused(sentence(refusal)) from None
        if self._choice is not None and self.profile_list:
            self._apply(self._choice, self._offer)

    def _hold_profile(self) -> None:
        """What KubeSpawner's profile alone comes to is held against what the person may have. Raises `Refusal`."""
        if self._choice is None and self._offer.by_person | self._offer.limits.most.keys():
            asked = held.of_settings(self)
            limits = replace(self._offer.limits, held=held.by_others(self))
            holding.hold_profile(asked, replace(self._offer, limits=limits))
            self.taken = asked

    # The pod

    async def get_pod_manifest(self) -> Any:
        pod = manifest.stays_on_resize(manifest.canonical(await super().get_pod_manifest()))
        choice = self._choice
        queue = choice.queue if choice else next(iter(self._offer.queues), None)
        pod.metadata.labels = {
            **(pod.metadata.labels or {}),
            **queueing.labels(queue, priority_class=self._offer.queue_priority_class),
        }
        preset, kind = (choice.preset, choice.kind) if choice else (None, None)
        wanted = (*self._offer.where, *(preset.nodes if preset else ()))
        return affinity.bind(pod, wanted, either=kind.terms() if kind else ())


def _keys(user_options: Any) -> str:
    return (
        ", ".join(sorted(str(key)[:40] for key in list(user_options)[:10]))
        if isinstance(user_options, Mapping)
        else "?"
    )


# JupyterHub loads this module while it reads its configuration; see `handlers.install`.
install(MoorageSpawner)
