#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""A machine for each case comes to the same verdicts as one for all, and so do two at a time: `diff
--strict` of runs in a lab kernel, of cases that pass, deviate each time, and deviate now and then.

usage: lab_isolate_test.py VMRUNIT
"""

import json
import pathlib
import subprocess
import sys
import tempfile
import time

SKIPPED = 77
CASES = [
    "intercept/cpuid/*/l2_long64/cpl0/*/l1_long64",
    "intercept/cr8_write/taken/l2_long64/cpl0/*/l1_long64",
    "event/injected_int_n/vector_1/*/cpl0/*/l1_long64",
    "event/cut_short/*/nmi/l2_long64/cpl0/*/l1_long64",
    "event/cut_short/*/int_n/l2_long64/cpl0/*/l1_long64",
    "event/virtual_interrupt/priority_?_tpr_2/l2_long64/cpl0/*/l1_long64",
    "intercept/int_n/gate_dpl/not_taken/l2_prot32/cpl3/np1/l1_long64",
    "intercept/exception_df/contributory/not_taken/l2_prot32/cpl0/np1/l1_long64",
    "intercept/shutdown/absent_gates/taken/l2_prot32/cpl0/np1/l1_long64",
    "consistency/event_injection/type_5/vector_1/l1_long64",
]


def vmrunit(*arguments):
    done = subprocess.run(
        arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=580, check=False
    )
    return done.returncode, done.stdout


def main():
    program = sys.argv[1]
    with tempfile.TemporaryDirectory() as folder:
        results = []
        for arguments in ([], ["--jobs", "2"], ["--isolate"]):
            began = time.monotonic()
            results.append(pathlib.Path(folder) / f"{len(results)}.json")
            status, text = vmrunit(
                program, "run", *CASES, "--target", "lab:6.12", "--runs-folder", folder,
                "--json", results[-1], *arguments
            )
            print(f"{' '.join(arguments) or 'plain'}: {time.monotonic() - began:.1f} s")
            if status == 99 and "check the network" in text:
                print(text)
                return SKIPPED
            assert status == 0, text
        seen = {case["verdict"] for case in json.loads(results[0].read_text())["results"]}
        assert {"PASS", "XFAIL"} <= seen, seen
        for other in results[1:]:
            count = len(json.loads(other.read_text())["results"])
            status, text = vmrunit(program, "diff", "--strict", results[0], other)
            print(text)
            assert status == 0 and f"SAME  {count} of {count} cases unchanged" in text, status
    return 0


if __name__ == "__main__":
    sys.exit(main())
