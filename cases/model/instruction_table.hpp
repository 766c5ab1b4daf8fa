// SPDX-License-Identifier: GPL-2.0-only
// Rows about intercepted instructions, and what each of them becomes. APM2 15.7, 15.9.
//
// One row gives, for every mode of L2 and of L1, privilege level and paging it applies to:
//   taken        with the intercept set: exit code, RIP of the instruction, nothing executed
//   taken_all_others  the same with every other intercept set that does not come first and that the
//                program does not run into before
//   not_taken    with the intercept clear: the instruction's own effect, then the marker's exit
//   not_taken_all_others  the same with every other intercept set that the program does not run
//   into order_cpl    at CPL 3, where the instruction's #GP comes before the intercept
// and where the row says that its intercept is out of reach, instead of these:
//   order_XX     with the intercept set: exception #XX, which comes first
//   not_covered  with the intercept set: the instruction's own effect all the same
//   not_taken    the same with the intercept clear
// so each 'taken' has the twin that would notice if the exit came from somewhere else.
//
// Rows that say so are run at the end of a page as well (page_end.hpp), where the next page is
// mapped, absent from L2's tables, or absent from the nested ones:
//   page_end/NEXT/taken, not_taken        the instruction is the last of its page
//   across_pages/NEXT/taken, not_taken, order_pf, order_npf   one of its bytes is
// and in 16-bit modes at the end of the code segment (segment_end.hpp):
//   segment_end/taken, not_taken                the instruction's last byte is that at FFFFh
//   across_segment_end/order_gp, not_taken      its first one is
#pragma once

#include "cases/model/case.hpp"
#include "cases/model/catalogue.hpp"
#include "cases/model/delivery.hpp"
#include "cases/model/l1_reach.hpp"

#include <optional>
#include <source_location>
#include <string>
#include <string_view>
#include <vector>

namespace vmrunit::cases {

/// Where an instruction stands towards CPL 3.
enum class AtCpl3 : std::uint8_t {
    not_run,    ///< Says nothing new, or the program needs CPL 0 for its way there.
    same,       ///< As at CPL 0: the intercept is taken, or it executes.
    gp_first,   ///< Raises `cpl3_fault` before the intercept is looked at, and without it.
    exit_first, ///< The intercept comes before the `cpl3_fault` it would raise.
    only,       ///< The row is about CPL 3 and nothing else; as `same` there.
};

/// What setting the intercept does to the row.
enum class Reach : std::uint8_t {
    taken,
    exception_first, ///< Nothing: `raises` comes first.
    not_covered,     ///< Nothing: it is not about this instruction, or not about this use of it.
};

/// With nested paging, without, or one after the other.
enum class Paging : std::uint8_t { both, only_nested, only_unnested };

/// Which L2 modes a row runs in.
struct Modes {
    bool long64 = true, compat = true, pae = true, prot32 = true;
    bool real = false, paged_real = false, prot16 = false, v86 = false;
    [[nodiscard]] constexpr bool contains(L2Mode mode) const {
        const bool in[l2_mode_count] = {long64, compat, pae, prot32, real, paged_real, prot16, v86};
        return in[static_cast<unsigned>(mode)];
    }
    friend constexpr Modes operator|(const Modes& left, const Modes& right) {
        return {left.long64 || right.long64, left.compat || right.compat,
                left.pae || right.pae,       left.prot32 || right.prot32,
                left.real || right.real,     left.paged_real || right.paged_real,
                left.prot16 || right.prot16, left.v86 || right.v86};
    }
    friend constexpr Modes operator&(const Modes& left, const Modes& right) {
        return {left.long64 && right.long64, left.compat && right.compat,
                left.pae && right.pae,       left.prot32 && right.prot32,
                left.real && right.real,     left.paged_real && right.paged_real,
                left.prot16 && right.prot16, left.v86 && right.v86};
    }
};
// clang-format off
inline constexpr Modes only_long64 {true,  false, false, false};
inline constexpr Modes only_32bit  {false, true,  true,  true};
inline constexpr Modes real_modes  {false, false, false, false, true,  true};
inline constexpr Modes only_prot16 {false, false, false, false, false, false, true};
inline constexpr Modes only_v86    {false, false, false, false, false, false, false, true};
// clang-format on
inline constexpr Modes only_16bit = real_modes | only_prot16 | only_v86;
inline constexpr Modes not_long64 = only_32bit | only_16bit;
inline constexpr Modes all_modes = only_long64 | not_long64;
[[nodiscard]] constexpr Modes only(L2Mode mode) {
    const auto is = [mode](L2Mode other) { return mode == other; };
    return {is(L2Mode::long64), is(L2Mode::compat),     is(L2Mode::pae),    is(L2Mode::prot32),
            is(L2Mode::real),   is(L2Mode::paged_real), is(L2Mode::prot16), is(L2Mode::v86)};
}
/// Descriptor tables count: a selector may be bad.
inline constexpr Modes protected_modes = only_long64 | only_32bit | only_prot16;
/// Events go through gates and push error codes.
inline constexpr Modes gated_modes = protected_modes | only_v86;
/// Offsets of 32 bits and more, so that a row may name any address.
inline constexpr Modes flat_modes = only_long64 | only_32bit;

/// Whether a row is run at the end of a page, too, and of a 16-bit segment. A subject that reads
/// the instruction again to find its length, or reads behind it, shows there. See page_end.hpp,
/// segment_end.hpp.
enum class PageEnd : std::uint8_t {
    no,
    behind, ///< The instruction is the last of its page.
    within, ///< And, where the instruction is longer than a byte: the page ends behind its first.
};

/// What executing an instruction does.
struct Effect {
    std::vector<FieldExpectation> fields{};
    std::vector<RegisterExpectation> registers{};
    std::vector<MemoryExpectation> memory{};
};

struct InstructionRow {
    std::string_view subject; ///< "cpuid": intercept/cpuid/...
    std::string_view
        variant{}; ///< Put before taken and not_taken where a subject has several rows.
    std::string_view program;
    svm::Intercept intercept;
    std::string_view manual;
    svm::Features needs{};
    svm::Features without{}; ///< See Case::without.
    Modes modes = all_modes;
    L1Modes l1_modes{};
    /// In real and virtual-8086 mode the instruction is #UD, intercepted or not.
    bool needs_protected_mode = false;
    AtCpl3 cpl3 = AtCpl3::not_run;
    Delivery cpl3_fault{.vector = 13, .error_code = 0};
    Paging paging = Paging::both;
    PageEnd page_end = PageEnd::no;
    std::vector<Step> setup{};
    /// State the program's own first instructions change before the one under test.
    Effect prologue{};
    Reach reach = Reach::taken;
    Value taken_rip = at_insn;
    Value taken_next_rip = at_after; ///< On a CPU with NRIPS.
    InstructionBytes taken_instruction_bytes = InstructionBytes::unsaid;
    /// EXITINFO and the like, with the intercept set.
    std::vector<FieldExpectation> taken_fields{};
    Effect executed{};
    /// What the program's own last instructions do, behind the one under test.
    Effect epilogue{};
    /// The exception the instruction raises when it is not intercepted; `executed` is then what the
    /// exception writes besides the stack frame: CR2, DR6.
    std::optional<Delivery> raises{};
    /// The exit that ends the program when the intercept is clear, if it is neither the marker's
    /// nor a handler's.
    std::optional<ExitExpectation> ends_with{};
    /// Intercepts besides the row's own that the program itself runs into: left clear in
    /// taken_all_others and not_taken_all_others. That of virtual interrupts is where `setup` has
    /// one pending.
    std::vector<svm::Intercept> also_meets{};
    /// false where the instruction ends L2 without the intercept (HLT with nothing to wake it).
    bool runs_without_intercept = true;
    /// false where a subject that overlooks the exception of a row out of reach would not come
    /// back.
    bool fails_safely = true;
    /// Needed besides `needs` where the instruction executes.
    svm::Features needs_to_execute{};
};

/// Collects rows and expands them.
class InstructionTable {
public:
    explicit InstructionTable(Catalogue& catalogue) : catalogue_(catalogue) {}
    void row(const InstructionRow& row,
             const std::source_location& where = std::source_location::current());

private:
    Catalogue& catalogue_;
};

/// Every intercept of all six words but one and those that the program meets besides. What is left
/// clear: exceptions 2 and 9, whose bits have no defined effect, and the write traps of what `own`
/// and `also_meets` intercept, because that is written then. Bits of features that a CPU lacks are
/// set, too: there is nothing then that they could intercept. So are those of events from outside,
/// with none pending.
[[nodiscard]] std::vector<Step>
all_other_intercepts(svm::Intercept own, const std::vector<svm::Intercept>& also_meets = {});

/// Sets one intercept bit.
[[nodiscard]] Write intercepting(svm::Intercept intercept);
/// Writes a whole field of the VMCB.
[[nodiscard]] Write vmcb_field(svm::FieldRef field, Value value);
/// ORs or clears bits of a field of the VMCB.
[[nodiscard]] Write vmcb_set(svm::FieldRef field, std::uint64_t bits);
[[nodiscard]] Write vmcb_clear(svm::FieldRef field, std::uint64_t bits);
/// L2 begins with this value in a general register.
[[nodiscard]] Write l2_register(Register reg, Value value);
/// Writes L2's data.
[[nodiscard]] Write l2_data_bytes(std::uint32_t offset, std::uint8_t size, Value value);

/// `/work/x/cases/a.cpp` as `cases/a.cpp`.
[[nodiscard]] std::string project_path(std::string_view file);

} // namespace vmrunit::cases
