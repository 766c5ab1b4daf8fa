// SPDX-License-Identifier: GPL-2.0-only
// Segment registers: the hidden parts come from the VMCB, not from any descriptor table, and all
// four parts go back there. What they do to an access stands in segment_access.cpp.
// APM2 15.5.1, 15.6.

#include "cases/fields/segment_table.hpp"
#include "cases/model/instruction_table.hpp"

#include "harness/svm/cpu.hpp"
#include "harness/svm/segment.hpp"

#include <utility>

namespace vmrunit::cases {
namespace {

namespace field = svm::field;
namespace type = svm::segment_type;
using svm::SegmentAttributes;
using namespace segment;

/// The selector is what VMRUN says, whatever the GDT holds there.
void selectors(Segments& segments) {
    for (const SegmentField& one : {es, ss, ds, cs}) {
        for (const std::uint16_t value :
             {0x0000, 0x0001, 0x0002, 0x0003, 0x0010, 0x1234 & ~3, 0xfff8, 0xffff}) {
            const std::string what = "loaded/" + hex_name(value);
            const std::string program = program_for("copy", one);
            for (const L2Mode mode : every_mode) {
                segments.add({.place = one.selector,
                              .what = what,
                              .title = "L2 sees the selector of the VMCB, whatever the GDT says.",
                              .program = program,
                              .steps = {vmcb_field(one.selector, value)},
                              .exit = reads(value),
                              .cpl = lowest_cpl(mode)},
                             mode);
            }
        }
    }
}

/// L2 loads a register from its GDT: what #VMEXIT stores is all of the new segment.
void loaded_by_l2(Segments& segments) {
    const SegmentAttributes attributes = svm::data16_attributes();
    for (const SegmentField& one : {es, ss, ds, fs, gs}) {
        const bool is_stored = one.name != "fs" && one.name != "gs";
        const std::string program = program_for("set", one);
        for (const L2Mode mode : paged_modes) {
            ExitExpectation exit = program_ends();
            if (is_stored) {
                exit.fields = {{one.selector, l2_selector::limited_data},
                               {one.attributes, attributes.value},
                               {one.limit, 0xf},
                               {one.base, l2_data}};
            }
            if (one.is_stack) {
                // MOV SS holds interrupts off for the instruction that exits.
                exit.fields.push_back(
                    {field::interrupt_shadow, 1, svm::InterruptShadow::interrupt_shadow.mask()});
            }
            segments.add({.place = one.selector,
                          .what = is_stored ? "stored" : "not_stored",
                          .title = is_stored ? "The exit stores the segment that L2 loaded."
                                             : "Only VMSAVE stores the segment that L2 loaded.",
                          .program = program,
                          .steps = {l2_register(Register::rbx, l2_selector::limited_data)},
                          .exit = exit,
                          .manual = "APM2 15.6"},
                         mode);
        }
    }
    for (const L2Mode mode : paged_modes) {
        segments.add({.place = field::ldtr_selector,
                      .what = "not_stored",
                      .title = "Only VMSAVE stores the LDTR that L2 loaded.",
                      .program = "set_ldtr",
                      .steps = {l2_register(Register::rbx, l2_selector::ldt)},
                      .manual = "APM2 15.6"},
                     mode);
        const std::uint16_t task =
            is_long_mode(mode) ? l2_selector::idle_tss64 : l2_selector::idle_tss32;
        ExitExpectation busy = program_ends();
        busy.memory = {{Region::l2_memory,
                        static_cast<std::uint32_t>(offsetof(L2Memory, gdt)) + task + 5, 1, 0x8b}};
        segments.add({.place = field::tr_selector,
                      .what = "not_stored",
                      .title = "Only VMSAVE stores the TR that L2 loaded.",
                      .program = "set_tr",
                      .steps = {l2_register(Register::rbx, task)},
                      .exit = busy,
                      .manual = "APM2 15.6"},
                     mode);
    }
}

/// A limit that is counted in bytes has twenty bits.
std::vector<Step> with_attributes(const SegmentField& one, SegmentAttributes attributes) {
    std::vector<Step> steps{vmcb_field(one.attributes, attributes.value)};
    if (!attributes.test(SegmentAttributes::granularity)) {
        steps.emplace_back(vmcb_field(one.limit, 0xf'ffff));
    }
    return steps;
}

/// Of CS, which has a DPL that matches CPL (spec: ENT-CSDPL) and in 64-bit mode no D.
void code_attributes(Segments& segments, L2Mode mode) {
    const SegmentAttributes fresh =
        mode == L2Mode::long64 ? svm::code64_attributes() : svm::code32_attributes();
    struct Attributes {
        std::string_view name;
        SegmentAttributes value;
        bool in_long64 = true;
    };
    const Attributes kinds[] = {
        {"execute_only",
         fresh.with(SegmentAttributes::type, type::code_execute_only | type::accessed)},
        {"small", fresh.with(SegmentAttributes::default_size, 0), false},
    };
    for (const Attributes& kind : kinds) {
        if (mode == L2Mode::long64 && !kind.in_long64) {
            continue;
        }
        ExitExpectation exit = program_ends();
        std::vector<Step> steps = with_attributes(cs, kind.value);
        if (mode != L2Mode::long64) {
            // Code that is far up would be beyond a limit, or want more than 16 bits of RIP.
            steps.emplace_back(vmcb_field(cs.base, at_start));
            steps.emplace_back(vmcb_field(field::rip, 0));
            exit.rip = 0;
            exit.next_rip = 3;
        }
        segments.add({.place = cs.attributes,
                      .what = "stored_as_loaded/" + std::string{kind.name},
                      .title = "The exit stores the attributes that VMRUN loaded.",
                      .steps = std::move(steps),
                      .exit = std::move(exit)},
                     mode);
    }
}

/// Attributes that the CPU observes (observed_attributes.hpp), limits and bases go back as they
/// came.
void stored_as_loaded(Segments& segments) {
    struct Attributes {
        std::string_view name;
        SegmentAttributes value;
        bool fits_stack = false;
    };
    const SegmentAttributes fresh = svm::data32_attributes();
    const Attributes kinds[] = {
        {"read_only", svm::code_or_data_attributes(type::data_read_only | type::accessed)},
        {"expand_down", svm::code_or_data_attributes(type::data_expand_down | type::accessed),
         true},
        {"code_read", svm::code_or_data_attributes(type::code_read | type::accessed)},
        {"dpl1", fresh.with(SegmentAttributes::dpl, 1)},
        {"dpl2", fresh.with(SegmentAttributes::dpl, 2)},
        {"dpl3", fresh.with(SegmentAttributes::dpl, 3)},
        {"small", fresh.with(SegmentAttributes::default_size, 0), true},
    };
    for (const L2Mode mode : paged_modes) {
        for (const SegmentField& one : {es, ds}) {
            for (const Attributes& kind : kinds) {
                segments.add({.place = one.attributes,
                              .what = "stored_as_loaded/" + std::string{kind.name},
                              .title = "The exit stores the attributes that VMRUN loaded.",
                              .steps = with_attributes(one, kind.value)},
                             mode);
            }
        }
        code_attributes(segments, mode);
        // Neither what the stack segment may not be nor what becomes of a DPL that is not CPL:
        // nobody says.
        for (const Attributes& kind : kinds) {
            if (kind.fits_stack) {
                segments.add({.place = ss.attributes,
                              .what = "stored_as_loaded/" + std::string{kind.name},
                              .title = "The exit stores the attributes that VMRUN loaded.",
                              .steps = with_attributes(ss, kind.value)},
                             mode);
            }
        }
        for (const SegmentField& one : data_segments) {
            for (const std::uint32_t limit : {0xfffu, 0xffffu, 0xf'ffffu, 0xffff'ffffu}) {
                std::vector<Step> steps{vmcb_field(one.limit, limit)};
                if (limit == 0xffff) {
                    steps.emplace_back(
                        vmcb_clear(one.attributes, SegmentAttributes::granularity.mask()));
                }
                segments.add({.place = one.limit,
                              .what = "stored_as_loaded/" + hex_name(limit),
                              .title = "The exit stores the limit that VMRUN loaded.",
                              .steps = steps},
                             mode);
            }
            for (const std::uint64_t base : {0x0ull, 0x1000ull, 0x8000'0000ull, 0xffff'ffffull}) {
                segments.add({.place = one.base,
                              .what = "stored_as_loaded/" + hex_name(base),
                              .title = "The exit stores the base that VMRUN loaded.",
                              .steps = {vmcb_field(one.base, base)}},
                             mode);
            }
            if (one.is_stack && mode != L2Mode::long64) {
                continue; // Only 64-bit mode has a stack without a stack segment.
            }
            segments.add({.place = one.attributes,
                          .what = "stored_as_loaded/not_present",
                          .title = "A segment that is not present keeps its selector.",
                          .steps = {vmcb_clear(one.attributes, SegmentAttributes::present.mask()),
                                    vmcb_field(one.selector, 0)}},
                         mode);
        }
    }
}

/// The privilege level is that of the CPL field, whatever the segments say.
void privilege_level(Segments& segments) {
    const std::uint64_t dpl = SegmentAttributes::dpl.mask();
    for (const L2Mode mode : paged_modes) {
        segments.add({.place = field::cpl,
                      .what = "decides/0_with_ss_dpl_3",
                      .title = "CPL 0, though SS.DPL is 3: a privileged instruction executes.",
                      .program = "read_cr0",
                      .steps = {vmcb_set(ss.attributes, dpl)},
                      .exit = reads(world::mode_registers(mode).cr0)},
                     mode);
        segments.add({.place = field::cpl,
                      .what = "decides/3_with_ss_dpl_0",
                      .title = "CPL 3, though SS.DPL is 0: a privileged instruction faults.",
                      .program = "read_cr0",
                      .steps = {vmcb_clear(ss.attributes, dpl)},
                      .raises = Delivery{.vector = 13, .error_code = 0},
                      .cpl = 3},
                     mode);
        for (const std::uint8_t level : {std::uint8_t{1}, std::uint8_t{2}}) {
            const std::uint64_t in_place =
                SegmentAttributes{}.with(SegmentAttributes::dpl, level).value;
            segments.add(
                {.place = field::cpl,
                 .what = "stored_as_loaded/" + std::to_string(level),
                 .title = "Privilege levels 1 and 2.",
                 .steps = {vmcb_field(field::cpl, level), vmcb_set(cs.attributes, in_place),
                           vmcb_set(ss.attributes, in_place)}},
                mode);
        }
    }
}

/// Real mode has no other level than 0 and virtual-8086 mode none but 3: the field is not looked
/// at.
void forced_privilege_level(Catalogue& catalogue) {
    // WBINVD is of CPL 0.
    for (const bool nested_paging : {true, false}) {
        const L2Start v86{L2Mode::v86, 3, nested_paging};
        const std::string forced = "fields/" + name_of(field::cpl) + "/forced/";
        add_guest_case(catalogue,
                       {.name = forced + "real_mode_3",
                        .title = "CPL is 0 in real mode, whatever the field says.",
                        .manual = "APM2 15.5.1",
                        .program = "wbinvd",
                        .steps = {vmcb_field(field::cpl, 3)},
                        .exit = program_ends()},
                       {L2Mode::real, 0, nested_paging});
        add_guest_case(catalogue,
                       {.name = forced + "v86_0",
                        .title = "CPL is 3 in virtual-8086 mode, whatever the field says.",
                        .manual = "APM2 15.5.1",
                        .program = "wbinvd",
                        .steps = {vmcb_field(field::cpl, 0)},
                        .exit = delivered(v86, {.vector = 13, .error_code = 0})},
                       v86);
    }
}

void segment_registers(Catalogue& catalogue) {
    Segments segments{catalogue};
    forced_privilege_level(catalogue);
    selectors(segments);
    loaded_by_l2(segments);
    stored_as_loaded(segments);
    privilege_level(segments);
}

const Registration registration{segment_registers};

} // namespace
} // namespace vmrunit::cases
