// SPDX-License-Identifier: GPL-2.0-only
// What the DPL of ES and DS is for, which VMRUN loaded and no access asks again: an IRET to an
// outer level takes away the segments that this level may not use. They become null; what is left
// of the hidden parts of a null segment nobody says. APM2 15.5.1; APM3, IRET.

#include "cases/fields/segment_table.hpp"
#include "cases/model/instruction_table.hpp"

#include "harness/svm/cpu.hpp"
#include "harness/svm/segment.hpp"

#include <array>
#include <utility>

namespace vmrunit::cases {
namespace {

namespace field = svm::field;
namespace type = svm::segment_type;
using svm::SegmentAttributes;

/// Where IRET goes to: CPL 3, in code of the same size.
struct Outer {
    L2Mode mode;
    std::uint8_t slot; ///< Bytes that IRET pops at a time.
    std::uint16_t code, data;
    SegmentAttributes code_attributes, data_attributes;
};
constexpr SegmentAttributes code64 = svm::code64_attributes(3);
constexpr SegmentAttributes code32 = svm::code32_attributes(3);
constexpr SegmentAttributes code16 = svm::code16_attributes(3);
constexpr SegmentAttributes data32 = svm::data32_attributes(3);
constexpr SegmentAttributes data16 = svm::data16_attributes(3);
// clang-format off
constexpr Outer outers[] = {
    {L2Mode::long64, 8, l2_selector::user_code64, l2_selector::user_data,   code64, data32},
    {L2Mode::compat, 4, l2_selector::user_code32, l2_selector::user_data,   code32, data32},
    {L2Mode::pae,    4, l2_selector::user_code32, l2_selector::user_data,   code32, data32},
    {L2Mode::prot32, 4, l2_selector::user_code32, l2_selector::user_data,   code32, data32},
    {L2Mode::prot16, 2, l2_selector::user_code16, l2_selector::user_data16, code16, data16},
};
// clang-format on

std::vector<Step> return_frame(const Outer& outer) {
    const std::uint32_t bottom = l2_stack_end - 5u * outer.slot;
    const std::array<Value, 5> frame{at_after, outer.code, svm::rflags::always_one,
                                     in_memory(l2_stack_end), outer.data};
    std::vector<Step> steps{l2_register(Register::rsp, in_memory(bottom))};
    std::uint32_t at = bottom;
    for (const Value& value : frame) {
        steps.emplace_back(Write{wire::Op::Code::write, Region::l2_memory, at, outer.slot, value});
        at += outer.slot;
    }
    return steps;
}

ExitExpectation at_outer_level(const Outer& outer) {
    ExitExpectation exit = program_ends();
    exit.fields = {{field::cpl, 3},
                   {field::rsp, in_memory(l2_stack_end)},
                   {field::cs_selector, outer.code},
                   {field::cs_attributes, outer.code_attributes.value},
                   {field::ss_selector, outer.data},
                   {field::ss_attributes, outer.data_attributes.value}};
    return exit;
}

struct Kept {
    std::string_view what;
    std::string_view title;
    std::uint8_t type;
    std::uint8_t dpl;
    bool is_kept;
};
constexpr Kept kinds[] = {
    {"dpl_0_iret_to_3", "CPL 3 may not use a segment of level 0: IRET makes it null.",
     type::data_read_write, 0, false},
    {"dpl_2_iret_to_3", "CPL 3 may not use a segment of level 2: IRET makes it null.",
     type::data_read_write, 2, false},
    {"dpl_3_iret_to_3", "CPL 3 may use a segment of level 3: it stays.", type::data_read_write, 3,
     true},
    {"code_dpl_0_iret_to_3", "Code of level 0 is as data: IRET makes it null.", type::code_read, 0,
     false},
    {"conforming_dpl_0_iret_to_3", "Conforming code is every level's: it stays.",
     type::code_conforming_read, 0, true},
};

void outer_return(Catalogue& catalogue) {
    Segments segments{catalogue};
    for (const Outer& outer : outers) {
        for (const auto& [one, other] :
             {std::pair{segment::es, segment::ds}, std::pair{segment::ds, segment::es}}) {
            for (const Kept& kind : kinds) {
                const SegmentAttributes attributes =
                    outer.data_attributes.with(SegmentAttributes::type, kind.type | type::accessed)
                        .with(SegmentAttributes::dpl, kind.dpl);
                ExitExpectation exit = at_outer_level(outer);
                if (!kind.is_kept) {
                    exit.fields.push_back({one.selector, 0});
                    for (const svm::FieldRef hidden : {one.attributes, one.limit, one.base}) {
                        exit.fields.push_back({hidden, {}, ~std::uint64_t{0}, Match::free});
                    }
                }
                segments.add(
                    {.place = one.attributes,
                     .what = "used/" + std::string{kind.what},
                     .title = kind.title,
                     .program = "iret",
                     .steps = join(return_frame(outer),
                                   {vmcb_field(one.attributes, attributes.value),
                                    vmcb_field(other.attributes, outer.data_attributes.value)}),
                     .exit = std::move(exit),
                     .manual = "APM2 15.5.1"},
                    outer.mode);
            }
        }
    }
}

const Registration registration{outer_return};

} // namespace
} // namespace vmrunit::cases
