#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The command line of the real program: what it lists and shows, where it writes, how it exits, and
one clear line for each thing it cannot do."""

import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import unittest

import jsonschema

from end_to_end import OUTSIDER, PATIENCE, VMRUNIT, EndToEnd

SCHEMA = pathlib.Path(__file__).parents[2] / "host_runner/report/results-1.schema.json"
FEW = "intercept/cpuid"
ONE = "intercept/cpuid/taken/l2_long64/cpl0/np1/l1_long64"
ABSENT = "outsider/absent"
HONEST = "outsider/fair"


class Refusals(EndToEnd):
    """Exit code and one line on standard error that names the thing and the cure."""

    def check(self, arguments, exit_code, *words, program=VMRUNIT, **options):
        done = self.execute(*arguments, program=program, exit_code=exit_code, **options)
        self.assertEqual(done.stdout, "")
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
        for word in words:
            self.assertIn(word, done.stderr)

    def run_with(self, *arguments):
        return ["run", FEW, "--runs-folder", self.runs, *arguments]

    def test_unknown_command(self):
        self.check(["walk"], 64, "'walk'", "--help")
        self.check(["lsit"], 64, "'lsit'", "list")

    def test_no_command(self):
        self.check([], 64, "--help")

    def test_unknown_option(self):
        self.check(self.run_with("--fast"), 64, "--fast")
        self.check(["list", "--fast"], 64, "--fast")

    def test_option_without_its_value(self):
        self.check(self.run_with("--target"), 64, "--target")

    def test_value_out_of_range(self):
        for option, value in (("--timeout", "0"), ("--timeout", "long"), ("--repeat", "0"),
                              ("--seed", "100000"), ("--exit-codes", "posix"),
                              ("--color", "red")):
            with self.subTest(option=option, value=value):
                self.check(self.run_with(option, value), 64, option)

    def test_shuffled_and_reversed_at_once(self):
        self.check(self.run_with("--shuffle", "--reverse"), 64, "--reverse", "--shuffle")

    def test_unknown_google_test_flag(self):
        self.check(self.run_with("--gtest_filtre=*"), 64, "--gtest_filtre")

    def test_filter_that_matches_nothing(self):
        for command in ("run", "list", "show"):
            self.check([command, "intercept/cpiud"], 64, "intercept/cpiud", "vmrunit list")

    def test_filter_that_excludes_everything(self):
        self.check(["run", FEW, f"!{FEW}"], 64, "excludes every case")

    def test_google_test_filter_that_leaves_nothing(self):
        self.check(self.run_with("--target", "qemu", "--gtest_filter=nothing.*"), 64,
                   "leaves no case")

    def test_unknown_target(self):
        self.check(self.run_with("--target", "qemo"), 64, "qemo", "qemu")

    def test_target_that_cannot_be_read(self):
        self.check(self.run_with("--target", "qemu,cpu"), 64, "qemu,cpu", "key=value")

    def test_unknown_cpu(self):
        self.check(self.run_with("--target", "qemu,cpu=EPIC"), 64, "EPIC", "EPYC")

    def test_unknown_feature(self):
        self.check(self.run_with("--target", "qemu,ntp=off"), 64, "ntp", "npt")

    def test_unknown_machine(self):
        self.check(self.run_with("--target", "qemu,machine=q36"), 64, "q36", "q35")

    def test_qemu_that_is_not_there(self):
        missing = self.folder / "qemu"
        self.check(self.run_with("--target", "qemu", "--qemu", missing), 64, str(missing),
                   "no such program")
        self.check(self.run_with("--target", "bochs", "--qemu", "/bin/true"), 64, "starts none")
        self.check(self.run_with("--target", f"qemu@{missing}"), 4, "cannot be tested here",
                   str(missing))
        self.check(self.run_with("--target", f"qemu@{missing}", "--exit-codes", "bisect"), 125,
                   str(missing))

    def test_no_qemu_installed(self):
        self.check(self.run_with("--target", "qemu"), 4, "apt install qemu-system-x86",
                   env={**self.environment, "PATH": str(self.folder)})

    def test_host_without_nested_svm(self):
        offered = re.search(r"^kvm +(yes|no) +(.*)", self.execute("targets").stdout, re.MULTILINE)
        if offered is None:
            self.skipTest("this build has no target kvm: its worker lacks the kernel's source")
        if offered[1] == "yes":
            self.skipTest("this host has nested SVM")
        self.check(self.run_with("--target", "kvm"), 4, "cannot be tested here", offered[2])
        done = self.execute("run", ONE, "--runs-folder", self.runs)
        self.assertIn(f"no --target given: qemu; not kvm: {offered[2]}", done.stderr)

    def test_kernel_that_is_none(self):
        self.check(self.run_with("--kernel", __file__), 64, "it is not a bzImage")
        self.check(self.run_with("--kernel", self.folder / "bzImage"), 64, "bzImage")

    def test_qemu_that_is_something_else(self):
        self.check(self.run_with("--target", "qemu", "--qemu", "/bin/true"), 4, "/bin/true")

    def test_payload_that_is_not_there_or_none(self):
        self.check(self.run_with("--target", "qemu", "--payload", self.folder / "x.elf"), 64, "x.elf")
        self.check(self.run_with("--target", "qemu", "--payload", __file__), 64, __file__)

    def test_payload_that_lacks_the_cases_program(self):
        self.check(self.run_with("--target", "qemu", "--payload", OUTSIDER[1]), 99, "cpuid")

    def test_baseline_that_is_not_there(self):
        self.check(self.run_with("--target", "qemu", "--baseline", self.folder / "known.toml"), 64,
                   "known.toml")

    def test_baseline_that_is_none(self):
        baseline = self.folder / "known.toml"
        baseline.write_text("[[deviation]\n", encoding="utf-8")
        self.check(self.run_with("--target", "qemu", "--baseline", baseline), 64, "known.toml:1")

    def test_reports_that_cannot_be_written(self):
        for path in (self.folder, self.folder / "missing/report"):
            for option in ("--json", "--junit", "--ktap"):
                with self.subTest(option=option, path=path):
                    self.check(self.run_with("--target", "qemu", option, path), 64, str(path))

    def test_two_reports_into_one_file(self):
        report = self.folder / "report"
        self.check(self.run_with("--target", "qemu", "--json", report, "--junit", report), 64,
                   str(report))
        self.assertFalse(self.runs.exists() and os.listdir(self.runs))

    def test_bench_of_what_it_does_not_measure(self):
        self.check(["bench", "event/physical_nmi", "--target", "qemu"], 64, "one VMRUN")

    def test_shards_that_make_no_sense(self):
        for total, index in (("3", "3"), ("3", None), (None, "0"), ("0", "0"), ("x", "0"),
                             ("3", "-1"), ("", ""), ("99999999999", "0")):
            shard = {"GTEST_TOTAL_SHARDS": total, "GTEST_SHARD_INDEX": index}
            shard = {name: value for name, value in shard.items() if value is not None}
            with self.subTest(shard):
                self.check(self.run_with("--target", "qemu"), 64, "is no shard",
                           env={**self.environment, **shard})
                self.check(["step", FEW, "--target", "qemu"], 125, "is no shard",
                           env={**self.environment, **shard})
        self.assertFalse(self.runs.exists() and os.listdir(self.runs))

    def test_words_that_can_be_chosen_are_named(self):
        for option, words in (("--exit-codes", "bisect,kselftest,meson"),
                              ("--color", "always,auto,never")):
            self.check(self.run_with(option, "foo"), 64, "foo not in {" + words + "}")
        shown = subprocess.run([*VMRUNIT, "run", "--help"], capture_output=True, check=True,
                               timeout=60).stdout
        self.assertFalse([byte for byte in shown if byte < 32 and byte != 10])

    def test_refusals_speak_the_dialect_asked_for(self):
        for style, exit_code in (("bisect", 125), ("meson", 99)):
            self.check(["run", "intercept/none", "--exit-codes", style], exit_code,
                       "intercept/none")


class Listing(EndToEnd):
    def test_one_name_per_line(self):
        text = self.execute("list").stdout
        names = text.splitlines()
        self.assertGreater(len(names), 400)
        self.assertEqual(len(names), len(set(names)))
        self.assertRegex(text, r"\A([a-z0-9_/]+\n)+\Z")

    def test_globs_and_exclusions(self):
        every = self.names()
        self.assertEqual(self.names(FEW), [name for name in every if name.startswith(FEW + "/")])
        chosen = self.names("intercept/cr*", "!*/cpl3/*", "!*/np0/*")
        self.assertTrue(chosen)
        self.assertEqual(chosen, [name for name in every if name.startswith("intercept/cr")
                                  and "/cpl3/" not in name and "/np0/" not in name])

    def test_long(self):
        lines = self.execute("list", "--long", ONE).stdout.splitlines()
        self.assertEqual(lines[0], ONE)
        self.assertRegex(lines[2], r"APM2 .*, cases/intercept/[a-z_]+\.cpp:[0-9]+")

    def test_json(self):
        cases = json.loads(self.execute("list", "--json", FEW).stdout)
        self.assertEqual([case["name"] for case in cases], self.names(FEW))
        one = next(case for case in cases if case["name"] == ONE)
        self.assertEqual((one["l2_mode"], one["cpl"], one["nested_paging"], one["program"]),
                         ("long64", 0, True, "cpuid"))
        row = pathlib.Path(__file__).parents[2] / one["file"]
        self.assertIn("cpuid", row.read_text(encoding="utf-8").splitlines()[one["line"] - 1])

    def test_show(self):
        text = self.execute("show", ONE).stdout
        for words in (ONE, "APM2 15.9", "vmmcall", "#VMEXIT 0x072 cpuid", "long64", "insn"):
            self.assertIn(words, text)

    def test_show_every_case(self):
        text = self.execute("show", "*").stdout
        for name in self.names()[::97]:
            self.assertIn(name, text)

    def test_targets(self):
        text = self.execute("targets").stdout
        self.assertRegex(text, r"(?m)^qemu +yes  QEMU [0-9.]+.*TCG")
        # What cannot be tested says why and, where there is one, the cure.
        self.assertRegex(text, r"(?m)^qemu-kvm +(yes|no )  .+")

    def test_targets_without_any(self):
        done = self.execute("targets", program=OUTSIDER, exit_code=4,
                            env={**self.environment, "PATH": str(self.folder)})
        self.assertRegex(done.stdout, r"qemu +no .*not found")
        self.assertIn("cure: apt install qemu-system-x86", done.stdout)

    def test_a_reader_that_wants_one_line(self):
        self.assertEqual(self.head("list"), -signal.SIGPIPE)

    def test_a_full_disk(self):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([*VMRUNIT, "list"], stdout=full, stderr=subprocess.PIPE,
                                  text=True, check=False)
        self.assertEqual(done.returncode, 99)
        self.assertEqual(done.stderr, "vmrunit: cannot write standard output: No space left on "
                                      "device: make room or write elsewhere\n")

    def test_a_reader_of_a_run_that_wants_one_line(self):
        self.assertIn(self.head(*self.run_arguments([FEW, "--verbose"])), (0, 99))

    def head(self, *arguments):
        """`vmrunit ARGUMENTS | head -1`; the exit code of vmrunit."""
        with subprocess.Popen([*VMRUNIT, *map(str, arguments)], stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, env=self.environment) as process:
            self.assertTrue(process.stdout.readline())
            process.stdout.close()
            return process.wait(PATIENCE)


class Reports(EndToEnd):
    def run_few(self, *arguments, **options):
        return self.execute(*self.run_arguments([FEW, *arguments]), **options)

    def test_json_on_standard_output_follows_the_schema(self):
        done = self.run_few("--json", "-")
        report = json.loads(done.stdout)
        jsonschema.validate(report, json.loads(SCHEMA.read_text(encoding="utf-8")))
        self.assertIn("passed", done.stderr)
        # What was tested, as the guest read it.
        self.assertIn("svm", report["target"]["features"])
        self.assertTrue(report["target"]["facts"]["qemu.version"])
        # What the baseline has not run comes first.
        self.assertCountEqual([one["name"] for one in report["results"]], self.names(FEW))

    def test_ktap_on_standard_output(self):
        done = self.run_few("--ktap", "-")
        lines = done.stdout.splitlines()
        self.assertEqual(lines[0], "KTAP version 1")
        verdicts = [line for line in lines if line.startswith(("ok ", "not ok "))]
        self.assertEqual(len(verdicts), len(self.names(FEW)))

    def test_every_report_at_once(self):
        files = {option: self.folder / option for option in ("json", "junit", "ktap")}
        self.run_few(*[word for option, path in files.items() for word in (f"--{option}", path)])
        for path in files.values():
            self.assertGreater(path.stat().st_size, 100)

    def test_plain_lines_in_a_pipe(self):
        text = self.run_few("--verbose").stdout
        self.assertNotIn("\x1b", text)
        self.assertNotIn("\r", text)
        self.assertRegex(text.splitlines()[-1] + "\n" + text, r"results|report")


class ExitCodes(EndToEnd):
    STYLES = ("kselftest", "bisect", "meson")

    def check(self, codes, *filters):
        for style, exit_code in zip(self.STYLES, codes):
            with self.subTest(style=style):
                self.execute(*self.run_arguments([*filters, "--exit-codes", style,
                                                  "--baseline", "none", "--timeout", 2]),
                             program=OUTSIDER, exit_code=exit_code)

    def test_passed(self):
        self.check((0, 0, 0), HONEST)

    def test_failed(self):
        self.check((1, 1, 1), HONEST, "outsider/wrong/register")

    def test_all_skipped(self):
        self.check((4, 125, 77), ABSENT)

    def test_some_skipped(self):
        self.check((0, 0, 0), HONEST, ABSENT)

    def test_error(self):
        self.check((99, 125, 99), "outsider/truncates_record")

    def test_a_failure_counts_more_than_an_error(self):
        self.check((1, 1, 1), "outsider/truncates_record", "outsider/wrong/register")


class GoogleTest(EndToEnd):
    def google_run(self, *arguments, exit_code=0, **environment):
        environment = {**self.environment, **environment}
        report = self.folder / "report.json"
        report.unlink(missing_ok=True)
        done = self.execute(*self.run_arguments(arguments), "--json", report, exit_code=exit_code,
                            env=environment)
        names = []
        if report.exists():
            names = [one["name"] for one in
                     json.loads(report.read_text(encoding="utf-8"))["results"]]
        return names, done.stdout

    def test_list_tests(self):
        _, text = self.google_run(FEW, "--gtest_list_tests")
        self.assertRegex(text, r"(?m)^intercept/cpuid\.$")
        self.assertEqual(text.count("\n  "), len(self.names(FEW)))

    def test_filter_by_flag_and_by_environment(self):
        wanted = self.names("intercept/cpuid/taken")
        self.assertEqual(self.google_run("--gtest_filter=intercept/cpuid.taken/*")[0], wanted)
        self.assertEqual(self.google_run(GTEST_FILTER="intercept/cpuid.taken/*")[0], wanted)

    def test_shards_are_a_partition(self):
        shards = [self.google_run(FEW, GTEST_TOTAL_SHARDS="3", GTEST_SHARD_INDEX=str(index))[0]
                  for index in range(3)]
        self.assertTrue(all(shards))
        self.assertEqual(sorted(sum(shards, [])), sorted(self.names(FEW)))

    def test_a_shard_without_a_case_is_no_failure(self):
        status = self.folder / "status"
        names, _ = self.google_run(ONE, GTEST_TOTAL_SHARDS="2", GTEST_SHARD_INDEX="1",
                                   GTEST_SHARD_STATUS_FILE=str(status))
        self.assertEqual(names, [])
        self.assertTrue(status.exists())

    def test_repeat(self):
        names, _ = self.google_run("intercept/cpuid/taken", "--gtest_repeat=3")
        self.assertEqual(names, self.names("intercept/cpuid/taken") * 3)

    def test_shuffle_and_the_seed_that_repeats_it(self):
        first, _ = self.google_run(FEW, "--shuffle", "--seed", 7)
        second, _ = self.google_run(FEW, "--gtest_shuffle", "--gtest_random_seed=7")
        other, _ = self.google_run(FEW, "--shuffle", "--seed", 8)
        self.assertEqual(first, second)
        self.assertNotEqual(first, other)
        self.assertEqual(sorted(first), sorted(other))

    def test_its_own_xml(self):
        path = self.folder / "gtest.xml"
        self.google_run(ONE, f"--gtest_output=xml:{path}")
        self.assertIn("cases/intercept/", path.read_text(encoding="utf-8"))


class Baselines(EndToEnd):
    FAILING = "outsider/wrong/register"

    def with_baseline(self, text, *filters, exit_code):
        baseline = self.folder / "known.toml"
        baseline.write_text(text, encoding="utf-8")
        return self.run_cases(*filters, "--baseline", baseline, program=OUTSIDER,
                              exit_code=exit_code)

    def test_a_known_failure_an_unexpected_pass_and_a_stale_entry(self):
        text = ""
        for case in (self.FAILING, "outsider/fair/doubles", "outsider/gone/*"):
            text += (f'[[deviation]]\ncase = "{case}"\nreason = "a test"\n'
                     'evidence = "seen in a test"\n')
        report = self.with_baseline(text, self.FAILING, HONEST, exit_code=0)
        verdicts = {one["name"]: one["verdict"] for one in report["results"]}
        self.assertEqual(verdicts[self.FAILING], "XFAIL")
        self.assertEqual(verdicts["outsider/fair/doubles"], "XPASS")
        self.assertIn("outsider/gone/*", json.dumps(report))
        self.with_baseline(text, self.FAILING, HONEST, "--strict", exit_code=1)


class Bench(EndToEnd):
    def test_a_case_costs_little_beside_the_bare_round_trip(self):
        """Both are measured in the same boot, so a busy machine slows both."""
        ratios = []
        for _ in range(8):
            report = json.loads(self.execute("bench", "intercept/c*", "intercept/rd*", "--target",
                                             "qemu", "--json").stdout)
            ratios.append(report["ratio"])
            if ratios[-1] <= 5:
                return
        self.fail(f"a case costs {ratios} times the bare round trip, and may 5 times")

    def test_for_people(self):
        text = self.execute("bench", "intercept/cpuid", "--target", "qemu").stdout
        for words in ("bare VMRUN + #VMEXIT", "fresh state", "judging", "cases/s"):
            self.assertIn(words, text)


if __name__ == "__main__":
    unittest.main(argv=sys.argv)
