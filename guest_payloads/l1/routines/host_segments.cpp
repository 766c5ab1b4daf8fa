// SPDX-License-Identifier: GPL-2.0-only
// What only a 32-bit L1 has to get back at #VMEXIT: the base, limit and type of its segments, and
// with PAE its PDPTEs. APM2 15.6.

#include "harness/guest/cpu.hpp"
#include "harness/guest/per_cpu.hpp"
#include "harness/guest/routine.hpp"

#include <intrin.h>

/// own_segment.S
extern "C" std::uint64_t vmrunit_probe_es(std::uint32_t vmcb, std::uint32_t selector,
                                          std::uint32_t offset, std::uint32_t write);

namespace vmrunit::guest {
/// L1 has an ES of its own: read-only, sixteen bytes long, where L2's data begin. Argument: the
/// offset of the access by ES behind the #VMEXIT, and 100h for a write of a zero. Reports the lower
/// half of the exit code; by which bits ES is different; 0 or the vector + 1 of the access's fault;
/// and the byte that was read, from the one of L2's data that it should be.
VMRUNIT_ROUTINE(vmrun_with_own_segment) {
    constexpr std::uint16_t selector = 0x28; // The entry of 64-bit code, which this L1 has not.
    constexpr std::uint64_t read_only_of_16_bytes = 0x0040'9100'0000'000f;
    const std::uint32_t offset = call.argument & 0xff;
    const bool writes = (call.argument & 0x100) != 0;
    std::uint8_t& byte = call.arena.l2.data[offset];
    const std::uint8_t kept = byte;
    const std::uint64_t base = reinterpret_cast<std::uintptr_t>(call.arena.l2.data);
    std::uint64_t& descriptor = current_cpu().gdt[selector / 8];
    const std::uint64_t before = descriptor;
    descriptor = read_only_of_16_bytes | (base & 0xff'ffff) << 16 | (base >> 24) << 56;
    const auto vmcb =
        static_cast<std::uint32_t>(reinterpret_cast<std::uintptr_t>(&call.arena.vmcb));
    const std::uint64_t seen = vmrunit_probe_es(vmcb, selector, offset, writes ? 1 : 0);
    descriptor = before;
    byte = kept;
    call.report(static_cast<std::uint64_t>(call.arena.vmcb.control.exit_code) & 0xffff'ffff);
    call.report(seen >> 40 ^ selector);
    call.report(seen & 0xff);
    call.report(writes ? 0 : (seen >> 32 & 0xff) ^ kept);
}

/// L1 has PAE and changes the PDPTE of the third gigabyte, which it has not used, in memory alone:
/// it leads to the first one now. Reports the lower half of the exit code, and by which bits the
/// start of L2's data is different when L1 reads it there, behind the #VMEXIT.
VMRUNIT_ROUTINE(vmrun_with_changed_pdpte) {
    constexpr unsigned third = 2;
    constexpr std::uintptr_t gigabyte = std::uintptr_t{1} << 30;
    auto* const pdptes = reinterpret_cast<volatile std::uint64_t*>(
        static_cast<std::uintptr_t>(read_cr3()) & ~std::uintptr_t{0x1f});
    const auto* const word = reinterpret_cast<const volatile std::uint32_t*>(call.arena.l2.data);
    const auto* const elsewhere = reinterpret_cast<const volatile std::uint32_t*>(
        reinterpret_cast<std::uintptr_t>(call.arena.l2.data) + third * gigabyte);
    const std::uint64_t before = pdptes[third];
    pdptes[third] = pdptes[0];
    __svm_vmrun(reinterpret_cast<std::uintptr_t>(&call.arena.vmcb));
    // Only translations that the CPU may have made on its own go: INVLPG loads no PDPTE.
    invalidate_page(const_cast<const std::uint32_t*>(elsewhere));
    const std::uint32_t seen = *elsewhere;
    pdptes[third] = before;
    write_cr3(read_cr3());
    call.report(static_cast<std::uint64_t>(call.arena.vmcb.control.exit_code) & 0xffff'ffff);
    call.report(seen ^ *word);
}

} // namespace vmrunit::guest
