#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""tidy.py ROOT BUILD: clang-tidy over every C++ source that Meson compiles, guest and host.

The commands are GCC's; what clang does not know is taken out. In a unity build one check covers the
sources that are compiled together. A source found clean is not checked again until it, a project
file it includes, its command, .clang-tidy or clang-tidy has changed: the memory is
BUILD/clang-tidy-clean, empty files named by digest.

Exit code 0 clean, 1 findings, 77 (skipped) if clang-tidy is not installed.
"""

import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys

SKIPPED = 77
# Without floating-point registers clang rejects even the declarations of the standard library.
GCC_ONLY = {"-mgeneral-regs-only"}
PRELUDE = pathlib.Path(__file__).resolve().with_name("clang_prelude.hpp")
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', re.MULTILINE)
UNITY = re.compile(r"-unity[0-9]+\.cpp$")
FINDING = re.compile(r"^(.+?):\d+:\d+: (error|warning): |^(error|warning): ")


class Source:
    """One file to check, its compile command without what only GCC takes."""

    def __init__(self, entry):
        self.folder = pathlib.Path(entry["directory"])
        self.path = (self.folder / entry["file"]).resolve()
        words = shlex.split(entry["command"])
        self.arguments = [word for word in words if word not in GCC_ONLY]
        self.arguments += ["-Wno-unknown-warning-option", "-include", str(PRELUDE)]
        self.include_folders = [(self.folder / word[2:]).resolve() for word in words
                                if word.startswith("-I")]

    def database_entry(self):
        return {"directory": str(self.folder), "file": str(self.path),
                "arguments": self.arguments}

    def is_unity(self):
        """Whether Meson made this source to compile several others together."""
        return bool(UNITY.search(self.path.name))

    def project_files(self, root):
        """The source and every file of the project that it includes, directly or not."""
        found, waiting = set(), [self.path]
        while waiting:
            path = waiting.pop()
            of_project = path == self.path or root in path.parents
            if path in found or not of_project or not path.is_file():
                continue
            found.add(path)
            for name in INCLUDE.findall(path.read_text(encoding="utf-8")):
                waiting.extend((folder / name).resolve()
                               for folder in [path.parent, *self.include_folders])
        return sorted(found)

    def digest(self, root, common):
        state = hashlib.sha256(common)
        state.update(json.dumps(self.arguments).encode() + PRELUDE.read_bytes())
        for path in self.project_files(root):
            state.update(os.path.relpath(path, root).encode() + b"\0" + path.read_bytes())
        return state.hexdigest()


def read_sources(root, build):
    """Each C++ file once, however many programs it is compiled into."""
    entries = json.loads((build / "compile_commands.json").read_text(encoding="utf-8"))
    sources = {}
    for entry in entries:
        source = Source(entry)
        if source.path.suffix == ".cpp" and {root, build} & set(source.path.parents):
            sources.setdefault(source.path, source)
    return [sources[path] for path in sorted(sources)]


def check(source, database):
    """Runs clang-tidy; returns (is clean, output)."""
    # A unity source is nothing but includes of sources.
    checks = ["--checks=-bugprone-suspicious-include"] if source.is_unity() else []
    result = subprocess.run(
        ["clang-tidy", "--quiet", "-p", str(database), *checks, str(source.path)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    if result.returncode == 0:
        return True, ""
    return False, result.stdout or result.stderr


def print_new(root, build, output, already_printed):
    """A finding in a header comes up in every source that includes it; it is printed once."""
    show = True
    for line in output.splitlines():
        finding = FINDING.match(line)
        if finding:
            if finding[1]:
                path = os.path.relpath(build / finding[1], root)
                line = path + line[finding.end(1):]
            show = line not in already_printed
            already_printed.add(line)
        if show:
            print(line)


def main(root, build):
    if not shutil.which("clang-tidy"):
        print("clang-tidy is not installed")
        return SKIPPED
    root, build = pathlib.Path(root).resolve(), pathlib.Path(build).resolve()
    sources = read_sources(root, build)
    if not sources:
        print("no file to check: compile_commands.json names none of the project")
        return 1

    version = subprocess.run(["clang-tidy", "--version"], stdout=subprocess.PIPE, check=True)
    common = version.stdout + (root / ".clang-tidy").read_bytes()
    clean = build / "clang-tidy-clean"
    database = build / "clang-tidy-database"
    for folder in (clean, database):
        folder.mkdir(exist_ok=True)
    (database / "compile_commands.json").write_text(
        json.dumps([source.database_entry() for source in sources]), encoding="utf-8")

    digests = {source: source.digest(root, common) for source in sources}
    for old in clean.iterdir():
        if old.name not in digests.values():
            old.unlink()
    waiting = [source for source in sources if not (clean / digests[source]).exists()]
    failures, printed = 0, set()
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = pool.map(lambda source: check(source, database), waiting)
        for source, (is_clean, output) in zip(waiting, results):
            if is_clean:
                (clean / digests[source]).touch()
            else:
                failures += 1
                print_new(root, build, output, printed)
    print(f"{len(sources)} files, {len(waiting)} checked, {failures} with findings")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
