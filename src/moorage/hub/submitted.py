"""A KubeSpawner with a form that knows the cluster: the form as a person gets it, and what a submitted one comes to."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from tornado import web
from traitlets import default

from moorage.hub.choice import fields, options, profiles
from moorage.hub.choice.offered import preset as presets
from moorage.hub.choice.offered.refusal import Refusal
from moorage.hub.choice.size import refuse_large
from moorage.hub.outcome import Outcome
from moorage.hub.pages.form import page as form
from moorage.hub.start.refusals import StartsNothing, refused
from moorage.hub.start.trial import Trial
from moorage.hub.state import Filled

if TYPE_CHECKING:
    from collections.abc import Mapping

    from moorage.hub.choice.offered.offer import Choice, Offer
    from moorage.hub.view.images import ImageFacts

# How long a choice waits for the first word of the service.
FIRST_WORD_SECONDS = 1.0


class Submitted(Outcome):
    """The form, and what is posted with it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.trial = Trial()

    @default("options_form")
    def _options_form_default(self) -> Any:
        return Submitted._render_form

    async def _render_form(self) -> str:
        return await form.render(self, filled=self._hub_state.take_filled(self.user.name))

    @default("options_from_form")
    def _options_from_form_default(self) -> Any:
        return self._options_from_our_form

    async def _options_from_our_form(self, formdata: Mapping[str, Any]) -> dict[str, Any]:
        """The saved options of a submitted form. Here a refusal is free: the page stays and nothing counts as a
        spawn.
        """
        posted: dict[str, Any] = {}
        self._posted = None
        try:
            refuse_large({key: value for key, value in formdata.items() if _is_field(key)})
            profile = self.profile_of(formdata)
            if not any(name in formdata for name in fields.FIELDS):
                return profile
            posted = profiles.beside(fields.posted(formdata), profile)
            await self.service.settled(FIRST_WORD_SECONDS)
            choice, offer = await self.chosen(formdata)
            saved = profiles.beside(choice.as_options(), profile)
            await self.trial.of(self, saved, choice=choice, offer=offer)
        except Exception as error:
            self._hub_state.fill(self.user.name, Filled(self.name, posted, wrong=getattr(error, "field", None)))
            raise refused(sentence(error)) if isinstance(error, Refusal) else error from None
        self._posted = Filled(self.name, posted)
        return saved

    def broken(self, image: ImageFacts) -> str | None:
        """When a start failed of this image, and why, or None."""
        return self._hub_state.broken_images.words(image.reference)

    async def chosen(self, formdata: Mapping[str, Any]) -> tuple[Choice, Offer]:
        """What a filled-in form comes to, and what was on offer. Raises `Refusal`."""
        formdata = fields.unfolded(formdata)
        standing = await self.standing(self.profile_of(formdata))
        left = profiles.untouched(formdata, standing.profile)
        offer = await standing.offer()
        said = fields.from_form({key: value for key, value in formdata.items() if key not in left})
        said = presets.beside(said, offer)
        fields.refuse_empty(said, offer)
        return options.decide(said, offer), offer

    def options_from_query(self, query_data: Mapping[str, Any]) -> Any:
        """Options in the address, which anybody can write: they fill in the form. JupyterHub would start a server with
        what this returns, so it always raises.
        """
        with suppress(Refusal, web.HTTPError):
            # The prefix is JupyterHub 6's, which has taken it off by now.
            query_data = {key.removeprefix("opt-"): value for key, value in query_data.items()}
            if any(_is_field(key) for key in query_data):
                told = profiles.beside(fields.posted(query_data), self.profile_of(query_data))
                self._hub_state.fill(self.user.name, Filled(self.name, told, by_link=True))
        raise StartsNothing


def sentence(refusal: Refusal) -> str:
    return f"{refusal.message} {refusal.hint[0].upper()}{refusal.hint[1:]}." if refusal.hint else refusal.message


def _is_field(key: str) -> bool:
    return key in (*fields.FIELDS, profiles.SHOWN) or key.startswith("profile")
