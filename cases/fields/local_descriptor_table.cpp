// SPDX-License-Identifier: GPL-2.0-only
// LDTR and TR, which VMLOAD loads and VMRUN leaves as they are: SLDT and STR of L2 see the
// selectors, and a segment that L2 loads from its LDT comes from where the hidden part of LDTR
// says, and the stack of an interrupt from where TR does. APM2 4.6.4, 4.7.1, 8.7, 15.5.2.

#include "cases/fields/segment_table.hpp"
#include "cases/model/instruction_table.hpp"

#include "harness/svm/segment.hpp"

#include <utility>

namespace vmrunit::cases {
namespace {

namespace field = svm::field;
using svm::SegmentAttributes;

constexpr std::uint16_t in_ldt = 4; ///< TI of a selector.
constexpr std::uint16_t from_ldt = l2_selector::limited_data | in_ldt;

/// VMLOAD asks nothing of them, so they are any.
void selectors(Segments& segments, L2Mode mode) {
    for (const auto& [place, program] :
         {std::pair{field::ldtr_selector, "sldt"}, std::pair{field::tr_selector, "str"}}) {
        for (const std::uint16_t value : {0x0000, 0x0003, 0x0008, 0x1234, 0xfff8, 0xffff}) {
            segments.add({.place = place,
                          .what = "loaded_by_vmload/" + hex_name(value),
                          .title = "L2 sees the selector that VMLOAD loaded.",
                          .program = program,
                          .steps = {vmcb_field(place, value)},
                          .exit = reads(value),
                          .manual = "APM2 15.5.2"},
                         mode);
        }
    }
}

/// What VMLOAD makes LDTR.
std::vector<Step> local_table(Value base, std::uint32_t limit, SegmentAttributes attributes) {
    return {vmcb_field(field::ldtr_selector, l2_selector::ldt), vmcb_field(field::ldtr_base, base),
            vmcb_field(field::ldtr_limit, limit),
            vmcb_field(field::ldtr_attributes, attributes.value)};
}

/// MOV of a selector to DS: its descriptor is in the LDT.
void uses(Segments& segments, L2Mode mode) {
    const SegmentAttributes usual = svm::system_attributes(svm::segment_type::ldt);
    const Value gdt = in_memory(offsetof(L2Memory, gdt));
    constexpr std::uint32_t descriptor = 8;
    constexpr std::uint32_t last_byte = l2_selector::limited_data + descriptor - 1;
    const auto row = [&](svm::FieldRef place, std::string_view what, std::string_view title,
                         std::vector<Step> steps, std::uint16_t selector, bool faults) {
        SegmentRow made{.place = place,
                        .what = "used/" + std::string{what},
                        .title = title,
                        .program = "set_ds",
                        .steps = std::move(steps),
                        .manual = "APM2 4.6.4"};
        made.steps.emplace_back(l2_register(Register::rbx, selector));
        if (faults) {
            made.raises =
                Delivery{.vector = 13, .error_code = static_cast<std::uint32_t>(selector & ~3u)};
        } else {
            made.exit.fields = {{field::ds_selector, selector},
                                {field::ds_attributes, svm::data16_attributes().value},
                                {field::ds_limit, 0xf},
                                {field::ds_base, l2_data}};
        }
        segments.add(made, mode);
    };
    row(field::ldtr_base, "gdt", "The descriptor is where the base of LDTR says.",
        local_table(gdt, world::limit16, usual), from_ldt, false);
    row(field::ldtr_base, "behind_gdt", "The same descriptor, with another base.",
        local_table(in_memory(offsetof(L2Memory, gdt) + l2_selector::limited_data), 7, usual),
        in_ldt, false);
    row(field::ldtr_base, "before_gdt", "The same descriptor, with a base below.",
        local_table(in_region(Region::l2_memory, 0 - std::uint64_t{0x80}), world::limit16, usual),
        (l2_selector::limited_data + 0x80) | in_ldt, false);
    row(field::ldtr_limit, "last_byte", "The descriptor ends with the table.",
        local_table(gdt, last_byte, usual), from_ldt, false);
    row(field::ldtr_limit, "one_less", "Its last byte is beyond the table.",
        local_table(gdt, last_byte - 1, usual), from_ldt, true);
    row(field::ldtr_limit, "ends_before", "All of it is beyond the table.",
        local_table(gdt, l2_selector::limited_data - 1, usual), from_ldt, true);
    row(field::ldtr_attributes, "not_present", "There is no table.",
        local_table(gdt, world::limit16, usual.with(SegmentAttributes::present, 0)), from_ldt,
        true);
}

/// The stack of an interrupt at CPL 3 comes from the task-state segment, which is elsewhere; where
/// it usually is there is none.
void task_state(Segments& segments, L2Mode mode) {
    struct Tss {
        std::uint32_t usual, stack_pointer, stack_segment;
        std::uint8_t size;
    };
    const Tss tss = is_long_mode(mode)       ? Tss{offsetof(L2Memory, tss64), 4, 0, 8}
                    : mode == L2Mode::prot16 ? Tss{offsetof(L2Memory, tss16), 2, 4, 2}
                                             : Tss{offsetof(L2Memory, tss32), 4, 8, 4};
    std::vector<Step> steps{
        vmcb_field(field::tr_base, l2_data),
        l2_data_bytes(tss.stack_pointer, tss.size,
                      in_memory(offsetof(L2Memory, kernel_stack) + sizeof(L2Memory::kernel_stack))),
        Write{wire::Op::Code::write, Region::l2_memory, tss.usual + tss.stack_pointer, tss.size,
              0}};
    if (tss.stack_segment != 0) {
        steps.emplace_back(
            l2_data_bytes(tss.stack_segment, 2,
                          mode == L2Mode::prot16 ? l2_selector::data16 : l2_selector::data));
    }
    segments.add({.place = field::tr_base,
                  .what = "used/other_place",
                  .title = "An interrupt finds its stack where the base of TR says.",
                  .program = "int_40",
                  .steps = std::move(steps),
                  .raises = Delivery{.vector = 0x40, .return_rip = at_after},
                  .manual = "APM2 8.7.3, 8.9.3",
                  .cpl = 3},
                 mode);
}

void local_descriptor_table(Catalogue& catalogue) {
    Segments segments{catalogue};
    for (const L2Mode mode :
         {L2Mode::long64, L2Mode::compat, L2Mode::pae, L2Mode::prot32, L2Mode::prot16}) {
        selectors(segments, mode);
        uses(segments, mode);
        task_state(segments, mode);
    }
}

const Registration registration{local_descriptor_table};

} // namespace
} // namespace vmrunit::cases
