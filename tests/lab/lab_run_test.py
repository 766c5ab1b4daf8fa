#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""`vmrunit run` on a lab target from end to end: one machine, two at a time and one for every case
must give the same verdicts. lab_run_test.py VMRUNIT"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TARGET = "lab:6.12"
CASES = [
    "intercept/cpuid/taken*/l2_long64/*/l1_long64",
    "intercept/cpuid/not_taken*/l2_long64/*/l1_long64",
]
SKIPPED = 77


def run(program, folder, *arguments):
    """Returns exit status, {case: verdict} and everything that was printed."""
    results = Path(folder) / "results.json"
    results.unlink(missing_ok=True)
    began = time.monotonic()
    done = subprocess.run(
        [program, "run", "--target", TARGET, *CASES, "--json", results, "--runs-folder", folder]
        + list(arguments),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    print(f"{' '.join(arguments) or 'plain'}: {time.monotonic() - began:.1f} s")
    verdicts = {}
    if results.exists():
        verdicts = {
            case["name"]: case["verdict"] for case in json.loads(results.read_text())["results"]
        }
    return done.returncode, verdicts, done.stdout


def main():
    program = sys.argv[1]
    with tempfile.TemporaryDirectory() as folder:
        status, verdicts, text = run(program, folder)
        if status == 99 and "check the network" in text:
            print(text)
            return SKIPPED
        assert status == 0, text
        assert len(verdicts) == 16, sorted(verdicts)
        assert set(verdicts.values()) == {"PASS"}, verdicts
        for arguments in (["--jobs", "2"], ["--isolate"]):
            assert run(program, folder, *arguments)[:2] == (0, verdicts), arguments
    return 0


if __name__ == "__main__":
    sys.exit(main())
