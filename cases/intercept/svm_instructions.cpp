// SPDX-License-Identifier: GPL-2.0-only
// SVM's own instructions in L2. All but VMMCALL are privileged, and VMRUN, VMLOAD and VMSAVE check
// their address before the intercept. APM2 15.9, table 15-7; virtual GIF: 15.33.

#include "cases/intercept/exception_row.hpp"
#include "cases/model/instruction_table.hpp"

#include "harness/svm/msr.hpp"
#include "harness/svm/observed_attributes.hpp"
#include "harness/svm/vmcb.hpp"
#include "harness/world.hpp"

#include <array>
#include <cstddef>
#include <string>
#include <tuple>

namespace vmrunit::cases {
namespace {

namespace field = svm::field;
using svm::Feature;
using svm::Intercept;
using svm::VirtualInterrupt;

constexpr std::string_view manual = "APM2 15.9";
constexpr std::string_view address_size_manual = "APM2 15.5.1, 15.9";
constexpr Delivery general_protection{.vector = 13, .error_code = 0};
constexpr std::uint8_t invalid_opcode = 6;
constexpr Value spare_vmcb = in_region(Region::spare_vmcb);
/// Above every physical address there can be.
constexpr std::uint64_t beyond_memory = std::uint64_t{1} << 52;

Step address_in_ax(Value address) {
    return l2_register(Register::rax, address);
}

/// The whole spare VMCB, so that it is compared after the run.
Step spare_filled() {
    return Write{wire::Op::Code::fill, Region::spare_vmcb, 0, 0xa5, svm::vmcb_size};
}

Step in_spare(svm::FieldRef place, std::uint64_t value) {
    return Write{wire::Op::Code::write, Region::spare_vmcb, place.offset,
                 static_cast<std::uint8_t>(place.size_bytes), value};
}

/// The MSRs that VMLOAD and VMSAVE move, each with a value of its own that its MSR takes.
struct MovedMsr {
    svm::FieldRef place;
    std::uint64_t value;
};
constexpr std::array moved_msrs{
    MovedMsr{field::star, 0x0023'0010'1111'1111},
    MovedMsr{field::lstar, 0x0000'2222'2222'2220},
    MovedMsr{field::cstar, 0x0000'3333'3333'3330},
    MovedMsr{field::sfmask, 0x0004'4444},
    MovedMsr{field::kernel_gs_base, 0x0000'5555'5555'5550},
    MovedMsr{field::sysenter_cs, 0x66},
    MovedMsr{field::sysenter_esp, 0x7777'7770},
    MovedMsr{field::sysenter_eip, 0x0888'8880},
};

// clang-format off

/// #GP(0) for an address that no VMCB can have.
void bad_addresses(InstructionTable& table, std::string_view name, Intercept intercept) {
    table.row({.subject = name, .variant = "misaligned", .program = name, .intercept = intercept,
               .manual = manual, .needs_protected_mode = true,
               .setup = {address_in_ax(in_region(Region::spare_vmcb, 0x800))},
               .reach = Reach::exception_first,
               .raises = general_protection});
    for (unsigned bit = 0; bit < 11; ++bit) { // The last one is the row before.
        const std::string variant = "misaligned_bit_" + std::to_string(bit);
        table.row({.subject = name, .variant = variant, .program = name, .intercept = intercept,
                   .manual = manual, .modes = only_long64 | only(L2Mode::prot32),
                   .setup = {address_in_ax(in_region(Region::spare_vmcb, std::uint64_t{1} << bit))},
                   .reach = Reach::exception_first,
                   .raises = general_protection});
    }
    table.row({.subject = name, .variant = "beyond_memory", .program = name, .intercept = intercept,
               .manual = manual, .modes = only_long64,
               .setup = {address_in_ax(beyond_memory)},
               .reach = Reach::exception_first,
               .raises = general_protection});
}

void vmrun(InstructionTable& table) {
    // There is no VMRUN without this intercept (consistency/intercept/vmrun_clear).
    table.row({.subject = "vmrun", .program = "vmrun", .intercept = Intercept::vmrun,
               .manual = manual, .needs_protected_mode = true, .cpl3 = AtCpl3::gp_first,
               .page_end = PageEnd::within,
               .setup = {spare_filled(), address_in_ax(spare_vmcb)},
               .runs_without_intercept = false});
    bad_addresses(table, "vmrun", Intercept::vmrun);
}

void vmmcall(InstructionTable& table) {
    // Without its intercept VMMCALL is an invalid opcode, which here meets the intercept of #UD: a
    // handler could not end by VMMCALL.
    ExitExpectation invalid;
    invalid.exit_code = svm::exit_code_of(svm::exception_intercept(invalid_opcode));
    invalid.rip = at_insn;
    table.row({.subject = "vmmcall", .program = "vmmcall", .intercept = Intercept::vmmcall,
               .manual = manual, .cpl3 = AtCpl3::same,
               .setup = {intercepting(svm::exception_intercept(invalid_opcode))},
               .ends_with = invalid});
    table.row({.subject = "vmmcall", .variant = "alone", .program = "vmmcall",
               .intercept = Intercept::vmmcall, .manual = manual, .cpl3 = AtCpl3::same,
               .page_end = PageEnd::within,
               .runs_without_intercept = false});
}

/// Not intercepted they work on L1's memory, of which L2's is the same here. APM2 15.33.1 is about
/// another thing, VMLOAD and VMSAVE virtualization, which stays off.
void vmload(InstructionTable& table) {
    constexpr std::uint64_t kernel_gs_base = 0x0000'1357'9bdf'2460;
    std::vector<Step> setup{
        spare_filled(), address_in_ax(spare_vmcb), l2_register(Register::rcx, svm::msr::kernel_gs_base),
        // What is moved has to be something that can be loaded.
        Write{wire::Op::Code::fill, Region::spare_vmcb, field::fs_selector.offset, 0, 0x100},
        Write{wire::Op::Code::fill, Region::spare_vmcb, field::star.offset, 0, 0x40},
        in_spare(field::kernel_gs_base, kernel_gs_base)};
    table.row({.subject = "vmload", .program = "vmload", .intercept = Intercept::vmload,
               .manual = manual, .needs_protected_mode = true, .cpl3 = AtCpl3::gp_first,
               .page_end = PageEnd::within,
               .setup = setup,
               .epilogue = {.fields    = {{field::rax, kernel_gs_base & 0xffff'ffff}},
                            .registers = {{Register::rdx, kernel_gs_base >> 32}}}});
    bad_addresses(table, "vmload", Intercept::vmload);
}

/// What VMSAVE stores, in L2 as it begins: values of its own where VMLOAD takes any.
std::vector<Step> state_to_save() {
    const Value gdt = in_memory(offsetof(L2Memory, gdt));
    const std::uint64_t ldt = svm::system_attributes(svm::segment_type::ldt).value;
    std::vector<Step> steps{
        vmcb_field(field::fs_base, 0x1111'2220), vmcb_field(field::gs_base, 0x3333'4440),
        vmcb_field(field::ldtr_selector, l2_selector::ldt), vmcb_field(field::ldtr_attributes, ldt),
        vmcb_field(field::ldtr_limit, sizeof(L2Memory::gdt) - 1), vmcb_field(field::ldtr_base, gdt)};
    for (const MovedMsr& msr : moved_msrs) {
        steps.emplace_back(vmcb_field(msr.place, msr.value));
    }
    return steps;
}

Effect saved_in(Region page) {
    const Value gdt = in_memory(offsetof(L2Memory, gdt));
    const std::uint64_t ldt = svm::system_attributes(svm::segment_type::ldt).value;
    const auto stored = [page](svm::FieldRef place, Value value) {
        return MemoryExpectation{page, place.offset, static_cast<std::uint8_t>(place.size_bytes), value};
    };
    const auto free = [page](svm::FieldRef place, std::uint64_t bits) {
        return MemoryExpectation{page, place.offset, static_cast<std::uint8_t>(place.size_bytes), {}, bits, Match::free};
    };
    Effect saved{.memory = {
        stored(field::fs_base, 0x1111'2220), stored(field::gs_base, 0x3333'4440),
        stored(field::ldtr_selector, l2_selector::ldt), stored(field::ldtr_attributes, ldt),
        stored(field::ldtr_limit, sizeof(L2Memory::gdt) - 1), stored(field::ldtr_base, gdt)}};
    for (const svm::FieldRef as_loaded : {
             field::fs_selector, field::fs_attributes, field::fs_limit,
             field::gs_selector, field::gs_attributes, field::gs_limit,
             field::tr_selector, field::tr_attributes, field::tr_limit, field::tr_base}) {
        saved.memory.push_back(stored(as_loaded, fresh(as_loaded)));
    }
    for (const MovedMsr& msr : moved_msrs) {
        saved.memory.push_back(stored(msr.place, msr.value));
    }
    for (const svm::FieldRef attributes : {field::fs_attributes, field::gs_attributes,
                                           field::ldtr_attributes, field::tr_attributes}) {
        saved.memory.push_back(free(attributes, ~svm::observed_bits(attributes)));
    }
    return saved;
}

void vmsave(InstructionTable& table) {
    table.row({.subject = "vmsave", .program = "vmsave", .intercept = Intercept::vmsave,
               .manual = manual, .needs_protected_mode = true, .cpl3 = AtCpl3::gp_first,
               .page_end = PageEnd::within,
               .setup = join({spare_filled(), address_in_ax(spare_vmcb)}, state_to_save()),
               .executed = saved_in(Region::spare_vmcb)});
    bad_addresses(table, "vmsave", Intercept::vmsave);
}

/// VMLOAD from `page`, with an address that names it in its lower part alone.
InstructionRow narrow_vmload(Region page, std::uint64_t beyond) {
    constexpr std::uint64_t kernel_gs_base = 0x0000'1357'9bdf'2460;
    return {.subject = "vmload", .program = {}, .intercept = Intercept::vmload, .manual = address_size_manual,
            .setup = {address_in_ax(in_region(page) | beyond),
                      l2_register(Register::rcx, svm::msr::kernel_gs_base),
                      Write{wire::Op::Code::fill, page, field::fs_selector.offset, 0, 0x100},
                      Write{wire::Op::Code::fill, page, field::star.offset, 0, 0x40},
                      Write{wire::Op::Code::write, page, field::kernel_gs_base.offset, 8,
                            kernel_gs_base}},
            .epilogue = {.fields    = {{field::rax, kernel_gs_base & 0xffff'ffff}},
                         .registers = {{Register::rdx, kernel_gs_base >> 32}}}};
}

/// As much of rAX as the address size has is the address, before anything looks at it. Without the
/// intercept it also shows that it is not less.
void narrow_addresses(InstructionTable& table) {
    const auto add = [&table](std::string_view variant, std::string_view program, const Modes& modes,
                              InstructionRow row) {
        row.variant = variant;
        row.program = program;
        row.modes = modes;
        table.row(row);
    };
    // With the upper half it would be #GP, as the rows beyond_memory show.
    constexpr std::uint64_t upper_half = std::uint64_t{0xfff0'0000} << 32;
    const InstructionRow vmrun{.subject = "vmrun", .program = {}, .intercept = Intercept::vmrun,
                               .manual = address_size_manual,
                               .setup = {address_in_ax(spare_vmcb | upper_half)},
                               .runs_without_intercept = false};
    const InstructionRow vmsave{.subject = "vmsave", .program = {}, .intercept = Intercept::vmsave,
                                .manual = address_size_manual,
                                .setup = join({spare_filled(), address_in_ax(spare_vmcb | upper_half)},
                                              state_to_save()),
                                .executed = saved_in(Region::spare_vmcb)};
    add("address_size/eax", "vmrun_eax", only_long64, vmrun);
    add("address_size/eax", "vmload_eax", only_long64, narrow_vmload(Region::spare_vmcb, upper_half));
    add("address_size/eax", "vmsave_eax", only_long64, vmsave);
    // With the upper half of EAX they name a place without memory. In 16-bit mode the page is L2's
    // own, of which nobody else needs these parts at CPL 0. In others nobody looks at the page, so
    // that L2 has to look what VMSAVE has stored there. Of VMRUN, which never executes in L2, that
    // it takes AX is not to be seen: low bits and all, it meets its intercept by EAX as well.
    constexpr std::uint64_t no_memory = 0xe000'0000;
    add("address_size/ax", "vmload_ax", only_32bit | only_prot16,
        narrow_vmload(Region::low_memory, no_memory));
    add("address_size/ax", "vmsave_ax", only_prot16,
        {.subject = "vmsave", .program = {}, .intercept = Intercept::vmsave, .manual = address_size_manual,
         .setup = join({address_in_ax(in_region(Region::low_memory) | no_memory)}, state_to_save()),
         .executed = saved_in(Region::low_memory)});
    add("address_size/ax_read_back", "vmsave_ax_read_back", only_32bit,
        {.subject = "vmsave", .program = {}, .intercept = Intercept::vmsave, .manual = address_size_manual,
         .setup = join({address_in_ax(in_region(Region::low_memory) | no_memory),
                        // What the plan writes is put back behind the case.
                        Write{wire::Op::Code::write, Region::low_memory, field::fs_base.offset, 8, 0},
                        l2_register(Register::rdi, in_region(Region::low_memory, field::fs_base.offset))},
                       state_to_save()),
         .epilogue = {.registers = {{Register::rbx, 0x1111'2220}}}});
}

void global_interrupt_flag(InstructionTable& table) {
    const std::uint64_t virtual_gif = VirtualInterrupt::v_gif_enable.mask();
    const std::uint64_t gif_set = VirtualInterrupt::vgif.mask();
    for (const auto& [name, intercept, sets] : {std::tuple{"stgi", Intercept::stgi, true},
                                                std::tuple{"clgi", Intercept::clgi, false}}) {
        // Without virtual GIF the effect is on the real one, and ends with the #VMEXIT.
        table.row({.subject = name, .program = name, .intercept = intercept,
                   .manual = manual, .needs_protected_mode = true, .cpl3 = AtCpl3::gp_first,
                   .page_end = PageEnd::within});
        table.row({.subject = name, .variant = "vgif", .program = name, .intercept = intercept,
                   .manual = "APM2 15.33.2", .needs = Feature::vgif,
                   .needs_protected_mode = true, .cpl3 = AtCpl3::gp_first,
                   .setup = {vmcb_set(field::virtual_interrupt,
                                      sets ? virtual_gif : virtual_gif | gif_set)},
                   .executed = {.fields = {{field::virtual_interrupt, sets ? gif_set : 0, gif_set}}}});
    }
}

void others(InstructionTable& table) {
    // rAX: address, rCX: ASID, here L2's own.
    table.row({.subject = "invlpga", .program = "invlpga", .intercept = Intercept::invlpga,
               .manual = manual, .needs_protected_mode = true, .cpl3 = AtCpl3::gp_first,
               .page_end = PageEnd::within,
               .setup = {address_in_ax(l2_data), l2_register(Register::rcx, 1)}});
    // Executed it would start a measured launch. It exists in SVM operation, SKINIT bit or not.
    table.row({.subject = "skinit", .program = "skinit", .intercept = Intercept::skinit,
               .manual = manual, .needs_protected_mode = true, .cpl3 = AtCpl3::gp_first,
               .page_end = PageEnd::within,
               .setup = {address_in_ax(0)},
               .runs_without_intercept = false});
}

// clang-format on

void svm_instructions(Catalogue& catalogue) {
    InstructionTable table{catalogue};
    vmrun(table);
    vmmcall(table);
    vmload(table);
    vmsave(table);
    narrow_addresses(table);
    global_interrupt_flag(table);
    others(table);
}

const Registration registration{svm_instructions};

} // namespace
} // namespace vmrunit::cases
