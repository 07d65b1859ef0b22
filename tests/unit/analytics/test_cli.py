"""The command line: help that is quick and has an example, and one sentence for everything that is wrong."""

import errno
import os
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest

from analytics import cli
from analytics.errors import KindredError

COMMANDS = sorted(cli.commands.commands)
HEAVY = [
    "pyspark", "duckdb", "pyarrow", "numpy", "pandas", "sklearn", "sqlalchemy", "requests", "flask",
    "authlib", "joserfc", "tomllib", "rich",
]  # fmt: skip
HELP = f"""
import sys
from click.testing import CliRunner
from analytics import cli
for name in ["", *cli.commands.commands]:
    result = CliRunner().invoke(cli.commands, [name, "--help"][not name:])
    assert result.exit_code == 0, name
print([name for name in {HEAVY!r} if name in sys.modules])
"""


def test_these_are_the_commands() -> None:
    expected = "build demo environment export fit load publish report rollback run sandbox score serve status verify"
    assert expected.split() == COMMANDS


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_sentence_and_an_example_that_is_true(name: str) -> None:
    command = cli.commands.commands[name]
    assert command.help and command.epilog and command.epilog.startswith(f"Example: kindred {name}")
    words = command.epilog.removeprefix("Example: kindred ").split()[1:]
    if name == "score":
        words[0] = __file__
    command.make_context(name, words)  # raises where the example is not a valid command line


def test_help_imports_nothing_heavy_and_is_quick() -> None:
    started = time.monotonic()
    ended = subprocess.run([sys.executable, "-c", HELP], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "[]"
    assert time.monotonic() - started < 2  # all commands together; one takes a fifth of a second


@pytest.mark.parametrize("words", [["--help"], ["status"], ["status", "--json"], ["score", "{file}"]])
def test_an_output_that_nobody_reads_any_more_ends_it_quietly(tmp_path: Path, words: list[str]) -> None:
    (tmp_path / "p.ndjson").write_text('{"resourceType": "Patient", "id": "p", "birthDate": "1960-01-01"}\n')
    reads, writes = os.pipe()
    os.close(reads)
    command = [sys.executable, "-m", "analytics.cli", *(word.format(file=tmp_path / "p.ndjson") for word in words)]
    with os.fdopen(writes, "wb") as output:
        ended = subprocess.run(command, env=os.environ | {"KINDRED_HOME": str(tmp_path)}, stdout=output,
                               stderr=subprocess.PIPE, timeout=60, check=False)  # fmt: skip
    assert (ended.returncode, ended.stderr) == (141, b"")


def test_a_connection_that_broke_is_no_output_that_nobody_reads(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def breaks(*_: object) -> None:
        raise BrokenPipeError(errno.EPIPE, "with-a-patient-id")

    monkeypatch.setattr("analytics.config.Settings.from_environment", breaks)
    code, out, err = kindred(capsys, monkeypatch, tmp_path, "status")
    assert (code, out) == (1, "") and err.startswith("This is a defect of Kindred (ConnectionError).")
    assert "patient-id" not in err


Run = tuple[int, str, str]


def kindred(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, home: Path, *words: str
) -> Run:
    """Exit code, stdout and stderr of the command in this process."""
    monkeypatch.setenv("KINDRED_HOME", str(home))
    monkeypatch.setattr(sys, "argv", ["kindred", *words])
    code: object = 0
    try:
        cli.main()
    except SystemExit as ended:
        code = ended.code or 0
    said = capsys.readouterr()
    assert isinstance(code, int)
    return code, said.out, said.err


WRONG = [
    (2, "nosuch", "No such command 'nosuch'."),
    (2, "status --nosuch", "No such option"),
    (2, "export", "Missing argument 'EHR'."),
    (2, "export a b", "unexpected extra argument"),
    (2, "build a --as-of 30.6.2026", "'30.6.2026' does not match"),
    (2, "build a --as-of 2026-02-30", "'2026-02-30' does not match"),
    (2, "score", "Missing argument 'FILES...'."),
    (2, "score nofile", "'nofile' does not exist."),
    (2, "score .", "is a directory"),
    (2, "demo --patients 0", "0 is not in the range"),
    (2, "demo --patients many", "'many' is not a valid integer"),
    (2, "demo --port 65436", "above 65435"),
    (2, "demo --data nofolder", "'nofolder' does not exist."),
    (3, "load", "There is no registry of EHRs"),
    (3, "run nosuch", "There is no registry of EHRs"),
    (3, "rollback", "There is no registry of EHRs"),
]


@pytest.mark.parametrize(("code", "line", "said"), WRONG, ids=[line for _, line, _ in WRONG])
def test_a_wrong_command_line_is_one_sentence(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, code: int, line: str, said: str
) -> None:
    found, out, err = kindred(capsys, monkeypatch, tmp_path, *line.split())
    assert (found, out, err.count("\n")) == (code, "", 1)
    assert said in err and "Traceback" not in err


def test_a_wrong_name_or_setting_is_one_sentence(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "ehrs.toml").write_text('[a]\nissuer = "https://a.example/fhir"\n')
    code, _, err = kindred(capsys, monkeypatch, tmp_path, "load", "b")
    assert code == 3 and "'b' is not a registered EHR" in err and "has: a." in err
    monkeypatch.setenv("KINDRED_LAKE", "ftp://x")
    code, _, err = kindred(capsys, monkeypatch, tmp_path, "status")
    assert code == 3 and err.startswith("KINDRED_LAKE is ")


def every(kind: type[KindredError]) -> list[type[KindredError]]:
    return [kind, *(sub for one in kind.__subclasses__() for sub in every(one))]


@pytest.mark.parametrize("kind", every(KindredError), ids=lambda kind: kind.__name__)
def test_no_traceback_for_an_error_of_ours(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kind: type[KindredError]
) -> None:
    def fail() -> None:
        raise kind("What went wrong.", "What to do.") from ValueError("ZZCANARY")

    monkeypatch.setitem(cli.commands.commands, "status", click.Command("status", callback=fail))
    assert kindred(capsys, monkeypatch, tmp_path, "status") == (
        kind.exit_code, "", "What went wrong. What to do.\n"
    )  # fmt: skip


def quoting_duckdb() -> None:
    import duckdb

    duckdb.sql("SELECT CAST('ZZCANARY' AS DOUBLE)").fetchall()


def test_a_foreign_error_is_told_by_its_class_alone_since_its_text_may_quote_a_value(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(cli.commands.commands, "status", click.Command("status", callback=quoting_duckdb))
    code, out, err = kindred(capsys, monkeypatch, tmp_path, "status")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "(ConversionException)" in err and "ZZCANARY" not in err and "KINDRED_DEBUG=1" in err


def test_its_stack_is_shown_to_who_asks_for_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(cli.commands.commands, "status", click.Command("status", callback=quoting_duckdb))
    monkeypatch.setenv("KINDRED_DEBUG", "1")
    with pytest.raises(Exception, match="ZZCANARY"):
        kindred(capsys, monkeypatch, tmp_path, "status")


def test_ctrl_c_is_no_traceback(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    monkeypatch.setitem(cli.commands.commands, "status", click.Command("status", callback=stop))
    code, out, err = kindred(capsys, monkeypatch, tmp_path, "status")
    assert (code, out, err.strip()) == (130, "", "Stopped.")


def test_status_and_score_print_data_on_stdout_alone(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import json

    code, out, err = kindred(capsys, monkeypatch, tmp_path / "home", "status", "--json")
    assert (code, json.loads(out)["releases"], err) == (0, [], "")
    file = tmp_path / "p.ndjson"
    file.write_text('{"resourceType": "Patient", "id": "p1", "birthDate": "1961", "gender": "female"}\n')
    code, out, err = kindred(capsys, monkeypatch, tmp_path / "home", "score", str(file), "--as-of", "2026-06-30")
    assert (code, json.loads(out)["patient"], err) == (0, "p1", "")
