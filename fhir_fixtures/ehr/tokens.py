"""Token, revocation and introspection endpoints (SMART App Launch 2.2; RFC 6749, 7009, 7662; Backend Services)."""

import hashlib
import re
import time
from typing import Any

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749.errors import (
    InvalidGrantError,
    InvalidScopeError,
    UnauthorizedClientError,
    UnsupportedGrantTypeError,
)
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from flask import Blueprint, Response, jsonify, make_response, request
from joserfc import jwt

from fhir_fixtures.ehr import scopes
from fhir_fixtures.ehr.client_auth import authenticate
from fhir_fixtures.ehr.clients import Client
from fhir_fixtures.ehr.sandbox import external_base, fhir_base, sandbox
from fhir_fixtures.ehr.vault import BACKEND_SECONDS, REFRESH_SECONDS, Access, Code, Grant, Refresh

blueprint = Blueprint("tokens", __name__, url_prefix="/auth")

VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")


@blueprint.errorhandler(OAuth2Error)
def refuse(error: OAuth2Error) -> Response:
    """RFC 6749 5.2: a JSON object with `error`; 401 for an unknown client, else 400."""
    status, body, headers = error()
    response = make_response(jsonify(body), status)
    response.headers.update({name: value for name, value in headers if name.lower() != "content-type"})
    return _private(response)


@blueprint.post("/token")
def token() -> Response:
    """Exchange a code, a refresh token or a client's own authority for an access token."""
    client = _client()
    grant_type = request.form.get("grant_type", "")
    exchange = {"authorization_code": _by_code, "refresh_token": _by_refresh, "client_credentials": _by_client}
    if grant_type not in exchange:
        raise UnsupportedGrantTypeError(re.sub(r"[^a-z_:-]", "", grant_type))
    return _private(jsonify(exchange[grant_type](client)))


@blueprint.post("/revoke")
def revoke() -> Response:
    """RFC 7009: end a token; a refresh token takes its whole grant along. Always 200 for a known client."""
    client, presented = _client(), request.form.get("token", "")
    vault = sandbox().vault
    refresh, access = vault.refresh.get(presented), vault.access.get(presented)
    if refresh and refresh.grant.client_id == client.client_id:
        refresh.grant.revoked = True
    if access and access.grant.client_id == client.client_id:
        vault.access.take(presented)
    return _private(make_response("", 200))


@blueprint.post("/introspect")
def introspect() -> Response:
    """RFC 7662, for a client's own tokens; anything else is `{"active": false}`."""
    client, presented = _client(), request.form.get("token", "")
    access = sandbox().vault.access_for(presented)
    if access is None or access.grant.client_id != client.client_id:
        return _private(jsonify({"active": False}))
    facts: dict[str, Any] = {
        "active": True,
        "scope": " ".join(access.scope),
        "client_id": client.client_id,
        "token_type": "Bearer",
        "exp": int(sandbox().vault.access.expires_at(presented)),
        "iss": fhir_base(request),
    }
    if access.grant.user:
        facts |= {"sub": subject(access.grant), "fhirUser": _fhir_user(access.grant)}
    return _private(jsonify(facts | access.grant.context))


def _client() -> Client:
    path = request.environ.get("kindred.token_path", "/auth/token")
    return authenticate(sandbox(), request, external_base(request) + path)


def _by_code(client: Client) -> dict[str, Any]:
    """RFC 6749 4.1.3 with PKCE: any failure spends the code, a second use ends what the first one gave."""
    form, vault = request.form, sandbox().vault
    with vault.lock:
        code: Code | None = vault.codes.get(form.get("code"))
        replayed = code is not None and code.used
        if code:
            code.used = True
    if code is None:
        raise InvalidGrantError("The code is unknown.")
    if replayed:
        code.grant.revoked = True
        raise InvalidGrantError("The code was used before; what it gave is revoked.")
    if code.expires <= time.time():
        raise InvalidGrantError("The code has expired.")
    if code.grant.client_id != client.client_id or form.get("redirect_uri") != code.redirect_uri:
        raise InvalidGrantError("The code belongs to another client or redirect_uri.")
    verifier = form.get("code_verifier", "")
    if not VERIFIER.fullmatch(verifier) or create_s256_code_challenge(verifier) != code.challenge:
        raise InvalidGrantError("code_verifier does not match the challenge.")
    return _answer(code.grant, code.grant.scope) | _identity(code.grant, code.nonce)


def _by_refresh(client: Client) -> dict[str, Any]:
    """Each refresh token works once and is replaced; using an old one ends the grant (RFC 9700 4.14.2)."""
    vault = sandbox().vault
    with vault.lock:
        refresh: Refresh | None = vault.refresh.get(request.form.get("refresh_token"))
        if refresh is None or refresh.grant.client_id != client.client_id:
            raise InvalidGrantError("The refresh token is unknown or expired.")
        if refresh.used:
            refresh.grant.revoked = True
        if refresh.grant.revoked:
            raise InvalidGrantError("The refresh token was used before or is revoked.")
        wanted = request.form.get("scope", "").split() or refresh.grant.scope
        if not set(wanted) <= set(refresh.grant.scope):
            raise InvalidScopeError("scope must be a part of what was granted.")
        refresh.used = True
    return _answer(refresh.grant, wanted)


def _by_client(client: Client) -> dict[str, Any]:
    """Backend Services: a short token for system scopes, no refresh token."""
    if not client.backend:
        raise UnauthorizedClientError("This client is not registered for Backend Services.")
    words = scopes.granted(request.form.get("scope", ""), client.scopes, ("system",))
    if not words:
        raise InvalidScopeError("None of the requested scopes can be granted.")
    access = sandbox().vault.access.put(Access(Grant(client.client_id, words), words), BACKEND_SECONDS)
    return {"access_token": access, "token_type": "Bearer", "expires_in": BACKEND_SECONDS, "scope": " ".join(words)}


def _answer(grant: Grant, words: list[str]) -> dict[str, Any]:
    """The token response for a user's grant, with its launch context."""
    here = sandbox()
    answer: dict[str, Any] = {
        "access_token": here.vault.access.put(Access(grant, words), here.token_seconds),
        "token_type": "Bearer",
        "expires_in": here.token_seconds,
        "scope": " ".join(words),
    }
    if "offline_access" in grant.scope or "online_access" in grant.scope:
        answer["refresh_token"] = here.vault.refresh.put(Refresh(grant), REFRESH_SECONDS)
    return answer | grant.context


def _identity(grant: Grant, nonce: str | None) -> dict[str, Any]:
    """The id_token of an `openid` grant (OpenID Connect Core 2), signed RS256 with a kid."""
    if "openid" not in grant.scope or grant.user is None:
        return {}
    now = int(time.time())
    claims: dict[str, Any] = {
        "iss": fhir_base(request),
        "sub": subject(grant),
        "aud": grant.client_id,
        "iat": now,
        "exp": now + sandbox().token_seconds,
    }
    if nonce:
        claims["nonce"] = nonce
    if "fhirUser" in grant.scope or "profile" in grant.scope:
        claims["fhirUser"] = claims["profile"] = _fhir_user(grant)
    key = sandbox().signing_key
    return {"id_token": jwt.encode({"alg": "RS256", "typ": "JWT", "kid": key.kid}, claims, key)}


def subject(grant: Grant) -> str:
    """A stable name for the user that is not the FHIR id."""
    return hashlib.sha256(f"sandbox {grant.user}".encode()).hexdigest()[:32]


def _fhir_user(grant: Grant) -> str:
    return str(grant.user) if grant.relative_user else f"{fhir_base(request)}/{grant.user}"


def _private(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    response.headers["Pragma"] = "no-cache"
    return response
