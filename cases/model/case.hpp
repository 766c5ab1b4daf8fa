// SPDX-License-Identifier: GPL-2.0-only
// A case: what is set up, what L2 runs, and what must be seen. Plain data; the payload and the
// judge give it meaning. Everything that is not mentioned must stay as it is (the frame rule).
#pragma once

#include "cases/model/value.hpp"
#include "harness/fresh_vmcb.hpp"
#include "harness/svm/exit_code.hpp"
#include "harness/svm/features.hpp"
#include "harness/svm/intercept.hpp"
#include "harness/svm/vmcb_fields.hpp"
#include "harness/wire/plan.hpp"
#include "harness/wire/record.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace vmrunit::cases {

// --- Set-up
// ----------------------------------------------------------------------------------------

/// Memory, VMCB or L2 register: written before the VMRUN.
struct Write {
    wire::Op::Code code = wire::Op::Code::write; ///< write, set_bits, clear_bits or fill.
    Region region = Region::vmcb;
    std::uint32_t offset = 0;
    std::uint8_t size = 8; ///< Bytes; of a fill the byte.
    Value value;           ///< Of a fill the length.
};

/// A register of L1: written before the VMRUN, put back after the case.
struct L1Write {
    wire::L1Register target;
    std::uint32_t msr = 0;
    Value value{};
};

/// VMRUN; a case has one for each ExitExpectation, FaultExpectation or EndExpectation.
struct Run {
    Value vmcb{}; ///< What rAX holds; 0: the arena's VMCB.
};

/// An L1 routine of the payload; a case has one for each CallExpectation.
struct Call {
    std::string routine;
    std::uint32_t argument = 0;
};

/// So many VMRUNs in a row, timed by L1; for the benchmark. Has no expectation.
struct Measure {
    std::uint32_t runs;
};

struct CodePlace {
    Region region = Region::vmcb;
    std::uint32_t offset = 0;
};

/// The program does not run where it is linked but across a border: a copy of it. The border of two
/// pages, for flat code; the case's steps map them so. Or the end of the code segment, for 16-bit
/// code; they give CS a base 64 KiB before it.
struct CodeCopy {
    Value border;             ///< Linear address of what lies behind it.
    bool splits_insn = false; ///< It lies behind the first byte of the instruction under test, and
                              ///< not behind its last one.
    bool ends_segment = false;
    CodePlace first;  ///< Behind the last byte before the border.
    CodePlace second; ///< The first byte behind it.
};

using Step = std::variant<Write, L1Write, Run, Call, Measure>;

/// The one and then the other.
[[nodiscard]] std::vector<Step> join(std::vector<Step> first, const std::vector<Step>& second);

// --- Expectation
// -----------------------------------------------------------------------------------

/// How a thing is judged.
enum class Match : std::uint8_t {
    equals,  ///< It has the value, under the mask.
    changed, ///< It is not what it was, under the mask. For results only the subject knows.
    free,    ///< Under the mask it may be anything: the architecture leaves it open.
};

struct FieldExpectation {
    svm::FieldRef field;
    Value value{};
    std::uint64_t mask = ~std::uint64_t{0};
    Match match = Match::equals;
    /// Judged only where L1 read all of these from CPUID; free elsewhere.
    svm::Features needs{};
};

struct RegisterExpectation {
    Register reg;
    Value value{};
    std::uint64_t mask = ~std::uint64_t{0};
    Match match = Match::equals;
};

struct MemoryExpectation {
    Region region;
    std::uint32_t offset;
    std::uint8_t size; ///< 1 to 8 bytes.
    Value value{};
    std::uint64_t mask = ~std::uint64_t{0};
    Match match = Match::equals;
};

/// What the exit of a page fault, L2's own or a nested one, stores of the instruction at RIP on a
/// CPU with decode assists. Of other exits the frame rule knows it. APM2 15.8.4.
enum class InstructionBytes : std::uint8_t {
    unsaid,
    stored, ///< The fault of a data access: fifteen bytes, from the one under test on.
    own,    ///< Fewer of them: the instruction ends where nothing more can be fetched.
    none,   ///< That of a fetch.
};

/// The subject entered L2 (or refused to) and came back by #VMEXIT.
struct ExitExpectation {
    svm::ExitCode exit_code = svm::ExitCode::vmmcall;
    Value rip = at_insn; ///< Saved RIP. Not judged after VMEXIT_INVALID and SHUTDOWN.
    /// Saved NEXT_RIP on a CPU with NRIPS, where the exit code defines one.
    Value next_rip = at_after;
    std::vector<FieldExpectation> fields{};
    std::vector<RegisterExpectation> registers{};
    std::vector<MemoryExpectation> memory{};
    InstructionBytes instruction_bytes = InstructionBytes::unsaid;
};

/// VMRUN itself faults in L1.
struct FaultExpectation {
    std::uint8_t vector;
    std::uint32_t error_code = 0;
};

/// What a routine must report.
struct CallExpectation {
    struct Reported {
        Value value{};
        std::uint64_t mask = ~std::uint64_t{0};
        Match match = Match::equals;
        std::string what; ///< For people: "FS base after VMLOAD".
    };
    std::optional<FaultExpectation> fault{};
    std::vector<Reported> values{};
};

/// The VMRUN does not come back: a shutdown or reset ends the machine. Any record instead is wrong,
/// and so are a hang and an emulator that dies. The last one of its case, which `ends_machine`.
struct EndExpectation {};

using Expectation =
    std::variant<ExitExpectation, FaultExpectation, CallExpectation, EndExpectation>;

// --- What it is about
// ------------------------------------------------------------------------------

/// What a case shows of an intercept bit; coverage is derived from these.
struct InterceptUse {
    enum class Kind : std::uint8_t {
        taken,                ///< Bit set: exits by it.
        taken_all_others,     ///< Bit set, and every other that the case does not meet
                              ///< (all_other_intercepts): exits by this one.
        not_taken,            ///< Bit clear: does not exit by it.
        not_taken_all_others, ///< Bit clear, and every other set that the case does not meet.
        order,                ///< Bit set: something comes first, or the bit does not cover it.
    };
    svm::Intercept intercept;
    Kind kind;
};

// --- The case
// --------------------------------------------------------------------------------------

/// The axes whose values are part of a case's name, in the order they are appended.
struct Axes {
    bool l2_mode = true;
    bool cpl = true;
    bool nested_paging = true;
    bool l1_mode = true;
};

struct Case {
    std::string name;   ///< Full and permanent, axes included.
    std::string title;  ///< What it shows, one line for people.
    std::string manual; ///< "APM2 15.9"
    std::string file;   ///< Where its row stands, from the project's root.
    unsigned line = 0;
    std::string program;   ///< L2 program, by name; its width follows from start.mode.
    L2Start start;         ///< And the mode of L1.
    svm::Features needs;   ///< Absent ones make the case SKIP.
    svm::Features without; ///< Present ones do: for what a CPU without them does.
    std::optional<CodeCopy> code_copy;
    std::vector<Step> steps;
    std::vector<Expectation> expectations;
    bool ends_machine = false; ///< The subject is expected to take the machine down: run last.
    bool confirmed = true;     ///< false: no target has shown it yet. Catalogue::mark_unconfirmed.
    unsigned vmruns = 1;       ///< That it makes; its deadline grows with them.
    std::vector<InterceptUse> intercepts; ///< What it shows of intercept bits.
    /// Items of coverage (cases/coverage) that it covers and no rule finds by itself: what a
    /// routine checks, rules of the manual.
    std::vector<std::string> covers;
};

/// The machine is to end by itself, and that is what the case shows.
[[nodiscard]] bool expects_end(const Case& one);

/// `base` with the values of its axes appended: "intercept/cpuid/taken" to
/// "intercept/cpuid/taken/l2_long64/cpl0/np1/l1_long64".
[[nodiscard]] std::string full_name(std::string_view base, const Axes& axes, const L2Start& start);

} // namespace vmrunit::cases
