// SPDX-License-Identifier: GPL-2.0-only
// What a run tells the world while it goes on, and what everybody who listens must know of it.
//
// One thread calls a reporter: run_started, then case_started and case_finished per case with
// machine_event and subject_known between them, then run_finished exactly once, also when the run
// was interrupted. A reporter never ends the run: what it could not write it keeps as `trouble`.
#pragma once

#include "host_runner/baseline/stale_entry.hpp"
#include "host_runner/error.hpp"
#include "host_runner/selection/shard.hpp"
#include "host_runner/targets/target.hpp"
#include "host_runner/verdict.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace vmrunit::runner {

/// What is about to be tested, and on what.
struct RunInfo {
    std::string target;                ///< "qemu", "lab:6.12,npt=0"
    std::string subject;               ///< What that is here: "QEMU 7.2.22, TCG".
    std::string baseline;              ///< The baseline's name; empty: none is applied.
    SubjectFacts facts;                ///< What the target says of the subject.
    std::vector<std::string> features; ///< CPU features as the guest read them.
    std::size_t cases = 0;             ///< Verdicts to come.
    std::uint64_t seed = 0;            ///< Of the order; 0: the order of the rows.
    Shard shard{};                     ///< Of whose cases this run has a part.
    std::string version;               ///< Of vmrunit.
    std::string payload_build_id;      ///< Of the image that all machines boot.
    std::vector<std::string> command_line;
    std::chrono::system_clock::time_point started;
    bool strict = false; ///< An unexpected pass counts as a failure.
};

/// A machine of the run started or ended before its time.
struct MachineEvent {
    enum class What : std::uint8_t { started, died };
    What what = What::started;
    unsigned machine = 0;            ///< From 1.
    std::string text;                ///< Of a death: how, in one line.
    std::string case_name;           ///< Of a death: the case that was running; may be empty.
    std::chrono::nanoseconds cost{}; ///< Of a start: from the decision to the first sign of life.
};

[[nodiscard]] constexpr std::string_view to_string(MachineEvent::What what) {
    return what == MachineEvent::What::started ? "started" : "died";
}

/// How the run ended.
struct RunSummary {
    VerdictCounts counts;
    std::chrono::nanoseconds wall_time{};
    unsigned machines_started = 0;
    unsigned restarts = 0; ///< Machines started because one before them ended early.
    std::chrono::nanoseconds restart_cost{};
    bool interrupted = false;
    std::vector<StaleEntry> stale;
    std::vector<std::string> report_paths; ///< The files a person may want to open, best one first.
    std::vector<Error> troubles;           ///< What could not be written.
};

class Reporter {
public:
    virtual ~Reporter() = default;
    virtual void run_started(const RunInfo& info) = 0;
    /// Later news of the subject: the guest's own view of its CPU, facts that the boot brought out.
    virtual void subject_known(const std::vector<std::string>& /*features*/,
                               const SubjectFacts& /*more_facts*/) {}
    virtual void case_started(std::string_view /*name*/) {}
    virtual void case_finished(const CaseResult& result) = 0;
    /// Instead of case_finished, which follows later in the run: what failed, so far.
    virtual void case_to_be_retried(const CaseResult& /*so_far*/) {}
    virtual void machine_event(const MachineEvent& /*event*/) {}
    /// Nothing arrived for a while; whoever shows something live may bring it up to date.
    virtual void idle() {}
    virtual void run_finished(const RunSummary& summary) = 0;
    /// The first thing that could not be written.
    [[nodiscard]] virtual std::optional<Error> trouble() const { return std::nullopt; }
};

} // namespace vmrunit::runner
