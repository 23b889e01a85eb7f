"""tests/unsupported.txt: what is known to differ, one line each.

    target  pattern  reason

The pattern is matched against `file.py::case[parameters]` in the manner of the shell. A listed case
must fail: when it passes, its line has to go.
"""

import fnmatch
import pathlib

FILE = pathlib.Path(__file__).resolve().parents[1] / "unsupported.txt"


def read():
    """All lines as (target, pattern, reason)."""
    lines = FILE.read_text().splitlines()
    return [tuple(line.split(None, 2)) for line in lines if line and not line.startswith("#")]


def reason(target, case):
    """Why the case fails on the target, or None."""
    for where, pattern, why in read():
        # `[` is literal in a case's name and a set in a pattern: keep only `*` and `?`.
        if where == target and fnmatch.fnmatchcase(case, pattern.replace("[", "[[]")):
            return why
    return None


def judge(target, suite, results):
    """Compares a foreign program's results {case: message or None} with the list."""
    wrong = []
    for case, message in results.items():
        known = reason(target, f"{suite}::{case}")
        if message and not known:
            wrong.append(f"{case}: {message}")
        if known and not message:
            wrong.append(f"{case}: passes, take it out of unsupported.txt")
    return wrong
