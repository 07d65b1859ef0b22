"""On to the EHR's sign-in: the authorization request as a redirect, or as a form (2.2, 32-52 and 133)."""

from authlib.common.urls import add_params_to_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from flask import Response, g, make_response, redirect, render_template, url_for

from app.problems import Problem
from app.registry import Ehr
from app.smart import Smart
from app.smart.discovery import Metadata
from app.smart.scopes import to_request

LONGEST_URL = 2000  # what browsers, proxies and servers are sure to take


def send(smart: Smart, ehr: Ehr, launch_value: str | None, browser: str) -> Response:
    """The reply that takes the browser to the EHR; the launch is pending from here on."""
    metadata = smart.discovery.of(ehr)
    parameters = _parameters(smart, ehr, metadata, launch_value, browser)
    url = add_params_to_uri(metadata.authorization_endpoint, list(parameters.items()))
    if not _as_form(ehr, metadata, url):
        return make_response(redirect(url, 302))
    # A form may go to the EHR's registered origins alone; its sign-in may lead through several of them and back to us.
    g.form_targets, g.own_script = ehr.allowed_origins, True
    page = render_template("continue.html", action=metadata.authorization_endpoint, fields=parameters)
    return make_response(page)


def standalone_address(smart: Smart, ehr: Ehr) -> str | None:
    """Our own fixed address that starts a launch anew, with the patient chosen at the EHR's sign-in.

    None where the EHR says that it does not offer that, or does not answer.
    """
    try:
        capabilities = smart.discovery.of(ehr).capabilities
    except Problem:
        return None
    offered = not capabilities or "launch-standalone" in capabilities
    return url_for("smart.launch", iss=ehr.issuer) if offered else None


def _parameters(
    smart: Smart, ehr: Ehr, metadata: Metadata, launch_value: str | None, browser: str
) -> dict[str, str]:
    """`launch` is echoed exactly, and left out of a standalone launch (35, 36); PKCE is S256 always (44, 45)."""
    scope = scope_to_ask(ehr, metadata, launch_value is not None)
    state, pending = smart.waiting.begin(browser, ehr, launch_value is not None, scope)
    return {
        "response_type": "code",
        "client_id": ehr.client_id,
        "redirect_uri": ehr.redirect_uri,
        "scope": scope,
        "state": state,
        "aud": ehr.issuer,
        "code_challenge": create_s256_code_challenge(pending.verifier),
        "code_challenge_method": "S256",
        **({"launch": launch_value} if launch_value is not None else {}),
        **({"nonce": pending.nonce} if "openid" in scope.split() else {}),
    }


def scope_to_ask(ehr: Ehr, metadata: Metadata, from_chart: bool) -> str:
    """The scopes of a launch at an EHR that says this of itself."""
    return to_request(ehr.scopes, from_chart, metadata.capabilities, metadata.scopes_supported)


def _as_form(ehr: Ehr, metadata: Metadata, url: str) -> bool:
    """As it was registered; and for a URL too long to be sure to arrive, where the EHR says that it takes forms."""
    return ehr.authorize_method == "POST" or (len(url) > LONGEST_URL and "authorize-post" in metadata.capabilities)
