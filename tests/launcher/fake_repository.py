# SPDX-License-Identifier: GPL-2.0-only
"""A throw-away copy of the launcher and its set-up scripts, on a machine where every tool that
installs, configures or builds is a stand-in that writes down how it was called.

The PATH holds nothing but the stand-ins and the few real tools that the scripts may use, so a test
decides whether there is a sudo, and a new dependency of the scripts is noticed.
"""

import os
import pathlib
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

SOURCE_ROOT = pathlib.Path(__file__).resolve().parents[2]

REAL_TOOLS = ["bash", "cp", "env", "find", "flock", "grep", "mkdir", "mv", "readlink", "rm", "tail",
              "touch"]

# Seconds until a test that waits for another process gives up. Only a failing test waits that long.
PATIENCE = 60

PROGRAM = """#!/bin/bash
printf '%s\\0' "$@"
exit "$(<"$FAKE_STATE/program_exit_code")"
"""

STAND_INS = {
    "id": 'printf "%s\\n" "$FAKE_USER_ID"',
    # Every stand-in makes noise on stdout, where only the program may write.
    "dpkg": 'echo "noise of dpkg"',
    "dpkg-query": """
        exit_code=0
        for package in "${@:4}"; do
            if grep --quiet --line-regexp --fixed-strings "$package" "$FAKE_STATE/installed"; then
                echo "$package amd64 installed"
            else
                exit_code=1
            fi
        done
        exit "$exit_code" """,
    "apt-get": """
        echo "noise of apt-get"
        [[ " $* " == *" update "* ]] && rm -f "$FAKE_STATE/lists_are_empty"
        [[ " $* " == *" install "* ]] || exit 0
        [[ -e $FAKE_STATE/lists_are_empty ]] && exit 100
        [[ " $* " == *" --simulate "* ]] && exit 0
        [[ -e $FAKE_STATE/apt_fails ]] && exit 100
        while [[ $1 != install ]]; do shift; done
        printf '%s\\n' "${@:2}" >>"$FAKE_STATE/installed" """,
    "meson": """
        echo "noise of meson"
        if [[ $1 == test ]]; then
            mkdir -p "$3/meson-logs"
            [[ -e $FAKE_STATE/testlog.json ]] &&
                cp "$FAKE_STATE/testlog.json" "$3/meson-logs/testlog.json"
            exit "$(<"$FAKE_STATE/meson_test_exit_code")"
        fi
        folder=${*: -2:1}
        if [[ -e $FAKE_STATE/meson_fails ]]; then
            echo "meson.build:7:0: ERROR: broken by the test"
            exit 1
        fi
        echo "part/meson.build:3: WARNING: a part is left out: install the package missing"
        mkdir -p "$folder/meson-private"
        touch "$folder/build.ninja" """,
    "ninja": """
        echo "noise of ninja"
        while [[ $1 != -C ]]; do shift; done
        mkdir -p "$2/host_runner"
        cp "$FAKE_STATE/program" "$2/host_runner/vmrunit"
        if [[ -p $FAKE_STATE/gate ]]; then
            echo started >"$FAKE_STATE/started"
            read -r _ <"$FAKE_STATE/gate"
        fi
        [[ ! -e $FAKE_STATE/ninja_fails ]]""",
}

SUDO = """
        while [[ $1 == --* ]]; do shift; done
        FAKE_USER_ID=0 exec "$@" """

PACKAGES = """# a comment line
run   alpha-dev   # why
run   beta
test  gamma       # why
"""


class FakeRepository(unittest.TestCase):
    """The fixture: a fresh machine on which the packages are installed and nothing is built."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="vmrunit launcher ")
        self.addCleanup(folder.cleanup)
        self.top = pathlib.Path(folder.name)
        self.root = self.top / "the repository"
        self.state = self.top / "state"
        self.bin = self.top / "bin"
        self.system = self.top / "system"
        for path in (self.root, self.state, self.bin, self.system / "etc",
                     self.system / "var/lib/dpkg"):
            path.mkdir(parents=True)
        for name in ("vmrunit", "test"):
            shutil.copy(SOURCE_ROOT / name, self.root)
        shutil.copytree(SOURCE_ROOT / "scripts", self.root / "scripts")
        (self.root / "scripts/packages.txt").write_text(PACKAGES)
        for name in ("harness", "host_runner", "cases", "tests"):
            (self.root / name).mkdir()
            (self.root / name / "source.cpp").write_text("")
        for name, body in STAND_INS.items():
            self.add_tool(name, body)
        for name in REAL_TOOLS:
            (self.bin / name).symlink_to(shutil.which(name))
        (self.bin / "python3").symlink_to(sys.executable)
        self.set_state("calls", "")
        self.set_state("installed", "alpha-dev\nbeta\ngamma\n")
        self.set_state("program_exit_code", "0")
        self.set_state("meson_test_exit_code", "0")
        self.set_state("program", PROGRAM)
        (self.state / "program").chmod(0o755)
        (self.system / "etc/os-release").write_text('ID=debian\nVERSION_ID="12"\n')
        (self.system / "var/lib/dpkg/status").write_text("")
        self.environment = {
            "PATH": str(self.bin), "FAKE_STATE": str(self.state), "FAKE_USER_ID": "0",
            "VMRUNIT_SYSTEM_ROOT": str(self.system), "PYTHONDONTWRITEBYTECODE": "1",
        }

    def add_tool(self, name, body):
        path = self.bin / name
        path.write_text('#!/bin/bash\n'
                        f'printf "%s\\n" "{name} $*" >>"$FAKE_STATE/calls"\n{body}\n')
        path.chmod(0o755)

    def set_state(self, name, text=""):
        (self.state / name).write_text(text)

    def clear_state(self, name):
        (self.state / name).unlink()

    def start(self, *arguments, command=None, cwd=None):
        command = command or self.root / "vmrunit"
        return subprocess.Popen(
            [command, *arguments], cwd=cwd or self.top, env=self.environment,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            start_new_session=True,
            # Whoever runs the tests may ignore SIGINT, and a shell cannot undo that.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))

    def run_launcher(self, *arguments, **options):
        """Runs to the end; returns exit code, stdout (bytes) and the lines of stderr."""
        return self.finish(self.start(*arguments, **options))

    def finish(self, process):
        try:
            out, err = process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            raise
        return process.returncode, out, err.decode().splitlines()

    def calls(self, tool=None):
        """How the stand-ins were called, oldest first; all of them or one tool's."""
        lines = (self.state / "calls").read_text().splitlines()
        return [line for line in lines if tool is None or line.split(" ")[0] == tool]

    def forget_calls(self):
        self.set_state("calls", "")

    def touch_source(self, name="harness/source.cpp"):
        os.utime(self.root / name)

    def hold_ninja(self):
        """From now on ninja waits, after it made the program, until release_ninja()."""
        self.pipes = {}
        for name in ("started", "gate"):
            os.mkfifo(self.state / name)
            # Opened for both directions, so that neither side waits for the other to open it.
            self.pipes[name] = os.open(self.state / name, os.O_RDWR)
            self.addCleanup(os.close, self.pipes[name])

    def wait_until_ninja_runs(self):
        ready, _, _ = select.select([self.pipes["started"]], [], [], PATIENCE)
        self.assertTrue(ready, "ninja was not started")
        os.read(self.pipes["started"], 100)

    def release_ninja(self):
        os.write(self.pipes["gate"], b"go\n")

    def stop_holding_ninja(self):
        for name in self.pipes:
            (self.state / name).unlink()
