// SPDX-License-Identifier: GPL-2.0-only
// The PAUSE filter: a count, and a threshold beside it. PAUSEs that follow each other within the
// threshold use the count up; a gap that is longer begins it anew.
//
// The manual says two things of the end: with the count alone the exit comes when it reaches 0,
// with a threshold when it falls below. And whether a guest's first PAUSE counts down with a
// threshold, or begins the count anew, the PAUSE before it decides, which was L1's if anybody's. So
// each exit may be that of either of two PAUSEs, whose addresses differ in one bit. APM2 15.14.4.

#include "cases/model/instruction_table.hpp"

#include "harness/svm/cpu.hpp"

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

/// The exit is that of the PAUSE under test, or of the one before it.
std::vector<FieldExpectation> one_of_last_two() {
    constexpr std::uint64_t differs = 2;
    return {{field::rip, {}, differs, Match::free},
            {field::next_rip, {}, ~std::uint64_t{0}, Match::free}};
}

// clang-format off

void count_alone(InstructionTable& table) {
    table.row({.subject = "pause", .variant = "filter", .program = "fourth_pause",
               .intercept = Intercept::pause, .manual = manual,
               .needs = Feature::pause_filter, .cpl3 = AtCpl3::same,
               .setup = {vmcb_field(field::pause_filter_count, count)},
               .taken_fields = one_of_last_two()});
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
               .taken_fields = one_of_last_two(), .confirmed = false});
    // Two PAUSEs, a gap, two more. Threshold 0 is none.
    namespace flag = svm::rflags;
    constexpr std::uint64_t arithmetic_flags =
        flag::cf | flag::pf | flag::af | flag::zf | flag::sf | flag::of;
    const Effect waited{.fields    = {{field::rax, {}, ~0ull, Match::free},
                                      {field::rflags, {}, arithmetic_flags, Match::free}},
                        .registers = {{Register::rbx, {}, ~0ull, Match::free},
                                      {Register::rdx, {}, ~0ull, Match::free}}};
    table.row({.subject = "pause", .variant = "threshold_0", .program = "late_pause",
               .intercept = Intercept::pause, .manual = manual,
               .needs = Feature::pause_filter_threshold, .cpl3 = AtCpl3::same,
               .setup = {vmcb_field(field::pause_filter_count, count)},
               .prologue = waited, .taken_fields = one_of_last_two(),
               .also_meets = {Intercept::rdtsc}, .confirmed = false});
    table.row({.subject = "pause", .variant = "threshold_passed", .program = "late_pause",
               .intercept = Intercept::pause, .manual = manual,
               .needs = Feature::pause_filter_threshold, .cpl3 = AtCpl3::same,
               .setup = {vmcb_field(field::pause_filter_count, count),
                         vmcb_field(field::pause_filter_threshold, shorter_than_gap)},
               .prologue = waited, .reach = Reach::not_covered,
               .also_meets = {Intercept::rdtsc}, .confirmed = false});
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
