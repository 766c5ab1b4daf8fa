#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The static checks find what they are for, on a small project with and without faults."""

import contextlib
import io
import json
import pathlib
import shutil
import tempfile
import unittest

import lint
import source_files
import tidy

ROOT = pathlib.Path(__file__).resolve().parents[2]
LICENCE_LINE = "// SPDX-License-Identifier: GPL-2.0-only\n"


class SmallProject(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name).resolve() / "project"
        self.build = self.root / "build of any name"
        (self.root / "harness").mkdir(parents=True)
        (self.build / "meson-private").mkdir(parents=True)
        for name in (".clang-format", ".clang-tidy"):
            shutil.copy(ROOT / name, self.root)
        self.write("harness/good.cpp", LICENCE_LINE + "int good() {\n    return 1;\n}\n")
        self.write("build of any name/generated.cpp", "int   Generated( ){return 1;}\n")

    def write(self, name, text):
        path = self.root / name
        path.write_text(text)
        return path

    def check(self, function, *arguments):
        """Runs a check in this process; returns its exit code and keeps what it printed."""
        if function in (lint.check_format, tidy.main) and not shutil.which("clang-tidy"):
            self.skipTest("clang is not installed")
        with contextlib.redirect_stdout(io.StringIO()) as out:
            code = function(str(self.root), *arguments)
        self.printed = out.getvalue()
        return code


class Files(SmallProject):
    def test_build_folders_and_hidden_folders_are_left_out(self):
        (self.root / ".cache").mkdir()
        self.write(".cache/x.cpp", "")
        self.assertEqual(source_files.cpp_files(self.root), ["harness/good.cpp"])

    def test_shell_scripts_by_name_and_by_first_line(self):
        self.write("library.sh", "")
        self.write("command", "#!/bin/bash\n")
        self.write("program", "#!/usr/bin/env python3\n")
        self.assertEqual(source_files.shell_scripts(self.root), ["command", "library.sh"])


class Checks(SmallProject):
    def test_format(self):
        self.assertEqual(self.check(lint.check_format), 0)
        self.write("harness/bad.cpp", LICENCE_LINE + "int   bad( ){return 1;}\n")
        self.assertEqual(self.check(lint.check_format), 1)

    def test_licence(self):
        self.assertEqual(self.check(lint.check_licence), 0)
        self.write("harness/bad.hpp", "#pragma once\n")
        self.assertEqual(self.check(lint.check_licence), 1)
        self.assertIn("harness/bad.hpp:1", self.printed)

    def test_evidence(self):
        for folder in ("docs", "baselines"):
            (self.root / folder).mkdir()
        self.write("docs/evidence.md", "| id | rule |\n| ENT-CPL | CPL is that of the field |\n")
        self.write("baselines/a.toml", 'reason = "X-1"\nevidence = "ENT-CPL, APM2 15.5.1"\n')
        self.assertEqual(self.check(lint.check_evidence), 0)
        self.write("baselines/b.toml", '\nevidence = "as ENT-CPL; D-QEMU-99"\n')
        self.assertEqual(self.check(lint.check_evidence), 1)
        self.assertIn("baselines/b.toml:2: D-QEMU-99", self.printed)

    def test_shell(self):
        if not shutil.which("shellcheck"):
            self.skipTest("shellcheck is not installed")
        self.write("good.sh", '#!/bin/bash\necho "$1"\n')
        self.assertEqual(self.check(lint.check_shell), 0)
        self.write("bad.sh", "#!/bin/bash\nrm $1\n")
        self.assertEqual(self.check(lint.check_shell), 1)


class Tidy(SmallProject):
    def tidy(self, *names):
        (self.build / "compile_commands.json").write_text(json.dumps([
            {"directory": str(self.build), "file": f"../{name}",
             "command": f"c++ -I.. -std=c++20 -mgeneral-regs-only -Wno-of-gcc-alone -c ../{name}"}
            for name in names]))
        return self.check(tidy.main, str(self.build))

    def test_clean_source_is_checked_once(self):
        self.assertEqual(self.tidy("harness/good.cpp"), 0)
        self.assertIn("1 files, 1 checked, 0 with findings", self.printed)
        self.assertEqual(self.tidy("harness/good.cpp"), 0)
        self.assertIn("1 files, 0 checked", self.printed)

    def test_changed_header_is_checked_again(self):
        self.write("harness/some.hpp", LICENCE_LINE + "inline int some() { return 1; }\n")
        self.write("harness/user.cpp", '#include "harness/some.hpp"\n')
        self.assertEqual(self.tidy("harness/user.cpp"), 0)
        self.write("harness/some.hpp", LICENCE_LINE + "inline int SomeName() { return 1; }\n")
        for _ in range(2):
            self.assertEqual(self.tidy("harness/user.cpp"), 1)
            self.assertIn("readability-identifier-naming", self.printed)

    def test_finding_in_a_header_is_printed_once(self):
        self.write("harness/some.hpp", "#pragma once\ninline int SomeName() { return 1; }\n")
        for name in ("one", "two"):
            self.write(f"harness/{name}.cpp", '#include "harness/some.hpp"\n')
        self.assertEqual(self.tidy("harness/one.cpp", "harness/two.cpp"), 1)
        self.assertEqual(self.printed.count("\nharness/some.hpp:2:12: error: "), 0, self.printed)
        self.assertTrue(self.printed.startswith("harness/some.hpp:2:12: error: "), self.printed)
        self.assertIn("2 with findings", self.printed)

    def test_source_location_is_known(self):
        self.write("harness/user.cpp", "#include <source_location>\nconst char* file_name(\n"
                   "    std::source_location where = std::source_location::current()) {\n"
                   "    return where.file_name();\n}\n")
        self.assertEqual(self.tidy("harness/user.cpp"), 0, self.printed)

    def test_no_source_is_no_success(self):
        self.assertEqual(self.tidy(), 1)


if __name__ == "__main__":
    unittest.main()
