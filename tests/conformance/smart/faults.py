"""The sandbox's faults (fhir_fixtures/ehr/faults) that a launch meets here, and what has to come of each."""

from tests.conformance.smart.browser import CHART

CALLBACK = {
    "callback-no-state": "state_missing",
    "callback-empty": "state_missing",
    "callback-deny-no-state": "state_missing",
    "callback-wrong-state": "state_unknown",
    "callback-no-code": "ehr_refused",
    "callback-error-and-code": "ehr_refused",
    "callback-script": "ehr_refused",
    "callback-script-code": "ehr_refused",
    "callback-twice": "launch_malformed",
    "callback-wrong-code": "token_refused",
    "callback-iss": CHART,
    "callback-no-iss": "issuer_mismatch",
    "callback-wrong-iss": "issuer_mismatch",
    "authorize-deny": "denied",
    "authorize-error=temporarily_unavailable": "ehr_refused",
    "authorize-error=login_required": "denied",
}
KEYS = {
    "discovery-no-issuer": CHART,  # then the FHIR base is the issuer
    "discovery-no-methods": CHART,
    "discovery-no-s256": "discovery_refused",
    "discovery-no-jwks": "id_token_invalid",
    "discovery-huge": "discovery_refused",
    "jwks-html": "id_token_invalid",
    "jwks-huge": "id_token_invalid",
    "jwks-redirect": "id_token_invalid",
    "id-token-aud-list": CHART,
    "id-token-azp-only": "id_token_invalid",
    "id-token-no-kid-two-keys": "id_token_invalid",  # OpenID Connect Core 10.1: which key was meant is not guessed
    "id-token-rotated-key": CHART,
    "id-token-no-fhir-user": CHART,
    "id-token-clock-ahead=60": CHART,
    "id-token-hs256": "id_token_invalid",
    "id-token-alg-none": "id_token_invalid",
}
PATIENT = {  # the record of the patient cannot be had
    "fhir-500": "patient_unreadable",
    "fhir-403": "patient_unreadable",
    "fhir-404": "patient_unreadable",
    "fhir-410": "patient_unreadable",
    "fhir-html": "patient_unreadable",
    "fhir-broken-json": "patient_unreadable",
    "fhir-empty": "patient_unreadable",
    "fhir-outcome-200": "patient_unreadable",
    "fhir-401": "session_ended",
    "fhir-plain-401": "session_ended",
    "fhir-wrong-patient": "patient_mismatch",
    "fhir-401-once": CHART,
    "fhir-429-once=1": CHART,
    "fhir-503-once=1": CHART,
}
PARTS = (  # measurements cannot be had, or not all; the rest is shown
    "fhir-500=Observation", "fhir-403=Observation", "fhir-html=Observation", "fhir-broken-json=Observation",
    "fhir-outcome-200=Observation", "fhir-redirect=Observation", "next-foreign=Observation",
    "next-disguised=Observation", "next-cycle=Observation", "next-nonsense=Observation", "search-withheld=Observation",
)  # fmt: skip
BUSY = ("fhir-429",)  # come back in ten hours
SCOPES = ("permission-v1", "scopes-v1-for-v2", "token-scope-list", "scopes-fewer=Observation", "token-more-scopes")
OTHERS = ("search-other-patient", "fhir-redirect", "token-redirect", "discovery-redirect", "discovery-foreign",
          "discovery-foreign-jwks", "fhir-user=foreign")  # fmt: skip
FAULTS = (*CALLBACK, *KEYS, *PATIENT, *PARTS, *BUSY, *SCOPES, *OTHERS)
