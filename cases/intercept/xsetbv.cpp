// SPDX-License-Identifier: GPL-2.0-only
// XSETBV: the intercept comes before the #GP of privilege level and of a bad register. Whether it
// comes before the #UD of a clear CR4.OSXSAVE is not said, and not asked. APM2 15.9, table 15-7.

#include "cases/model/instruction_table.hpp"

#include "harness/svm/cpu.hpp"

namespace vmrunit::cases {
namespace {

namespace field = svm::field;
using svm::Feature;
using svm::Intercept;

constexpr Delivery general_protection{.vector = 13, .error_code = 0};
constexpr std::uint64_t x87_and_sse = 3; // L1 begins each case with x87 alone.

std::vector<Step> sets(std::uint32_t number, std::uint64_t value) {
    return {vmcb_set(field::cr4, svm::cr4::osxsave), l2_register(Register::rcx, number),
            l2_register(Register::rax, value), l2_register(Register::rdx, 0)};
}

void xsetbv(Catalogue& catalogue) {
    InstructionTable table{catalogue};
    // clang-format off
    table.row({.subject = "xsetbv", .program = "xsetbv", .intercept = Intercept::xsetbv,
               .manual = "APM2 15.9", .needs = Feature::xsave, .cpl3 = AtCpl3::exit_first,
               .page_end = PageEnd::within,
               .setup = sets(0, x87_and_sse),
               .epilogue = {.fields    = {{field::rax, x87_and_sse}},
                            .registers = {{Register::rdx, 0}}}});
    table.row({.subject = "xsetbv", .variant = "bad_register", .program = "xsetbv",
               .intercept = Intercept::xsetbv, .manual = "APM2 15.9",
               .needs = Feature::xsave, .cpl3 = AtCpl3::exit_first,
               .setup = sets(0xff, x87_and_sse),
               .raises = general_protection,
               .also_meets = {svm::exception_intercept(13)}});
    // x87 state cannot be switched off.
    table.row({.subject = "xsetbv", .variant = "bad_value", .program = "xsetbv",
               .intercept = Intercept::xsetbv, .manual = "APM2 15.9",
               .needs = Feature::xsave, .cpl3 = AtCpl3::exit_first,
               .setup = sets(0, 2),
               .raises = general_protection,
               .also_meets = {svm::exception_intercept(13)}});
    // clang-format on
}

const Registration registration{xsetbv};

} // namespace
} // namespace vmrunit::cases
