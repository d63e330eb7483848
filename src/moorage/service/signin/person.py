"""Who asks."""

from dataclasses import dataclass
from typing import Literal

Role = Literal["reader", "admin"]


@dataclass(frozen=True)
class Person:
    """`way` is how they were recognised: a name of one way is nobody of another."""

    name: str
    role: Role
    sees_holders: bool = False
    way: Literal["anonymous", "file", "hub", "kubernetes"] = "file"
