#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""unconfirmed.py check|compare|update LIST ...: the committed list of what no target has shown yet.

LIST is cases/unconfirmed.inc. A line is a name without its axes and stands for its cases in every
mode: it is there if and only if none of them has passed on any target. RESULTS are results.jsonl
files of runs, or run folders.

check LIST PROGRAM        exit code 1 if a line names no case that PROGRAM lists
compare LIST RESULTS...   both kinds of mismatch, of names that have results: on the list although a
                          case passed; not on it although none did. Exit code 1 if there are any.
update LIST RESULTS...    mends both in LIST; names without results stay as they are

Give compare and update the results of every target there is: what passes on one that is left out
looks unconfirmed. Any one target is enough to show that a line is wrong.
"""

import json
import pathlib
import re
import subprocess
import sys

from case_names import LICENCE, show, split

HEAD = f"""{LICENCE.replace("#", "//")}
// Written by tests/case_names/unconfirmed.py update: names of which no case has passed on any target.
// clang-format off
"""
LINE = re.compile(r'VMRUNIT_UNCONFIRMED\("([a-z0-9_/]+)"\)')
PASSES = ("PASS", "XPASS")


def listed(path):
    """The names in the list; a line that is none is an error."""
    names = set()
    for line in path.read_text(encoding="utf-8").splitlines():
        found = LINE.fullmatch(line)
        if found:
            names.add(found[1])
        elif line and not line.startswith("//"):
            sys.exit(f"{path}: not understood: {line}")
    return names


def passed_and_not(files):
    """Names without axes that have results in the files: (those that passed, those that never did)."""
    passed, seen = set(), set()
    for file in files:
        path = pathlib.Path(file)
        with open(path / "results.jsonl" if path.is_dir() else path, encoding="utf-8") as lines:
            for line in lines:
                entry = json.loads(line)
                if entry["type"] == "result":
                    name = split(entry["name"])[0]
                    seen.add(name)
                    if entry["verdict"] in PASSES:
                        passed.add(name)
    if not seen:
        sys.exit("no result in the files")
    return passed, seen - passed


def check(path, program):
    done = subprocess.run([program, "list"], stdout=subprocess.PIPE, text=True, check=True)
    present = {split(name)[0] for name in done.stdout.split()}
    names = listed(path)
    print(f"{len(names)} unconfirmed names of {len(present)}")
    return show(f"No case has these names; take them out of {path}", names - present) or not present


def compare(path, *files):
    names = listed(path)
    passed, never = passed_and_not(files)
    bad = show(f"These have passed; take them out of {path}", names & passed)
    return show(f"These never passed; put them into {path}", never - names) or bad


def update(path, *files):
    names = listed(path)
    passed, never = passed_and_not(files)
    lines = [f'VMRUNIT_UNCONFIRMED("{name}")\n' for name in sorted(names - passed | never)]
    path.write_text(HEAD + "".join(lines) + "// clang-format on\n", encoding="utf-8")
    print(f"{len(names & passed)} confirmed now, {len(never - names)} put in, {len(lines)} in all")
    return False


COMMANDS = {"check": check, "compare": compare, "update": update}

if __name__ == "__main__":
    if len(sys.argv) < 4 or sys.argv[1] not in COMMANDS:
        sys.exit(__doc__)
    sys.exit(1 if COMMANDS[sys.argv[1]](pathlib.Path(sys.argv[2]), *sys.argv[3:]) else 0)
