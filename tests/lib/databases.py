# SPDX-License-Identifier: MIT
"""Reads files as databases do. The readers are Python packages that tests/setup installs into build/python."""

import importlib
import os
import sys

from lib.harness import BUILD, Skip, check_equal

FOLDER = os.path.join(BUILD, "python")
TABLES = ("sites", "processes", "timeline")


def package(name):
    """Import a package of tests/python/requirements.txt."""
    if FOLDER not in sys.path:
        sys.path.insert(0, FOLDER)
    try:
        return importlib.import_module(name)
    except ImportError:
        raise Skip(f"{name} for Python (tests/setup)") from None


def rows(query):
    """Ask DuckDB. Each row is a dictionary."""
    found = package("duckdb").sql(query)
    return [dict(zip(found.columns, row)) for row in found.fetchall()]


def check_same_tables(stem, kinds=("parquet", "jsonl")):
    """Both formats have the same columns and rows, to DuckDB and, if it is there, to ClickHouse. Returns who has read them."""
    readers = ["DuckDB"]
    for table in TABLES:
        files = [f"{stem}.{table}.{kind}" for kind in kinds]
        if not os.path.getsize(files[1]):  # JSON Lines without rows have no columns
            check_equal(rows(f"select count(*) as n from '{files[0]}'"), [{"n": 0}], f"rows of {table}")
            continue
        columns = [[row["column_name"] for row in rows(f"describe from '{file}'")] for file in files]
        check_equal(columns[0], columns[1], f"columns of {table}")
        counts = [rows(f"select count(*) as n from '{file}'")[0]["n"] for file in files]
        check_equal(counts[0], counts[1], f"rows of {table}")
        for one, other in (files, files[::-1]):
            check_equal(rows(f"from '{one}' except all from '{other}'")[:1], [], f"{one} has, and {other} lacks")
    try:
        chdb = package("chdb")
    except Skip:
        return readers
    wanted = rows(f"select count(*) as n, sum(total_bytes) as b from '{stem}.sites.parquet'")[0]
    found = chdb.query(f"select count(*), ifNull(sum(toInt128(total_bytes)), 0), sum(length(stack)) > 0 from file('{stem}.sites.parquet', Parquet)", "CSV")
    check_equal(str(found).strip(), f"{wanted['n']},{wanted['b'] or 0},{int(wanted['n'] > 0)}", "ClickHouse")
    return readers + ["ClickHouse"]
