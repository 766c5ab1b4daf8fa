// SPDX-License-Identifier: GPL-2.0-only
// Writes all reports of a made-up run, for the checks in reports_test.py: other programs have to
// read what we write, terminals have to show it, and a crash must not lose it.
//
// report_sample [--ktap FILE] [--junit FILE] [--json FILE] [--runs FOLDER] [--color WORD]
// [--strict]
//               [--verbose] [--only-pass] [--flaky] [--interrupt-after N] [--crash-after N]
// report_sample --again JOURNAL --junit FILE --json FILE      makes reports from a journal
// report_sample --matrix FILE      writes the JSON of a matrix: a target that ran, one that did not
#include "host_runner/exit_status.hpp"
#include "host_runner/matrix/matrix_json.hpp"
#include "host_runner/report/json_report.hpp"
#include "host_runner/report/junit.hpp"
#include "host_runner/report/report_set.hpp"
#include "tests/unit/report_samples.hpp"

#include <csignal>
#include <cstdio>
#include <map>
#include <set>

namespace vmrunit::runner {
namespace {

struct Wish {
    std::map<std::string, std::string> value;
    std::set<std::string> flag;

    std::size_t number(const std::string& name) const {
        const auto found = value.find(name);
        return found == value.end() ? std::string::npos : std::stoul(found->second);
    }
    std::string text(const std::string& name) const {
        const auto found = value.find(name);
        return found == value.end() ? std::string{} : found->second;
    }
};

int complain(const Error& error, RunOutcome outcome) {
    std::fprintf(stderr, "report_sample: %s\n", error.line().c_str());
    return exit_status_of(outcome, ExitStyle::kselftest);
}

int make_again(const Wish& wish) {
    const auto record = read_journal(wish.text("--again"));
    if (!record) {
        return complain(record.error(), RunOutcome::broken);
    }
    for (const auto& trouble : {write_whole_file(wish.text("--junit"), junit_report(*record)),
                                write_whole_file(wish.text("--json"), json_report(*record))}) {
        if (trouble) {
            return complain(*trouble, RunOutcome::broken);
        }
    }
    return 0;
}

int make_matrix_report(const Wish& wish) {
    std::vector<MatrixColumn> columns(3);
    columns[0].target = "qemu";
    columns[0].layers = {.cpu = "qemu", .kernel = {}};
    columns[0].record = samples::record_of(samples::every_verdict());
    columns[0].folder = "20260101T000000Z-qemu-1";
    columns[1] = columns[0];
    columns[1].record.results.front() = samples::flaky(columns[1].record.results.front().name);
    columns[1].target = "bochs," + samples::hostile;
    columns[1].layers.cpu = "bochs";
    columns[2].target = "lab:9.9";
    columns[2].trouble = samples::hostile;
    std::vector<std::string> names{"a/case/that_ran/nowhere"};
    for (const CaseResult& result : samples::every_verdict()) {
        names.push_back(result.name);
    }
    const MatrixInfo info{.version = "0.1.0",
                          .payload_build_id = "c0ffee",
                          .command_line = {"vmrunit", samples::hostile},
                          .started = std::chrono::system_clock::from_time_t(1'000'000'000),
                          .interrupted = true};
    const auto trouble =
        write_whole_file(wish.text("--matrix"), matrix_json(make_matrix(columns, names), info));
    return trouble ? complain(*trouble, RunOutcome::broken) : 0;
}

int run(const Wish& wish) {
    ReportOptions options;
    options.ktap = wish.text("--ktap");
    options.junit = wish.text("--junit");
    options.json = wish.text("--json");
    options.runs_folder = wish.text("--runs");
    options.verbose = wish.flag.contains("--verbose");
    options.colour = colour_mode_from(wish.text("--color")).value_or(ColourMode::automatic);
    if (const auto trouble = ReportSet::bad_destination(options)) {
        return complain(*trouble, RunOutcome::usage);
    }
    auto reports = ReportSet::open(options, "qemu");
    if (!reports) {
        return complain(reports.error(), RunOutcome::broken);
    }
    std::vector<CaseResult> results = samples::every_verdict();
    if (wish.flag.contains("--only-pass")) {
        results = {samples::passing("a/b/c"), samples::passing("a/b/d")};
    }
    if (wish.flag.contains("--flaky")) {
        CaseResult again = samples::failing("a/b/e");
        again.attempts = {{Verdict::fail, samples::hostile}, {Verdict::fail, "next_rip"}};
        results = {samples::flaky("a/b/d"), again};
    }
    RunInfo info = samples::run_info(results.size());
    info.strict = wish.flag.contains("--strict");
    info.features.push_back(samples::hostile);
    (*reports)->run_started(info);
    std::vector<CaseResult> finished;
    for (const CaseResult& result : results) {
        if (finished.size() == wish.number("--interrupt-after")) {
            break;
        }
        (*reports)->case_started(result.name);
        if (finished.size() == wish.number("--crash-after")) {
            std::raise(SIGKILL);
        }
        (*reports)->case_finished(result);
        finished.push_back(result);
    }
    (*reports)->machine_event({.what = MachineEvent::What::died,
                               .machine = 1,
                               .text = samples::hostile,
                               .case_name = results.front().name,
                               .cost = {}});
    RunSummary summary = samples::summary_of(finished);
    summary.interrupted = finished.size() < results.size();
    (*reports)->run_finished(summary);
    return exit_status_of(outcome_of({.counts = summary.counts,
                                      .planned = results.size(),
                                      .strict = info.strict,
                                      .interrupted = summary.interrupted,
                                      .report_trouble = (*reports)->trouble().has_value()}),
                          ExitStyle::kselftest);
}

} // namespace
} // namespace vmrunit::runner

int main(int count, char** words) {
    using namespace vmrunit::runner;
    std::signal(SIGPIPE, SIG_IGN);
    const std::set<std::string> flags{"--strict", "--verbose", "--only-pass", "--flaky"};
    Wish wish;
    for (int at = 1; at < count; ++at) {
        if (flags.contains(words[at])) {
            wish.flag.insert(words[at]);
        } else if (at + 1 < count) {
            wish.value[words[at]] = words[at + 1];
            ++at;
        }
    }
    if (wish.value.contains("--matrix")) {
        return make_matrix_report(wish);
    }
    return wish.value.contains("--again") ? make_again(wish) : run(wish);
}
