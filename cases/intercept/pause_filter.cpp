// SPDX-License-Identifier: GPL-2.0-only
// PAUSE with a filter and a threshold: PAUSEs that follow each other within the threshold use the
// count up; a gap that is longer begins it anew. At CPL 3 as at CPL 0. The count alone is in
// simple_instructions.cpp. APM2 15.14.4.

#include "cases/model/instruction_table.hpp"

namespace vmrunit::cases {
namespace {

namespace field = svm::field;
using svm::Feature;
using svm::Intercept;

constexpr std::string_view manual = "APM2 15.14.4";
constexpr std::uint64_t count = 3;
constexpr std::uint64_t longest = 0xffff;

// clang-format off

void pause_filter(Catalogue& catalogue) {
    InstructionTable table{catalogue};
    // Emulators may be slow, so the threshold is the longest there is.
    table.row({.subject = "pause", .variant = "within_threshold", .program = "fourth_pause",
               .intercept = Intercept::pause, .manual = manual,
               .needs = Feature::pause_filter_threshold, .cpl3 = AtCpl3::same,
               .setup = {vmcb_field(field::pause_filter_count, count),
                         vmcb_field(field::pause_filter_threshold, longest)},
               .confirmed = false});
    const Effect waited{.fields    = {{field::rax, {}, ~0ull, Match::free}},
                        .registers = {{Register::rbx, {}, ~0ull, Match::free},
                                      {Register::rdx, {}, ~0ull, Match::free}}};
    table.row({.subject = "pause", .variant = "threshold_0", .program = "late_pause",
               .intercept = Intercept::pause, .manual = manual,
               .needs = Feature::pause_filter_threshold, .cpl3 = AtCpl3::only,
               .setup = {vmcb_field(field::pause_filter_count, count)},
               .prologue = waited, .also_meets = {Intercept::rdtsc}, .confirmed = false});
    table.row({.subject = "pause", .variant = "threshold_passed", .program = "late_pause",
               .intercept = Intercept::pause, .manual = manual,
               .needs = Feature::pause_filter_threshold, .cpl3 = AtCpl3::only,
               .setup = {vmcb_field(field::pause_filter_count, count),
                         vmcb_field(field::pause_filter_threshold, 0x4000)},
               .prologue = waited, .reach = Reach::not_covered,
               .also_meets = {Intercept::rdtsc}, .confirmed = false});
}
// clang-format on

const Registration registration{pause_filter};

} // namespace
} // namespace vmrunit::cases
