"""The options of ``kindred export``: every parameter of Bulk Data's `$export`, each with an example.

Values are checked by ``analytics.export.checks`` before anything is sent; what is wrong there is a usage error here.
Nothing of the export is imported before it is needed: help must be quick.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from analytics.errors import ConfigError

_OPTIONS = (
    click.option("--group", metavar="ID", help="The members of this Group, e.g. --group diabetes-clinic"),
    click.option("--level", type=click.Choice(["system", "patient"]),
                 help="Everything, or all that belongs to patients, e.g. --level patient"),
    click.option("--since", metavar="INSTANT", help="Only what changed since: auto (the last complete export of the "
                 "same request), or e.g. --since 2026-06-30T00:00:00Z"),
    click.option("--until", metavar="INSTANT", help="Only what last changed up to, e.g. --until 2026-06-30T00:00:00Z"),
    click.option("--types", metavar="TYPE", multiple=True,
                 help="Resource types, repeated or with commas, e.g. --types Patient,Condition"),
    click.option("--type-filter", metavar="TYPE?SEARCH", multiple=True,
                 help="Fewer of a type, repeated ones are alternatives, e.g. --type-filter "
                 "'Observation?category=laboratory'"),
    click.option("--elements", metavar="ELEMENT", multiple=True, help="Only these, e.g. --elements id,Patient.gender"),
    click.option("--patient", metavar="ID", multiple=True, help="Only this patient of the group or level, repeated; or "
                 "a file with an id on each line, e.g. --patient @ids.txt"),
    click.option("--include-associated-data", metavar="NAME", multiple=True,
                 help="e.g. --include-associated-data LatestProvenanceResources"),
    click.option("--organize-output-by", metavar="TYPE", help="e.g. --organize-output-by Patient"),
    click.option("--allow-partial-manifests", is_flag=True, help="The EHR may list files in pages."),
    click.option("--lenient", is_flag=True, help="The EHR may pass over parameters that it does not know."),
    click.option("--separate-status", is_flag=True, help="The EHR may answer 200 with the status in X-Export-Status."),
    click.option("--method", type=click.Choice(["auto", "GET", "POST"]), default="auto", show_default=True,
                 help="How to start the export, e.g. --method POST"),
    click.option("--parallel", type=click.IntRange(1, 32), default=4, show_default=True,
                 help="Files at once, e.g. --parallel 1 for an EHR that is soon busy"),
)


def export_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command all of them."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def export_options_of(*, group: str | None = None, level: str | None = None, types: tuple[str, ...] = (),
                      type_filter: tuple[str, ...] = (), elements: tuple[str, ...] = (), patient: tuple[str, ...] = (),
                      include_associated_data: tuple[str, ...] = (), **others: Any) -> Any:
    """ExportOptions of what was typed. Raises click.UsageError."""
    from analytics.export import DEFAULT_TYPES, ExportOptions

    try:
        return ExportOptions(
            group=group, patient_level=level == "patient", system_level=level == "system",
            types=_listed(types) or DEFAULT_TYPES, type_filters=type_filter, elements=_listed(elements),
            patients=_ids(patient), include_associated_data=_listed(include_associated_data), **others)
    except ConfigError as error:
        raise click.UsageError(str(error)) from None


def _listed(given: tuple[str, ...]) -> tuple[str, ...]:
    """Values repeated or with commas, each once."""
    return tuple(dict.fromkeys(name.strip() for one in given for name in one.split(",") if name.strip()))


def _ids(given: tuple[str, ...]) -> tuple[str, ...]:
    found: list[str] = []
    for one in given:
        if one.startswith("@"):
            try:
                found += Path(one[1:]).read_text(encoding="utf-8").split()
            except (OSError, UnicodeDecodeError):
                raise click.UsageError(f"--patient: the file {one[1:]} cannot be read.") from None
        else:
            found.append(one)
    return tuple(dict.fromkeys(found))
