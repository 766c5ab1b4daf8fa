// SPDX-License-Identifier: GPL-2.0-only
// RDMSR and WRMSR: MSR_PROT and the MSR permission map. The exit comes after the #GP of privilege
// level and before those of the MSR itself, so an MSR that does not exist exits like any other.
// MSRs outside the map's three ranges always exit. APM2 15.11.

#include "cases/model/instruction_table.hpp"

#include "harness/svm/cpu.hpp"
#include "harness/svm/exit_info.hpp"
#include "harness/svm/msr.hpp"
#include "harness/world.hpp"

#include <string>

namespace vmrunit::cases {
namespace {

namespace field = svm::field;
namespace msr = svm::msr;
using svm::Intercept;

constexpr std::string_view manual = "APM2 15.11";
constexpr Delivery general_protection{.vector = 13, .error_code = 0};

enum Access : std::uint8_t { read = 1, write = 2 };

/// Sets bits of the map for one MSR, or whatever byte of the map lies there.
Step closed(std::uint32_t number, unsigned accesses) {
    const auto bit = static_cast<std::uint32_t>(svm::msr_permission_bit(number));
    return Write{wire::Op::Code::set_bits, Region::msr_permissions, bit / 8, 1,
                 std::uint64_t{accesses} << (bit % 8)};
}

Step number_in_cx(std::uint32_t number) {
    return l2_register(Register::rcx, number);
}

/// RDMSR and WRMSR keep to 32 bits of rAX and rDX; what is beyond would show.
std::vector<Step> value_in_registers(std::uint64_t value) {
    return {l2_register(Register::rax, value & 0xffff'ffff),
            l2_register(Register::rdx, value >> 32)};
}

Effect value_read(std::uint64_t value) {
    return {.fields = {{field::rax, value & 0xffff'ffff}},
            .registers = {{Register::rdx, value >> 32}}};
}

const std::vector<FieldExpectation> read_reported{{field::exit_info_1, svm::msr_read}};
const std::vector<FieldExpectation> write_reported{{field::exit_info_1, svm::msr_write}};

std::vector<Step> operator+(std::vector<Step> left, std::vector<Step> right) {
    left.insert(left.end(), right.begin(), right.end());
    return left;
}

/// One MSR of each range whose value L2's VMCB sets and that takes any canonical value.
struct PlainMsr {
    std::string_view name;
    std::uint32_t number;
    svm::FieldRef place;
};
constexpr PlainMsr plain_msrs[] = {
    {"sysenter_eip", msr::sysenter_eip, field::sysenter_eip},
    {"lstar", msr::lstar, field::lstar},
};
constexpr std::uint64_t before = 0x0000'1234'8765'4320;
constexpr std::uint64_t after = 0x0000'4321'5678'1230;

// clang-format off

void plain(InstructionTable& table) {
    for (const PlainMsr& one : plain_msrs) {
        const std::vector<Step> setup{number_in_cx(one.number), vmcb_field(one.place, before)};
        const std::string name{one.name};
        const std::vector<Step> rax{l2_register(Register::rax, 0x5555'5555)};
        table.row({.subject = "msr_read", .variant = name, .program = "rdmsr",
                   .intercept = Intercept::msr_prot, .manual = manual, .cpl3 = AtCpl3::gp_first,
                   .page_end = PageEnd::within,
                   .setup = setup + rax + std::vector<Step>{closed(one.number, read)},
                   .taken_fields = read_reported,
                   .executed = value_read(before)});
        table.row({.subject = "msr_write", .variant = name, .program = "wrmsr",
                   .intercept = Intercept::msr_prot, .manual = manual, .cpl3 = AtCpl3::gp_first,
                   .page_end = PageEnd::within,
                   .setup = setup + value_in_registers(after) +
                            std::vector<Step>{closed(one.number, write)},
                   .taken_fields = write_reported,
                   .epilogue = value_read(after)});
        // Each access has a bit of its own. The program that writes reads back, so it has both open.
        const std::string open = name + "_open";
        const std::string read_only = name + "_only_write_closed";
        const std::string neighbours = name + "_neighbours_closed";
        table.row({.subject = "msr_read", .variant = read_only, .program = "rdmsr",
                   .intercept = Intercept::msr_prot, .manual = manual,
                   .setup = setup + rax + std::vector<Step>{closed(one.number, write)},
                   .reach = Reach::not_covered,
                   .executed = value_read(before)});
        table.row({.subject = "msr_read", .variant = neighbours, .program = "rdmsr",
                   .intercept = Intercept::msr_prot, .manual = manual,
                   .setup = setup + rax + std::vector<Step>{closed(one.number - 1, read | write),
                                                            closed(one.number + 1, read | write)},
                   .reach = Reach::not_covered,
                   .executed = value_read(before)});
        const auto bit = static_cast<std::uint32_t>(svm::msr_permission_bit(one.number));
        const std::string all_others = name + "_all_others_closed";
        table.row({.subject = "msr_read", .variant = all_others, .program = "rdmsr",
                   .intercept = Intercept::msr_prot, .manual = manual,
                   .setup = setup + rax + std::vector<Step>{
                                Write{wire::Op::Code::fill, Region::msr_permissions, 0, 0xff,
                                      sizeof(Arena::msr_permissions)},
                                Write{wire::Op::Code::clear_bits, Region::msr_permissions, bit / 8,
                                      1, std::uint64_t{read} << (bit % 8)}},
                   .reach = Reach::not_covered,
                   .executed = value_read(before)});
        table.row({.subject = "msr_write", .variant = neighbours, .program = "wrmsr",
                   .intercept = Intercept::msr_prot, .manual = manual,
                   .setup = setup + value_in_registers(after) +
                            std::vector<Step>{closed(one.number - 1, read | write),
                                              closed(one.number + 1, read | write)},
                   .reach = Reach::not_covered,
                   .epilogue = value_read(after)});
        table.row({.subject = "msr_write", .variant = all_others, .program = "wrmsr",
                   .intercept = Intercept::msr_prot, .manual = manual,
                   .setup = setup + value_in_registers(after) + std::vector<Step>{
                                Write{wire::Op::Code::fill, Region::msr_permissions, 0, 0xff,
                                      sizeof(Arena::msr_permissions)},
                                Write{wire::Op::Code::clear_bits, Region::msr_permissions, bit / 8,
                                      1, std::uint64_t{read | write} << (bit % 8)}},
                   .reach = Reach::not_covered,
                   .epilogue = value_read(after)});
        const std::string reserved = name + "_reserved_part_closed";
        table.row({.subject = "msr_read", .variant = reserved, .program = "rdmsr",
                   .intercept = Intercept::msr_prot, .manual = manual,
                   .setup = setup + rax + std::vector<Step>{Write{wire::Op::Code::fill, Region::msr_permissions,
                                                                  0x1800, 0xff, 0x800}},
                   .reach = Reach::not_covered,
                   .executed = value_read(before)});
        table.row({.subject = "msr_write", .variant = open, .program = "wrmsr",
                   .intercept = Intercept::msr_prot, .manual = manual,
                   .setup = setup + value_in_registers(after),
                   .reach = Reach::not_covered,
                   .executed = value_read(after)});
        // After the write its reading back is intercepted, which tells that the write was not.
        const std::string write_only = name + "_only_read_closed";
        table.row({.subject = "msr_write", .variant = write_only, .program = "wrmsr",
                   .intercept = Intercept::msr_prot, .manual = manual,
                   .setup = setup + value_in_registers(after) +
                            std::vector<Step>{closed(one.number, read)},
                   .prologue = {.fields = {{field::rax, 0}}, .registers = {{Register::rdx, 0}}},
                   .taken_rip = Value{Anchor::marker, 0, 0 - std::uint64_t{2}},
                   .taken_next_rip = at_marker,
                   .taken_fields = read_reported,
                   .runs_without_intercept = false});
    }
}

/// The third range: SVM's own MSRs, which L2 shares with L1 because nothing hides them.
void of_svm(InstructionTable& table) {
    const Value host_save = in_region(Region::vmcb, offsetof(Arena, host_save) - offsetof(Arena, vmcb));
    const std::vector<Step> hsave{number_in_cx(msr::vm_hsave_pa), l2_register(Register::rax, host_save),
                                  l2_register(Register::rdx, 0)};
    table.row({.subject = "msr_write", .variant = "vm_hsave_pa", .program = "wrmsr",
               .intercept = Intercept::msr_prot, .manual = manual, .cpl3 = AtCpl3::gp_first,
               .setup = hsave + std::vector<Step>{closed(msr::vm_hsave_pa, write)},
               .taken_fields = write_reported,
               .executed = {.fields    = {{field::rax, host_save}},
                            .registers = {{Register::rdx, 0}}}});
    table.row({.subject = "msr_read", .variant = "vm_hsave_pa", .program = "rdmsr",
               .intercept = Intercept::msr_prot, .manual = manual, .cpl3 = AtCpl3::gp_first,
               .setup = {number_in_cx(msr::vm_hsave_pa), l2_register(Register::rax, 0x5555'5555),
                         l2_register(Register::rdx, 0x5555'5555), closed(msr::vm_hsave_pa, read)},
               .taken_fields = read_reported,
               .executed = {.fields    = {{field::rax, host_save}},
                            .registers = {{Register::rdx, 0}}}});
    // Each access has a bit of its own here, too.
    const std::vector<Step> read_hsave{number_in_cx(msr::vm_hsave_pa), l2_register(Register::rax, 0x5555'5555),
                                       l2_register(Register::rdx, 0x5555'5555)};
    const std::vector<Step> neighbours{closed(msr::vm_hsave_pa - 1, read | write),
                                       closed(msr::vm_hsave_pa + 1, read | write)};
    const Effect host_save_read{.fields = {{field::rax, host_save}}, .registers = {{Register::rdx, 0}}};
    table.row({.subject = "msr_read", .variant = "vm_hsave_pa_only_write_closed", .program = "rdmsr",
               .intercept = Intercept::msr_prot, .manual = manual,
               .setup = read_hsave + std::vector<Step>{closed(msr::vm_hsave_pa, write)},
               .reach = Reach::not_covered, .executed = host_save_read});
    table.row({.subject = "msr_read", .variant = "vm_hsave_pa_neighbours_closed", .program = "rdmsr",
               .intercept = Intercept::msr_prot, .manual = manual,
               .setup = read_hsave + neighbours,
               .reach = Reach::not_covered, .executed = host_save_read});
    table.row({.subject = "msr_write", .variant = "vm_hsave_pa_neighbours_closed", .program = "wrmsr",
               .intercept = Intercept::msr_prot, .manual = manual,
               .setup = hsave + neighbours,
               .reach = Reach::not_covered, .executed = host_save_read});
    // L1 has it clear; what L2 sets there is L1's, and put back.
    const L1Write of_l1{wire::L1Register::msr, msr::vm_cr, 0};
    table.row({.subject = "msr_read", .variant = "vm_cr", .program = "rdmsr",
               .intercept = Intercept::msr_prot, .manual = manual, .cpl3 = AtCpl3::gp_first,
               .setup = {of_l1, number_in_cx(msr::vm_cr), l2_register(Register::rax, 0x5555'5555),
                         l2_register(Register::rdx, 0x5555'5555), closed(msr::vm_cr, read)},
               .taken_fields = read_reported,
               .executed = value_read(0)});
    table.row({.subject = "msr_write", .variant = "vm_cr", .program = "wrmsr",
               .intercept = Intercept::msr_prot, .manual = manual, .cpl3 = AtCpl3::gp_first,
               .setup = std::vector<Step>{of_l1, number_in_cx(msr::vm_cr), closed(msr::vm_cr, write)} +
                        value_in_registers(svm::vm_cr::r_init),
               .taken_fields = write_reported,
               .epilogue = value_read(svm::vm_cr::r_init)});
    struct BadValue {
        std::string_view variant;
        std::uint32_t number;
        Value low;
        std::uint64_t high;
    };
    for (const BadValue& bad : {
             BadValue{"vm_cr_reserved_bit", msr::vm_cr, 1 << 5, 0},
             BadValue{"vm_hsave_pa_misaligned", msr::vm_hsave_pa, host_save | 0x800, 0},
             BadValue{"vm_hsave_pa_beyond_memory", msr::vm_hsave_pa, host_save, 1 << 20}}) {
        std::vector<Step> setup{number_in_cx(bad.number), closed(bad.number, write),
                                l2_register(Register::rax, bad.low), l2_register(Register::rdx, bad.high)};
        if (bad.number == msr::vm_cr) {
            setup.insert(setup.begin(), of_l1);
        }
        table.row({.subject = "msr_write", .variant = bad.variant, .program = "wrmsr",
                   .intercept = Intercept::msr_prot, .manual = manual,
                   .setup = std::move(setup),
                   .taken_fields = write_reported,
                   .raises = general_protection,
                   .also_meets = {svm::exception_intercept(13)}});
    }
}

/// The ends of the three ranges, mostly MSRs that do not exist.
void range_ends(InstructionTable& table) {
    for (const auto& [name, number] : {
             std::pair{"00000000", 0x0000'0000u}, std::pair{"00001fff", 0x0000'1fffu},
             std::pair{"c0000000", 0xc000'0000u}, std::pair{"c0001fff", 0xc000'1fffu},
             std::pair{"c0010000", 0xc001'0000u}, std::pair{"c0011fff", 0xc001'1fffu}}) {
        const std::string variant = std::string{"range_end/"} + name;
        for (const bool writes : {false, true}) {
            table.row({.subject = writes ? "msr_write" : "msr_read", .variant = variant,
                       .program = writes ? "wrmsr" : "rdmsr",
                       .intercept = Intercept::msr_prot, .manual = manual,
                       .setup = {number_in_cx(number), closed(number, writes ? write : read)},
                       .taken_fields = writes ? write_reported : read_reported,
                       .runs_without_intercept = false});
        }
    }
}

/// No bit is set, and still these exit.
void outside(InstructionTable& table) {
    for (const auto& [name, number] : {
             std::pair{"00002000", 0x0000'2000u}, std::pair{"40000000", 0x4000'0000u},
             std::pair{"bfffffff", 0xbfff'ffffu}, std::pair{"c0002000", 0xc000'2000u},
             std::pair{"c000ffff", 0xc000'ffffu}, std::pair{"c0012000", 0xc001'2000u},
             std::pair{"ffffffff", 0xffff'ffffu}}) {
        const std::string variant = std::string{"outside/"} + name;
        for (const bool writes : {false, true}) {
            table.row({.subject = writes ? "msr_write" : "msr_read", .variant = variant,
                       .program = writes ? "wrmsr" : "rdmsr",
                       .intercept = Intercept::msr_prot, .manual = manual,
                       .setup = {number_in_cx(number)},
                       .taken_fields = writes ? write_reported : read_reported,
                       .runs_without_intercept = false});
        }
    }
}

/// An MSR that does not exist raises #GP, after the intercept.
void unimplemented(InstructionTable& table) {
    constexpr std::uint32_t number = 0xc001'1ffe;
    for (const bool writes : {false, true}) {
        table.row({.subject = writes ? "msr_write" : "msr_read", .variant = "unimplemented",
                   .program = writes ? "wrmsr" : "rdmsr",
                   .intercept = Intercept::msr_prot, .manual = manual,
                   .setup = {number_in_cx(number), closed(number, writes ? write : read)},
                   .taken_fields = writes ? write_reported : read_reported,
                   .raises = general_protection,
                   .also_meets = {svm::exception_intercept(13)}});
    }
    // A value that the MSR does not take: the address is not canonical.
    table.row({.subject = "msr_write", .variant = "bad_value", .program = "wrmsr",
               .intercept = Intercept::msr_prot, .manual = manual,
               .setup = std::vector<Step>{number_in_cx(msr::lstar), closed(msr::lstar, write)} +
                        value_in_registers(0x1234'5678'9abc'def0),
               .taken_fields = write_reported,
               .raises = general_protection,
               .also_meets = {svm::exception_intercept(13)}});
}

/// Values that EFER does not take, in a mode: a reserved bit, and LME changed while L2 pages. The
/// exit comes before them. APM2 3.1.7, 14.6.2.
void illegal_efer(InstructionTable& table) {
    namespace efer = svm::efer;
    constexpr std::uint64_t reserved = 1u << 9;
    struct Illegal { std::string_view variant; std::uint64_t flipped; Modes modes; };
    for (const L2Mode mode : {L2Mode::long64, L2Mode::compat, L2Mode::pae, L2Mode::prot32,
                              L2Mode::prot16, L2Mode::real}) {
        const std::uint64_t fresh = world::mode_registers(mode).efer;
        for (const Illegal& one : {
                 Illegal{"efer_reserved_bit", reserved,  all_modes},
                 Illegal{"efer_lme_clear",    efer::lme, {true, true, false, false}},
                 Illegal{"efer_lme_set",      efer::lme, Modes{false, false, true, true} | only_prot16}}) {
            if (one.modes.contains(mode)) {
                table.row({.subject = "msr_write", .variant = one.variant, .program = "wrmsr",
                           .intercept = Intercept::msr_prot, .manual = manual, .modes = only(mode),
                           .setup = std::vector<Step>{number_in_cx(msr::efer), closed(msr::efer, write)} +
                                    value_in_registers(fresh ^ one.flipped),
                           .taken_fields = write_reported,
                           .raises = general_protection,
                           .also_meets = {svm::exception_intercept(13)}});
            }
        }
    }
}

// clang-format on

void msrs(Catalogue& catalogue) {
    InstructionTable table{catalogue};
    plain(table);
    of_svm(table);
    range_ends(table);
    outside(table);
    unimplemented(table);
    illegal_efer(table);
}

const Registration registration{msrs};

} // namespace
} // namespace vmrunit::cases
