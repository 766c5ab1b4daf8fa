// SPDX-License-Identifier: GPL-2.0-only
#include "host_runner/judge/judge.hpp"

#include "harness/wire/apply_op.hpp"
#include "host_runner/judge/disassembly.hpp"
#include "host_runner/judge/exit_judge.hpp"
#include "host_runner/judge/l1_difference.hpp"
#include "host_runner/judge/show.hpp"

#include <fmt/format.h>
#include <utility>

namespace vmrunit::runner {

namespace {

using cases::CallExpectation;
using cases::EndExpectation;
using cases::ExitExpectation;
using cases::FaultExpectation;
using wire::CaseOutcome;

std::string vector_name(unsigned vector) {
    static constexpr const char* names[] = {"#DE", "#DB", "NMI", "#BP", "#OF", "#BR", "#UD", "#NM",
                                            "#DF", "9",   "#TS", "#NP", "#SS", "#GP", "#PF", "15",
                                            "#MF", "#AC", "#MC", "#XF", "20",  "#CP"};
    return vector < std::size(names) ? names[vector] : fmt::format("vector {}", vector);
}

std::string show_fault(unsigned vector, std::uint32_t error_code) {
    return fmt::format("{} (0x{:x})", vector_name(vector), error_code);
}

std::uint64_t exit_code_of(const Observation& seen) {
    for (const Change& change : seen.vmcb) {
        if (change.where == svm::field::exit_code.offset) {
            return change.value;
        }
    }
    return 0; // As it was.
}

std::string names_of(const std::uint64_t (&words)[2]) {
    const auto features = svm::Features::from_words(words[0], words[1]);
    std::string text;
    for (const svm::FeatureInfo& info : svm::feature_table) {
        if (features.test(info.feature)) {
            text += text.empty() ? "" : ", ";
            text += info.name;
        }
    }
    return text;
}

std::string missing_features(const std::uint64_t (&words)[2]) {
    const std::string names = names_of(words);
    return "the CPU has no " + (names.empty() ? std::string{"feature the case needs"} : names);
}

class CaseJudge {
public:
    CaseJudge(const JudgeInput& input, const Record& record) : input_(input), record_(record) {}

    CaseResult judge() {
        result_.name = input_.subject.name;
        result_.manual = input_.subject.manual;
        result_.place = {input_.subject.file, input_.subject.line};
        result_.confirmed = input_.subject.confirmed;
        if (settle_outcome()) {
            walk_steps();
            conclude();
        }
        return std::move(result_);
    }

private:
    void settle(Verdict verdict, std::string reason) {
        result_.verdict = verdict;
        result_.reason = std::move(reason);
    }

    /// True where there is something to judge.
    bool settle_outcome() {
        switch (record_.outcome) {
        case CaseOutcome::ran:
            return true;
        case CaseOutcome::missing_feature:
            if (input_.features.contains_all(input_.subject.needs)) {
                settle(Verdict::error, "the payload misses a feature that its CPU has");
            } else {
                settle(Verdict::skip, missing_features(record_.detail));
            }
            return false;
        case CaseOutcome::present_feature:
            if (!input_.features.contains_any(input_.subject.without)) {
                settle(Verdict::error, "the payload sees a feature that its CPU has not");
            } else {
                settle(Verdict::skip, "the CPU has " + names_of(record_.detail));
            }
            return false;
        case CaseOutcome::bad_plan:
            settle(Verdict::error, "the payload could not carry out a step of the case");
            return false;
        case CaseOutcome::l1_fault:
            settle(Verdict::fail, fmt::format("L1 took {} at 0x{:x}",
                                              vector_name(static_cast<unsigned>(record_.detail[0])),
                                              record_.detail[1]));
            return false;
        case CaseOutcome::record_overflow:
            settle(Verdict::fail, "so much changed that the record does not hold it");
            return false;
        }
        return false;
    }

    /// Ops in order: memory ops build the state before, runs and calls use up an expectation and an
    /// observation each.
    void walk_steps() {
        BeforeImage before{input_.pristine, input_.subject, input_.resolve.place()};
        std::vector<const Observation*> seen;
        for (const Observation& one : record_.observations) {
            if (one.kind != wire::ObservationKind::measurement) {
                seen.push_back(&one);
            }
        }
        std::size_t next = 0;
        bool measures = false;
        for (const wire::Op& op : input_.encoded.ops) {
            if (wire::writes_memory(op.code)) {
                before.apply(op);
                continue;
            }
            measures = measures || op.code == wire::Op::Code::measure;
            if (op.code != wire::Op::Code::run && op.code != wire::Op::Code::call) {
                continue;
            }
            if (next >= input_.subject.expectations.size()) {
                settle(Verdict::error, "the row has more runs than expectations");
                return;
            }
            if (next >= seen.size()) {
                settle(Verdict::error, "the record has fewer observations than the case has runs");
                return;
            }
            const bool is_call = op.code == wire::Op::Code::call;
            const cases::Expectation& expectation = input_.subject.expectations[next];
            if (is_call != std::holds_alternative<CallExpectation>(expectation)) {
                settle(Verdict::error, "the row expects something else than its step can show");
                return;
            }
            if (is_call != (seen[next]->kind == wire::ObservationKind::call)) {
                settle(Verdict::error, "the record has an observation of another kind");
                return;
            }
            judge_one(expectation, before, *seen[next]);
            ++next;
        }
        if (next != input_.subject.expectations.size()) {
            settle(Verdict::error, "the row has more expectations than runs");
        } else if (next != seen.size()) {
            settle(Verdict::error, "the record has more observations than the case has runs");
        } else if (next == 0 && !measures) {
            settle(Verdict::error, "the row expects nothing");
        }
    }

    void judge_one(const cases::Expectation& expectation, const BeforeImage& before,
                   const Observation& seen) {
        if (const auto* exit = std::get_if<ExitExpectation>(&expectation)) {
            judge_run(*exit, before, seen);
        } else if (const auto* fault = std::get_if<FaultExpectation>(&expectation)) {
            judge_fault(*fault, seen);
        } else if (const auto* call = std::get_if<CallExpectation>(&expectation)) {
            judge_call(*call, seen);
        } else {
            judge_survival(seen);
        }
    }

    void judge_run(const ExitExpectation& expectation, const BeforeImage& before,
                   const Observation& seen) {
        if (seen.faulted) {
            add({"l1.vmrun",
                 "#VMEXIT",
                 show_fault(seen.fault_vector, seen.fault_error),
                 {},
                 false});
            return;
        }
        ExitJudgement exit = judge_exit(expectation, before, seen, input_.resolve,
                                        input_.subject.start, input_.features);
        result_.masked_bytes += exit.masked_bytes;
        result_.exit_code = exit.exit_code;
        rip_ = exit.saved_rip;
        for (FieldDifference& difference : exit.differences) {
            add(std::move(difference));
        }
    }

    void judge_fault(const FaultExpectation& expectation, const Observation& seen) {
        const std::string wanted = show_fault(expectation.vector, expectation.error_code);
        const std::string actual =
            seen.faulted ? show_fault(seen.fault_vector, seen.fault_error) : std::string{"#VMEXIT"};
        add({"l1.vmrun",
             wanted,
             actual,
             {},
             seen.faulted && seen.fault_vector == expectation.vector &&
                 seen.fault_error == expectation.error_code});
        // A VMRUN that faults touches nothing.
        for (const Change& change : seen.vmcb) {
            add({fmt::format("vmcb+0x{:x}", change.where),
                 "unchanged",
                 fmt::format("0x{:016x}", change.value),
                 {},
                 false});
        }
        for (const MemoryChange& change : seen.memory) {
            add({fmt::format("{}+0x{:x}", place_of(change.region).name, change.offset),
                 "unchanged",
                 fmt::format("0x{:016x}", change.value),
                 {},
                 false});
        }
    }

    /// There is a record, so the machine that was to end is still there.
    void judge_survival(const Observation& seen) {
        std::string actual;
        if (seen.faulted) {
            actual = show_fault(seen.fault_vector, seen.fault_error);
        } else {
            result_.exit_code = exit_code_of(seen);
            actual =
                "#VMEXIT " + show_field(svm::field::exit_code, exit_code_of(seen), input_.resolve);
        }
        add({"machine", "ends", actual, {}, false});
    }

    /// A routine leaves L1 as it was: what is otherwise, the subject did not restore.
    void judge_call(const CallExpectation& expectation, const Observation& seen) {
        for (const Change& change : seen.l1) {
            if (auto difference = l1_difference(change)) {
                add(std::move(*difference));
            }
        }
        if (seen.faulted || expectation.fault) {
            const std::string wanted = expectation.fault ? show_fault(expectation.fault->vector,
                                                                      expectation.fault->error_code)
                                                         : "no fault";
            const std::string actual =
                seen.faulted ? show_fault(seen.fault_vector, seen.fault_error) : "no fault";
            add({"l1.routine", wanted, actual, {}, wanted == actual});
            return;
        }
        for (std::size_t i = 0; i < expectation.values.size(); ++i) {
            const auto& row = expectation.values[i];
            const std::string name = fmt::format("l1.value[{}] {}", i, row.what);
            if (i >= seen.values.size()) {
                add({name, "reported", "missing", {}, false});
                continue;
            }
            const std::uint64_t wanted = input_.resolve(row.value);
            const std::uint64_t differs = (wanted ^ seen.values[i]) & row.mask;
            const bool matches = row.match == cases::Match::free ||
                                 (row.match == cases::Match::equals ? differs == 0 : differs != 0);
            add({name,
                 fmt::format("{}0x{:x}", row.match == cases::Match::changed ? "not " : "", wanted),
                 fmt::format("0x{:x}", seen.values[i]),
                 {},
                 matches});
        }
    }

    void add(FieldDifference difference) { result_.fields.push_back(std::move(difference)); }

    void conclude() {
        if (!result_.reason.empty()) {
            return; // Settled already.
        }
        std::size_t wrong = 0;
        const FieldDifference* first = nullptr;
        for (const FieldDifference& field : result_.fields) {
            if (!field.matches) {
                first = first == nullptr ? &field : first;
                ++wrong;
            }
        }
        if (first == nullptr) {
            result_.verdict = Verdict::pass;
            return;
        }
        result_.verdict = Verdict::fail;
        result_.reason =
            fmt::format("{}: expected {}, actual {}{}", first->field, first->expected,
                        first->actual, wrong > 1 ? fmt::format(" (and {} more)", wrong - 1) : "");
        result_.code =
            disassemble(input_.resolve.program(),
                        rip_ ? std::optional{*rip_ + input_.resolve.code_base()} : std::nullopt);
    }

    const JudgeInput& input_;
    const Record& record_;
    CaseResult result_;
    std::optional<std::uint64_t> rip_;
};

} // namespace

CaseResult judge(const JudgeInput& input, const Record& record) {
    return CaseJudge{input, record}.judge();
}

} // namespace vmrunit::runner
