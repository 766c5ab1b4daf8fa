#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Boots the intrinsics payload once and holds what it says against what was built into it.

Every variant named by --ok must be reported ok, every one named by --broken must be reported broken
(they are wrong on purpose), each exactly once and no other; every behaviour must hold. Exit code 0
if so, 1 if not, 77 (skipped) without QEMU.
"""

import argparse
import collections
import shutil
import subprocess
import sys

SKIPPED = 77
DEADLINE_SECONDS = 40
MACHINE = ["-accel", "tcg", "-cpu", "max,+svm", "-machine", "q35", "-m", "64", "-nodefaults",
           "-no-user-config", "-display", "none", "-no-reboot", "-debugcon", "stdio"]


def run(qemu, payload):
    """What the payload printed, and a complaint about the emulator's end if there is one."""
    process = subprocess.Popen([qemu, *MACHINE, "-kernel", payload], stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE)
    try:
        output, _ = process.communicate(timeout=DEADLINE_SECONDS)
        complaint = f"QEMU ended with {process.returncode}" if process.returncode else None
    except subprocess.TimeoutExpired:
        process.kill()
        output, _ = process.communicate()
        complaint = f"no end after {DEADLINE_SECONDS} s"
    return output.decode(errors="replace").splitlines(), complaint


def by_name(lines, kind):
    """name -> all that was said of it, for lines of the form `kind name result…`."""
    said = collections.defaultdict(list)
    for line in lines:
        words = line.split(maxsplit=2)
        if len(words) == 3 and words[0] == kind:
            said[words[1]].append(words[2])
    return said


def complaints(lines, expected):
    """expected: variant name -> "ok" or "broken"."""
    variants = by_name(lines, "variant")
    for name, result in expected.items():
        said = variants.pop(name, [])
        if len(said) != 1:
            yield f"variant {name}: {len(said)} lines instead of one"
        elif said[0].split()[0] != result:
            yield f"variant {name}: {said[0]}, expected {result}"
    for name in variants:
        yield f"variant {name}: nobody built it"
    behaviours = by_name(lines, "behaviour")
    for name, said in behaviours.items():
        if len(said) != 1 or said[0].split()[0] not in ("ok", "skipped"):
            yield f"behaviour {name}: {said}"
    if not any(said[0] == "ok" for said in behaviours.values()):
        yield "no behaviour was found ok"
    end = f"end variants={len(expected)} behaviours={len(behaviours)}"
    if not lines or lines[-1] != end:
        yield f"the last line is {lines[-1:]}, not [{end!r}]"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--qemu", required=True)
    parser.add_argument("--payload", required=True)
    parser.add_argument("--ok", nargs="+", required=True)
    parser.add_argument("--broken", nargs="+", required=True)
    arguments = parser.parse_args()
    if not shutil.which(arguments.qemu):
        print(f"{arguments.qemu} is not installed")
        return SKIPPED
    expected = dict.fromkeys(arguments.ok, "ok") | dict.fromkeys(arguments.broken, "broken")
    lines, complaint = run(arguments.qemu, arguments.payload)
    print("\n".join(lines))
    found = [*([complaint] if complaint else []), *complaints(lines, expected)]
    for text in found:
        print(f"WRONG: {text}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
