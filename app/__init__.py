"""The SMART application: `create_app` wires the rooms together and does nothing else."""

from flask import Flask

from app.config import Config


def create_app(config: Config) -> Flask:
    """A Flask app for this configuration. Opens the app's own database; reaches no EHR before a launch."""
    from app import api, chart, cohorts, hooks, pages, security, turns, what_if, write_back
    from app.database import open_database
    from app.serving import Serving
    from app.smart import Smart, Waiting, launch
    from app.smart.tokens import Store

    app = Flask(__name__)
    app.config.update(MAX_CONTENT_LENGTH=64 * 1024, TRAP_BAD_REQUEST_ERRORS=False)
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    # Without these, the redirect to "the same with a slash" would quote the address that was asked for.
    app.url_map.strict_slashes = app.url_map.merge_slashes = False
    engine = open_database(config.home)
    app.extensions["config"] = config
    app.extensions["secret_key"] = config.secret_key
    store, waiting = Store(engine, config.secret_key), Waiting(engine, config.secret_key)
    app.extensions["smart"] = Smart(engine, store, waiting, config.ehrs, config.by_issuer)
    app.extensions["serving"] = Serving(config.database)
    turns.install(app, config.ehrs)
    security.protect(app, config)
    pages.install(app, config)
    app.register_blueprint(launch.BLUEPRINT)
    app.register_blueprint(cohorts.BLUEPRINT)
    app.register_blueprint(chart.BLUEPRINT)
    app.register_blueprint(what_if.BLUEPRINT)
    app.register_blueprint(write_back.BLUEPRINT)
    app.register_blueprint(api.BLUEPRINT)
    hooks.install(app, config)
    return app
