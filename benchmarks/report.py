"""A report of 10,000 dialogues: seconds, size of the page and memory, against dumping the same rows as plain JSON.

    python benchmarks/report.py [DIALOGUES] [FOLDER]

A few hundred dialogues are really synthesized (`broadband`, where both sides have databases; scripted, with planted
faults, so that some are rejected), then their rows are copied in the ledger under new ids, plans and all, until there
are enough. The report loads the ledger twice, runs every write of every dialogue again to show what it changed, and
packs the dialogues into the page. The anchor reads the same rows once and writes them as one JSON file, without
looking at anything; beside it, the size of that file under gzip. Each runs in a process of its own. With FOLDER, the
run and its page stay there.
"""

from __future__ import annotations

import gzip
import json
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from eigen_graph.report.build import build
from eigen_graph.report.page import write_page
from eigen_graph.runs import RunFolder

REAL = 250
COPIED = {
    "plans": {"id": "id || '-' || ?1", "idx": "idx + ?1 * ?2"},
    "instances": {
        "id": "'g0-' || substr('000000' || (idx + ?1 * ?2), -6)",
        "idx": "idx + ?1 * ?2",
        "plan_id": "plan_id || '-' || ?1",
    },
}
"""What is new in a copy: its id, and that of its plan."""


def make(folder: Path, dialogues: int) -> None:
    """A run of so many dialogues, accepted or not."""
    command = [sys.executable, "-m", "eigen_graph", "synthesize", "broadband", "--count", str(REAL), "--seed", "1"]
    subprocess.run([*command, "--model", "scripted?faults=0.3", "--out", str(folder)], check=True, capture_output=True)
    ledger = sqlite3.connect(folder / "ledger.sqlite", isolation_level=None)
    ledger.execute("begin")
    (own,) = ledger.execute("select max(idx) + 1 from instances").fetchone()
    (made,) = ledger.execute("select count(*) from instances").fetchone()
    for copy in range(1, -(-dialogues // made)):
        for table, changed in COPIED.items():
            names = [found[1] for found in ledger.execute(f"pragma table_info({table})")]
            values = ", ".join(changed.get(name, name) for name in names)
            ledger.execute(f"insert into {table} select {values} from {table} where idx < ?2", (copy, own))  # noqa: S608
    first_left = ledger.execute("select id from instances order by id limit 1 offset ?", (dialogues,)).fetchone()
    if first_left:
        ledger.execute("delete from instances where id >= ?", first_left)
        ledger.execute("delete from plans where id not in (select plan_id from instances)")
    ledger.execute("commit")
    ledger.close()


def measured(way: str, folder: Path, out: Path) -> dict[str, float]:
    """One way in a process of its own: seconds, megabytes on disk, peak memory in MB."""
    done = subprocess.run(
        [sys.executable, __file__, way, str(folder), str(out)], check=True, capture_output=True, text=True
    )
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found | {"size": out.stat().st_size / 1e6}


def child(way: str, folder: Path, out: Path) -> None:
    """Do it and say what it took."""
    before, began = _peak(), time.perf_counter()
    if way == "report":
        page, pieces = build([folder])
        built = time.perf_counter() - began
        write_page(page, pieces, out)
    else:
        with RunFolder.open(folder).reader() as ledger, out.open("w") as file:
            file.write("[\n")
            for number, row in enumerate(ledger.instances()):
                file.write(f"{',' if number else ''}{json.dumps(row.to_json())}\n")
            file.write("]\n")
        built = 0.0
    took = time.perf_counter() - began
    print(json.dumps({"seconds": took, "figures": built, "peak": _peak(), "before": before}))


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def main() -> None:
    """Make the run, measure both ways, print a table."""
    dialogues = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(sys.argv[2]) if len(sys.argv) > 2 else Path(temporary)
        folder = place / "run"
        shutil.rmtree(folder, ignore_errors=True)
        make(folder, dialogues)
        page = measured("report", folder, place / "report.html")
        dump = measured("dump", folder, Path(temporary) / "dump.json")
        packed = len(gzip.compress((Path(temporary) / "dump.json").read_bytes(), 6)) / 1e6
    print(f"{dialogues:,} dialogues")
    print("| | seconds | MB on disk | peak memory, MB (before it began) |")
    print("|---|---|---|---|")
    told = f"{page['seconds']:.1f} (figures {page['figures']:.1f})"
    print(f"| report.html | {told} | {page['size']:.1f} | {page['peak']:.0f} ({page['before']:.0f}) |")
    sizes = f"{dump['size']:.1f} (gzip {packed:.1f})"
    print(f"| plain JSON | {dump['seconds']:.1f} | {sizes} | {dump['peak']:.0f} ({dump['before']:.0f}) |")
    print(f"report : dump, seconds {page['seconds'] / dump['seconds']:.1f}, size {page['size'] / dump['size']:.2f}")


if __name__ == "__main__":
    if len(sys.argv) > 1 and sys.argv[1] in {"report", "dump"}:
        child(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
    else:
        main()
