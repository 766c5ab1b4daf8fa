#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""case_names.py check|update FOLDER PROGRAM: the committed list of all case names.

Names are permanent: filters, baselines and other people's scripts carry them. FOLDER has a file
AREA.txt for every first word of a name. A line is a name without its axes, then one word per axis
with the values it takes there, `l2_{compat,long64}`; it stands for every combination. A name whose
combinations are not one product has several lines. A line that two branches both touched is merged
by keeping both (.gitattributes): the list is a set, so that is right.

retired.txt has a name or a glob per line, with the reason behind it: cases that are gone for good.

check   exit code 1 unless the names PROGRAM lists are those of the list
update  writes the list anew, unless a name is gone that is not retired: then exit code 1
"""

import fnmatch
import itertools
import pathlib
import re
import subprocess
import sys

LICENCE = "# SPDX-License-Identifier: GPL-2.0-only"
MOST_SHOWN = 20
RETIRED = "retired.txt"
# The axes at the end of a name, in their order. A value of an axis that is not here yet stays part
# of the name before it: the list is then longer, not wrong.
AXES = [r"l2_[a-z0-9_]+", r"cpl[0-9]", r"np[0-9]", r"l1_[a-z0-9]+"]
AXIS_VALUE = re.compile("|".join(f"(?:{axis})" for axis in AXES))
SET = re.compile(r"(.*)\{(.*)\}")


def split(name):
    """`a/b/c/l2_pae/cpl0` as ("a/b/c", ("l2_pae", "cpl0"))."""
    words = name.split("/")
    first = len(words)
    while first > 1 and AXIS_VALUE.fullmatch(words[first - 1]):
        first -= 1
    return "/".join(words[:first]), tuple(words[first:])


def axis_of(value):
    """`l2_pae` as ("l2_", "pae")."""
    at = value.index("_") + 1 if "_" in value else len(value) - 1
    return value[:at], value[at:]


def products(combinations):
    """The fewest products this simple way finds: axis by axis, what differs only there is joined.

    A combination is a tuple of values, all of the same axes; a product a tuple of sorted tuples."""
    parts = {tuple((value,) for value in one) for one in combinations}
    for axis in range(len(combinations[0])):
        joined = {}
        for part in parts:
            joined.setdefault((part[:axis], part[axis + 1:]), set()).update(part[axis])
        parts = {(*before, tuple(sorted(values)), *after)
                 for (before, after), values in joined.items()}
    return sorted(parts)


def word_of(values):
    if len(values) == 1:
        return values[0]
    prefix = axis_of(values[0])[0]
    return prefix + "{" + ",".join(axis_of(value)[1] for value in values) + "}"


def values_of(word):
    found = SET.fullmatch(word)
    return [found[1] + value for value in found[2].split(",")] if found else [word]


def lines_of(names):
    bases = {}
    for name in names:
        base, values = split(name)
        # Only values of one axis may be joined, so the axes are part of the key.
        bases.setdefault((base, tuple(axis_of(value)[0] for value in values)), []).append(values)
    lines = [" ".join([base, *map(word_of, product)])
             for (base, _), combinations in bases.items() for product in products(combinations)]
    return sorted(lines)


def names_of(line):
    base, *words = line.split()
    return ["/".join([base, *values]) for values in itertools.product(*map(values_of, words))]


def content_lines(path):
    for line in path.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            yield line


def listed_names(folder):
    return {name for path in sorted(folder.glob("*.txt")) if path.name != RETIRED
            for line in content_lines(path) for name in names_of(line)}


def retired_globs(folder):
    """{glob: reason}; a line without a reason is an error."""
    globs = {}
    for line in content_lines(folder / RETIRED):
        glob, _, reason = line.partition(" ")
        if not reason.strip():
            sys.exit(f"{folder / RETIRED}: {glob}: say behind it why it is retired")
        globs[glob] = reason.strip()
    return globs


def program_names(program):
    done = subprocess.run([program, "list"], stdout=subprocess.PIPE, text=True, check=True)
    return set(done.stdout.split())


def show(what, names):
    """Prints what and the names, a good number of them; true if there are any."""
    if names:
        print(f"{what}:")
        for name in sorted(names)[:MOST_SHOWN]:
            print(f"  {name}")
        if len(names) > MOST_SHOWN:
            print(f"  and {len(names) - MOST_SHOWN} more")
    return bool(names)


def compare(folder, present):
    """(gone for no stated reason, retired and there all the same, new)"""
    listed = listed_names(folder)
    globs = retired_globs(folder)

    def retired(name):
        return any(fnmatch.fnmatchcase(name, glob) for glob in globs)
    gone = {name for name in listed - present if not retired(name)}
    back = {name for name in present if retired(name)} if globs else set()
    return gone, back, present - listed


def complain(gone, back):
    bad = show("Names are permanent, and these are gone; give the cases their names back, or put "
               f"them into {RETIRED} with the reason", gone)
    return show(f"These stand in {RETIRED}; take them out there or give the cases other names",
                back) or bad


def check(folder, program):
    present = program_names(program)
    gone, back, new = compare(folder, present)
    bad = complain(gone, back)
    if show("New cases that are not in the list yet", new):
        print(f"Put them in: {sys.argv[0]} update {folder} {program}")
        bad = True
    # A retired name may stay in the list until the next update.
    print(f"{len(present)} names, {len(new)} new, {len(gone)} gone")
    return bad or not present


def update(folder, program):
    present = program_names(program)
    gone, back, new = compare(folder, present)
    if complain(gone, back) or not present:
        return True
    areas = {}
    for name in present:
        areas.setdefault(name.split("/")[0], []).append(name)
    for path in folder.glob("*.txt"):
        if path.name != RETIRED and path.stem not in areas:
            path.unlink()
    for area, names in areas.items():
        text = "\n".join([LICENCE, "# Written by case_names.py update.", *lines_of(names), ""])
        (folder / f"{area}.txt").write_text(text, encoding="utf-8")
    print(f"{len(present)} names, {len(new)} of them new")
    return False


if __name__ == "__main__":
    if len(sys.argv) != 4 or sys.argv[1] not in ("check", "update"):
        sys.exit(__doc__)
    COMMAND = check if sys.argv[1] == "check" else update
    sys.exit(1 if COMMAND(pathlib.Path(sys.argv[2]), sys.argv[3]) else 0)
