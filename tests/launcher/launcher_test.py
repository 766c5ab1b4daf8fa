#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""./vmrunit when everything is present: arguments, places, when it builds and what that costs."""

import os
import re
import signal
import subprocess
import time
import unittest

from fake_repository import PATIENCE, SOURCE_ROOT, FakeRepository

AWKWARD_ARGUMENTS = ["run", "", "a b", "*", "--", "-x", "$HOME", "`id`", "\\", "'\"", "line\nbreak",
                     "ünï", "~", "!", "{a,b}"]


class Arguments(FakeRepository):
    def assert_passed_on(self, arguments):
        code, out, _ = self.run_launcher(*arguments)
        self.assertEqual(code, 0)
        self.assertEqual(out, b"".join(a.encode() + b"\0" for a in arguments))

    def test_untouched_on_first_and_later_runs(self):
        self.assert_passed_on(AWKWARD_ARGUMENTS)
        self.assert_passed_on(AWKWARD_ARGUMENTS)

    def test_exit_code_is_the_programs(self):
        for expected in (0, 1, 4, 64, 99, 255):
            self.set_state("program_exit_code", str(expected))
            self.assertEqual(self.run_launcher()[0], expected)

    def test_stdout_belongs_to_the_program(self):
        self.set_state("installed", "")
        code, out, err = self.run_launcher("only this")
        self.assertEqual((code, out), (0, b"only this\0"))
        self.assertIn("noise of apt-get", err)

    def test_what_meson_leaves_out_is_said(self):
        said = "vmrunit: a part is left out: install the package missing"
        self.assertIn(said, self.run_launcher()[2])
        self.assertNotIn(said, self.run_launcher()[2], "once for each configuration")

    def test_program_takes_the_launchers_place(self):
        self.run_launcher()
        self.set_state("program", '#!/bin/bash\necho $$ "$0"\n')
        self.touch_source()
        process = self.start()
        _, out, _ = self.finish(process)
        self.assertEqual(out.split()[0], str(process.pid).encode())


class Places(FakeRepository):
    def test_from_another_folder_by_a_relative_path(self):
        (self.top / "else where").mkdir()
        code, out, _ = self.run_launcher("x", command="../the repository/vmrunit",
                                         cwd=self.top / "else where")
        self.assertEqual((code, out), (0, b"x\0"))
        self.assertTrue((self.root / "build/host_runner/vmrunit").exists())

    def test_by_symbolic_links(self):
        (self.top / "first link").symlink_to("the repository/vmrunit")
        (self.top / "second link").symlink_to(self.top / "first link")
        code, out, _ = self.run_launcher("x", command=self.top / "second link")
        self.assertEqual((code, out), (0, b"x\0"))

    def test_build_folder_of_ones_own(self):
        for folder in ("relative folder", str(self.top / "absolute folder")):
            self.environment["VMRUNIT_BUILD_DIR"] = folder
            self.assertEqual(self.run_launcher("x")[:2], (0, b"x\0"))
            self.assertTrue((self.top / folder / "host_runner/vmrunit").exists())
        self.assertFalse((self.root / "build").exists())

    def test_moved_repository_is_configured_anew(self):
        self.run_launcher()
        leftover = self.root / "build/leftover"
        leftover.write_text("")
        self.root = self.root.rename(self.top / "moved repository")
        self.forget_calls()
        self.assertEqual(self.run_launcher("x")[:2], (0, b"x\0"))
        self.assertEqual(len(self.calls("meson")), 1)
        self.assertFalse((self.root / "build/leftover").exists())

    def test_folder_that_is_no_build_folder_is_not_emptied(self):
        precious = self.root / "build/precious"
        precious.parent.mkdir()
        precious.write_text("")
        self.assertEqual(self.run_launcher()[0], 0)
        self.assertTrue(precious.exists())


class Rebuilding(FakeRepository):
    def setUp(self):
        super().setUp()
        self.assertEqual(self.run_launcher()[0], 0)
        self.forget_calls()

    def test_nothing_is_called_when_nothing_changed(self):
        _, _, err = self.run_launcher()
        self.assertEqual(self.calls(), [])
        self.assertEqual(err, [])

    def test_a_changed_new_or_deleted_source_is_built_once(self):
        source = self.root / "cases/source.cpp"
        for change in (lambda: self.touch_source("cases/source.cpp"),
                       lambda: (self.root / "cases/new.cpp").write_text(""), source.unlink):
            change()
            self.run_launcher()
            self.run_launcher()
            self.assertEqual(len(self.calls("ninja")), 1)
            self.assertEqual(self.calls("meson"), [])
            self.forget_calls()

    def test_a_changed_test_is_not_the_programs_business(self):
        self.touch_source("tests/source.cpp")
        self.run_launcher()
        self.assertEqual(self.calls(), [])

    def test_changed_package_list_is_looked_at_again(self):
        self.touch_source("scripts/packages.txt")
        self.run_launcher()
        self.run_launcher()
        self.assertEqual(len(self.calls("dpkg-query")), 1)
        self.assertEqual(self.calls("apt-get") + self.calls("meson"), [])

    def test_changed_packages_are_looked_at_again_and_found_by_meson(self):
        os.utime(self.system / "var/lib/dpkg/status")
        self.run_launcher()
        self.run_launcher()
        self.assertEqual(len(self.calls("dpkg-query")), 1)
        self.assertEqual(self.calls("apt-get"), [])
        self.assertEqual(len(self.calls("meson")), 1)
        self.assertIn("--reconfigure", self.calls("meson")[0])

    def test_source_edited_during_a_build_is_built_by_the_next_run(self):
        self.hold_ninja()
        self.touch_source()
        process = self.start()
        self.wait_until_ninja_runs()
        self.touch_source()
        self.release_ninja()
        self.finish(process)
        self.stop_holding_ninja()
        self.run_launcher()
        self.assertEqual(len(self.calls("ninja")), 2)
        self.run_launcher()
        self.assertEqual(len(self.calls("ninja")), 2)

    def test_interrupted_build_is_repeated(self):
        for stop in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
            self.hold_ninja()
            self.touch_source()
            process = self.start("x")
            self.wait_until_ninja_runs()
            os.killpg(process.pid, stop)
            code, out, err = self.finish(process)
            self.assertEqual(out, b"")
            if stop == signal.SIGINT:
                self.assertEqual(code, 130)
                self.assertIn("interrupted", err[-1])
            self.stop_holding_ninja()
            self.forget_calls()
            self.assertEqual(self.run_launcher("x")[:2], (0, b"x\0"))
            self.assertEqual(len(self.calls("ninja")), 1)

    def test_half_configured_folder_is_repaired(self):
        (self.root / "build/build.ninja").unlink()
        self.touch_source()
        self.assertEqual(self.run_launcher("x")[:2], (0, b"x\0"))
        self.assertEqual(len(self.calls("meson")), 1)

    def test_two_launches_build_once(self):
        self.hold_ninja()
        self.touch_source()
        first = self.start("first")
        self.wait_until_ninja_runs()
        second = self.start("second")
        self.assertIn(b"waiting for another build", second.stderr.readline())
        self.release_ninja()
        self.assertEqual(self.finish(first)[:2], (0, b"first\0"))
        self.assertEqual(self.finish(second)[:2], (0, b"second\0"))
        self.assertEqual(len(self.calls("ninja")), 1)

    def test_lock_is_not_held_while_the_program_runs(self):
        self.set_state("program", '#!/bin/bash\necho running\nread -r _ <"$FAKE_STATE/hold"\n')
        os.mkfifo(self.state / "hold")
        hold = os.open(self.state / "hold", os.O_RDWR)
        self.addCleanup(os.close, hold)
        self.touch_source()
        first = self.start()
        self.assertEqual(first.stdout.readline(), b"running\n")
        self.set_state("program", '#!/bin/bash\necho second\n')
        self.touch_source()
        self.assertEqual(self.run_launcher()[:2], (0, b"second\n"))
        os.write(hold, b"go\n")
        self.assertEqual(self.finish(first)[0], 0)


class Delay(FakeRepository):
    # Measured: two to three. The bound leaves room for a loaded machine and still notices a
    # launcher that asks dpkg, ninja or Meson each time.
    BOUND = 12

    def test_delay_is_a_small_multiple_of_starting_the_program(self):
        for folder in ("harness", "cases", "host_runner"):
            for number in range(200):
                (self.root / folder / f"source_{number}.cpp").write_text("")
        self.run_launcher()
        direct, launched = [], []
        program = self.root / "build/host_runner/vmrunit"
        for _ in range(20):
            direct.append(self.seconds(program))
            launched.append(self.seconds(self.root / "vmrunit"))
        self.assertLess(min(launched) / min(direct), self.BOUND)

    def seconds(self, command):
        begin = time.perf_counter()
        subprocess.run([command], env=self.environment, check=True, timeout=PATIENCE,
                       stdout=subprocess.DEVNULL)
        return time.perf_counter() - begin


class SourceFolders(unittest.TestCase):
    def test_every_folder_of_the_build_is_watched(self):
        launcher = (SOURCE_ROOT / "vmrunit").read_text()
        watched = re.search(r"^sources=\((.*)\)$", launcher, re.MULTILINE).group(1).split()
        meson = (SOURCE_ROOT / "meson.build").read_text()
        built = set(re.findall(r"^subdir\('(\w+)'\)", meson, re.MULTILINE))
        self.assertIn("host_runner", built)
        self.assertLessEqual(built - {"tests"}, set(watched))


if __name__ == "__main__":
    unittest.main()
