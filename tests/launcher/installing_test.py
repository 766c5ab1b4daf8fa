#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""./vmrunit when something is missing: what it says, what it installs, and how it fails."""

import unittest

from fake_repository import SUDO, FakeRepository


class Installing(FakeRepository):
    def test_nothing_missing_does_not_touch_apt(self):
        self.assertEqual(self.run_launcher()[0], 0)
        self.assertEqual(self.calls("apt-get"), [])

    def test_says_what_is_missing_and_installs_just_that(self):
        self.set_state("installed", "alpha-dev\n")
        code, _, err = self.run_launcher()
        self.assertEqual(code, 0)
        self.assertIn("vmrunit: installing with apt: beta", err)
        simulated, installed = self.calls("apt-get")
        self.assertIn("--simulate", simulated)
        self.assertIn("--no-install-recommends", installed)
        self.assertTrue(installed.endswith(" install beta"))

    def test_empty_lists_are_fetched_first(self):
        self.set_state("installed", "")
        self.set_state("lists_are_empty")
        self.assertEqual(self.run_launcher()[0], 0)
        self.assertIn("update", " ".join(self.calls("apt-get")))

    def test_outdated_lists_are_fetched_after_a_failed_download(self):
        self.set_state("installed", "")
        self.add_tool("apt-get", """
            [[ " $* " == *" update "* ]] && touch "$FAKE_STATE/fresh"
            [[ -e $FAKE_STATE/fresh || " $* " == *" --simulate "* ]] || exit 100
            [[ " $* " == *" install "* ]] && printf 'alpha-dev\\nbeta\\n' >"$FAKE_STATE/installed"
            exit 0""")
        self.assertEqual(self.run_launcher()[0], 0)
        self.assertEqual(len(self.calls("dpkg")), 1)

    def test_apt_that_cannot_ends_in_one_clear_line(self):
        self.set_state("installed", "alpha-dev\n")
        self.set_state("apt_fails")
        code, out, err = self.run_launcher()
        self.assertEqual((code, out), (99, b""))
        self.assertIn("apt did not install beta", err[-1])
        self.assertIn("apt-get install --no-install-recommends beta", err[-1])
        self.assertEqual(self.calls("meson"), [])

    def test_user_with_sudo(self):
        self.set_state("installed", "")
        self.environment["FAKE_USER_ID"] = "1000"
        self.add_tool("sudo", SUDO)
        self.assertEqual(self.run_launcher("x")[:2], (0, b"x\0"))
        self.assertTrue(any(call.endswith("install alpha-dev beta")
                            for call in self.calls("sudo")))

    def test_user_without_sudo(self):
        self.set_state("installed", "alpha-dev\n")
        self.environment["FAKE_USER_ID"] = "1000"
        code, out, err = self.run_launcher()
        self.assertEqual((code, out, len(err)), (99, b"", 1))
        self.assertIn("apt-get install --no-install-recommends beta", err[0])
        self.assertEqual(self.calls("apt-get"), [])

    def test_user_without_sudo_needs_none_when_nothing_is_missing(self):
        self.environment["FAKE_USER_ID"] = "1000"
        self.assertEqual(self.run_launcher("x")[:2], (0, b"x\0"))


class OtherSystems(FakeRepository):
    def setUp(self):
        super().setUp()
        (self.system / "etc/os-release").write_text('ID=otherix\nVERSION_ID="7"\n')

    def test_one_clear_line(self):
        code, out, err = self.run_launcher()
        self.assertEqual((code, out, len(err)), (99, b"", 1))
        self.assertIn("otherix 7", err[0])
        self.assertIn("VMRUNIT_NO_INSTALL=1", err[0])

    def test_no_system_description_at_all(self):
        (self.system / "etc/os-release").unlink()
        code, _, err = self.run_launcher()
        self.assertEqual((code, len(err)), (99, 1))
        self.assertIn("unknown", err[0])

    def test_builds_with_what_is_there_when_told_so(self):
        self.set_state("installed", "")
        self.environment["VMRUNIT_NO_INSTALL"] = "1"
        self.assertEqual(self.run_launcher("x")[:2], (0, b"x\0"))
        self.assertEqual(self.calls("apt-get") + self.calls("dpkg-query"), [])


class BrokenBuilds(FakeRepository):
    def test_meson_that_fails_is_quoted_and_tried_again_next_time(self):
        self.set_state("meson_fails")
        code, out, err = self.run_launcher()
        self.assertEqual((code, out), (99, b""))
        self.assertIn("meson.build:7:0: ERROR: broken by the test", err[-1])
        self.clear_state("meson_fails")
        self.assertEqual(self.run_launcher("x")[:2], (0, b"x\0"))

    def test_no_meson(self):
        (self.bin / "meson").unlink()
        code, out, err = self.run_launcher()
        self.assertEqual((code, out, len(err)), (99, b"", 1))
        self.assertIn("meson is not installed", err[0])

    def test_failed_build_does_not_start_the_old_program(self):
        self.run_launcher()
        self.touch_source()
        self.set_state("ninja_fails")
        for _ in range(2):
            code, out, err = self.run_launcher("x")
            self.assertEqual((code, out), (99, b""))
            self.assertIn("the build failed", err[-1])
        self.clear_state("ninja_fails")
        self.assertEqual(self.run_launcher("x")[:2], (0, b"x\0"))

    def test_build_without_a_program(self):
        self.add_tool("ninja", "")
        code, _, err = self.run_launcher()
        self.assertEqual(code, 99)
        self.assertIn("host_runner/vmrunit", err[-1])

    def test_build_folder_that_cannot_be_made(self):
        self.environment["VMRUNIT_BUILD_DIR"] = str(self.root / "vmrunit/no folder")
        code, out, err = self.run_launcher()
        self.assertEqual((code, out, len(err)), (99, b"", 1))
        self.assertIn("cannot write to the build folder", err[0])

    def test_program_that_cannot_start(self):
        self.set_state("program", "#!/no/such/interpreter\n")
        code, out, err = self.run_launcher()
        self.assertEqual((code, out), (99, b""))
        self.assertIn("cannot start", err[-1])


if __name__ == "__main__":
    unittest.main()
