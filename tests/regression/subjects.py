# SPDX-License-Identifier: GPL-2.0-only
"""Subjects that are wrong in a known way: a payload whose CPUID program executes something else,
which looks to the runner like a hypervisor that does not intercept CPUID, and QEMUs that boot it."""

import pathlib
import shutil

# CPUID, and the VMMCALL that every L2 program ends with.
CPUID = bytes.fromhex("0fa20f01d9")
NOTHING = bytes.fromhex("90900f01d9")
LOOP = bytes.fromhex("ebfe0f01d9")
CASE = "intercept/cpuid/taken/l2_long64/cpl0/np1/l1_long64"
UNHARMED = "intercept/rdtsc/taken/l2_long64/cpl0/np1/l1_long64"


def broken_payload(payload, into, instead=NOTHING):
    """A copy of `payload` in the file `into`, with CPUID programs that do nothing, or never end."""
    content = pathlib.Path(payload).read_bytes()
    assert CPUID in content, "the payload has no CPUID program"
    into.write_bytes(content.replace(CPUID, instead))
    return into


def qemu(path, good, bad=None, once=None):
    """A program that is QEMU, but for that it boots `bad` for `good`: always, or, with a file
    `once`, only the first time."""
    swap = ""
    if bad:
        wanted = f'[ ! -e "{once}" ] && case " $* " in *" -kernel "*) : >"{once}";; esac' if once \
            else "true"
        first = f'[ -e "{once}" ] && skip=1 || skip=0\n' if once else "skip=0\n"
        swap = first + f"{wanted} || :\n" + f"""n=$#
while [ "$n" -gt 0 ]; do
    word=$1; shift; n=$((n - 1))
    [ "$skip" = 0 ] && [ "$word" = "{good}" ] && word="{bad}"
    set -- "$@" "$word"
done
"""
    path.write_text(f"#!/bin/sh\n{swap}exec {shutil.which('qemu-system-x86_64')} \"$@\"\n")
    path.chmod(0o755)
    return path
