#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""lint.py format|shell|licence|evidence ROOT: one static check over all files of the project it concerns.

Exit code 0 clean, 1 findings, 77 (skipped) if the tool is not installed.
"""

import os
import re
import shutil
import subprocess
import sys

import source_files

SKIPPED = 77
LICENCE = "SPDX-License-Identifier: GPL-2.0-only"


def run_tool(root, command, files):
    if not files:
        print("no file to check: the search for sources is broken")
        return 1
    if not shutil.which(command[0]):
        print(f"{command[0]} is not installed")
        return SKIPPED
    return 1 if subprocess.run([*command, *files], cwd=root, check=False).returncode else 0


def check_format(root):
    return run_tool(root, ["clang-format", "--dry-run", "--Werror"], source_files.cpp_files(root))


def check_shell(root):
    return run_tool(root, ["shellcheck", "--external-sources"], source_files.shell_scripts(root))


def check_licence(root):
    """The licence line is the first, or the second after `#!`."""
    files = source_files.files_with_licence_line(root)
    exit_code = 0 if files else 1
    for path in files:
        with open(os.path.join(root, path), encoding="utf-8") as file:
            first = file.readline()
            line = file.readline() if first.startswith("#!") else first
        if LICENCE not in line:
            print(f"{path}:1: no line with {LICENCE}")
            exit_code = 1
    return exit_code


def check_evidence(root):
    """Ids by which baselines name their evidence (ENT-CPL, D-QEMU-03) are in docs/evidence.md."""
    with open(os.path.join(root, "docs", "evidence.md"), encoding="utf-8") as file:
        known = set(re.findall(r"^\| ([A-Z0-9-]+) \|", file.read(), re.MULTILINE))
    exit_code = 0 if known else 1
    for path in source_files.baselines(root):
        with open(os.path.join(root, path), encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                if not line.startswith("evidence"):
                    continue
                for name in re.findall(r"\b[A-Z][A-Z0-9]*(?:-[A-Z0-9]+)+\b", line):
                    if name not in known:
                        print(f"{path}:{number}: {name} is not in docs/evidence.md")
                        exit_code = 1
    return exit_code


CHECKS = {"format": check_format, "shell": check_shell, "licence": check_licence,
          "evidence": check_evidence}

if __name__ == "__main__":
    sys.exit(CHECKS[sys.argv[1]](sys.argv[2]))
