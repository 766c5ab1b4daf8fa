// SPDX-License-Identifier: GPL-2.0-only
// Verdicts, and everything known about the outcome of one case.
//
// FAIL says that the subject is wrong; ERROR that the harness or its environment is. A baseline
// turns a FAIL it expects into XFAIL and a PASS it did not expect into XPASS.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vmrunit::runner {

enum class Verdict : std::uint8_t { pass, fail, skip, error, expected_fail, unexpected_pass };

inline constexpr std::array<std::string_view, 6> verdict_names{"PASS",  "FAIL",  "SKIP",
                                                               "ERROR", "XFAIL", "XPASS"};

[[nodiscard]] constexpr std::string_view to_string(Verdict verdict) {
    return verdict_names[static_cast<std::size_t>(verdict)];
}

/// One field on which expectation and record were compared. Equal rows are kept only where they
/// help the reader (the exit code); `matches` tells them apart.
struct FieldDifference {
    std::string field;    ///< "control.exit_code", "save.rip", "l2.rbx", "l1.cr3", "stack+0x1f8"
    std::string expected; ///< As shown to people: "0x072 cpuid", "0x201002 (after)", "changed".
    std::string actual;
    std::string changed_bits; ///< By name, "-cpuid +hlt"; empty where the field has no named bits.
    bool matches = false;
};

/// A line of disassembly of the L2 program, around the RIP that #VMEXIT saved.
struct CodeLine {
    std::uint64_t address = 0;
    std::string bytes;
    std::string text;
    std::string note; ///< "insn", "after", "<-- rip"; may be empty.
};

/// Where the case is defined.
struct SourcePlace {
    std::string file; ///< Relative to the project's root.
    unsigned line = 0;
};

/// What one of several runs of a case came to: one that failed may be run again.
struct Attempt {
    Verdict verdict = Verdict::error;
    std::string reason; ///< One line, empty for a pass; what differed, if the judge gave none.
};

/// The outcome of one case.
struct CaseResult {
    std::string name;
    Verdict verdict = Verdict::error;
    std::string reason; ///< One line: why FAIL, SKIP or ERROR; the baseline's reason for XFAIL.
    std::vector<FieldDifference> fields;
    std::vector<CodeLine> code;
    std::vector<std::string> guest_log; ///< Last words of the guest.
    std::string manual;                 ///< "APM2 15.9"
    SourcePlace place;
    std::string repeat_command;     ///< The command that runs this case again.
    std::uint32_t masked_bytes = 0; ///< Bytes that changed and are not judged, by the exit's rules.
    std::optional<std::uint64_t> exit_code;
    std::chrono::nanoseconds duration{}; ///< From its begin to its record, as the runner saw it.
    unsigned machine = 0;                ///< Which machine of the run it ran on, from 1; 0: none.
    bool confirmed = true;               ///< false: no target has confirmed this expectation yet.
    /// The deadline that passed without a record, where that is why the case failed.
    std::optional<std::chrono::milliseconds> timed_out_after;
    /// Of an XFAIL: by its baseline's word it passes as well, when something else comes in time.
    bool intermittent = false;
    std::vector<Attempt> attempts; ///< Of a case that was retried: all, in their order.

    /// It failed and a retry did not: it cannot be relied on, whatever its verdict.
    [[nodiscard]] bool flaky() const {
        return !attempts.empty() &&
               (verdict == Verdict::pass || verdict == Verdict::expected_fail ||
                verdict == Verdict::unexpected_pass);
    }
};

/// Between what a baseline says of a case that ends its machine and how it was seen to end.
inline constexpr std::string_view seen_mark = " (seen: ";

/// The verdict's word, or FLAKY, which is no verdict of its own: that of the retry counts.
[[nodiscard]] inline std::string_view verdict_word(const CaseResult& result) {
    return result.flaky() ? "FLAKY" : to_string(result.verdict);
}

/// How many cases ended how.
struct VerdictCounts {
    std::array<std::uint32_t, verdict_names.size()> by_verdict{};
    std::uint32_t unconfirmed = 0;
    std::uint32_t flaky = 0; ///< Of those counted by verdict.

    void add(const CaseResult& result) {
        ++by_verdict[static_cast<std::size_t>(result.verdict)];
        unconfirmed += result.confirmed ? 0u : 1u;
        flaky += result.flaky() ? 1u : 0u;
    }
    [[nodiscard]] std::uint32_t operator[](Verdict verdict) const {
        return by_verdict[static_cast<std::size_t>(verdict)];
    }
    [[nodiscard]] std::uint32_t total() const {
        std::uint32_t sum = 0;
        for (auto count : by_verdict) {
            sum += count;
        }
        return sum;
    }
};

} // namespace vmrunit::runner
