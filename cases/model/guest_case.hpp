// SPDX-License-Identifier: GPL-2.0-only
// Cases about the state L2 begins with and what becomes of it: one for each start a table names and
// each mode of L1, with that start in the name. Smaller than an InstructionRow: no intercept, no
// twins.
#pragma once

#include "cases/model/case.hpp"
#include "cases/model/catalogue.hpp"
#include "cases/model/l1_reach.hpp"

#include <array>
#include <optional>
#include <source_location>
#include <string>
#include <string_view>
#include <vector>

namespace vmrunit::cases {

struct GuestRow {
    std::string name; ///< Without axes: "fields/save_cr2/loaded/0".
    std::string_view title;
    std::string_view manual{};
    svm::Features needs{};
    svm::Features without{}; ///< See Case::without.
    std::string_view program = "nothing";
    std::optional<CodeCopy> code_copy{};
    std::vector<Step> steps{}; ///< Without the Run. A Call among them reports nothing.
    ExitExpectation exit{};    ///< Of the one Run.
    /// Further steps and what they show, after that Run.
    std::vector<Step> then{};
    std::vector<Expectation> then_expected{};
    bool ends_machine = false;
    std::vector<std::string> covers{}; ///< See Case::covers.
    L1Modes l1_modes{};                ///< Less those out of whose reach it is.
};

/// In each of the row's L1 modes, whatever `start` says of that.
void add_guest_case(Catalogue& catalogue, const GuestRow& row, const L2Start& start,
                    const std::source_location& where = std::source_location::current());

/// The protected modes with paging, in the order of the axis.
inline constexpr std::array paged_modes{L2Mode::long64, L2Mode::compat, L2Mode::pae,
                                        L2Mode::prot32};
/// All of them.
inline constexpr std::array every_mode{L2Mode::long64, L2Mode::compat, L2Mode::pae,
                                       L2Mode::prot32, L2Mode::real,   L2Mode::paged_real,
                                       L2Mode::prot16, L2Mode::v86};
/// Where L2 can be at CPL 0, and so read and write control registers: all but virtual-8086 mode.
inline constexpr std::array privileged_modes{L2Mode::long64, L2Mode::compat, L2Mode::pae,
                                             L2Mode::prot32, L2Mode::real,   L2Mode::paged_real,
                                             L2Mode::prot16};
/// The least that the mode has.
[[nodiscard]] constexpr std::uint8_t lowest_cpl(L2Mode mode) {
    return has_cpl(mode, 0) ? 0 : 3;
}

/// With nested paging and without.
template<class Visit>
void each_paging(L2Mode mode, Visit&& visit, std::uint8_t cpl = 0) {
    for (const bool nested_paging : {true, false}) {
        visit(L2Start{mode, cpl, nested_paging});
    }
}

/// Each mode at each CPL that it has, with nested paging and without.
template<class Visit>
void each_start(Visit&& visit) {
    for (const L2Mode mode : every_mode) {
        for (const std::uint8_t cpl : {std::uint8_t{0}, std::uint8_t{3}}) {
            if (has_cpl(mode, cpl)) {
                each_paging(mode, visit, cpl);
            }
        }
    }
}

/// "save.cs.base" as part of a case's name: "save_cs_base".
[[nodiscard]] std::string name_of(const svm::Field& field);
[[nodiscard]] std::string name_of(svm::FieldRef field);
/// A number as part of a case's name: lower-case hexadecimal without leading zeros.
[[nodiscard]] std::string hex_name(std::uint64_t number);

/// The exit of the VMMCALL that ends the program.
[[nodiscard]] ExitExpectation program_ends();

} // namespace vmrunit::cases
