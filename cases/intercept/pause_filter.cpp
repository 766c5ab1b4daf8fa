// SPDX-License-Identifier: GPL-2.0-only
// The PAUSE filter: a count, and a threshold beside it. PAUSEs that follow each other within the
// threshold use the count up; a gap that is longer begins it anew. APM2 15.14.4.

#include "cases/model/pause_filter.hpp"
#include "cases/model/instruction_table.hpp"

namespace vmrunit::cases {
namespace {

namespace field = svm::field;
using svm::Feature;
using svm::Intercept;

constexpr std::string_view manual = "APM2 15.14.4";
constexpr std::uint64_t count = 3;
/// Emulators may be slow, so this is the longest there is.
constexpr std::uint64_t longest = 0xffff;
constexpr std::uint64_t shorter_than_gap = 0x4000;

// clang-format off

void count_alone(InstructionTable& table) {
    table.row({.subject = "pause", .variant = "filter", .program = "fourth_pause",
               .intercept = Intercept::pause, .manual = manual,
               .needs = Feature::pause_filter, .cpl3 = AtCpl3::same,
               .setup = {vmcb_field(field::pause_filter_count, count)},
               .taken_fields = one_of_last_two_pauses()});
    table.row({.subject = "pause", .variant = "filter_not_used_up", .program = "fourth_pause",
               .intercept = Intercept::pause, .manual = manual,
               .needs = Feature::pause_filter, .cpl3 = AtCpl3::same,
               .setup = {vmcb_field(field::pause_filter_count, 1000)},
               .reach = Reach::not_covered});
}

void with_threshold(InstructionTable& table) {
    table.row({.subject = "pause", .variant = "within_threshold", .program = "fifth_pause",
               .intercept = Intercept::pause, .manual = manual,
               .needs = Feature::pause_filter_threshold, .cpl3 = AtCpl3::same,
               .setup = {vmcb_field(field::pause_filter_count, count),
                         vmcb_field(field::pause_filter_threshold, longest)},
               .taken_fields = one_of_last_two_pauses()});
    // Two PAUSEs, a gap, two more. Threshold 0 is none.
    const Effect waited{.fields    = {{field::rax, {}, ~0ull, Match::free},
                                      flags_of_waiting()},
                        .registers = {{Register::rbx, {}, ~0ull, Match::free},
                                      {Register::rdx, {}, ~0ull, Match::free}}};
    table.row({.subject = "pause", .variant = "threshold_0", .program = "late_pause",
               .intercept = Intercept::pause, .manual = manual,
               .needs = Feature::pause_filter_threshold, .cpl3 = AtCpl3::same,
               .setup = {vmcb_field(field::pause_filter_count, count)},
               .prologue = waited, .taken_fields = one_of_last_two_pauses(),
               .also_meets = {Intercept::rdtsc}});
    table.row({.subject = "pause", .variant = "threshold_passed", .program = "late_pause",
               .intercept = Intercept::pause, .manual = manual,
               .needs = Feature::pause_filter_threshold, .cpl3 = AtCpl3::same,
               .setup = {vmcb_field(field::pause_filter_count, count),
                         vmcb_field(field::pause_filter_threshold, shorter_than_gap)},
               .prologue = waited, .reach = Reach::not_covered,
               .also_meets = {Intercept::rdtsc}});
}
// clang-format on

void pause_filter(Catalogue& catalogue) {
    InstructionTable table{catalogue};
    count_alone(table);
    with_threshold(table);
}

const Registration registration{pause_filter};

} // namespace
} // namespace vmrunit::cases
