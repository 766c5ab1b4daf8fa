// SPDX-License-Identifier: GPL-2.0-only
// State that is one register: L2 sees the value of the VMCB, and the exit stores it again; and what
// L2 puts there instead, the exit stores too. Several values of each, edges among them. What is
// fixed or forced in a value the judge knows. APM2 15.5.1, 15.6.

#include "cases/model/guest_case.hpp"
#include "cases/model/instruction_table.hpp"

#include "harness/svm/cpu.hpp"
#include "harness/world.hpp"

#include <optional>
#include <span>
#include <utility>

namespace vmrunit::cases {
namespace {

namespace field = svm::field;
using svm::Feature;

constexpr std::string_view manual = "APM2 15.5.1";
constexpr std::uint64_t canonical_edges[] = {0, 1, 0x7fff'ffff'ffff, 0xffff'8000'0000'0000,
                                             ~std::uint64_t{0}};
constexpr std::uint64_t edges_of_32_bits[] = {0, 1, 0x7fff'ffff, 0x8000'0000, 0xffff'ffff};

/// A value and how it is called.
struct Named {
    std::string name;
    Value value;
    svm::Features needs{};
    svm::Features without{};
    std::optional<std::uint64_t> kept{}; ///< Without: as the register's fixed bits have it.
};

Named number(std::uint64_t value) {
    return {hex_name(value), value};
}

std::uint64_t low_half(L2Mode mode) {
    return mode == L2Mode::long64 ? ~std::uint64_t{0} : 0xffff'ffff;
}

/// One register as L2 reads and writes it, rBX being the other operand.
struct RegisterField {
    svm::FieldRef place;
    std::string_view read{}; ///< Program; empty: nothing reads it back.
    std::string_view write{};
    std::uint64_t (*canonical)(std::uint64_t){};
};

Value kept_by(const RegisterField& reg, const Named& named) {
    Value value = named.value;
    if (named.kept) {
        value.number = *named.kept;
    } else if (reg.canonical != nullptr && value.anchor == Anchor::zero) {
        value.number = reg.canonical(value.number);
    }
    return value;
}

/// On a CPU without bus-lock detection.
std::uint64_t canonical_dr6(std::uint64_t value) {
    return svm::dr6::canonical(value, false);
}

class Registers {
public:
    explicit Registers(Catalogue& catalogue) : catalogue_(catalogue) {}

    /// L2 sees the value, and the exit stores it.
    void loaded(const RegisterField& reg, const Named& value, const L2Start& start,
                const std::source_location& where = std::source_location::current()) {
        ExitExpectation exit = program_ends();
        const Value seen = kept_by(reg, value);
        if (!reg.read.empty()) {
            exit.registers = {{Register::rbx, seen, low_half(start.mode)}};
        }
        add_guest_case(catalogue_,
                       {.name = "fields/" + name_of(reg.place) + "/loaded/" + value.name,
                        .title = reg.read.empty()
                                     ? "The exit stores the value of the VMCB again."
                                     : "L2 sees the value of the VMCB, and the exit stores it.",
                        .manual = manual,
                        .needs = value.needs,
                        .without = value.without,
                        .program = reg.read.empty() ? "nothing" : reg.read,
                        .steps = {vmcb_field(reg.place, value.value)},
                        .exit = std::move(exit)},
                       start, where);
    }

    /// L2 puts the value there, and the exit stores it.
    void stored(const RegisterField& reg, const Named& value, const L2Start& start,
                const std::source_location& where = std::source_location::current()) {
        ExitExpectation exit = program_ends();
        const Value kept = kept_by(reg, value);
        const std::uint64_t judged = low_half(start.mode);
        exit.fields = {{reg.place, kept, judged}, {reg.place, {}, ~judged, Match::free}};
        add_guest_case(catalogue_,
                       {.name = "fields/" + name_of(reg.place) + "/stored/" + value.name,
                        .title = "The exit stores what L2 wrote.",
                        .manual = "APM2 15.6",
                        .needs = value.needs,
                        .without = value.without,
                        .program = reg.write,
                        .steps = {l2_register(Register::rbx, value.value)},
                        .exit = std::move(exit)},
                       start, where);
    }

private:
    Catalogue& catalogue_;
};

// clang-format off
constexpr RegisterField cr0_field{field::cr0, "read_cr0", "write_cr0", nullptr};
constexpr RegisterField cr2_field{field::cr2, "read_cr2", "write_cr2", nullptr};
constexpr RegisterField cr3_field{field::cr3, "read_cr3", "write_cr3", nullptr};
constexpr RegisterField cr4_field{field::cr4, "read_cr4", "write_cr4", nullptr};
constexpr RegisterField dr6_field{field::dr6, "read_dr6", "write_dr6", canonical_dr6};
constexpr RegisterField dr7_field{field::dr7, "read_dr7", "write_dr7", svm::dr7::canonical};
constexpr RegisterField rax_field{field::rax, "copy_rax", "set_rax", nullptr};
constexpr RegisterField rsp_field{field::rsp, "copy_rsp", "set_rsp", nullptr};
// clang-format on

/// Virtual-8086 code can neither read nor write it.
RegisterField as_in(L2Mode mode, RegisterField reg) {
    if (!has_cpl(mode, 0)) {
        reg.read = {};
    }
    return reg;
}

void only_loaded(Registers& registers, const RegisterField& reg, const Named& value, L2Mode mode) {
    each_paging(
        mode, [&](const L2Start& start) { registers.loaded(as_in(mode, reg), value, start); },
        lowest_cpl(mode));
}

void loaded_and_stored(Registers& registers, const RegisterField& reg, const Named& value,
                       L2Mode mode) {
    only_loaded(registers, reg, value, mode);
    if (has_cpl(mode, 0)) {
        each_paging(mode, [&](const L2Start& start) { registers.stored(reg, value, start); });
    }
}

/// Every bit of a control register that may be flipped by itself, once loaded and once stored.
struct Flip {
    std::string_view name;
    std::uint64_t bits;
    svm::Features needs{};
    bool long_mode_only = false;
    bool stored = true; ///< L2 may write it without leaving the mode it runs in.
};

void flips(Registers& registers, const RegisterField& reg, L2Mode mode, std::uint64_t fresh,
           const Flip& flip) {
    if (flip.long_mode_only && !is_long_mode(mode)) {
        return;
    }
    const Named value{std::string{flip.name} + ((fresh & flip.bits) != 0 ? "_clear" : "_set"),
                      fresh ^ flip.bits, flip.needs};
    if (flip.stored) {
        loaded_and_stored(registers, reg, value, mode);
    } else {
        only_loaded(registers, reg, value, mode);
    }
}

void control_registers(Registers& registers) {
    using namespace svm;
    const Flip cr0_flips[] = {
        {"mp", cr0::mp},
        {"em", cr0::em},
        {"ts", cr0::ts},
        {"ne", cr0::ne},
        {"wp", cr0::wp},
        {"am", cr0::am},
        {"cd", cr0::cd},
        {"cd_nw", cr0::cd | cr0::nw},
        {"em_ts", cr0::em | cr0::ts},
    };
    const Flip cr4_flips[] = {
        {"vme", cr4::vme, Feature::vme},
        {"pvi", cr4::pvi, Feature::vme},
        {"tsd", cr4::tsd, Feature::tsc},
        {"de", cr4::de, Feature::de},
        {"mce", cr4::mce, Feature::mce},
        {"pge", cr4::pge, Feature::pge},
        {"pce", cr4::pce},
        {"osfxsr", cr4::osfxsr, Feature::fxsr},
        {"osxmmexcpt", cr4::osxmmexcpt, Feature::sse},
        {"umip", cr4::umip, Feature::umip},
        {"fsgsbase", cr4::fsgsbase, Feature::fsgsbase},
        {"pcide", cr4::pcide, Feature::pcid, true},
        {"osxsave", cr4::osxsave, Feature::xsave},
        {"smap", cr4::smap, Feature::smap},
        {"pke", cr4::pke, Feature::pku, true},
    };
    for (const L2Mode mode : every_mode) {
        const world::ModeRegisters fresh = world::mode_registers(mode);
        for (Flip flip : cr0_flips) {
            // MOV to CR0 cannot load PG without PE: only VMRUN makes paged real mode.
            flip.stored = mode != L2Mode::paged_real;
            flips(registers, cr0_field, mode, fresh.cr0, flip);
        }
        for (const Flip& flip : cr4_flips) {
            flips(registers, cr4_field, mode, fresh.cr4, flip);
        }
        const std::uint64_t cacheable[] = {0, cr3::pwt, cr3::pcd, cr3::pwt | cr3::pcd};
        for (const std::uint64_t bits : cacheable) {
            if (mode == L2Mode::pae) {
                continue; // Its table must be aligned to 32 bytes only: the bits are elsewhere.
            }
            const Region root = is_long_mode(mode) ? Region::pml4 : Region::legacy_pd;
            const Named value{"cache_bits_" + hex_name(bits), in_region(root, bits)};
            loaded_and_stored(registers, cr3_field, value, mode);
        }
    }
}

void cr2(Registers& registers) {
    for (const L2Mode mode : every_mode) {
        for (const std::uint64_t value : canonical_edges) {
            if (mode != L2Mode::long64 && value > 1) {
                continue;
            }
            if (value == 0) {
                only_loaded(registers, cr2_field, number(value), mode);
            } else {
                loaded_and_stored(registers, cr2_field, number(value), mode);
            }
        }
        loaded_and_stored(registers, cr2_field, number(0xffff'ffff), mode);
    }
}

void debug_registers(Registers& registers) {
    using namespace svm;
    for (const L2Mode mode : every_mode) {
        for (const std::uint64_t bits : {dr6::b0, dr6::b1, dr6::b2, dr6::b3, dr6::bd, dr6::bs,
                                         dr6::bt, dr6::b0 | dr6::bs | dr6::bt}) {
            loaded_and_stored(registers, dr6_field, number(dr6::reset | bits), mode);
        }
        // What is fixed in them is no consistency check.
        only_loaded(registers, dr6_field,
                    {.name = "0", .value = 0, .without = Feature::bus_lock_detect}, mode);
        only_loaded(registers, dr6_field,
                    {.name = "0_with_bus_lock_detect",
                     .value = 0,
                     .needs = Feature::bus_lock_detect,
                     .kept = dr6::canonical(0, true)},
                    mode);
        only_loaded(registers, dr7_field, number(0), mode);
        only_loaded(registers, dr7_field, number(0xd800), mode);
        // Breakpoints on address 0, where L2 does not go; execution, write and access, every length
        // that has a meaning with its kind.
        for (const std::uint64_t value :
             {std::uint64_t{0x401}, std::uint64_t{0x402}, std::uint64_t{0x404},
              std::uint64_t{0x408}, std::uint64_t{0x410}, std::uint64_t{0x420},
              std::uint64_t{0x440}, std::uint64_t{0x480}, std::uint64_t{0x4ff},
              std::uint64_t{0x500}, std::uint64_t{0x600}, std::uint64_t{0xd00'0400},
              std::uint64_t{0x1111'0400}, std::uint64_t{0xffff'0400}}) {
            loaded_and_stored(registers, dr7_field, number(value), mode);
        }
    }
}

void general_registers(Registers& registers) {
    const auto rows = [&](std::uint64_t value, L2Mode mode, std::uint8_t cpl) {
        each_paging(
            mode,
            [&](const L2Start& start) {
                registers.loaded(rax_field, number(value), start);
                registers.stored(rax_field, number(value), start);
                registers.loaded(rsp_field, number(value), start);
                registers.stored(rsp_field, number(value), start);
            },
            cpl);
    };
    for (const L2Mode mode : every_mode) {
        const bool is_64_bit = mode == L2Mode::long64;
        for (const std::uint8_t cpl : {std::uint8_t{0}, std::uint8_t{3}}) {
            if (!has_cpl(mode, cpl)) {
                continue;
            }
            for (const std::uint64_t value :
                 is_64_bit ? std::span{canonical_edges} : std::span{edges_of_32_bits}) {
                rows(value, mode, cpl);
            }
        }
    }
    // RAX is nobody's address.
    each_paging(L2Mode::long64, [&](const L2Start& start) {
        registers.loaded(rax_field, number(0x5aa5'1234'8765'cafe), start);
        registers.stored(rax_field, number(0x5aa5'1234'8765'cafe), start);
    });
}

void register_values(Catalogue& catalogue) {
    Registers registers{catalogue};
    control_registers(registers);
    cr2(registers);
    debug_registers(registers);
    general_registers(registers);
}

const Registration registration{register_values};

} // namespace
} // namespace vmrunit::cases
