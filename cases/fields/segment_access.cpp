// SPDX-License-Identifier: GPL-2.0-only
// The hidden parts of segments, which no instruction reads: what base, limit, type and the B and D
// bits that VMRUN loaded do to an access; and what has no meaning in 64-bit mode, by an access that
// works all the same. APM2 4.5.3, 4.12, 15.5.1.

#include "cases/fields/segment_table.hpp"
#include "cases/model/instruction_table.hpp"

#include "harness/svm/cpu.hpp"
#include "harness/svm/segment.hpp"

namespace vmrunit::cases {
namespace {

namespace field = svm::field;
namespace type = svm::segment_type;
using svm::SegmentAttributes;
using namespace segment;

constexpr Delivery general_protection{.vector = 13, .error_code = 0, .return_rip = at_insn};
constexpr Delivery stack_fault{.vector = 12, .error_code = 0, .return_rip = at_insn};
constexpr std::uint64_t first_word = 0xd3d2'd1d0; ///< Of L2's data, four bytes.

/// An access of four bytes through a segment that begins at L2's data and is 16 bytes long. That of
/// SS is one at CPL 3, where the fault it raises finds another stack.
void limits_and_types(Segments& segments) {
    const auto segment_at = [](const SegmentField& one, SegmentAttributes attributes, Value base,
                               std::uint32_t limit, std::uint64_t offset) {
        const SegmentAttributes placed =
            one.is_stack ? attributes.with(SegmentAttributes::dpl, 3) : attributes;
        return std::vector<Step>{vmcb_field(one.attributes, placed.value),
                                 vmcb_field(one.base, base), vmcb_field(one.limit, limit),
                                 l2_register(Register::rdi, offset),
                                 l2_register(Register::rbx, 0x1111'1111)};
    };
    const SegmentAttributes writable =
        svm::data32_attributes().with(SegmentAttributes::granularity, 0);
    const auto with_type = [&](std::uint8_t kind) {
        return writable.with(SegmentAttributes::type, kind | type::accessed);
    };
    const Value below_data = in_memory(offsetof(L2Memory, data) - 0x10);
    for (const L2Mode mode : modes_with_segments) {
        for (const SegmentField& one : {es, ss, ds, fs, gs}) {
            const Delivery& fault = one.is_stack ? stack_fault : general_protection;
            const std::uint8_t cpl = one.is_stack ? 3 : 0;
            // The stack the handler finds is the flat one of the TSS; long mode says nothing of it.
            std::vector<FieldExpectation> found;
            if (one.is_stack && !is_long_mode(mode)) {
                found = {{ss.limit, world::flat_limit}, {ss.base, 0}};
            }
            const std::string read = program_for("read_through", one);
            const std::string write = program_for("write_through", one);
            segments.add({.place = one.base,
                          .what = "used/first_byte",
                          .title = "An access begins at the base that VMRUN loaded.",
                          .program = read,
                          .steps = segment_at(one, writable, l2_data, 0xf, 0),
                          .exit = reads(first_word),
                          .cpl = cpl},
                         mode);
            segments.add({.place = one.limit,
                          .what = "used/last_bytes",
                          .title = "The last bytes within the limit that VMRUN loaded.",
                          .program = read,
                          .steps = segment_at(one, writable, l2_data, 0xf, 0xc),
                          .exit = reads(0xdfde'dddc),
                          .cpl = cpl},
                         mode);
            segments.add({.place = one.limit,
                          .what = "used/one_byte_beyond",
                          .title = "One byte beyond the limit that VMRUN loaded.",
                          .program = read,
                          .steps = segment_at(one, writable, l2_data, 0xf, 0xd),
                          .raises = fault,
                          .raised_fields = found,
                          .cpl = cpl},
                         mode);
            segments.add({.place = one.limit,
                          .what = "used/one_byte_less",
                          .title = "The limit is counted in bytes: one less is too little.",
                          .program = read,
                          .steps = segment_at(one, writable, l2_data, 0xe, 0xc),
                          .raises = fault,
                          .raised_fields = found,
                          .cpl = cpl},
                         mode);
            ExitExpectation wrote = program_ends();
            wrote.memory = {{Region::l2_memory, l2_data_offset, 4, 0x1111'1111}};
            segments.add({.place = one.attributes,
                          .what = "used/writable",
                          .title = "A write through a writable segment.",
                          .program = write,
                          .steps = segment_at(one, writable, l2_data, 0xf, 0),
                          .exit = wrote,
                          .cpl = cpl},
                         mode);
            segments.add(
                {.place = one.attributes,
                 .what = "used/expand_down",
                 .title = "An expand-down segment begins behind its limit.",
                 .program = read,
                 .steps = segment_at(one, with_type(type::data_expand_down), below_data, 0xf, 0x10),
                 .exit = reads(first_word),
                 .cpl = cpl},
                mode);
            segments.add(
                {.place = one.attributes,
                 .what = "used/expand_down_below",
                 .title = "Below its limit an expand-down segment has nothing.",
                 .program = read,
                 .steps = segment_at(one, with_type(type::data_expand_down), below_data, 0xf, 0xf),
                 .raises = fault,
                 .raised_fields = found,
                 .cpl = cpl},
                mode);
            if (one.is_stack) {
                // The handler has the stack of the TSS.
                segments.add({.place = one.attributes,
                              .what = "used/not_present",
                              .title = "A stack segment that is not present has no bytes.",
                              .program = read,
                              .steps = segment_at(one, writable.with(SegmentAttributes::present, 0),
                                                  l2_data, 0xf, 0),
                              .raises = fault,
                              .raised_fields = found,
                              .cpl = cpl},
                             mode);
                continue; // SS is never read-only, a null or a code segment.
            }
            // Where it ends is a matter of B: an access right behind 64 KiB.
            const Value far_below = in_memory(offsetof(L2Memory, data) - std::size_t{0x1'0000});
            const SegmentAttributes expand_down = with_type(type::data_expand_down);
            segments.add({.place = one.attributes,
                          .what = "used/expand_down_4_gib",
                          .title = "With B set an expand-down segment ends at 4 GiB.",
                          .program = read,
                          .steps = segment_at(one, expand_down, far_below, 0xf, 0x1'0000),
                          .exit = reads(first_word)},
                         mode);
            segments.add(
                {.place = one.attributes,
                 .what = "used/expand_down_64_kib",
                 .title = "With B clear an expand-down segment ends at 64 KiB.",
                 .program = read,
                 .steps = segment_at(one, expand_down.with(SegmentAttributes::default_size, 0),
                                     far_below, 0xf, 0x1'0000),
                 .raises = fault},
                mode);
            segments.add(
                {.place = one.attributes,
                 .what = "used/read_only",
                 .title = "A write through a segment that is read-only.",
                 .program = write,
                 .steps = segment_at(one, with_type(type::data_read_only), l2_data, 0xf, 0),
                 .raises = fault},
                mode);
            segments.add({.place = one.attributes,
                          .what = "used/not_present",
                          .title = "A segment that is not present is a null segment.",
                          .program = read,
                          .steps = segment_at(one, writable.with(SegmentAttributes::present, 0),
                                              l2_data, 0xf, 0),
                          .raises = fault},
                         mode);
            segments.add({.place = one.attributes,
                          .what = "used/readable_code",
                          .title = "A read through a code segment that can be read.",
                          .program = read,
                          .steps = segment_at(one, with_type(type::code_read), l2_data, 0xf, 0),
                          .exit = reads(first_word)},
                         mode);
            segments.add({.place = one.attributes,
                          .what = "used/write_to_code",
                          .title = "No code segment can be written.",
                          .program = write,
                          .steps = segment_at(one, with_type(type::code_read), l2_data, 0xf, 0),
                          .raises = fault},
                         mode);
        }
    }
}

/// 64-bit mode knows the bases of FS and GS only, and no limit.
void in_64_bit_mode(Segments& segments) {
    for (const SegmentField& one : data_segments) {
        const std::string read = program_for("read_through", one);
        segments.add(
            {.place = one.base,
             .what = "ignored",
             .title = "64-bit mode takes this base for zero.",
             .program = read,
             .steps = {vmcb_field(one.base, 0x1000'0000), l2_register(Register::rdi, l2_data)},
             .exit = reads(first_word),
             .manual = "APM2 4.5.3"},
            L2Mode::long64);
        segments.add({.place = one.limit,
                      .what = "ignored",
                      .title = "64-bit mode knows no limit.",
                      .program = read,
                      .steps = {vmcb_field(one.limit, 0),
                                vmcb_clear(one.attributes, SegmentAttributes::granularity.mask()),
                                l2_register(Register::rdi, l2_data)},
                      .exit = reads(first_word),
                      .manual = "APM2 4.5.3"},
                     L2Mode::long64);
        segments.add({.place = one.attributes,
                      .what = "ignored",
                      .title = "64-bit mode does not ask whether it is present or writable.",
                      .program = read,
                      .steps = {vmcb_field(one.attributes, 0), l2_register(Register::rdi, l2_data)},
                      .exit = reads(first_word),
                      .manual = "APM2 4.5.3"},
                     L2Mode::long64);
    }
    for (const SegmentField& one : {fs, gs}) {
        segments.add({.place = one.base,
                      .what = "used/in_64_bit_mode",
                      .title = "FS and GS have a base in 64-bit mode too; VMLOAD loaded it.",
                      .program = program_for("read_through", one),
                      .steps = {vmcb_field(one.base, l2_data), vmcb_field(one.limit, 0),
                                l2_register(Register::rdi, 0)},
                      .exit = reads(first_word),
                      .manual = "APM2 4.5.3"},
                     L2Mode::long64);
    }
}

/// The base of the code segment, its limit and its size.
void code_segment(Segments& segments) {
    for (const L2Mode mode : modes_with_segments) {
        // The handler's segment is the one of the GDT.
        const std::uint16_t handler =
            (is_long_mode(mode) ? svm::code64_attributes() : svm::code32_attributes()).value;
        ExitExpectation at_zero = program_ends();
        at_zero.rip = 0;
        at_zero.next_rip = 3;
        segments.add({.place = cs.base,
                      .what = "used/program_at_its_base",
                      .title = "RIP counts from the base that VMRUN loaded.",
                      .steps = {vmcb_field(cs.base, at_start), vmcb_field(field::rip, 0)},
                      .exit = at_zero},
                     mode);
        segments.add({.place = cs.limit,
                      .what = "used/program_within",
                      .title = "The last byte of the instruction is the last one within the limit.",
                      .steps = {vmcb_field(cs.base, at_start), vmcb_field(field::rip, 0),
                                vmcb_field(cs.limit, 2),
                                vmcb_clear(cs.attributes, SegmentAttributes::granularity.mask())},
                      .exit = at_zero},
                     mode);
        segments.add({.place = cs.limit,
                      .what = "used/rip_beyond",
                      .title = "RIP beyond the limit of CS is L2's #GP, not VMRUN's refusal.",
                      .steps = {vmcb_field(cs.limit, 0xfff),
                                vmcb_clear(cs.attributes, SegmentAttributes::granularity.mask())},
                      .raises = Delivery{.vector = 13, .error_code = 0, .return_rip = at_start},
                      .raised_fields = {{cs.limit, world::flat_limit}, {cs.attributes, handler}}},
                     mode);
        const std::string read = program_for("read_through", cs);
        const auto code_of = [](std::uint8_t kind) {
            return svm::code32_attributes().with(SegmentAttributes::type, kind | type::accessed);
        };
        segments.add({.place = cs.attributes,
                      .what = "used/readable",
                      .title = "A read through code that can be read.",
                      .program = read,
                      .steps = {vmcb_field(cs.attributes, code_of(type::code_read).value),
                                l2_register(Register::rdi, l2_data)},
                      .exit = reads(first_word)},
                     mode);
        segments.add({.place = cs.attributes,
                      .what = "used/execute_only",
                      .title = "A read through code that can be executed only.",
                      .program = read,
                      .steps = {vmcb_field(cs.attributes, code_of(type::code_execute_only).value),
                                l2_register(Register::rdi, l2_data)},
                      .raises = general_protection,
                      .raised_fields = {{cs.attributes, handler}}},
                     mode);
        const auto pushed = [](std::uint8_t size) {
            ExitExpectation exit = program_ends();
            exit.memory = {{Region::l2_memory, l2_stack_end - size, size, 0x1234'5678}};
            exit.fields = {{field::rsp, in_memory(l2_stack_end - size)}};
            return exit;
        };
        const Step value = l2_register(Register::rbx, 0x1234'5678);
        segments.add({.place = cs.attributes,
                      .what = "used/32_bit_code",
                      .title = "With CS.D set PUSH pushes four bytes.",
                      .program = "push_rbx",
                      .steps = {value},
                      .exit = pushed(4)},
                     mode);
        // The program is put where sixteen bits of RIP reach.
        ExitExpectation two_bytes = pushed(2);
        two_bytes.rip = 1;
        two_bytes.next_rip = 4;
        segments.add({.place = cs.attributes,
                      .what = "used/16_bit_code",
                      .title = "With CS.D clear PUSH pushes two bytes.",
                      .program = "push_rbx",
                      .steps = {value, vmcb_field(cs.base, at_start), vmcb_field(field::rip, 0),
                                vmcb_clear(cs.attributes, SegmentAttributes::default_size.mask())},
                      .exit = two_bytes},
                     mode);
        // Beyond 16 bits of RSP there is nothing to push to but with SS.B clear.
        constexpr std::uint64_t high = 0x1234'0000;
        ExitExpectation small = pushed(4);
        small.fields = {{field::rsp, high | (l2_stack_end - 4)}};
        segments.add({.place = ss.attributes,
                      .what = "used/16_bit_stack",
                      .title = "With SS.B clear only 16 bits of RSP are used.",
                      .program = "push_rbx",
                      .steps = {value, vmcb_field(ss.base, in_memory(0)),
                                vmcb_field(field::rsp, high | l2_stack_end),
                                vmcb_clear(ss.attributes, SegmentAttributes::default_size.mask())},
                      .exit = small},
                     mode);
        ExitExpectation large = pushed(4);
        large.fields = {{field::rsp, l2_stack_end - 4}};
        segments.add({.place = ss.attributes,
                      .what = "used/32_bit_stack",
                      .title = "With SS.B set all of RSP counts from the base.",
                      .program = "push_rbx",
                      .steps = {value, vmcb_field(ss.base, in_memory(0)),
                                vmcb_field(field::rsp, l2_stack_end)},
                      .exit = large},
                     mode);
    }
    ExitExpectation any_base = program_ends();
    any_base.fields = {{cs.base, {}, ~std::uint64_t{0}, Match::free}};
    segments.add({.place = cs.base,
                  .what = "ignored",
                  .title = "64-bit mode takes the base of CS for zero.",
                  .steps = {vmcb_field(cs.base, 0x1000'0000)},
                  .exit = any_base,
                  .manual = "APM2 4.5.3"},
                 L2Mode::long64);
    segments.add({.place = cs.limit,
                  .what = "ignored",
                  .title = "64-bit mode knows no limit of CS.",
                  .steps = {vmcb_field(cs.limit, 0xfff),
                            vmcb_clear(cs.attributes, SegmentAttributes::granularity.mask())},
                  .manual = "APM2 4.5.3"},
                 L2Mode::long64);
}

void segment_access(Catalogue& catalogue) {
    Segments segments{catalogue};
    limits_and_types(segments);
    in_64_bit_mode(segments);
    code_segment(segments);
}

const Registration registration{segment_access};

} // namespace
} // namespace vmrunit::cases
