"""Headers of every reply, and the guard of every request that changes something."""

import hashlib
import hmac

from flask import Flask, Response, current_app, g, request

from app.config import Config
from app.problems import Problem
from app.registry import is_loopback

WATCHED = {"healthz", "readyz", "metrics"}
_POLICY = (
    "default-src 'none'; {script}style-src 'self'; img-src 'self'; form-action {forms}; base-uri 'none'; "
    "frame-ancestors {ancestors}"
)
_OFF = ("camera", "geolocation", "microphone", "payment", "usb", "display-capture", "browsing-topics")
_HEADERS = {
    "Referrer-Policy": "no-referrer",  # ids in paths and codes in callbacks stay here
    "X-Content-Type-Options": "nosniff",
    "Permissions-Policy": ", ".join(f"{feature}=()" for feature in _OFF),
    "Cross-Origin-Resource-Policy": "same-origin",
}


def protect(app: Flask, config: Config) -> None:
    """Put headers and guard on an app. A view names who may frame its page in `g.frame_ancestors`; else nobody may.

    The page that sends a launch on as a form names more: `g.form_targets`. A page with a script of ours, which may ask
    this server alone, sets `g.own_script`.
    """

    @app.before_request
    def guard() -> None:
        check_host(config)
        # Calls for cards come from EHRs, not from our pages: no cookie counts there, and each proves itself by a JWT.
        if request.method not in ("GET", "HEAD", "OPTIONS") and request.blueprint != "hooks":
            check_same_origin(config)

    @app.after_request
    def headers(response: Response) -> Response:
        ancestors = " ".join(g.get("frame_ancestors", ())) or "'none'"
        forms = " ".join(("'self'", *sorted(g.get("form_targets", ()))))
        script = "script-src 'self'; connect-src 'self'; " if g.get("own_script") else ""
        policy = _POLICY.format(ancestors=ancestors, forms=forms, script=script)
        response.headers["Content-Security-Policy"] = policy
        response.headers.update(_HEADERS)
        if "Cache-Control" not in response.headers or request.endpoint == "static":
            response.headers["Cache-Control"] = "max-age=3600" if request.endpoint == "static" else "no-store"
        if ancestors == "'none'":
            response.headers["X-Frame-Options"] = "DENY"
            # Not on a launch's pages: an EHR that opens us in a window of its own would see that window as closed.
            response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
        if request.is_secure or f"https://{request.host}" in config.own_origins:
            response.headers["Strict-Transport-Security"] = "max-age=31536000"
        return response


def check_host(config: Config) -> None:
    """Only under a registered name of ours, or on this machine; headers of proxies (X-Forwarded-...) count for nothing.

    A proxy in front passes the browser's Host on. What watches a container by its address may ask how it is.
    """
    known = {host for origin in config.own_origins for host in _hosts_of(origin)}
    if request.endpoint not in WATCHED and request.host not in known and not _is_here(request.host):
        raise Problem("misdirected", "host")


def _hosts_of(origin: str) -> tuple[str, str]:
    """How a Host header names an origin: the default port may stand there or not."""
    scheme, _, host = origin.partition("://")
    return host, f"{host}:{443 if scheme == 'https' else 80}"


def _is_here(host: str) -> bool:
    try:
        return is_loopback(f"//{host}")
    except ValueError:
        return False


def check_same_origin(config: Config) -> None:
    """SameSite=None takes the browser's own guard away, so both headers that a page cannot forge are looked at.

    Under `Referrer-Policy: no-referrer` browsers send `Origin: null` with our own forms; Sec-Fetch-Site decides then.
    """
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site is not None and site != "same-origin":
        raise Problem("cross_site", "sec_fetch_site")
    known = {*config.own_origins, request.host_url.rstrip("/")}  # check_host has looked at the latter
    if origin not in known and not (origin in (None, "null") and site == "same-origin"):
        raise Problem("cross_site", "origin")


def form_token(sid: str) -> str:
    """The token of a launch's forms: nobody who lacks the launch's id and our key can make it."""
    key: bytes = current_app.extensions["secret_key"]
    return hmac.new(key, f"form:{sid}".encode(), hashlib.sha256).hexdigest()


def check_form_token(sid: str) -> None:
    """Raises Problem unless the request's form carries this launch's token."""
    if not hmac.compare_digest(request.form.get("form_token", "").encode(), form_token(sid).encode()):
        raise Problem("cross_site", "form_token")
