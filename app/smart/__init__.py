"""SMART App Launch 2.2: the only room that sees tokens. Others get a `Launch` and a `Bearer` that signs requests."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import Engine

from app.registry import Ehr
from app.smart.bearer import Bearer
from app.smart.call_token import CallToken
from app.smart.discovery import Discovery
from app.smart.jwks import Keys
from app.smart.pending import Waiting
from app.smart.style import Styles
from app.smart.tokens import Launch, Store

__all__ = ["Bearer", "CallToken", "Discovery", "Launch", "Smart", "Store", "Waiting"]


@dataclass(frozen=True)
class Smart:
    """What the SMART routes and the chart need, made once per process."""

    engine: Engine
    store: Store
    waiting: Waiting
    ehrs: Mapping[str, Ehr]
    by_issuer: Mapping[str, Ehr]
    discovery: Discovery = field(default_factory=Discovery)
    keys: Keys = field(default_factory=Keys)
    styles: Styles = field(default_factory=Styles)

    def bearer(self, launch: Launch) -> Bearer:
        """The token of a launch, ready to sign requests to its own EHR."""
        return Bearer(launch, self.ehrs[launch.ehr], self.store, self.discovery)
