// SPDX-License-Identifier: GPL-2.0-only
// A clean bit that is clear makes the CPU read its group again: two VMRUNs of one VMCB, and between
// them one field of the group changes and every clean bit is set but that of the group. Every field
// has a case, for a CPU might keep each by itself. The other way round, a bit that is set after a
// change, promises nothing (spec: CLN-1). APM2 15.15.

#include "cases/model/delivery.hpp"
#include "cases/model/guest_case.hpp"
#include "cases/model/instruction_table.hpp"
#include "cases/model/pause_filter.hpp"
#include "cases/model/second_run.hpp"
#include "cases/model/virtual_interrupt.hpp"

#include "harness/svm/cpu.hpp"
#include "harness/svm/msr.hpp"
#include "harness/svm/vmcb.hpp"
#include "harness/world.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <tuple>
#include <utility>

namespace vmrunit::cases {
namespace {

namespace field = svm::field;
using svm::CleanBits;
using svm::ExitCode;
using svm::Feature;
using svm::Intercept;
using svm::LbrControl;
using svm::VirtualInterrupt;

constexpr Modes clean_modes{true, false, true, true, true};
constexpr Modes without_long64{false, false, true, true, true};
/// Where L2's own tables are walked, and their root says so by its A bit.
constexpr Modes walked{true, false, false, true};
constexpr Modes protected_flat{true, false, true, true};

enum class Paging : std::uint8_t { both, nested, without_nested };

struct Change {
    std::string_view name; ///< Begins with that of the group.
    CleanBits::Range bit;
    std::string_view program;
    std::vector<Step> steps;
    ExitExpectation exit;
    Modes modes = clean_modes;
    Paging paging = Paging::both;
    std::vector<Step> before{};             ///< Of the first VMRUN too.
    std::optional<ExitExpectation> first{}; ///< What that one does, if not to run to its end.
    svm::Features needs{};
};

/// Rows of one mode of L2.
class Changes {
public:
    Changes(Catalogue& catalogue, const L2Start& start) : catalogue_(catalogue), start_(start) {}

    void add(const Change& change,
             const std::source_location& where = std::source_location::current()) {
        const Paging other = start_.nested_paging ? Paging::without_nested : Paging::nested;
        if (!change.modes.contains(start_.mode) || change.paging == other) {
            return;
        }
        const std::uint32_t clean = all_clean & ~static_cast<std::uint32_t>(change.bit.mask());
        add_guest_case(catalogue_,
                       {.name = "caching/clean_clear/" + std::string{change.name},
                        .title = "A clean bit that is clear makes the CPU read its group again.",
                        .manual = "APM2 15.15",
                        .needs = change.needs,
                        .program = change.program,
                        .steps = change.before,
                        .exit = change.first ? *change.first : runs_to_its_end(),
                        .then = second_run(start_.mode, clean, change.steps),
                        .then_expected = {change.exit}},
                       start_, where);
    }

    [[nodiscard]] ExitExpectation reads(Value value) const {
        ExitExpectation exit = program_ends();
        exit.registers = {{Register::rbx, value, whole_register()}};
        return exit;
    }

    [[nodiscard]] ExitExpectation reads_msr(std::uint64_t value) const {
        ExitExpectation exit = program_ends();
        exit.fields = {{field::rax, value & 0xffff'ffff}};
        exit.registers = {{Register::rdx, value >> 32, whole_register()}};
        return exit;
    }

    /// SGDT or SIDT at L2's data.
    [[nodiscard]] ExitExpectation stores_table(Value limit, Value base) const {
        const std::uint8_t base_size = start_.mode == L2Mode::long64 ? 8 : 4;
        ExitExpectation exit = program_ends();
        exit.memory = {{Region::l2_memory, l2_data_offset, 2, limit},
                       {Region::l2_memory, l2_data_offset + 2, base_size, base}};
        return exit;
    }

    [[nodiscard]] static ExitExpectation exits(ExitCode code,
                                               std::vector<FieldExpectation> fields = {}) {
        ExitExpectation exit;
        exit.exit_code = code;
        exit.fields = std::move(fields);
        return exit;
    }

    /// What the program does before the change stands elsewhere.
    [[nodiscard]] static ExitExpectation runs_to_its_end() {
        ExitExpectation exit = program_ends();
        for (const Register reg : {Register::rbx, Register::rcx, Register::rdx}) {
            exit.registers.push_back({reg, {}, ~std::uint64_t{0}, Match::free});
        }
        exit.fields = {{field::rax, {}, ~std::uint64_t{0}, Match::free}};
        return exit;
    }

    [[nodiscard]] const L2Start& start() const { return start_; }

private:
    [[nodiscard]] std::uint64_t whole_register() const {
        return start_.mode == L2Mode::long64 ? ~std::uint64_t{0} : 0xffff'ffff;
    }

    Catalogue& catalogue_;
    L2Start start_;
};

// clang-format off

void intercepts(Changes& changes) {
    constexpr std::uint64_t highest = std::uint64_t{1} << 63;
    const auto one = [&](std::string_view name, std::string_view program, Intercept intercept) {
        changes.add({.name = name, .bit = CleanBits::intercepts, .program = program,
                     .steps = {intercepting(intercept)},
                     .exit = Changes::exits(svm::exit_code_of(intercept))});
    };
    one("intercepts", "cpuid", Intercept::cpuid);
    one("intercepts_cr", "read_cr0", Intercept::cr0_read);
    one("intercepts_dr", "read_dr7", Intercept::dr7_read);
    one("intercepts_second_word", "wbinvd", Intercept::wbinvd);
    // Delivery in real mode changes CS.
    ExitExpectation undefined = Changes::exits(ExitCode::exception_ud);
    changes.add({.name = "intercepts_exceptions", .bit = CleanBits::intercepts, .program = "raise_ud",
                 .steps = {intercepting(Intercept::exception_ud)},
                 .exit = undefined, .modes = protected_flat,
                 .first = delivered(changes.start(), {.vector = 6})});
    ExitExpectation late = program_ends();
    late.fields = {{field::rax, {}, ~std::uint64_t{0}, Match::free}};
    late.registers = {{Register::rdx, 0x8000'0000, 0x8000'0000},
                      {Register::rdx, {}, ~std::uint64_t{0x8000'0000}, Match::free}};
    changes.add({.name = "intercepts_tsc_offset", .bit = CleanBits::intercepts, .program = "rdtsc",
                 .steps = {vmcb_field(field::tsc_offset, highest)},
                 .exit = late, .needs = Feature::tsc});
    changes.add({.name = "intercepts_pause_filter_count", .bit = CleanBits::intercepts, .program = "fourth_pause",
                 .steps = {vmcb_field(field::pause_filter_count, 3)},
                 .exit = Changes::exits(ExitCode::pause, one_of_last_two_pauses()),
                 .before = {intercepting(Intercept::pause), vmcb_field(field::pause_filter_count, 1000)},
                 .needs = Feature::pause_filter});
    // The gap before the fourth PAUSE is longer than the first threshold, and 0 knows no gaps.
    ExitExpectation counted = Changes::exits(ExitCode::pause, one_of_last_two_pauses());
    counted.fields.push_back({field::rax, {}, ~std::uint64_t{0}, Match::free});
    counted.fields.push_back(flags_of_waiting());
    ExitExpectation waited = Changes::runs_to_its_end();
    waited.fields.push_back(flags_of_waiting());
    counted.registers = {{Register::rbx, {}, ~std::uint64_t{0}, Match::free},
                         {Register::rdx, {}, ~std::uint64_t{0}, Match::free}};
    changes.add({.name = "intercepts_pause_filter_threshold", .bit = CleanBits::intercepts, .program = "late_pause",
                 .steps = {vmcb_field(field::pause_filter_threshold, 0)},
                 .exit = counted,
                 .before = {intercepting(Intercept::pause), vmcb_field(field::pause_filter_count, 3),
                            vmcb_field(field::pause_filter_threshold, 0x4000)},
                 .first = waited,
                 .needs = {Feature::tsc, Feature::pause_filter_threshold}});
}

/// Other maps, one page behind the usual ones and in part the same.
void permission_maps(Changes& changes) {
    changes.add({.name = "iopm", .bit = CleanBits::iopm, .program = "out_80",
                 .steps = {vmcb_field(field::iopm_base_pa, in_region(Region::io_permissions, page_size))},
                 .exit = Changes::exits(ExitCode::ioio_prot),
                 .before = {intercepting(Intercept::ioio_prot),
                            // 80h is another bit of the first.
                            Write{wire::Op::Code::write, Region::io_permissions, page_size + 0x80 / 8, 1, 1}}});
    // Two bits for each MSR, those of C0000000h from 800h on.
    constexpr std::uint32_t efer_byte = 0x800 + (svm::msr::efer & 0x1fff) / 4;
    changes.add({.name = "iopm_msrpm", .bit = CleanBits::iopm, .program = "rdmsr",
                 .steps = {vmcb_field(field::msrpm_base_pa, in_region(Region::msr_permissions, page_size))},
                 .exit = Changes::exits(ExitCode::msr_prot, {{field::exit_info_1, 0}}),
                 .before = {intercepting(Intercept::msr_prot), l2_register(Register::rcx, svm::msr::efer),
                            // Nothing is there in the first.
                            Write{wire::Op::Code::write, Region::msr_permissions, page_size + efer_byte, 1, 1}}});
}

void asid_and_task_priority(Changes& changes) {
    changes.add({.name = "asid", .bit = CleanBits::asid, .program = "nothing",
                 .steps = {vmcb_field(field::guest_asid, 0)},
                 .exit = Changes::exits(ExitCode::invalid)});
    changes.add({.name = "tpr", .bit = CleanBits::tpr, .program = "read_cr8",
                 .steps = {vmcb_field(field::virtual_interrupt, VirtualInterrupt{}
                                                                    .with(VirtualInterrupt::v_tpr, 6)
                                                                    .with(VirtualInterrupt::v_intr_masking)
                                                                    .value)},
                 .exit = changes.reads(6), .modes = only_long64});
    constexpr auto priority_6 = VirtualInterrupt{}.with(VirtualInterrupt::v_tpr, 6);
    changes.add({.name = "tpr_intr_masking", .bit = CleanBits::tpr, .program = "read_cr8",
                 .steps = {vmcb_field(field::virtual_interrupt, priority_6.with(VirtualInterrupt::v_intr_masking).value)},
                 .exit = changes.reads(6), .modes = only_long64,
                 .before = {vmcb_field(field::virtual_interrupt, priority_6.value)}});
    constexpr std::uint8_t vector = 0x40;
    constexpr std::uint64_t enabled = svm::rflags::always_one | svm::rflags::if_;
    const auto pending = offered_interrupt(vector);
    ExitExpectation taken = delivered(changes.start(), {.vector = vector, .return_rip = at_start, .rflags = enabled});
    taken.fields.push_back({field::virtual_interrupt, 0, VirtualInterrupt::v_irq.mask()});
    // Each of the other fields makes an interrupt that was held one that is taken.
    const auto held_first = [&](std::string_view name, VirtualInterrupt first, VirtualInterrupt second,
                                std::uint64_t first_flags, svm::Features needs = {}) {
        changes.add({.name = name, .bit = CleanBits::tpr, .program = "nothing",
                     .steps = {vmcb_field(field::virtual_interrupt, second.value),
                               vmcb_field(field::rflags, enabled)},
                     .exit = taken,
                     .before = {vmcb_field(field::virtual_interrupt, first.value),
                                vmcb_field(field::rflags, first_flags)},
                     .needs = needs});
    };
    constexpr std::uint64_t priority = 4;
    const VirtualInterrupt held = pending.with(VirtualInterrupt::v_intr_prio, priority)
                                      .with(VirtualInterrupt::v_ign_tpr, 0)
                                      .with(VirtualInterrupt::v_tpr, priority + 1);
    held_first("tpr_v_tpr", held, held.with(VirtualInterrupt::v_tpr, priority - 1), enabled);
    held_first("tpr_v_intr_prio", held, held.with(VirtualInterrupt::v_intr_prio, priority + 2), enabled);
    held_first("tpr_v_ign_tpr", held, held.with(VirtualInterrupt::v_ign_tpr), enabled);
    held_first("tpr_v_intr_vector", offered_interrupt(vector + 1), pending, svm::rflags::always_one);
    changes.add({.name = "tpr_v_irq", .bit = CleanBits::tpr, .program = "nothing",
                 .steps = {vmcb_field(field::virtual_interrupt, pending.value)},
                 .exit = taken,
                 .before = {vmcb_field(field::rflags, enabled)}});
    // VGIF is clear, and means nothing once V_GIF_ENABLE is clear, too.
    const VirtualInterrupt closed = pending.with(VirtualInterrupt::v_gif_enable);
    held_first("tpr_gif_enable", closed, pending, enabled, Feature::vgif);
    held_first("tpr_gif", closed, closed.with(VirtualInterrupt::vgif), enabled, Feature::vgif);
}

/// Each of them lets an NMI in that was held the first time, or was none.
void virtual_nmis(Changes& changes) {
    constexpr std::uint8_t vector = 2;
    constexpr auto enabled = VirtualInterrupt{}.with(VirtualInterrupt::v_nmi_enable);
    constexpr VirtualInterrupt pending = enabled.with(VirtualInterrupt::v_nmi);
    constexpr std::uint64_t state = VirtualInterrupt::v_nmi.mask() | VirtualInterrupt::v_nmi_mask.mask();
    ExitExpectation taken = delivered(changes.start(), {.vector = vector, .return_rip = at_start});
    taken.fields.push_back({field::virtual_interrupt, VirtualInterrupt::v_nmi_mask.mask(), state});
    const auto held_first = [&](std::string_view name, VirtualInterrupt first) {
        changes.add({.name = name, .bit = CleanBits::tpr, .program = "nothing",
                     .steps = {vmcb_field(field::virtual_interrupt, pending.value)},
                     .exit = taken,
                     .before = {vmcb_field(field::virtual_interrupt, first.value), intercepting(Intercept::nmi)},
                     .needs = Feature::vnmi});
    };
    held_first("tpr_nmi", enabled);
    held_first("tpr_nmi_mask", pending.with(VirtualInterrupt::v_nmi_mask));
    held_first("tpr_nmi_enable", pending.with(VirtualInterrupt::v_nmi_enable, 0));
}

/// Nothing is mapped by a table whose entries are all zero.
void nested_paging(Changes& changes) {
    const std::vector<Step> empty_table{vmcb_field(field::n_cr3, in_region(Region::spare_vmcb)),
                                        Write{wire::Op::Code::fill, Region::spare_vmcb, 0, 0, page_size}};
    changes.add({.name = "np", .bit = CleanBits::np, .program = "nothing",
                 .steps = empty_table,
                 .exit = Changes::exits(ExitCode::npf, {{field::exit_info_1, 0x2'0000'0006}}),
                 .modes = walked, .paging = Paging::nested});
    std::vector<Step> switched_on = empty_table;
    switched_on.emplace_back(vmcb_set(field::nested_control, svm::NestedControl::np_enable.mask()));
    changes.add({.name = "np_enable_set", .bit = CleanBits::np, .program = "nothing",
                 .steps = switched_on,
                 .exit = Changes::exits(ExitCode::npf, {{field::exit_info_1, 0x2'0000'0006}}),
                 .modes = walked, .paging = Paging::without_nested, .needs = Feature::np});
    // Without nested paging L2 has L1's PAT.
    constexpr std::uint64_t pat = 0x0606'0606'0606'0606;
    changes.add({.name = "np_enable_clear", .bit = CleanBits::np, .program = "rdmsr",
                 .steps = {vmcb_clear(field::nested_control, svm::NestedControl::np_enable.mask())},
                 .exit = changes.reads_msr(svm::pat_reset), .paging = Paging::nested,
                 .before = {vmcb_field(field::g_pat, pat), l2_register(Register::rcx, svm::msr::pat)},
                 .needs = Feature::pat});
    changes.add({.name = "np_g_pat", .bit = CleanBits::np, .program = "rdmsr",
                 .steps = {vmcb_field(field::g_pat, pat)},
                 .exit = changes.reads_msr(pat),
                 .paging = Paging::nested,
                 .before = {l2_register(Register::rcx, svm::msr::pat)},
                 .needs = Feature::pat});
}

/// The topmost table a second time, where the mode's own does not end.
std::vector<Step> second_pdpt() {
    constexpr std::uint32_t pointers = 4;
    std::vector<Step> steps;
    for (std::uint32_t gigabyte = 0; gigabyte < pointers; ++gigabyte) {
        steps.emplace_back(Write{wire::Op::Code::write, Region::pae_pdpt, (pointers + gigabyte) * 8, 8,
                                 in_region(Region::pd, gigabyte * page_size + world::present)});
    }
    return steps;
}

void control_and_debug_registers(Changes& changes) {
    const L2Mode mode = changes.start().mode;
    const world::ModeRegisters usual = world::mode_registers(mode);
    const auto reg = [&](std::string_view name, CleanBits::Range bit, std::string_view program,
                         svm::FieldRef place, Value value, std::vector<Step> before = {}) {
        changes.add({.name = name, .bit = bit, .program = program, .steps = {vmcb_field(place, value)},
                     .exit = changes.reads(value), .before = std::move(before)});
    };
    reg("crx", CleanBits::crx, "read_cr0", field::cr0, usual.cr0 ^ svm::cr0::ts);
    reg("crx_cr4", CleanBits::crx, "read_cr4", field::cr4, usual.cr4 ^ svm::cr4::tsd);
    if (mode == L2Mode::pae) {
        reg("crx_cr3", CleanBits::crx, "read_cr3", field::cr3, in_region(Region::pae_pdpt, 0x20), second_pdpt());
    } else {
        reg("crx_cr3", CleanBits::crx, "read_cr3", field::cr3,
            in_region(mode == L2Mode::long64 ? Region::pml4 : Region::legacy_pd, svm::cr3::pcd));
    }
    const std::uint64_t efer = usual.efer ^ svm::efer::sce;
    changes.add({.name = "crx_efer", .bit = CleanBits::crx, .program = "rdmsr",
                 .steps = {vmcb_field(field::efer, efer)},
                 .exit = changes.reads_msr(efer),
                 .before = {l2_register(Register::rcx, svm::msr::efer)},
                 .needs = Feature::syscall});
    reg("drx", CleanBits::drx, "read_dr6", field::dr6, 0xffff'0ff3);
    reg("drx_dr7", CleanBits::drx, "read_dr7", field::dr7, 0x500);
    reg("cr2", CleanBits::cr2, "read_cr2", field::cr2, 0x1234);
}

void descriptor_tables(Changes& changes) {
    constexpr std::uint64_t limit = 0x1234;
    constexpr std::uint64_t base = 0x1234'5678;
    struct Table {
        std::string_view limit_name, base_name, program;
        svm::FieldRef limit, base;
    };
    for (const Table& table : {Table{"dt", "dt_gdtr_base", "sgdt", field::gdtr_limit, field::gdtr_base},
                               Table{"dt_idtr_limit", "dt_idtr_base", "sidt", field::idtr_limit, field::idtr_base}}) {
        const Step operand = l2_register(Register::rdi, l2_data);
        const ExitExpectation first = changes.stores_table(fresh(table.limit), fresh(table.base));
        changes.add({.name = table.limit_name, .bit = CleanBits::dt, .program = table.program,
                     .steps = {vmcb_field(table.limit, limit)},
                     .exit = changes.stores_table(limit, fresh(table.base)),
                     .before = {operand}, .first = first});
        changes.add({.name = table.base_name, .bit = CleanBits::dt, .program = table.program,
                     .steps = {vmcb_field(table.base, base)},
                     .exit = changes.stores_table(fresh(table.limit), base),
                     .before = {operand}, .first = first});
    }
}

/// What L2 does not notice the exit stores all the same. Code becomes execute-only, data small.
void hidden_parts(Changes& changes) {
    constexpr std::uint64_t readable = svm::segment_type::code_read & ~svm::segment_type::code_execute_only;
    constexpr std::uint64_t default_size = svm::SegmentAttributes::default_size.mask();
    constexpr std::uint64_t limit = 0x7fff'ffff;
    constexpr std::uint64_t base = 0x1234'5670;
    struct Segment {
        std::string_view attributes_name, limit_name, base_name;
        svm::FieldRef attributes, limit, base;
        std::uint64_t lost;
    };
    for (const Segment& one :
         {Segment{"seg_cs_attributes", "seg_cs_limit", {},            field::cs_attributes, field::cs_limit, field::cs_base, readable},
          Segment{"seg_es_attributes", "seg_es_limit", "seg_es_base", field::es_attributes, field::es_limit, field::es_base, default_size},
          Segment{"seg_ss_attributes", "seg_ss_limit", "seg_ss_base", field::ss_attributes, field::ss_limit, field::ss_base, default_size},
          Segment{"seg_ds_attributes", "seg_ds_limit", "seg_ds_base", field::ds_attributes, field::ds_limit, field::ds_base, default_size}}) {
        changes.add({.name = one.attributes_name, .bit = CleanBits::seg, .program = "nothing",
                     .steps = {vmcb_clear(one.attributes, one.lost)},
                     .exit = program_ends(), .modes = protected_flat});
        changes.add({.name = one.limit_name, .bit = CleanBits::seg, .program = "nothing",
                     .steps = {vmcb_field(one.limit, limit)},
                     .exit = program_ends(), .modes = protected_flat});
        if (!one.base_name.empty()) { // Elsewhere L2 reads through it.
            changes.add({.name = one.base_name, .bit = CleanBits::seg, .program = "nothing",
                         .steps = {vmcb_field(one.base, base)},
                         .exit = program_ends(), .modes = only_long64});
        }
    }
}

/// What a stale base leads to is linear address 0, where UD2 stands.
void code_base(Changes& changes) {
    ExitExpectation at_zero = program_ends();
    at_zero.rip = 0;
    at_zero.next_rip = 3;
    changes.add({.name = "seg_cs_base", .bit = CleanBits::seg, .program = "nothing",
                 .steps = {vmcb_field(field::cs_base, at_start), vmcb_field(field::rip, 0)},
                 .exit = at_zero, .modes = {false, false, true, true}});
}

void segments(Changes& changes) {
    code_base(changes);
    const auto selector = [&](std::string_view name, std::string_view program, svm::FieldRef place) {
        changes.add({.name = name, .bit = CleanBits::seg, .program = program,
                     .steps = {vmcb_field(place, 0x20)},
                     .exit = changes.reads(0x20)});
    };
    selector("seg", "copy_ds", field::ds_selector);
    selector("seg_cs_selector", "copy_cs", field::cs_selector);
    selector("seg_es_selector", "copy_es", field::es_selector);
    selector("seg_ss_selector", "copy_ss", field::ss_selector);
    // 64-bit mode has no bases. L2's data count up from D0h.
    constexpr std::uint64_t moved_by = 8;
    constexpr std::uint64_t word_there = 0xdbda'd9d8;
    for (const auto& [name, program, place] :
         {std::tuple{"seg_ds_base", "read_through_ds", field::ds_base},
          std::tuple{"seg_es_base", "read_through_es", field::es_base},
          std::tuple{"seg_ss_base", "read_through_ss", field::ss_base}}) {
        changes.add({.name = name, .bit = CleanBits::seg, .program = program,
                     .steps = {vmcb_field(place, moved_by)},
                     .exit = changes.reads(word_there),
                     .modes = without_long64,
                     .before = {l2_register(Register::rdi, l2_data)}});
    }
    hidden_parts(changes);
    const std::uint64_t dpl = svm::SegmentAttributes::dpl.mask();
    changes.add({.name = "seg_cpl", .bit = CleanBits::seg, .program = "read_cr0",
                 .steps = {vmcb_field(field::cpl, 3), vmcb_set(field::cs_attributes, dpl),
                           vmcb_set(field::ss_attributes, dpl)},
                 .exit = Changes::exits(ExitCode::exception_gp, {{field::exit_info_1, 0}}),
                 .modes = protected_flat,
                 .before = {intercepting(Intercept::exception_gp)}});
}

void last_branches(Changes& changes) {
    struct Msr {
        std::string_view name;
        svm::FieldRef place;
        std::uint32_t number;
        std::uint64_t value;
    };
    for (const Msr& one : {Msr{"lbr",                field::br_from,        svm::msr::br_from,        0x1234'5678},
                           Msr{"lbr_br_to",          field::br_to,          svm::msr::br_to,          0x1234'5678},
                           Msr{"lbr_last_excp_from", field::last_excp_from, svm::msr::last_excp_from, 0x1234'5678},
                           Msr{"lbr_last_excp_to",   field::last_excp_to,   svm::msr::last_excp_to,   0x1234'5678},
                           Msr{"lbr_dbgctl",         field::dbgctl,         svm::msr::debug_ctl,      svm::debug_ctl::lbr}}) {
        changes.add({.name = one.name, .bit = CleanBits::lbr, .program = "rdmsr",
                     .steps = {vmcb_field(one.place, one.value)},
                     .exit = changes.reads_msr(one.value),
                     .modes = only_long64,
                     .before = {vmcb_set(field::lbr_control, LbrControl::lbr_virtualization_enable.mask()),
                                l2_register(Register::rcx, one.number)},
                     .needs = Feature::lbrv});
    }
}

void shadow_stacks(Changes& changes) {
    const Step with_cet = vmcb_set(field::cr4, svm::cr4::cet);
    const auto by_msr = [&](std::string_view name, svm::FieldRef place, std::uint32_t number, std::uint64_t value) {
        changes.add({.name = name, .bit = CleanBits::cet, .program = "rdmsr",
                     .steps = {vmcb_field(place, value)},
                     .exit = changes.reads_msr(value),
                     .modes = only_long64,
                     .before = {with_cet, l2_register(Register::rcx, number)},
                     .needs = Feature::cet_ss});
    };
    by_msr("cet", field::s_cet, svm::msr::s_cet, 2);
    by_msr("cet_isst_addr", field::isst_addr, svm::msr::isst_addr, 0x1234'5678);
    changes.add({.name = "cet_ssp", .bit = CleanBits::cet, .program = "rdssp",
                 .steps = {vmcb_field(field::ssp, 0x1234'5678)},
                 .exit = changes.reads(0x1234'5678),
                 .modes = only_long64,
                 .before = {with_cet, vmcb_field(field::s_cet, 1)},
                 .needs = Feature::cet_ss});
}

// clang-format on

void changed_groups(Catalogue& catalogue) {
    for (const L2Mode mode : {L2Mode::long64, L2Mode::pae, L2Mode::prot32, L2Mode::real}) {
        for (const bool nested : {true, false}) {
            Changes changes{catalogue, {mode, 0, nested}};
            intercepts(changes);
            permission_maps(changes);
            asid_and_task_priority(changes);
            virtual_nmis(changes);
            nested_paging(changes);
            control_and_debug_registers(changes);
            descriptor_tables(changes);
            segments(changes);
            last_branches(changes);
            shadow_stacks(changes);
        }
    }
}

const Registration registration{changed_groups};

} // namespace
} // namespace vmrunit::cases
