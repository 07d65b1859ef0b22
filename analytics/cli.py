"""The command ``kindred``. Data go to stdout, progress and errors to stderr; nothing heavy is imported to show help."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click

from analytics.errors import KindredError
from analytics.export_options import export_options, export_options_of
from analytics.pipes import ending_with_the_reader

DATE = click.DateTime(formats=["%Y-%m-%d"])


def main() -> None:
    """Entry point: a KindredError becomes its sentence and its exit code, any other error its class and exit code 1.

    The text of a foreign error is not printed: a failed cast of DuckDB, for one, quotes the value. Where nobody reads
    the output any more, it ends without a word.
    """
    try:
        commands(standalone_mode=False)
    except click.exceptions.Exit as done:
        sys.exit(done.exit_code)
    except click.Abort:
        click.echo("Stopped.", err=True)
        if any(thread.name.startswith("download") for thread in threading.enumerate()):
            sys.stdout.flush()
            os._exit(130)  # sys.exit would wait for threads that wait for a silent EHR
        sys.exit(130)
    except click.ClickException as error:
        click.echo(f"{error.format_message()} See kindred --help.", err=True)
        sys.exit(error.exit_code)
    except KindredError as error:
        click.echo(str(error), err=True)
        sys.exit(error.exit_code)
    except Exception as error:
        if os.environ.get("KINDRED_DEBUG") == "1":
            raise
        click.echo(
            f"This is a defect of Kindred ({type(error).__name__}). With KINDRED_DEBUG=1 the same command shows where; "
            "what it then prints may quote patient data.",
            err=True,
        )
        sys.exit(1)


class Commands(click.Group):
    """The commands, of which each ends quietly where its output is read no further."""

    def make_context(self, *args: Any, **more: Any) -> click.Context:
        """Shows help, where that is asked."""
        with ending_with_the_reader():
            return super().make_context(*args, **more)

    def invoke(self, ctx: click.Context) -> Any:
        """Runs the command."""
        with ending_with_the_reader():
            return super().invoke(ctx)


@click.group(cls=Commands, name="kindred", epilog="Example: kindred demo --patients 300")
def commands() -> None:
    """Risk groups from a FHIR bulk export, shown in the chart by a SMART app.

    Settings: KINDRED_HOME, KINDRED_LAKE, KINDRED_DATABASE, KINDRED_SPARK_MASTER, KINDRED_EHRS. Exit codes: 0 done,
    1 a defect of ours, 2 wrong command line, others as listed in analytics/errors.py. README.md has all settings.
    """


def with_settings(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the checked settings as its first argument."""

    @wraps(command)
    def run(*args: Any, **kwargs: Any) -> None:
        from analytics.config import Settings

        command(Settings.from_environment(os.environ), *args, **kwargs)

    return run


def population_options(command: Callable[..., None]) -> Callable[..., None]:
    """--patients and --seed, or --data."""
    for option in (
        click.option(
            "--data",
            type=click.Path(exists=True, file_okay=False, path_type=Path),
            help="Folder of *.ndjson[.gz] instead of generated patients.",
        ),
        click.option("--seed", type=int, default=7, show_default=True, help="The same seed gives the same patients."),
        click.option(
            "--patients",
            type=click.IntRange(1, 1_000_000),
            default=300,
            show_default=True,
            help="How many patients to generate.",
        ),
    ):
        command = option(command)
    return command


@commands.command(epilog="Example: kindred demo --patients 2000 --seed 7 --check")
@population_options
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=9400,
    show_default=True,
    help="Of the sandbox EHR; the app takes the one 100 above. 0: any free ones.",
)
@click.option("--check", is_flag=True, help="Perform one EHR launch, print a JSON summary, end.")
@with_settings
def demo(settings: Any, patients: int, seed: int, data: Path | None, port: int, check: bool) -> None:
    """Sandbox EHR, pipeline and app in one.

    Prints the address to open and stays.
    """
    from analytics.demo import run_demo

    run_demo(settings, patients=patients, seed=seed, data=data, port=port, check=check)


@commands.command(epilog="Example: kindred sandbox --patients 300 --port 9400")
@population_options
@click.option("--port", type=click.IntRange(0, 65535), default=9400, show_default=True)
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--app-url", default="http://127.0.0.1:9500", show_default=True, help="Where the app runs.")
@with_settings
def sandbox(settings: Any, patients: int, seed: int, data: Path | None, port: int, host: str, app_url: str) -> None:
    """The embedded EHR alone.

    Writes the registry entry that the other commands need.
    """
    from analytics.processes import become, sandbox_command

    become(sandbox_command(settings, patients=patients, seed=seed, data=data, port=port, app_url=app_url, host=host))


@commands.command(epilog="Example: kindred serve --port 9500")
@click.option("--port", type=click.IntRange(1, 65535), default=9500, show_default=True)
@click.option("--host", default="127.0.0.1", show_default=True)
@with_settings
def serve(settings: Any, port: int, host: str) -> None:
    """The SMART app."""
    from analytics.processes import app_command, become

    become(app_command(port, host))


@commands.command(epilog="Example: kindred export sandbox --since auto")
@click.argument("ehr")
@export_options
@click.option("--cancel", is_flag=True, help="End what is unfinished, at the EHR too, and forget it; export nothing.")
@with_settings
def export(settings: Any, ehr: str, cancel: bool, **asked: Any) -> None:
    """Bulk export of an EHR into the lake.

    The same command again resumes an unfinished export. Ctrl-C leaves the job at the EHR running, so that it can be
    resumed; --cancel ends it. Without --group and --level the registry's group is exported, and the whole system
    where it names none.
    """
    options = export_options_of(**asked)
    if cancel:
        from analytics.export.cancel import cancel_unfinished
        from analytics.pipeline import Pipeline

        click.echo(cancel_unfinished(settings, Pipeline(settings, ehr).lake, ehr), err=True)
        return
    pipeline = _pipeline(settings, ehr)
    try:
        click.echo(pipeline.export(options))
    except KeyboardInterrupt:
        click.echo(f"The EHR goes on with its part. The same command again resumes; to end it: "
                   f"kindred export {ehr} --cancel", err=True)
        raise
    _say_counts(pipeline)


@commands.command(epilog="Example: kindred verify sandbox")
@click.argument("ehr", required=False)
@with_settings
def verify(settings: Any, ehr: str | None) -> None:
    """Is the newest export as the EHR sent it?

    Every byte in the lake is compared with the SHA-256 of what came.
    """
    from analytics.export.verify import verify as whole

    pipeline = _pipeline(settings, ehr)
    click.echo(whole(pipeline.lake, pipeline.ehr, pipeline.newest_export()))


@commands.command(epilog="Example: kindred load sandbox")
@click.argument("ehr", required=False)
@with_settings
def load(settings: Any, ehr: str | None) -> None:
    """The newest export to events."""
    pipeline = _pipeline(settings, ehr)
    pipeline.load()
    _say_counts(pipeline)


@commands.command(epilog="Example: kindred build sandbox --as-of 2026-06-30")
@click.argument("ehr", required=False)
@click.option("--as-of", type=DATE, help="Nothing later is used; without it, the day of the newest encounter.")
@with_settings
def build(settings: Any, ehr: str | None, as_of: Any) -> None:
    """Events to features, at the as-of date and a year before it."""
    pipeline = _pipeline(settings, ehr)
    click.echo(pipeline.build(as_of.date() if as_of else None).isoformat())
    _say_counts(pipeline)


@commands.command(epilog="Example: kindred fit sandbox")
@click.argument("ehr", required=False)
@click.option("--as-of", type=DATE, help="Features of this date; without it, the newest that were built.")
@with_settings
def fit(settings: Any, ehr: str | None, as_of: Any) -> None:
    """Features to a release: groups and later outcomes.

    Everyone is placed in a group as of the as-of date.
    """
    pipeline = _pipeline(settings, ehr)
    click.echo(pipeline.fit(as_of.date() if as_of else None))
    _say_counts(pipeline)


@commands.command(epilog="Example: kindred publish sandbox")
@click.argument("ehr", required=False)
@click.option("--release", help="A release of the lake; without it, the newest.")
@with_settings
def publish(settings: Any, ehr: str | None, release: str | None) -> None:
    """A release into the serving database, as the current one."""
    pipeline = _pipeline(settings, ehr)
    click.echo(pipeline.publish(release))
    _say_counts(pipeline)


@commands.command(epilog="Example: kindred report 20260630-0123abcd --out report.html")
@click.argument("release", required=False)
@click.option("--ehr", help="Of this EHR; without it, the only registered one.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Without it, in KINDRED_HOME/reports.")
@with_settings
def report(settings: Any, release: str | None, ehr: str | None, out: Path | None) -> None:
    """A release as one page for a governance board.

    HTML, in one file, of a release of the lake; without one, of the newest.
    """
    click.echo(_pipeline(settings, ehr).report(release, out))


@commands.command(epilog="Example: kindred run sandbox")
@click.argument("ehr")
@click.option("--group", help="Export the members of this Group.")
@click.option("--as-of", type=DATE, help="Nothing later is used; without it, the day of the newest encounter.")
@with_settings
def run(settings: Any, ehr: str, group: str | None, as_of: Any) -> None:
    """All steps, from export to publish.

    What is done is skipped: an export not yet published is taken up again.
    """
    pipeline = _pipeline(settings, ehr)
    click.echo(pipeline.run(export_options_of(group=group), as_of.date() if as_of else None))
    _say_counts(pipeline)


@commands.command(epilog="Example: kindred status --json")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@with_settings
def status(settings: Any, as_json: bool) -> None:
    """What is there, and what was dropped and why.

    Exports, counts, quarantine, releases, and which release is current.
    """
    from analytics.status import in_words
    from analytics.status import status as look

    found = look(settings)
    click.echo(json.dumps(found, indent=1) if as_json else in_words(found))


@commands.command(epilog="Example: kindred score patient.ndjson --as-of 2026-06-30")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--as-of", type=DATE, help="Nothing later is used; without it, the date of the current release, else today."
)
@click.option("--ehr", help="Whose current release; without it, that of the only registered EHR.")
@click.option(
    "--base",
    help="FHIR base that the files are of; without it, that EHR's. Absolute references to anywhere else are not used.",
)
@with_settings
def score(settings: Any, files: tuple[Path, ...], as_of: Any, ehr: str | None, base: str | None) -> None:
    """Score one patient's files, as the chart does.

    NDJSON or Bundles in; features, group and reasons as JSON out.
    """
    from analytics.score import score_files

    click.echo(json.dumps(score_files(settings, files, as_of.date() if as_of else None, ehr, base), indent=1))


@commands.command(epilog="Example: kindred rollback")
@click.argument("release", required=False)
@click.option("--ehr", help="Of this EHR; without it, the only registered one.")
@with_settings
def rollback(settings: Any, release: str | None, ehr: str | None) -> None:
    """Make an earlier release current again."""
    from analytics.pipeline import only_ehr
    from analytics.publish import rollback as flip

    click.echo(flip(settings.database, only_ehr(settings, ehr), release))


@commands.command(epilog="Example: kindred environment environment.tar.gz")
@click.argument("archive", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--python", help="Where the executors' machines have Python 3.11; without it, where this one has it.")
def environment(archive: Path, python: str | None) -> None:
    """Pack this Python for a cluster's executors.

    KINDRED_SPARK_ENVIRONMENT names the archive (docs/spark.md).
    """
    from analytics.spark_environment import pack

    size = pack(archive, python)
    click.echo(f"{archive} ({size / 1e6:,.0f} MB)")


def _pipeline(settings: Any, ehr: str | None) -> Any:
    from analytics.pipeline import Pipeline, only_ehr

    return Pipeline(settings, only_ehr(settings, ehr))


def _say_counts(pipeline: Any) -> None:
    for note in pipeline.notes:
        click.echo(note, err=True)
    for step, counts in pipeline.counts.items():
        dropped = ", ".join(f"{reason} {n:,}" for reason, n in counts["dropped"].items())
        words = f"{step}: {counts['read']:,} read, {counts['kept']:,} kept" + (
            f", dropped: {dropped}" if dropped else ""
        )
        click.echo(f"{words} ({pipeline.seconds[step]} s)", err=True)


if __name__ == "__main__":
    main()
