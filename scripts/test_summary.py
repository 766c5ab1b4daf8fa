#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Adds up what `meson test` wrote into its JSON logs (one object per line and test).

test_summary.py EXIT_CODE LOG [EXIT_CODE LOG]...: each log comes with the exit code of the run that
wrote it, so that a run that broke off does not pass for a good one.

Prints the names of the tests that failed and, last, one line `N passed, N failed, N skipped`.
Exit code 0 only if nothing failed and something passed: a run without a test is no success.
"""

import collections
import json
import sys

KIND_OF_RESULT = {"OK": "passed", "EXPECTEDFAIL": "passed", "SKIP": "skipped"}


def read_results(exit_code, path):
    """Yields (name, result) of every test; a missing, cut or unexplained log is one failure more."""
    explained = exit_code == 0
    try:
        with open(path, encoding="utf-8") as log:
            for line in log:
                test = json.loads(line)
                explained = explained or test["result"] not in KIND_OF_RESULT
                yield test["name"], test["result"]
    except (OSError, ValueError, KeyError) as problem:
        yield path, f"ERROR: {problem}"
        explained = True
    if not explained:
        yield path, f"ERROR: the run ended with exit code {exit_code}"


def main(arguments):
    counts = collections.Counter()
    for exit_code, path in zip(arguments[::2], arguments[1::2]):
        for name, result in read_results(int(exit_code), path):
            kind = KIND_OF_RESULT.get(result, "failed")
            counts[kind] += 1
            if kind == "failed":
                print(f"failed: {name} ({result})")
    print(f"{counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped")
    return 0 if counts["passed"] and not counts["failed"] else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
