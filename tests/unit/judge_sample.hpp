// SPDX-License-Identifier: GPL-2.0-only
// A case on the sample payload and the records of it, for the tests of the judge and of what it is
// made of: CPUID intercepted in 64-bit mode, with two NOPs before it.
#pragma once

#include "cases/model/instruction_table.hpp"
#include "host_runner/judge/judge.hpp"
#include "host_runner/plan/plan_builder.hpp"
#include "tests/unit/payload_sample.hpp"

#include <utility>
#include <vector>

namespace vmrunit::runner::samples {

inline constexpr std::uint64_t sample_insn = PayloadSample::code + 2;
inline constexpr std::uint64_t sample_after = PayloadSample::code + 4;
inline constexpr std::uint64_t sample_marker = sample_after;

inline Change vmcb_word(svm::FieldRef field, std::uint64_t value) {
    return {field.offset, value};
}

/// What a CPU with NRIPS reports of the intercepted CPUID, and nothing else.
inline Observation cpuid_exit() {
    Observation seen;
    seen.kind = wire::ObservationKind::exit;
    seen.vmcb = {vmcb_word(svm::field::exit_code, 0x72),
                 vmcb_word(svm::field::next_rip, sample_after),
                 vmcb_word(svm::field::rip, sample_insn)};
    return seen;
}

inline Observation call_of(std::vector<std::uint64_t> values) {
    Observation seen;
    seen.kind = wire::ObservationKind::call;
    seen.values = std::move(values);
    return seen;
}

inline Record record_with(std::vector<Observation> observations) {
    Record record;
    record.outcome = wire::CaseOutcome::ran;
    record.observations = std::move(observations);
    return record;
}

/// The case whose only expectation is `exit`.
inline cases::Case cpuid_case(cases::ExitExpectation exit = {.exit_code = svm::ExitCode::cpuid}) {
    cases::Case made;
    made.name = "intercept/cpuid/taken/l2_long64/cpl0/np1/l1_long64";
    made.title = "The intercept is taken.";
    made.manual = "APM2 15.9";
    made.file = "cases/intercept/simple_instructions.cpp";
    made.line = 17;
    made.program = "cpuid";
    made.steps = {cases::intercepting(svm::Intercept::cpuid), cases::Run{}};
    made.expectations = {std::move(exit)};
    return made;
}

inline cases::Case call_case(cases::CallExpectation expectation) {
    cases::Case made = cpuid_case();
    made.name = "routine/probe/reports";
    made.steps = {cases::Call{"probe", 5}};
    made.expectations = {std::move(expectation)};
    return made;
}

/// Judges cases on the sample payload, on a CPU with every feature the rules ask about.
class SampleJudge {
public:
    svm::Features features{svm::Feature::nrips, svm::Feature::decode_assists, svm::Feature::np,
                           svm::Feature::lbrv};

    [[nodiscard]] CaseResult operator()(const cases::Case& subject, const Record& record) const {
        auto resolver = Resolver::make(image_, subject);
        if (!resolver) {
            throw std::runtime_error{resolver.error().line()};
        }
        auto encoded = encode_case(subject, 0, *resolver);
        if (!encoded) {
            throw std::runtime_error{encoded.error().line()};
        }
        return judge({subject, *encoded, *resolver, pristine_, features}, record);
    }
    [[nodiscard]] CaseResult operator()(const cases::Case& subject, Observation seen) const {
        return (*this)(subject, record_with({std::move(seen)}));
    }

    [[nodiscard]] const PayloadImage& image() const { return image_; }
    [[nodiscard]] const PristineArena& pristine() const { return pristine_; }

private:
    PayloadImage image_ = PayloadSample{}.load();
    PristineArena pristine_{image_};
};

/// Names of the fields that are not as they should be.
inline std::vector<std::string> wrong_fields(const CaseResult& result) {
    std::vector<std::string> names;
    for (const FieldDifference& field : result.fields) {
        if (!field.matches) {
            names.push_back(field.field);
        }
    }
    return names;
}

} // namespace vmrunit::runner::samples
