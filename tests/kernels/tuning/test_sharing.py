"""Several threads and processes at one table."""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch

from neurospike.kernels.tuning import lookup, record, table

CPU = torch.device("cpu")

PROGRAM = """
import torch
from neurospike.kernels.tuning import record
for row in range(8):
    record("op", torch.device("cpu"), ({first}, str(row)), {{"config": row}})
"""


def test_threads_lose_nothing() -> None:
    def one(row: int) -> None:
        record("op", CPU, (1, str(row)), {"config": row})
        assert lookup("op", CPU, (1, str(row))) == {"config": row}

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(one, range(24)))
    table.forget()
    assert len(table.rows(CPU)) == 24


def test_processes_lose_nothing(cache: Path) -> None:
    programs = [
        subprocess.Popen([sys.executable, "-c", PROGRAM.format(first=first)]) for first in (1, 64)
    ]
    assert [program.wait(timeout=300) for program in programs] == [0, 0]
    (path,) = (path for path in cache.rglob("*") if path.is_file())
    rows = json.loads(path.read_text("utf-8"))["rows"]
    assert sorted(row["key"] for row in rows) == [
        [first, str(row)] for first in (1, 64) for row in range(8)
    ]
