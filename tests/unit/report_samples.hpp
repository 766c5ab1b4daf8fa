// SPDX-License-Identifier: GPL-2.0-only
// A small run for the tests of the reports: every verdict once, and a guest that logs whatever
// could break a terminal, a KTAP stream or an XML file.
#pragma once

#include "host_runner/report/output.hpp"
#include "host_runner/report/run_record.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>

namespace vmrunit::runner::samples {

using namespace std::string_literals;

/// Escape sequence, forged KTAP line, forged XML, NUL, invalid UTF-8, a C1 control, characters
/// that turn the writing direction and turn it back.
inline const std::string hostile = "\x1b[2J\nok 99 forged\r]]></failure>&\"<x>\0\xff\xc2\x9b"
                                   "\xe2\x80\xae\xe2\x80\xac"s;

class StringOutput final : public Output {
public:
    void write(std::string_view more) override { text += more; }
    std::string text;
};

class ScratchFolder {
public:
    ScratchFolder() {
        std::string name =
            (std::filesystem::temp_directory_path() / "vmrunit-test-XXXXXX").string();
        if (::mkdtemp(name.data()) == nullptr) {
            throw std::runtime_error{"mkdtemp failed"};
        }
        path = name;
    }
    ScratchFolder(const ScratchFolder&) = delete;
    ScratchFolder& operator=(const ScratchFolder&) = delete;
    ~ScratchFolder() {
        std::error_code ignored;
        std::filesystem::remove_all(path, ignored);
    }
    std::filesystem::path path;
};

inline std::string content_of(const std::filesystem::path& path) {
    std::ostringstream text;
    text << std::ifstream{path, std::ios::binary}.rdbuf();
    return text.str();
}

inline void put_file(const std::filesystem::path& path, std::string_view content) {
    std::filesystem::create_directories(path.parent_path());
    std::ofstream{path, std::ios::binary} << content;
}

inline RunInfo run_info(std::size_t cases) {
    return {.target = "qemu",
            .subject = "QEMU 7.2.22, TCG",
            .baseline = "qemu-tcg-7.2",
            .facts = {{"qemu.version", "7.2.22"}, {"cpu.model", "max,+svm"}},
            .features = {"npt", "vgif"},
            .cases = cases,
            .seed = 7,
            .version = "0.1.0",
            .payload_build_id = "c0ffee",
            .command_line = {"vmrunit", "run"},
            .started = std::chrono::system_clock::from_time_t(1'000'000'000),
            .strict = false};
}

inline CaseResult passing(std::string name) {
    CaseResult result;
    result.name = std::move(name);
    result.verdict = Verdict::pass;
    result.exit_code = 0x72;
    result.duration = std::chrono::microseconds{25};
    result.machine = 1;
    return result;
}

inline CaseResult failing(std::string name) {
    CaseResult result = passing(std::move(name));
    result.verdict = Verdict::fail;
    result.manual = "APM2 15.9";
    result.place = {"cases/intercept/cpuid.cpp", 41};
    result.fields = {{"exit_code", "0x072 cpuid", "0x072 cpuid", "", true},
                     {"next_rip", "0x0000000000200002", "0x0000000000000000", "", false},
                     {"intercepts", "0x00040000", "0x01000000", "-cpuid +hlt", false}};
    result.code = {{0x200000, "0f a2", "cpuid", "<-- rip"}, {0x200002, "0f 01 d9", "vmmcall", ""}};
    result.guest_log = {"entering L2", hostile};
    result.masked_bytes = 8;
    result.repeat_command = "vmrunit run " + result.name + " --target qemu --seed 7";
    return result;
}

inline CaseResult with(Verdict verdict, std::string name, std::string reason) {
    CaseResult result = passing(std::move(name));
    result.verdict = verdict;
    result.reason = std::move(reason);
    return result;
}

/// Failed, and passed when it was run again.
inline CaseResult flaky(std::string name) {
    CaseResult result = passing(std::move(name));
    result.attempts = {{Verdict::fail, "save.rip"}, {Verdict::pass, {}}};
    return result;
}

/// One case of each verdict and a hang.
inline std::vector<CaseResult> every_verdict() {
    CaseResult hang = with(Verdict::fail, "event/nmi/taken/cpl0", "hang: no record in 2000 ms");
    hang.timed_out_after = std::chrono::milliseconds{2000};
    CaseResult expected = failing("intercept/int3/taken/cpl0");
    expected.verdict = Verdict::expected_fail;
    expected.reason = "INT3 consults the INTn intercept";
    CaseResult unconfirmed = passing("fields/tsc_offset/loaded");
    unconfirmed.confirmed = false;
    return {passing("intercept/cpuid/taken/cpl0"),
            failing("intercept/cpuid/next_rip/cpl0"),
            with(Verdict::skip, "intercept/rdpru/taken/cpl0", "needs rdpru"),
            with(Verdict::error, "intercept/hlt/taken/cpl0", "stream corrupt: " + hostile),
            expected,
            with(Verdict::unexpected_pass, "intercept/into/taken/cpl0", "passes although ..."),
            hang,
            unconfirmed};
}

inline RunSummary summary_of(const std::vector<CaseResult>& results) {
    RunSummary summary;
    for (const CaseResult& result : results) {
        summary.counts.add(result);
    }
    summary.wall_time = std::chrono::milliseconds{2500};
    summary.machines_started = 2;
    summary.restarts = 1;
    summary.restart_cost = std::chrono::milliseconds{400};
    summary.stale = {{"baselines/qemu-tcg-7.2.toml", 12, "intercept/gone/*", "names no case"}};
    return summary;
}

/// Tells `reporter` a whole run.
inline void tell_run(Reporter& reporter, const std::vector<CaseResult>& results) {
    reporter.run_started(run_info(results.size()));
    reporter.machine_event({.what = MachineEvent::What::started,
                            .machine = 1,
                            .text = {},
                            .case_name = {},
                            .cost = std::chrono::milliseconds{300}});
    reporter.subject_known({"npt", "vgif", "nrips"}, {{"cpu.model", "as the guest read it"}});
    for (const CaseResult& result : results) {
        reporter.case_started(result.name);
        reporter.case_finished(result);
    }
    reporter.machine_event({.what = MachineEvent::What::died,
                            .machine = 1,
                            .text = "triple fault",
                            .case_name = "event/nmi/taken/cpl0",
                            .cost = {}});
    reporter.run_finished(summary_of(results));
}

inline RunRecord record_of(const std::vector<CaseResult>& results) {
    Recorder recorder;
    recorder.set_system({{"kernel.release", "6.1.0"}});
    tell_run(recorder, results);
    return recorder.record();
}

} // namespace vmrunit::runner::samples
