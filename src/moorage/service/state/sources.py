"""From settings to the catalogue's sources."""

from moorage.images.catalogue import Catalogue, Source
from moorage.images.configured import read_file, read_images
from moorage.images.harbor import Harbor
from moorage.images.http import Registry
from moorage.images.oci import Oci
from moorage.service.settings import Settings


def catalogue_of(settings: Settings) -> Catalogue:
    configured = read_images(settings.images)
    if settings.images_file is not None:
        configured += read_file(settings.images_file)
    sources: list[Source] = []
    if settings.harbor_url is not None and settings.harbor_project is not None:
        registry = _registry(settings, settings.harbor_url)
        sources.append(
            Harbor(registry, project=settings.harbor_project, tags=settings.image_tags, prefix=settings.image_prefix)
        )
    if settings.oci_url is not None:
        registry = _registry(settings, settings.oci_url)
        sources.append(
            Oci(
                registry,
                repositories=settings.oci_repositories,
                tags=settings.image_tags,
                prefix=settings.image_prefix,
            )
        )
    return Catalogue(
        configured, sources=sources, refresh_seconds=settings.images_refresh_seconds, default=settings.default_image
    )


def _registry(settings: Settings, url: str) -> Registry:
    return Registry(
        url,
        username=settings.registry_username,
        password=settings.password,
        timeout=settings.images_timeout_seconds,
        ca_file=settings.registry_ca_file,
    )
