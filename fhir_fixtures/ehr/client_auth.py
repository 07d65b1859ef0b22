"""Who is the client that calls the token, revocation or introspection endpoint? (SMART App Launch 2.2, client
authentication)
"""

import hmac
import time
from collections.abc import Mapping
from typing import Any

import orjson
import requests
from authlib.oauth2.rfc6749.errors import InvalidClientError, InvalidRequestError
from authlib.oauth2.rfc6749.util import extract_basic_authorization
from flask import Request
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from joserfc.jws import extract_compact

from fhir_fixtures.ehr.clients import Client
from fhir_fixtures.ehr.keys import ASYMMETRIC_ALGORITHMS
from fhir_fixtures.ehr.sandbox import Sandbox

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ASSERTION_SECONDS = 300
LEEWAY_SECONDS = 10
JWKS_BYTES = 100_000


def authenticate(sandbox: Sandbox, request: Request, audience: str) -> Client:
    """The registered client behind a form POST, by the one method it is registered for.

    `audience`: the token endpoint's URL, which an assertion must name. Raises authlib's InvalidClientError (401) or
    InvalidRequestError (more than one method at once).
    """
    form = request.form
    _check_form(request)
    basic = "Authorization" in request.headers
    assertion = "client_assertion" in form or "client_assertion_type" in form
    if basic and assertion:
        raise InvalidRequestError("More than one way of client authentication.")
    if (basic or assertion) and "client_id" in form:
        raise InvalidRequestError("A client that authenticates must not send client_id.")
    if basic:
        return _by_secret(sandbox, request)
    if assertion:
        return _by_assertion(sandbox, form, audience)
    client = sandbox.clients.get(form.get("client_id", ""))
    if client is None or client.auth != "public":
        raise refused("Unknown client, or one that must authenticate.")
    return client


def _check_form(request: Request) -> None:
    """RFC 6749 2.3.1 and 3.2: parameters once, in the body and not in the address; no secret beside Basic."""
    if request.mimetype != "application/x-www-form-urlencoded":
        raise InvalidRequestError("The body must be a form.")
    if request.args:
        raise InvalidRequestError("Parameters belong in the body.")
    if any(len(request.form.getlist(name)) > 1 for name in request.form):
        raise InvalidRequestError("A parameter is given twice.")
    if "client_secret" in request.form:
        raise InvalidRequestError("A secret is sent by HTTP Basic only.")


def refused(reason: str) -> InvalidClientError:
    """RFC 6749 5.2: invalid_client is answered with 401."""
    return InvalidClientError(reason, status_code=401)


def _by_secret(sandbox: Sandbox, request: Request) -> Client:
    client_id, secret = extract_basic_authorization(request.headers)
    client = sandbox.clients.get(client_id or "")
    if client is None or client.auth != "client_secret_basic" or not client.secret:
        raise refused("This client does not authenticate by secret.")
    if not hmac.compare_digest(client.secret.encode(), (secret or "").encode()):
        raise refused("Wrong client secret.")
    return client


def _by_assertion(sandbox: Sandbox, form: Mapping[str, str], audience: str) -> Client:
    if form.get("client_assertion_type") != ASSERTION_TYPE:
        raise refused("Unknown client_assertion_type.")
    text = form.get("client_assertion", "")
    header, claims = _unverified(text)
    client = sandbox.clients.get(str(claims.get("sub")))
    if client is None or client.auth != "private_key_jwt":
        raise refused("This client does not authenticate by assertion.")
    if header.get("typ") != "JWT":
        raise refused("typ must be JWT.")
    if header.get("jku") not in (None, client.jwks_uri):
        raise refused("jku is not the registered one.")
    try:
        verified = jwt.decode(text, _key_set(client, header), algorithms=list(ASYMMETRIC_ALGORITHMS))
    except (JoseError, ValueError) as error:
        raise refused("The assertion's signature or key is not accepted.") from error
    _check_claims(sandbox, client, verified.claims, audience)
    return client


def _unverified(text: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims as they claim to be, to find the client and its key."""
    try:
        token = extract_compact(text.encode())
        header, claims = token.protected, orjson.loads(token.payload)
    except (JoseError, ValueError) as error:
        raise refused("The assertion is not a JWT.") from error
    if not isinstance(claims, dict):
        raise refused("The assertion's claims are not an object.")
    return dict(header), claims


def _key_set(client: Client, header: Mapping[str, Any]) -> KeySet:
    """The registered key of this kid; SMART makes kid mandatory."""
    keys = list(client.jwks) or (_fetch_keys(client.jwks_uri) if client.jwks_uri else [])
    chosen = [key for key in keys if isinstance(key, dict) and key.get("kid") == header.get("kid")]
    if header.get("kid") is None or not chosen:
        raise refused("No registered key has this kid.")
    return KeySet.import_key_set({"keys": chosen})


def _fetch_keys(uri: str) -> list[Any]:
    """The keys at a registered JWKS address, never followed elsewhere."""
    try:
        with requests.get(uri, timeout=5, allow_redirects=False, stream=True) as response:
            response.raise_for_status()
            body = response.raw.read(JWKS_BYTES, decode_content=True)
        found = orjson.loads(body)
    except (requests.RequestException, ValueError) as error:
        raise refused("The client's JWKS cannot be read.") from error
    keys = found.get("keys") if isinstance(found, dict) else None
    return keys if isinstance(keys, list) else []


def _check_claims(sandbox: Sandbox, client: Client, claims: Mapping[str, Any], audience: str) -> None:
    now = time.time()
    expires = claims.get("exp")
    if claims.get("iss") != client.client_id:
        raise refused("iss and sub must both be the client_id.")
    audiences = claims.get("aud")
    if audience not in (audiences if isinstance(audiences, list) else [audiences]):
        raise refused("aud must be the token endpoint.")
    if not isinstance(expires, (int, float)) or expires <= now - LEEWAY_SECONDS:
        raise refused("The assertion has expired or has no exp.")
    if expires > now + ASSERTION_SECONDS + LEEWAY_SECONDS:
        raise refused("exp must be at most five minutes ahead.")
    jti = claims.get("jti")
    if not isinstance(jti, str) or not jti:
        raise refused("The assertion has no jti.")
    remember = expires - now + 2 * LEEWAY_SECONDS
    if not sandbox.vault.assertions.add_once(f"{client.client_id} {jti}", True, remember):
        raise refused("This jti was used before.")
