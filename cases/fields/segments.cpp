// SPDX-License-Identifier: GPL-2.0-only
// Segment registers: the hidden parts come from the VMCB, not from any descriptor table, and all
// four parts go back there. What base, limit, type and the B and D bits do shows by an access; what
// has no meaning in 64-bit mode by an access that works all the same. APM2 4.5.3, 4.12, 15.5.1.

#include "cases/model/delivery.hpp"
#include "cases/model/guest_case.hpp"
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

constexpr std::string_view manual = "APM2 15.5.1";
constexpr Delivery general_protection{.vector = 13, .error_code = 0, .return_rip = at_insn};
constexpr Delivery stack_fault{.vector = 12, .error_code = 0, .return_rip = at_insn};
constexpr std::uint64_t first_word = 0xd3d2'd1d0; ///< Of L2's data, four bytes.

struct SegmentField {
    std::string_view name;
    svm::FieldRef selector, attributes, limit, base;
    bool is_stack = false;
};
constexpr SegmentField es{"es", field::es_selector, field::es_attributes, field::es_limit,
                          field::es_base};
constexpr SegmentField ss{
    "ss", field::ss_selector, field::ss_attributes, field::ss_limit, field::ss_base, true};
constexpr SegmentField ds{"ds", field::ds_selector, field::ds_attributes, field::ds_limit,
                          field::ds_base};
constexpr SegmentField cs{"cs", field::cs_selector, field::cs_attributes, field::cs_limit,
                          field::cs_base};
constexpr SegmentField fs{"fs", field::fs_selector, field::fs_attributes, field::fs_limit,
                          field::fs_base};
constexpr SegmentField gs{"gs", field::gs_selector, field::gs_attributes, field::gs_limit,
                          field::gs_base};
constexpr std::array data_segments{es, ss, ds};
constexpr std::array modes_with_segments{L2Mode::compat, L2Mode::pae, L2Mode::prot32};

class Segments {
public:
    explicit Segments(Catalogue& catalogue) : catalogue_(catalogue) {}

    struct Row {
        svm::FieldRef place;
        std::string what;
        std::string_view title;
        std::string_view program = "nothing";
        std::vector<Step> steps{};
        ExitExpectation exit = program_ends();
        std::optional<Delivery> raises{}; ///< Instead of `exit`, with these of its fields besides.
        std::vector<FieldExpectation> raised_fields{};
        std::string_view manual = cases::manual;
        std::uint8_t cpl = 0;
    };

    /// With nested paging and without.
    void add(const Row& row, L2Mode mode,
             const std::source_location& where = std::source_location::current()) {
        for (const bool nested_paging : {true, false}) {
            const L2Start start{mode, row.cpl, nested_paging};
            ExitExpectation exit = row.exit;
            if (row.raises) {
                exit = delivered(start, *row.raises);
                exit.fields.insert(exit.fields.end(), row.raised_fields.begin(),
                                   row.raised_fields.end());
            }
            add_guest_case(catalogue_,
                           {.name = "fields/" + name_of(row.place) + "/" + std::string{row.what},
                            .title = row.title,
                            .manual = row.manual,
                            .program = row.program,
                            .steps = row.steps,
                            .exit = std::move(exit)},
                           start, where);
        }
    }

private:
    Catalogue& catalogue_;
};

ExitExpectation reads(std::uint64_t value) {
    ExitExpectation exit = program_ends();
    exit.registers = {{Register::rbx, value}};
    return exit;
}

std::string program_for(std::string_view verb, const SegmentField& segment) {
    return std::string{verb} + "_" + std::string{segment.name};
}

/// The selector is what VMRUN says, whatever the GDT holds there.
void selectors(Segments& segments) {
    for (const SegmentField& one : {es, ss, ds, cs}) {
        for (const std::uint16_t value : {0x0000, 0x0010, 0x1234 & ~3, 0xfff8}) {
            const std::string what = "loaded/" + hex_name(value);
            const std::string program = program_for("copy", one);
            for (const L2Mode mode : paged_modes) {
                segments.add({.place = one.selector,
                              .what = what,
                              .title = "L2 sees the selector of the VMCB, whatever the GDT says.",
                              .program = program,
                              .steps = {vmcb_field(one.selector, value)},
                              .exit = reads(value)},
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

/// Attributes, limits and bases go back as they came.
void stored_as_loaded(Segments& segments) {
    struct Attributes {
        std::string_view name;
        SegmentAttributes value;
    };
    const SegmentAttributes fresh = svm::data32_attributes();
    const Attributes kinds[] = {
        {"read_only", svm::code_or_data_attributes(type::data_read_only | type::accessed)},
        {"expand_down", svm::code_or_data_attributes(type::data_expand_down | type::accessed)},
        {"code_read", svm::code_or_data_attributes(type::code_read | type::accessed)},
        {"conforming", svm::code_or_data_attributes(type::code_conforming_read | type::accessed)},
        {"dpl1", fresh.with(SegmentAttributes::dpl, 1)},
        {"dpl2", fresh.with(SegmentAttributes::dpl, 2)},
        {"dpl3", fresh.with(SegmentAttributes::dpl, 3)},
        {"available", fresh.with(SegmentAttributes::available)},
        {"small", fresh.with(SegmentAttributes::default_size, 0)},
        {"byte_granular", fresh.with(SegmentAttributes::granularity, 0)},
    };
    for (const L2Mode mode : paged_modes) {
        for (const SegmentField& one : {es, ds}) {
            for (const Attributes& kind : kinds) {
                std::vector<Step> steps{vmcb_field(one.attributes, kind.value.value)};
                if (!kind.value.test(SegmentAttributes::granularity)) {
                    steps.emplace_back(vmcb_field(one.limit, 0xf'ffff));
                }
                segments.add({.place = one.attributes,
                              .what = "stored_as_loaded/" + std::string{kind.name},
                              .title = "The exit stores the attributes that VMRUN loaded.",
                              .steps = steps},
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

/// An access of four bytes through a segment that begins at L2's data and is 16 bytes long.
void limits_and_types(Segments& segments) {
    const auto segment_at = [](const SegmentField& one, SegmentAttributes attributes, Value base,
                               std::uint32_t limit, std::uint64_t offset) {
        return std::vector<Step>{vmcb_field(one.attributes, attributes.value),
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
            const std::string read = program_for("read_through", one);
            const std::string write = program_for("write_through", one);
            segments.add({.place = one.base,
                          .what = "used/first_byte",
                          .title = "An access begins at the base that VMRUN loaded.",
                          .program = read,
                          .steps = segment_at(one, writable, l2_data, 0xf, 0),
                          .exit = reads(first_word)},
                         mode);
            segments.add({.place = one.limit,
                          .what = "used/last_bytes",
                          .title = "The last bytes within the limit that VMRUN loaded.",
                          .program = read,
                          .steps = segment_at(one, writable, l2_data, 0xf, 0xc),
                          .exit = reads(0xdfde'dddc)},
                         mode);
            segments.add({.place = one.limit,
                          .what = "used/one_byte_beyond",
                          .title = "One byte beyond the limit that VMRUN loaded.",
                          .program = read,
                          .steps = segment_at(one, writable, l2_data, 0xf, 0xd),
                          .raises = fault},
                         mode);
            segments.add({.place = one.limit,
                          .what = "used/one_byte_less",
                          .title = "The limit is counted in bytes: one less is too little.",
                          .program = read,
                          .steps = segment_at(one, writable, l2_data, 0xe, 0xc),
                          .raises = fault},
                         mode);
            ExitExpectation wrote = program_ends();
            wrote.memory = {{Region::l2_memory, l2_data_offset, 4, 0x1111'1111}};
            segments.add({.place = one.attributes,
                          .what = "used/writable",
                          .title = "A write through a writable segment.",
                          .program = write,
                          .steps = segment_at(one, writable, l2_data, 0xf, 0),
                          .exit = wrote},
                         mode);
            segments.add(
                {.place = one.attributes,
                 .what = "used/read_only",
                 .title = "A write through a segment that is read-only.",
                 .program = write,
                 .steps = segment_at(one, with_type(type::data_read_only), l2_data, 0xf, 0),
                 .raises = fault},
                mode);
            segments.add(
                {.place = one.attributes,
                 .what = "used/expand_down",
                 .title = "An expand-down segment begins behind its limit.",
                 .program = read,
                 .steps = segment_at(one, with_type(type::data_expand_down), below_data, 0xf, 0x10),
                 .exit = reads(first_word)},
                mode);
            segments.add(
                {.place = one.attributes,
                 .what = "used/expand_down_below",
                 .title = "Below its limit an expand-down segment has nothing.",
                 .program = read,
                 .steps = segment_at(one, with_type(type::data_expand_down), below_data, 0xf, 0xf),
                 .raises = fault},
                mode);
            if (one.is_stack) {
                continue; // SS is never a null or a code segment.
            }
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
                  .manual = "APM2 4.5.1"},
                 L2Mode::long64);
    segments.add({.place = cs.limit,
                  .what = "ignored",
                  .title = "64-bit mode knows no limit of CS.",
                  .steps = {vmcb_field(cs.limit, 0xfff),
                            vmcb_clear(cs.attributes, SegmentAttributes::granularity.mask())},
                  .manual = "APM2 4.5.1"},
                 L2Mode::long64);
}

/// The privilege level is that of the CPL field, whatever the segments say.
void privilege_level(Segments& segments) {
    const std::uint64_t dpl = SegmentAttributes::dpl.mask();
    for (const L2Mode mode : paged_modes) {
        ExitExpectation privileged = reads(world::mode_registers(mode).cr0);
        // What becomes of a DPL that does not match nobody says.
        privileged.fields = {{ss.attributes, {}, dpl, Match::free}};
        segments.add({.place = field::cpl,
                      .what = "decides/0_with_ss_dpl_3",
                      .title = "CPL 0, though SS.DPL is 3: a privileged instruction executes.",
                      .program = "read_cr0",
                      .steps = {vmcb_set(ss.attributes, dpl)},
                      .exit = privileged},
                     mode);
        segments.add({.place = field::cpl,
                      .what = "decides/3_with_ss_dpl_0",
                      .title = "CPL 3, though SS.DPL is 0: a privileged instruction faults.",
                      .program = "read_cr0",
                      .steps = {vmcb_clear(ss.attributes, dpl)},
                      .raises = general_protection,
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

void segment_registers(Catalogue& catalogue) {
    Segments segments{catalogue};
    selectors(segments);
    loaded_by_l2(segments);
    stored_as_loaded(segments);
    limits_and_types(segments);
    in_64_bit_mode(segments);
    code_segment(segments);
    privilege_level(segments);
}

const Registration registration{segment_registers};

} // namespace
} // namespace vmrunit::cases
