// SPDX-License-Identifier: GPL-2.0-only
// The bits that make up the mode, in every combination: CR0.PG and PE, CR4.PAE, EFER.LME and LMA,
// CS.L and D. Three rules refuse; whatever they leave runs, in the mode that follows from the bits,
// with LMA where LME and PG put it. APM2 15.5.1.

#include "cases/model/guest_case.hpp"
#include "cases/model/instruction_table.hpp"

#include "harness/svm/cpu.hpp"
#include "harness/world.hpp"

namespace vmrunit::cases {
namespace {

namespace field = svm::field;
using svm::SegmentAttributes;

struct ModeBits {
    bool pg, pe, pae, lme, lma, l, d;

    [[nodiscard]] bool long_mode() const { return lme && pg; }
    [[nodiscard]] bool refused() const { return long_mode() && (!pae || !pe || (l && d)); }
    /// A target that takes LMA from the VMCB, or long mode without PE for a mode, goes anywhere
    /// with its L2, or does not come back: QEMU 7.2, Bochs.
    [[nodiscard]] bool may_end_machine() const {
        return pg ? lme && !pe : (lma && l) || (lme && !pe && !pae);
    }
    /// The mode whose tables and register widths apply.
    [[nodiscard]] L2Mode nearest() const {
        if (long_mode()) {
            return l ? L2Mode::long64 : L2Mode::compat;
        }
        return pae ? L2Mode::pae : L2Mode::prot32;
    }
    [[nodiscard]] std::string name() const {
        const auto part = [](std::string_view bit_name, bool value) {
            return std::string{bit_name} + (value ? "1" : "0");
        };
        return part("pg", pg) + part("_pe", pe) + part("_pae", pae) + part("_lme", lme) +
               part("_lma", lma) + part("_l", l) + part("_d", d);
    }
};

std::uint64_t with(std::uint64_t value, std::uint64_t bits, bool set) {
    return set ? value | bits : value & ~bits;
}

void add(Catalogue& catalogue, const ModeBits& bits, bool nested_paging) {
    using namespace svm;
    const L2Start start{bits.nearest(), 0, nested_paging};
    const world::ModeRegisters fresh = world::mode_registers(start.mode);
    const std::uint64_t cr0 = with(with(fresh.cr0, cr0::pg, bits.pg), cr0::pe, bits.pe);
    const std::uint64_t cr4 = with(fresh.cr4, cr4::pae, bits.pae) | cr4::pse;
    const std::uint64_t efer = with(with(fresh.efer, efer::lme, bits.lme), efer::lma, bits.lma);
    const SegmentAttributes code = (bits.l ? code64_attributes() : code32_attributes())
                                       .with(SegmentAttributes::default_size, bits.d ? 1 : 0);
    // Nobody asks for the IDT but a CPU that went astray, and that one goes no farther.
    GuestRow row;
    row.steps = {vmcb_field(field::cr0, cr0), vmcb_field(field::cr4, cr4),
                 vmcb_field(field::efer, efer), vmcb_field(field::cs_attributes, code.value),
                 vmcb_field(field::idtr_limit, 0)};
    if (bits.long_mode() && !bits.lma) {
        // A CPU that believes LMA walks PAE tables. It shall find nothing around the program.
        row.steps.emplace_back(Write{wire::Op::Code::fill, Region::pd, 0x800, 0, 0x1800});
    }
    row.manual = "APM2 15.5.1";
    row.ends_machine = bits.may_end_machine();
    row.l1_modes = bits.may_end_machine() ? only_l1_long64 : all_l1_modes;
    const std::string where = "consistency/mode_bits/";
    if (bits.refused()) {
        row.name = where + "refused/" + bits.name();
        row.title = "LME and PG without PAE or PE, or 64-bit code with CS.D set.";
        row.exit.exit_code = ExitCode::invalid;
    } else {
        row.name = where + "entered/" + bits.name();
        row.title = "The bits are a mode, and L2 runs in it.";
        row.exit = program_ends();
        if (start.mode != L2Mode::long64) {
            // Sixteen bits of RIP must do.
            row.steps.emplace_back(vmcb_field(field::cs_base, at_start));
            row.steps.emplace_back(vmcb_field(field::rip, 0));
            row.exit.rip = 0;
            row.exit.next_rip = 3;
        }
        if (!bits.long_mode()) {
            // What is left of L, and in real mode of the type, nobody says.
            const std::uint64_t type = bits.pe ? 0 : SegmentAttributes::type.mask();
            row.exit.fields = {{field::cs_attributes,
                                {},
                                SegmentAttributes::long_mode.mask() | type,
                                Match::free}};
        }
    }
    add_guest_case(catalogue, row, start);
}

void mode_bits(Catalogue& catalogue) {
    for (unsigned combination = 0; combination < 128; ++combination) {
        const auto taken = [combination](unsigned number) {
            return (combination >> number & 1) != 0;
        };
        const ModeBits bits{taken(0), taken(1), taken(2), taken(3), taken(4), taken(5), taken(6)};
        for (const bool nested_paging : {true, false}) {
            add(catalogue, bits, nested_paging);
        }
    }
}

const Registration registration{mode_bits};

} // namespace
} // namespace vmrunit::cases
