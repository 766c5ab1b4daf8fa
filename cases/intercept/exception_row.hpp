// SPDX-License-Identifier: GPL-2.0-only
// Rows about exceptions: what an InstructionRow needs, from the vector and the error code. And what
// rows do to L2's IDT and page tables to have them. APM2 8.2, 15.12.
#pragma once

#include "cases/model/instruction_table.hpp"

#include "harness/svm/vmcb.hpp"

#include <optional>
#include <source_location>
#include <string>
#include <string_view>
#include <vector>

namespace vmrunit::cases {

struct ExceptionRow {
    std::string_view variant{};
    std::string_view program;
    Delivery delivery; ///< As it arrives in L2's handler; its error code is EXITINFO1 too.
    svm::Features needs{};
    Modes modes = all_modes;
    AtCpl3 cpl3 = AtCpl3::same;
    std::vector<Step> setup{};
    Value saved_rip = at_insn; ///< With the intercept set.
    /// EXITINFO2, with the intercept set.
    std::optional<std::uint64_t> exit_info_2{};
    InstructionBytes instruction_bytes = InstructionBytes::unsaid; ///< With the intercept set.
    /// The event that was being delivered when the exception came up; with the intercept set.
    std::optional<svm::EventInformation> in_delivery{};
    /// What is written before the intercept is looked at: DR6, and what a trap's instruction does.
    Effect written_first{};
    /// What is written only where the exception is delivered, besides the stack frame: CR2.
    Effect written_last{};
    /// The row itself makes use of the IDT, so it has no `no_idt` twin.
    bool reaches_idt = false;
    std::vector<svm::Intercept> also_meets{};
};

/// Rows "exception_XX" or "exception_XX/variant"; and, with an IDT of no entries, "no_idt".
void exception(InstructionTable& table, const ExceptionRow& row,
               const std::source_location& where = std::source_location::current());

/// A selector behind the end of L2's GDT: what raise_gp loads.
inline constexpr std::uint16_t beyond_gdt = sizeof(L2Memory::gdt);

/// Any saved RIP: that of an abort is undefined.
[[nodiscard]] FieldExpectation any_rip();

/// EXITINTINFO, whose upper half means nothing without an error code.
[[nodiscard]] FieldExpectation being_delivered(svm::EventInformation event);

/// No vector has a gate.
[[nodiscard]] Write no_idt();
/// The gate of a vector is not present; in the IDTs of all modes.
[[nodiscard]] std::vector<Step> absent_gate(std::uint8_t vector);
/// The gate of a vector is not for CPL 3.
[[nodiscard]] std::vector<Step> closed_gate(std::uint8_t vector);
/// It is for CPL 3.
[[nodiscard]] std::vector<Step> open_gate(std::uint8_t vector);

/// An address that no L2 program touches; these steps unmap it in the page tables of all modes.
inline constexpr std::uint64_t spare_page = 0xc000'0000;
[[nodiscard]] std::vector<Step> spare_page_absent();

/// Error code that names a gate: the IDT bit, and the vector as index. APM2 8.4.1.
[[nodiscard]] constexpr std::uint32_t idt_error_code(std::uint8_t vector) {
    return vector * 8u + 2;
}
/// Mask without EXT. Of a fault during the delivery of another fault the manual does not clearly
/// say whether its source is external to the processor, and implementations differ.
inline constexpr std::uint32_t external_unsettled = ~1u;

} // namespace vmrunit::cases
