"""The click: look if it is there, claim it, send it once, look again where the EHR did not say, then the Provenance."""

import time
from dataclasses import dataclass
from datetime import datetime

import orjson
from sqlalchemy import Engine

from app import audit, metrics
from app.fhir_systems import SYSTEM
from app.problems import Problem
from app.searches import ChartServer, Unreadable
from app.smart.tokens import Launch
from app.write_back import ledger
from app.write_back.create import Answer, Once, create, find, looked_for
from app.write_back.offer import Offer
from app.write_back.risk_assessment import Finding, provenance

LOOK_SECONDS = 10.0


@dataclass(frozen=True)
class Writer:
    """One launch and its offer, ready to look and to write."""

    engine: Engine
    server: ChartServer
    launch: Launch
    offer: Offer
    finding: Finding  # the offer's

    @property
    def _once(self) -> Once:
        return Once("RiskAssessment", "identifier", f"{SYSTEM}|{self.finding.identifier}")

    def there(self) -> Answer | None:
        """Where it is already: the EHR is asked if it lets us search, and what this app wrote is remembered.

        `not_accepted` where the EHR has no such type; `unclear` where it was sent and may still come.
        """
        try:
            found = self._found()
        except Unreadable as error:
            if error.why == "not_offered":
                return Answer("not_accepted")
            found = None
        known = ledger.known(self.engine, self.launch.ehr, self.finding.identifier)
        if found or known is None:
            return found
        if known.state == ledger.WRITTEN:
            return Answer("existing", known.reference, known.version)
        return Answer("unclear") if known.is_open else None

    def write(self) -> tuple[Answer, Answer | None]:
        """What became of the RiskAssessment, and of the Provenance (None: not sent)."""
        before = self.there()
        if before and before.outcome != "not_accepted":
            return (Answer("open") if before.outcome == "unclear" else before), None
        ehr, identifier = self.launch.ehr, self.finding.identifier
        if not ledger.claim(self.engine, ehr, identifier):
            return Answer("open"), None
        answer = self._send(self._once, self.offer.text.encode())
        if answer.is_stored:
            ledger.settle(self.engine, ehr, identifier, answer.reference, answer.version)
        elif answer.outcome != "unclear":
            ledger.give_back(self.engine, ehr, identifier)
        return answer, self._provenance(answer)

    def _found(self) -> Answer | None:
        if not self.launch.context.granted.may_search("RiskAssessment"):
            return None
        return find(self.server, self._once, self.finding.patient, time.monotonic() + LOOK_SECONDS)

    def _send(self, once: Once, body: bytes) -> Answer:
        """One create, noted before and after: a write that leaves no trace must not happen."""
        self._note("sent", once.kind)
        try:
            answer = create(self.server, once, body, self.finding.patient)
        except Problem as problem:
            if problem.code == "session_ended":  # a 401: nothing was stored
                ledger.give_back(self.engine, self.launch.ehr, self.finding.identifier)
            raise
        if answer.outcome == "unclear" and self.launch.context.granted.may_search(once.kind):
            answer = looked_for(self.server, once, self.finding.patient, time.monotonic() + LOOK_SECONDS)
        self._note(answer.outcome, once.kind)
        metrics.count("chart_writes", answer.outcome)
        return answer

    def _provenance(self, answer: Answer) -> Answer | None:
        if answer.outcome != "written" or answer.reference is None or self.offer.provenance is None:
            return None
        now = datetime.now().astimezone()
        body = orjson.dumps(provenance(self.finding, self.offer.who, answer.reference, now))
        return self._send(Once("Provenance", "target", answer.reference), body)

    def _note(self, what: str, kind: str) -> None:
        failed = what not in ("sent", "written", "existing")
        audit.record(self.engine, "write", self.launch, self.finding.release, detail=f"{kind} {what}",
                     outcome=audit.SERIOUS if failed else audit.SUCCESS)  # fmt: skip
