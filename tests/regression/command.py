# SPDX-License-Identifier: GPL-2.0-only
"""What the tests of this folder share: the program, a folder of its own for its state, and a time
limit for each start of it."""

import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

PATIENCE = 120


class CommandTest(unittest.TestCase):
    program = pathlib.Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else None

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="vmrunit-regression-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.environment = {key: value for key, value in os.environ.items()
                            if not key.startswith(("VMRUNIT_", "GTEST_", "KSFT_", "GIT_"))}
        self.environment.update(XDG_STATE_HOME=str(self.folder / "state"), NO_COLOR="1",
                                COLUMNS="100")

    def vmrunit(self, *arguments, **more):
        options = {"capture_output": True, "text": True, "timeout": PATIENCE, "check": False,
                   "stdin": subprocess.DEVNULL, "cwd": self.folder,
                   "env": {**self.environment, **more.pop("environment", {})}}
        return subprocess.run([str(self.program), *map(str, arguments)], **{**options, **more})

    def check(self, ran, status, *texts, stream="stdout"):
        """The exit status, and that each text was said."""
        both = ran.stdout + ran.stderr
        self.assertEqual(ran.returncode, status, both)
        for text in texts:
            self.assertIn(text, getattr(ran, stream))

    def path(self, *names):
        return self.folder.joinpath(*names)


def main():
    unittest.main(argv=[sys.argv[0]], verbosity=2)
