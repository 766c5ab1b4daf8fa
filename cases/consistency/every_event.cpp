// SPDX-License-Identifier: GPL-2.0-only
// Events that cannot be injected, in every mode of L2: each vector of each reserved type, each
// vector that no exception has, with an error code and without. L1 tries them in a row, for they
// leave nothing behind; in long mode each has a case of its own. APM2 15.20.

#include "cases/model/guest_case.hpp"
#include "cases/model/instruction_table.hpp"
#include "cases/model/l1_case.hpp"

#include "harness/svm/vmcb.hpp"

#include <string>
#include <utility>

namespace vmrunit::cases {
namespace {

constexpr std::uint32_t with_error_code = 0x08;
constexpr std::uint32_t not_valid = 0x10;
constexpr std::uint32_t from_vector_32 = 0x20;
constexpr unsigned vectors = 256;

struct Type {
    std::string_view name;
    std::uint32_t argument;
    unsigned count; ///< Of vectors that it cannot have.
};
constexpr Type types[] = {{"type_1", 1, vectors},
                          {"type_5", 5, vectors},
                          {"type_6", 6, vectors},
                          {"type_7", 7, vectors},
                          {"exception", 3 | from_vector_32, vectors - 32}};

void every_event(Catalogue& catalogue) {
    const auto row = [&](L2Mode mode, const Type& type, std::string_view suffix, std::uint32_t more,
                         bool enters, const L1Modes& l1_modes) {
        CallExpectation expected;
        expected.values = {reported("VMRUNs that were refused", enters ? 0 : type.count),
                           reported("VMRUNs that entered", enters ? type.count : 0),
                           reported("first vector that did otherwise", vectors)};
        add_l1_case(catalogue, {.name = "consistency/event_injection/every_vector/" +
                                        std::string{type.name} + std::string{suffix} + "/in_" +
                                        std::string{l2_mode_names[static_cast<unsigned>(mode)]},
                                .title = enters ? "Without V nothing is looked at, in any mode."
                                                : "No L2 can be given such an event, in any mode.",
                                .manual = "APM2 15.20",
                                .program = "pause",
                                .mode = mode,
                                .l1_modes = l1_modes,
                                .steps = {vmcb_field(svm::field::rip, at_start),
                                          Call{"vmrun_every_vector", type.argument | more}},
                                .expectations = {expected},
                                .vmruns = type.count});
    };
    for (const L2Mode mode : every_mode) {
        const bool is_usual = mode == L2Mode::prot32 || mode == L2Mode::real;
        const L1Modes l1_modes = is_usual ? all_l1_modes : only_l1_long64;
        for (const Type& type : types) {
            row(mode, type, "", 0, false, l1_modes);
            row(mode, type, "_error_code", with_error_code, false, l1_modes);
            row(mode, type, "_not_valid", not_valid | with_error_code, true, only_l1_long64);
        }
    }
}

const Registration registration{every_event};

} // namespace
} // namespace vmrunit::cases
