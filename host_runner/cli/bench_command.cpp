// SPDX-License-Identifier: GPL-2.0-only
// `vmrunit bench`: what a case costs beside the bare VMRUN and #VMEXIT of the same boot, and where
// the rest goes. Time-stamp ticks as L1 reads them; only ratios mean something from one machine to
// another.
#include "host_runner/cli/choose_target.hpp"
#include "host_runner/cli/commands.hpp"
#include "host_runner/cli/interrupt.hpp"
#include "host_runner/cli/run_input.hpp"
#include "host_runner/selection/case_filter.hpp"
#include "host_runner/session/session.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <variant>
#include <vector>

namespace vmrunit::runner {

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

/// Program `nothing`, again and again: the floor.
cases::Case bare_round_trip(unsigned runs, std::size_t part) {
    cases::Case bare;
    bare.name = fmt::format("bench/round_trip/bare_{}", part);
    bare.program = "nothing";
    bare.start.nested_paging = true;
    bare.needs.set(svm::Feature::np);
    bare.steps = {cases::Measure{runs}};
    return bare;
}

/// The floor in parts, spread over the boot that runs the cases: what slows one, and be it another
/// process of this machine, slows the other.
std::vector<cases::Case> floor_parts(unsigned runs) {
    constexpr unsigned most_parts = 32;
    const unsigned parts = std::min(runs, most_parts);
    std::vector<cases::Case> floor;
    for (unsigned part = 0; part < parts; ++part) {
        floor.push_back(bare_round_trip(runs / parts + (part < runs % parts ? 1 : 0), part));
    }
    return floor;
}

std::vector<const cases::Case*> spread(const std::vector<cases::Case>& floor,
                                       const std::vector<const cases::Case*>& among) {
    std::vector<const cases::Case*> all;
    for (std::size_t part = 0; part < floor.size(); ++part) {
        all.push_back(&floor[part]);
        const auto from = static_cast<std::ptrdiff_t>(among.size() * part / floor.size());
        const auto to = static_cast<std::ptrdiff_t>(among.size() * (part + 1) / floor.size());
        all.insert(all.end(), among.begin() + from, among.begin() + to);
    }
    return all;
}

struct Figures {
    std::uint64_t runs = 0, bare_ticks = 0;
    std::uint64_t cases = 0, reset = 0, run = 0, compare = 0, guest_total = 0;
    std::uint64_t judged = 0;
    std::chrono::nanoseconds boot{}, cases_wall{}, judging{};

    [[nodiscard]] double round_trip() const {
        return runs == 0 ? 0 : static_cast<double>(bare_ticks) / static_cast<double>(runs);
    }
    [[nodiscard]] double per_case(std::uint64_t ticks) const {
        return cases == 0 ? 0 : static_cast<double>(ticks) / static_cast<double>(cases);
    }
    [[nodiscard]] std::uint64_t output() const {
        const std::uint64_t known = reset + run + compare;
        return guest_total > known ? guest_total - known : 0;
    }
    [[nodiscard]] double cases_per_second() const {
        const double seconds = std::chrono::duration<double>(cases_wall).count();
        return seconds > 0 ? static_cast<double>(cases) / seconds : 0;
    }
};

/// Adds up the machines that came to their end. Of one that died nobody knows the ticks, so what it
/// did counts for nothing.
class Collector final : public SessionListener {
public:
    void machine_started(unsigned, std::chrono::nanoseconds boot) override {
        close_machine();
        if (!booted_) { // A later VM may come up in a kernel that runs.
            booted_ = boot;
        }
        up_ = Clock::now();
    }
    void machine_died(unsigned, const std::string&, const std::string& running) override {
        machine_ = {};
        deadly.insert(running);
    }
    void case_finished(const cases::Case&, const CaseResult& result) override {
        const auto& record = session->last_record();
        if (result.verdict == Verdict::error || !record) {
            problem = result.reason;
            return;
        }
        ++figures.judged;
        machine_.cases_wall = Clock::now() - up_;
        bool is_floor = false; // Its measurement comes before its phases.
        for (const Observation& one : record->observations) {
            if (one.kind != wire::ObservationKind::measurement) {
                continue;
            }
            if (one.values.size() == 2) {
                is_floor = true;
                machine_.runs += one.values[0];
                machine_.bare_ticks += one.values[1];
            } else if (one.values.size() == 3 && !is_floor && result.verdict != Verdict::skip) {
                ++machine_.cases;
                machine_.reset += one.values[0];
                machine_.run += one.values[1];
                machine_.compare += one.values[2];
            }
        }
    }
    void close_machine() {
        figures.runs += machine_.runs;
        figures.bare_ticks += machine_.bare_ticks;
        figures.cases += machine_.cases;
        figures.reset += machine_.reset;
        figures.run += machine_.run;
        figures.compare += machine_.compare;
        figures.cases_wall += machine_.cases_wall;
        machine_ = {};
    }

    /// From the command to the first case, once.
    [[nodiscard]] std::chrono::nanoseconds boot() const { return booted_.value_or(0ns); }

    Session* session = nullptr;
    Figures figures;
    std::set<std::string> deadly; ///< Cases under which a machine died.
    std::string problem;

private:
    Figures machine_; ///< Of the running machine.
    Clock::time_point up_{};
    std::optional<std::chrono::nanoseconds> booted_;
};

void print(const Figures& figures, const std::string& target) {
    const double floor = figures.round_trip();
    const auto line = [&](const char* what, double ticks) {
        fmt::print("  {:<34} {:>12.0f} ticks  {:>6.2f} x\n", what, ticks,
                   floor > 0 ? ticks / floor : 0);
    };
    fmt::print("{}: {} bare round trips, {} cases\n", target, figures.runs, figures.cases);
    line("bare VMRUN + #VMEXIT", floor);
    line("a case, all in all", figures.per_case(figures.guest_total));
    line("  its VMRUN with VMLOAD, STGI", figures.per_case(figures.run));
    line("  fresh state", figures.per_case(figures.reset));
    line("  comparing", figures.per_case(figures.compare));
    line("  encoding and output", figures.per_case(figures.output()));
    fmt::print("  {:<34} {:>12.0f} cases/s\n", "rate, judging included",
               figures.cases_per_second());
    fmt::print("  {:<34} {:>12.2f} us\n", "judging a case on the host",
               std::chrono::duration<double, std::micro>(figures.judging).count() /
                   static_cast<double>(std::max<std::uint64_t>(figures.judged, 1)));
    fmt::print("  {:<34} {:>12.0f} ms\n", "from start to the first case",
               std::chrono::duration<double, std::milli>(figures.boot).count());
}

void print_json(const Figures& figures, const std::string& target) {
    const nlohmann::ordered_json json{
        {"target", target},
        {"bare_round_trip_ticks", figures.round_trip()},
        {"case_ticks", figures.per_case(figures.guest_total)},
        {"run_ticks", figures.per_case(figures.run)},
        {"reset_ticks", figures.per_case(figures.reset)},
        {"compare_ticks", figures.per_case(figures.compare)},
        {"output_ticks", figures.per_case(figures.output())},
        {"ratio", figures.round_trip() > 0
                      ? figures.per_case(figures.guest_total) / figures.round_trip()
                      : 0},
        {"cases", figures.cases},
        {"cases_per_second", figures.cases_per_second()},
        {"boot_milliseconds", std::chrono::duration<double, std::milli>(figures.boot).count()}};
    fmt::print("{}\n", json.dump(2));
}

} // namespace

/// What dies in the last one is left out of the figures, with all that its machine did before.
constexpr unsigned most_passes = 4;

CommandResult bench_command(const Program& program, const CommonOptions& common,
                            const BenchOptions& options) {
    auto chosen = select_cases(program.catalogue, common.filters);
    if (!chosen) {
        return usage_error(chosen.error());
    }
    // A boot has L1 in one mode, and the floor is measured with a 64-bit one. A routine makes
    // thousands of VMRUNs or none, and may wait: its time says nothing of what a case costs. Code
    // that was just written an emulator has to translate, which takes many times a VMRUN.
    std::erase_if(*chosen, [](const cases::Case* one) {
        const bool calls = std::ranges::any_of(one->steps, [](const cases::Step& step) {
            return std::holds_alternative<cases::Call>(step);
        });
        return calls || one->ends_machine || one->code_copy || one->start.l1 != L1Mode::long64;
    });
    if (chosen->empty()) {
        return usage_error({"none of these cases is one VMRUN of a 64-bit L1, which bench measures",
                            "name others, such as intercept/cpuid"});
    }
    auto target = choose_target(program, common);
    if (!target) {
        return tl::unexpected(target.error());
    }
    const Availability available = (*target)->availability();
    if (!available.available) {
        fmt::print(stderr, "vmrunit: target {} cannot be tested here: {}\n", (*target)->name(),
                   Error{available.reason, available.cure}.line());
        return RunOutcome::skipped;
    }
    auto images = load_images(program, common);
    if (!images) {
        return tl::unexpected(images.error());
    }

    // What is known to take its machine down, or to hang until the deadline, is no cost of a case.
    auto baseline = load_baseline(common, **target);
    if (!baseline) {
        return operation_error(baseline.error());
    }
    baseline->select_subject((*target)->facts());
    std::erase_if(*chosen, [&](const cases::Case* one) {
        return !baseline->why_not_run(one->name).empty() || baseline->expects_death(one->name);
    });
    if (chosen->empty()) {
        return usage_error({"the baseline knows all of these cases to hang or to end the machine",
                            "name others, such as intercept/cpuid"});
    }

    const InterruptWatch watch;
    SessionOptions session_options;
    session_options.plan_flags = wire::plan_measures;
    session_options.use_ring = options.use_ring;
    session_options.case_limit = 20s; // Of a hang, which is then left out.
    Collector collector;
    const auto measure = [&](const std::vector<const cases::Case*>& list) -> Result<void> {
        Session session{**target, *images, session_options, collector};
        collector.session = &session;
        if (auto loaded = session.load(list); !loaded) {
            return loaded;
        }
        while (!session.finished() && !InterruptWatch::interrupted()) {
            session.step(100ms);
        }
        collector.close_machine();
        // The guest may tell anything.
        collector.figures.guest_total =
            session.guest_ticks() - std::min(session.guest_ticks(), collector.figures.bare_ticks);
        collector.figures.judging = session.judging_time();
        return {};
    };

    const std::vector<cases::Case> floor = floor_parts(options.runs);
    // Many cases in one boot is the point: once more without those that took machines down.
    for (unsigned pass = 0; pass < most_passes; ++pass) {
        collector.figures = {};
        collector.deadly.clear();
        if (auto done = measure(spread(floor, *chosen)); !done) {
            return operation_error(done.error());
        }
        if (collector.deadly.empty() || InterruptWatch::interrupted()) {
            break;
        }
        for (const std::string& name : collector.deadly) {
            fmt::print(stderr, "vmrunit: left out, as the machine died of it: {}\n", name);
        }
        std::erase_if(*chosen,
                      [&](const cases::Case* one) { return collector.deadly.contains(one->name); });
    }
    if (InterruptWatch::interrupted()) {
        return RunOutcome::interrupted;
    }
    if (collector.figures.runs == 0 || collector.figures.cases == 0) {
        return operation_error({"nothing could be measured: " + collector.problem, {}});
    }
    collector.figures.boot = collector.boot();
    if (options.json) {
        print_json(collector.figures, (*target)->name());
    } else {
        print(collector.figures, (*target)->name());
    }
    return RunOutcome::passed;
}

} // namespace vmrunit::runner
