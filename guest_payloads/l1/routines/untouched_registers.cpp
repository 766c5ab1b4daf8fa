// SPDX-License-Identifier: GPL-2.0-only
// What neither VMRUN nor #VMEXIT moves: x87, SSE and XCR0. L2 finds what L1 left there, and L1 what
// L2 did. Compiled code uses none of them. APM2 15.5.1, 15.6.

#include "harness/guest/cpu.hpp"
#include "harness/guest/routine.hpp"

#include <intrin.h>

namespace vmrunit::guest {
namespace {

/// L2's data as its program uses them: it stores what it finds in `found` and loads `loaded`.
struct alignas(16) Exchange {
    std::uint32_t found[4];
    std::uint32_t loaded[4];
};

/// `load` and `store` do in L1 what the VMCB's program does in L2, with the first `words` of such a
/// value. Reports whether L2 found what L1 had loaded, and L1 what L2 had.
template<class Load, class Store>
void exchange(RoutineCall& call, unsigned words, Load load, Store store) {
    auto& data = *reinterpret_cast<volatile Exchange*>(call.arena.l2.data);
    // Numbers of any format and size, the one like the other but for some bits.
    std::uint32_t own[4] = {0x3f80, 0x4012'3456, 0x89ab'cdef, 0x0123'4567};
    std::uint32_t others[4] = {0x5f80, 0x3ff6'5432, 0xfedc'ba98, 0x7654'3210};
    for (unsigned i = 0; i < 4; ++i) {
        data.found[i] = 0;
        data.loaded[i] = others[i];
    }
    load(own);
    __svm_vmrun(reinterpret_cast<std::uintptr_t>(&call.arena.vmcb));
    std::uint32_t behind[4]{};
    store(behind);
    bool l2_found = true;
    bool l1_found = true;
    for (unsigned i = 0; i < words; ++i) {
        l2_found = l2_found && data.found[i] == own[i];
        l1_found = l1_found && behind[i] == others[i];
    }
    call.report(l2_found ? 1 : 0);
    call.report(l1_found ? 1 : 0);
}

} // namespace

VMRUNIT_ROUTINE(exchange_xmm0) {
    exchange(
        call, 4,
        [](const std::uint32_t(&value)[4]) {
            asm volatile("movups %0, %%xmm0" : : "m"(value));
        },
        [](std::uint32_t(&value)[4]) { asm volatile("movups %%xmm0, %0"
                                                    : "=m"(value)); });
}

/// By a number of 64 bits, which x87 holds exactly.
VMRUNIT_ROUTINE(exchange_st0) {
    asm volatile("fninit");
    exchange(
        call, 2, [](const std::uint32_t(&value)[4]) { asm volatile("fldl %0"
                                                                   :
                                                                   : "m"(value)); },
        [](std::uint32_t(&value)[4]) { asm volatile("fstpl %0"
                                                    : "=m"(value)); });
}

VMRUNIT_ROUTINE(exchange_mxcsr) {
    exchange(
        call, 1, [](const std::uint32_t(&value)[4]) { asm volatile("ldmxcsr %0"
                                                                   :
                                                                   : "m"(value)); },
        [](std::uint32_t(&value)[4]) { asm volatile("stmxcsr %0"
                                                    : "=m"(value)); });
}

/// L1 has x87 and SSE enabled and L2 then x87 alone. Reports what L2 found and what L1 did.
VMRUNIT_ROUTINE(exchange_xcr0) {
    constexpr std::uint32_t of_l1 = 3;
    constexpr std::uint32_t of_l2 = 1;
    auto& data = *reinterpret_cast<volatile Exchange*>(call.arena.l2.data);
    const std::uint64_t before = read_xcr0();
    data.found[0] = 0;
    data.loaded[0] = of_l2;
    write_xcr0(of_l1);
    __svm_vmrun(reinterpret_cast<std::uintptr_t>(&call.arena.vmcb));
    const std::uint64_t behind = read_xcr0();
    write_xcr0(before);
    call.report(data.found[0]);
    call.report(behind);
}

} // namespace vmrunit::guest
