"""TEMPORARY."""

from dataclasses import dataclass


@dataclass(frozen=True)
class DashboardOptions:
    """Page.

    Attributes:
        address: host:port
    """

    address: str = "127.0.0.1:8080"

    def __post_init__(self) -> None: ...
