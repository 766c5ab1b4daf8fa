// SPDX-License-Identifier: GPL-2.0-only
// VMRUN by an L1 that has flags, a stack, tables or segments of other values than ever, and what of
// them it has behind the #VMEXIT. APM2 15.5.1, 15.6.

#include "harness/guest/cpu.hpp"
#include "harness/guest/descriptor_tables.hpp"
#include "harness/guest/routine.hpp"

#include <cstring>

namespace vmrunit::guest {
namespace {

/// As host_state.S has it.
struct HostState {
    std::uintptr_t vmcb;
    std::uintptr_t own_stack;
    std::uintptr_t stack, flags, es, ds, ss; ///< At the VMRUN.
    std::uintptr_t rax_after, stack_after, flags_after, es_after, ds_after, ss_after;
};
static_assert(sizeof(HostState) == 13 * sizeof(void*));

extern "C" void vmrunit_vmrun_with_host_state(HostState* state); ///< host_state.S

/// What is different from ever.
enum Other : std::uint32_t { nothing, flags, stack, root, cr3_bits, gdtr, idtr, selectors };

/// Of which no address needs to be one.
constexpr std::uintptr_t stacks[] = {
    1,
    0,
    ~std::uintptr_t{0},
    0x8000'0000,
    static_cast<std::uintptr_t>(0x1234'5678'9abc'def0),
    static_cast<std::uintptr_t>(0x7fff'0000'0000),
};

struct Tables {
    std::uint64_t cr0, cr3, cr4, efer, cs;
    DescriptorTablePointer gdtr, idtr;
    static Tables now() {
        return {read_cr0(), read_cr3(),  read_cr4(), read_msr(Msr::efer),
                read_cs(),  read_gdtr(), read_idtr()};
    }
};

/// Puts L1 into its other state. Whether that is what it then has.
bool change(std::uint32_t kind, std::uint32_t value, HostState& state, svm::Vmcb& spare) {
    constexpr std::uintptr_t page_offset = 0xfff;
    const auto page = reinterpret_cast<std::uintptr_t>(&spare);
    switch (kind) {
    case flags: {
        state.flags |= value;
        write_rflags(state.flags);
        const std::uintptr_t has = read_rflags();
        write_rflags(l1_rflags);
        return has == state.flags;
    }
    case stack:
        state.stack = stacks[value];
        return true;
    case root: {
        const std::uintptr_t cr3 = read_cr3();
        std::memcpy(&spare, reinterpret_cast<const void*>(cr3 & ~page_offset), sizeof spare);
        write_cr3(page | (cr3 & page_offset));
        return read_cr3() != cr3;
    }
    case cr3_bits: {
        const std::uintptr_t cr3 = read_cr3();
        write_cr3(cr3 ^ value);
        return read_cr3() != cr3;
    }
    case gdtr: {
        const DescriptorTablePointer own = read_gdtr();
        std::memcpy(&spare, reinterpret_cast<const void*>(own.base), own.limit + std::size_t{1});
        const std::uint32_t limit = own.limit + value;
        write_gdtr({static_cast<std::uint16_t>(limit > 0xffff ? 0xffff : limit), page});
        return read_gdtr().base != own.base;
    }
    case idtr:
        write_idtr({static_cast<std::uint16_t>(value), page + 8});
        return read_idtr().base == page + 8;
    case selectors:
        state.es = value == 2   ? static_cast<std::uintptr_t>(Selector::user_data)
                   : value == 1 ? 3
                                : 0;
        if (value >= 2) {
            state.ds = state.es;
        }
        if (value == 3) {
            state.ss = state.es;
        }
        return true;
    default:
        return true;
    }
}

} // namespace

/// Argument: Other, and which one << 8. Reports the lower half of the exit code; whether L1 had
/// that other state; then by which bits what L1 has right behind the #VMEXIT is different from what
/// it had at VMRUN: RAX from the address of the VMCB, RSP, RFLAGS, CR0, CR3, CR4, EFER, CS, SS, DS,
/// ES, base and limit of GDTR, and of IDTR.
VMRUNIT_ROUTINE(vmrun_with_host_state) {
    const Tables ever = Tables::now();
    HostState state{};
    state.vmcb = reinterpret_cast<std::uintptr_t>(&call.arena.vmcb);
    state.stack = reinterpret_cast<std::uintptr_t>(&state);
    state.flags = l1_rflags;
    state.es = state.ds = state.ss = static_cast<std::uintptr_t>(Selector::data);
    const bool changed =
        change(call.argument & 0xff, call.argument >> 8, state, call.arena.spare_vmcb);
    const Tables before = Tables::now();
    vmrunit_vmrun_with_host_state(&state);
    const Tables after = Tables::now();
    write_gdtr(ever.gdtr);
    write_idtr(ever.idtr);
    write_cr3(ever.cr3);
    call.arena.spare_vmcb = {};
    call.report(static_cast<std::uint64_t>(call.arena.vmcb.control.exit_code) & 0xffff'ffff);
    call.report(changed);
    call.report(state.rax_after ^ state.vmcb);
    call.report(state.stack_after ^ state.stack);
    call.report(state.flags_after ^ state.flags);
    call.report(after.cr0 ^ before.cr0);
    call.report(after.cr3 ^ before.cr3);
    call.report(after.cr4 ^ before.cr4);
    call.report(after.efer ^ before.efer);
    call.report(after.cs ^ before.cs);
    call.report(state.ss_after ^ state.ss);
    call.report(state.ds_after ^ state.ds);
    call.report(state.es_after ^ state.es);
    call.report(after.gdtr.base ^ before.gdtr.base);
    call.report(after.gdtr.limit ^ before.gdtr.limit);
    call.report(after.idtr.base ^ before.idtr.base);
    call.report(after.idtr.limit ^ before.idtr.limit);
}

} // namespace vmrunit::guest
