"""One row of the bench's table, and the table."""

import json
import statistics
from dataclasses import asdict, dataclass

HEAD = (f"{'what':<48}{'ours':>12}{'theirs':>12}  {'ratio, median (least - most)':<30}{'goal':<9}{'CPU s':>15}"
        f"  {'peak':>9}  rounds")


@dataclass(frozen=True)
class Row:
    """One comparison. ours, theirs and cpu hold a value for each round, in the order of the rounds.

    ratio is ours over theirs for rates and the other way round for seconds, so that more is better; a row without
    `theirs` has its own figure judged by `goal`.
    """

    what: str
    unit: str  # "MB/s", "s", "ms", ...: of ours and theirs
    ours: list[float]
    theirs: list[float]
    goal: str = ""
    cpu: list[float] | None = None  # seconds of the processor, all processes
    their_cpu: list[float] | None = None
    peak_mb: float | None = None  # of ours, PSS of all processes
    note: str = ""

    def ratios(self) -> list[float]:
        """One for each round."""
        turned = self.unit in {"s", "ms"}
        return sorted(b / a if turned else a / b for a, b in zip(self.ours, self.theirs, strict=True))

    def words(self) -> str:
        """The line of the table."""
        ratios = self.ratios() if self.theirs else []
        spread = f"{statistics.median(ratios):.2f} ({ratios[0]:.2f} - {ratios[-1]:.2f})" if ratios else ""
        cpu = "/".join(f"{statistics.median(one):.1f}" for one in (self.cpu, self.their_cpu) if one)
        peak = f"{self.peak_mb:,.0f} MB" if self.peak_mb else ""
        return (f"{self.what:<48}{_figure(self.ours, self.unit):>12}{_figure(self.theirs, self.unit):>12}  {spread:<30}"
                f"{self.goal:<9}{cpu:>15}  {peak:>9}  {len(self.ours)}{'  ' + self.note if self.note else ''}")


def _figure(values: list[float], unit: str) -> str:
    if not values:
        return ""
    value = statistics.median(values)
    return f"{value:,.0f} {unit}" if value >= 100 else f"{value:.3g} {unit}"


def send(row: Row) -> None:
    """Hand a row to the process that prints the table."""
    print(json.dumps(asdict(row)), flush=True)


def received(line: str) -> Row:
    return Row(**json.loads(line))
