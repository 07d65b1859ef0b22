"""`.well-known/smart-configuration`, OpenID configuration and JWKS (SMART App Launch 2.2, "Conformance")."""

from typing import Any

from flask import Blueprint, Response, jsonify, request

from fhir_fixtures.ehr.keys import ASYMMETRIC_ALGORITHMS, public_jwk
from fhir_fixtures.ehr.sandbox import external_base, fhir_base, sandbox

blueprint = Blueprint("discovery", __name__)

CAPABILITIES = [
    "launch-ehr",
    "launch-standalone",
    "authorize-post",
    "client-public",
    "client-confidential-symmetric",
    "client-confidential-asymmetric",
    "sso-openid-connect",
    "context-banner",
    "context-style",
    "context-ehr-patient",
    "context-ehr-encounter",
    "context-standalone-patient",
    "context-standalone-encounter",
    "permission-offline",
    "permission-online",
    "permission-patient",
    "permission-user",
    "permission-v1",
    "permission-v2",
]
ISS_PARAMETER = "authorization_response_iss_parameter_supported"  # RFC 9207
_OBSERVATION = "http://terminology.hl7.org/CodeSystem/observation-category"
_CONDITION = "http://terminology.hl7.org/CodeSystem/condition-category"
_US_CORE = "http://hl7.org/fhir/us/core/CodeSystem"
GRANULAR = {  # US Core 9, "SMART on FHIR: scopes": what a certified server must offer
    "Condition": (f"{_CONDITION}|encounter-diagnosis", f"{_CONDITION}|problem-list-item",
                  f"{_US_CORE}/condition-category|health-concern"),
    "Observation": (*(f"{_OBSERVATION}|{code}" for code in ("laboratory", "social-history", "survey", "vital-signs")),
                    f"{_US_CORE}/us-core-category|sdoh"),
}  # fmt: skip
SCOPES = [
    "openid",
    "fhirUser",
    "profile",
    "launch",
    "launch/patient",
    "launch/encounter",
    "offline_access",
    "online_access",
    "patient/*.cruds",
    "user/*.cruds",
    "system/*.cruds",
    "patient/*.read",
    "user/*.read",
    *(
        f"{level}/{kind}.rs?category={category}"
        for level in ("patient", "user")
        for kind, categories in GRANULAR.items()
        for category in categories
    ),
]


@blueprint.get("/fhir/.well-known/smart-configuration")
def smart_configuration() -> Response:
    """What a client needs to know before it can ask for anything; open to everyone."""
    return jsonify(configuration())


@blueprint.get("/fhir/.well-known/openid-configuration")
def openid_configuration() -> Response:
    """OpenID Connect Discovery 1.0 for those who check id_tokens by `iss`."""
    openid = {"subject_types_supported": ["public"], "id_token_signing_alg_values_supported": ["RS256"]}
    return jsonify(configuration() | openid)


@blueprint.get("/auth/jwks")
def jwks() -> Response:
    """The public key of the id_tokens."""
    response = jsonify({"keys": [public_jwk(sandbox().signing_key)]})
    response.headers["Cache-Control"] = "public, max-age=300"
    return response


def configuration() -> dict[str, Any]:
    """The metadata, with every address under the base of this request."""
    auth = external_base(request) + "/auth"
    return {
        "issuer": fhir_base(request),
        "jwks_uri": f"{auth}/jwks",
        "authorization_endpoint": f"{auth}/authorize",
        "token_endpoint": f"{auth}/token",
        "revocation_endpoint": f"{auth}/revoke",
        "introspection_endpoint": f"{auth}/introspect",
        "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
        "response_types_supported": ["code"],
        "scopes_supported": SCOPES,
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": list(ASYMMETRIC_ALGORITHMS),
        "capabilities": CAPABILITIES,
    }
