"""The ways in that the settings name."""

from moorage.kube.client import Client
from moorage.service.settings import Settings
from moorage.service.signin.hub import HubLogin
from moorage.service.signin.reviews import Reviews
from moorage.service.signin.tokens import Tokens
from moorage.service.signin.ways import Ways


def ways_of(settings: Settings, *, client: Client, alone: bool) -> Ways:
    """`alone`: the port is ours, and not somebody else's."""
    return Ways(
        tokens=Tokens(settings.token_file) if settings.token_file is not None else None,
        hub=_hub(settings),
        reviews=Reviews(client) if settings.kubernetes_tokens else None,
        # Below a path of somebody else's it is shown by a proxy, and whoever reaches that reaches us.
        loopback=alone and settings.loopback_only and not settings.root_path,
    )


def _hub(settings: Settings) -> HubLogin | None:
    if settings.hub_api_url is None:
        return None
    token = settings.hub_api_token.get_secret_value() if settings.hub_api_token is not None else ""
    if not token and settings.hub_api_token_file is not None:
        token = settings.hub_api_token_file.read_text(encoding="utf-8").strip()
    return HubLogin(
        api_url=settings.hub_api_url,
        api_token=token,
        hub_url=settings.hub_url,
        client_id=settings.hub_client_id,
        prefix=settings.root_path,
        callback=settings.hub_oauth_callback,
        admin_groups=settings.hub_admin_groups,
        holder_groups=settings.hub_holder_groups,
    )
