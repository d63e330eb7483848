"""Cards that the labels of a node promise before anything offers them."""

import msgspec


class Promise(msgspec.Struct, frozen=True):
    """Cards that a node's labels promise: the domains of the resources that would count them (none: any GPU), and how
    many, where the labels say so.
    """

    domains: tuple[str, ...] = ()
    count: int | None = None

    @property
    def resource(self) -> str | None:
        """The resource that counts whole cards, where it is plain which."""
        return f"{self.domains[0]}/gpu" if self.domains in (("nvidia.com",), ("amd.com",)) else None

    def covers(self, resource: str) -> bool:
        """Whether units of this resource would keep the promise."""
        domain = resource.partition("/")[0]
        return domain in self.domains if self.domains else "gpu" in resource
