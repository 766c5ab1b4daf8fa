# SPDX-License-Identifier: GPL-2.0-only
"""What the end-to-end tests share: the programs under test, and a folder for each test's run.

The environment names them: VMRUNIT, the real program; OUTSIDER and OUTSIDER_PAYLOAD, the one that an
outsider wrote on the libraries.
"""

import json
import os
import pathlib
import subprocess
import tempfile
import time
import unittest

VMRUNIT = [os.environ["VMRUNIT"]]
OUTSIDER = [os.environ["OUTSIDER"], os.environ["OUTSIDER_PAYLOAD"]]
# Seconds until a test gives up on what takes less than one on a machine with nothing else to do.
PATIENCE = 120
# Between two looks at something that cannot be waited for.
TICK = 0.02


def wait_until(condition, what, patience=PATIENCE):
    """Returns what condition() gives as soon as it is true."""
    end = time.monotonic() + patience
    while not (found := condition()):
        if time.monotonic() > end:
            raise AssertionError(f"not within {patience} s: {what}")
        time.sleep(TICK)
    return found


def status_fields(pid):
    """The fields of /proc/PID/stat behind the name; none if there is no such process."""
    try:
        text = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return []
    return text.rpartition(")")[2].split()


def is_running(pid):
    """A zombie has ended; who reaps it is not the runner's business once the runner is gone."""
    fields = status_fields(pid)
    return bool(fields) and fields[0] not in "ZX"


def children_of(pid):
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit() and (fields := status_fields(entry)) and fields[1] == str(pid):
            found.append(int(entry))
    return found


class EndToEnd(unittest.TestCase):
    target = "qemu"

    def setUp(self):
        temporary = tempfile.TemporaryDirectory(prefix="vmrunit-test-")
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)
        self.runs = self.folder / "runs"
        self.environment = {
            name: value for name, value in os.environ.items() if not name.startswith("GTEST_")}
        # Whatever a run leaves lying about shows here.
        self.scratch = self.folder / "scratch"
        self.scratch.mkdir()
        self.environment["TMPDIR"] = str(self.scratch)

    def tearDown(self):
        self.assertEqual(os.listdir(self.scratch), [], "temporary files were left")

    def execute(self, *arguments, program=VMRUNIT, exit_code=0, **options):
        """Runs it to its end. Returns what subprocess.run() does, with the output as text."""
        done = subprocess.run([*program, *map(str, arguments)], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              timeout=PATIENCE * 3, check=False,
                              **{"env": self.environment, **options})
        self.assertEqual(done.returncode, exit_code, f"{done.stdout}\n{done.stderr}")
        return done

    def names(self, *filters, program=VMRUNIT):
        return self.execute("list", *filters, program=program).stdout.split()

    def run_arguments(self, arguments):
        return ["run", "--target", self.target, "--runs-folder", self.runs, *map(str, arguments)]

    def run_cases(self, *arguments, program=VMRUNIT, exit_code=0):
        """A whole run; returns its JSON report."""
        report = self.folder / "report.json"
        report.unlink(missing_ok=True)
        self.execute(*self.run_arguments(arguments), "--json", report, program=program,
                     exit_code=exit_code)
        return json.loads(report.read_text(encoding="utf-8"))

    def verdicts(self, *arguments, program=VMRUNIT, exit_code=0):
        report = self.run_cases(*arguments, program=program, exit_code=exit_code)
        return {result["name"]: result["verdict"] for result in report["results"]}

    def start_run(self, *arguments, program=VMRUNIT, **options):
        """A run that goes on while the test does something to it; killed with the test."""
        process = subprocess.Popen([*program, *map(str, self.run_arguments(arguments))],
                                   stdin=subprocess.DEVNULL, env=self.environment,
                                   **{"stdout": subprocess.DEVNULL, "stderr": subprocess.STDOUT,
                                      **options})

        def end():
            process.kill()
            process.wait()
            if process.stdout:
                process.stdout.close()
        self.addCleanup(end)
        return process

    def only_child_of(self, process):
        children = children_of(process.pid)
        self.assertEqual(len(children), 1, "one QEMU")
        return children[0]

    def journal(self):
        """The lines of the newest run's journal; one that is being written is left out."""
        path = self.runs / "latest" / "results.jsonl"
        if not path.exists():
            return []
        text = path.read_text(encoding="utf-8")
        return [json.loads(line) for line in text.splitlines(True) if line.endswith("\n")]

    def wait_for_start_of(self, name):
        wait_until(lambda: any(line["type"] == "started" and line["name"] == name
                               for line in self.journal()), f"{name} starts")
