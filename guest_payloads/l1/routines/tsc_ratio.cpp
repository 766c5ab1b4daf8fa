// SPDX-License-Identifier: GPL-2.0-only
// L2's time stamps and MPERF scaled by the ratio in MSR C000_0104h, 8.32 fixed point, and what L2
// writes to the time stamp counter. L1 gets its own counter and ratio back. APM2 15.30.5.

#include "harness/guest/cpu.hpp"
#include "harness/guest/exceptions.hpp"
#include "harness/guest/routine.hpp"
#include "harness/svm/msr.hpp"

#include <intrin.h>

namespace vmrunit::guest {
namespace {

using svm::msr::tsc_ratio;

constexpr unsigned to_fraction = 24; ///< From 256ths.

/// Modulo 2^64, by halves: the product has more bits than any type of a 32-bit L1.
std::uint64_t scaled(std::uint64_t ticks, std::uint64_t ratio) {
    const std::uint64_t low = ticks & 0xffff'ffff;
    return (ticks >> 32) * ratio + low * (ratio >> 32) + (low * (ratio & 0xffff'ffff) >> 32);
}

std::uint64_t seen_by_l2(const Arena& arena) {
    const std::uint64_t high = *reinterpret_cast<const volatile std::uint32_t*>(arena.l2.data);
    return high << 32 | (arena.vmcb.save.rax & 0xffff'ffff);
}

/// `read` reads the counter in L1 as the VMCB's program does in L2, and `offset` is what L2 has on
/// top. Reports whether what L2 read lies between L1's readings before and after, scaled; and
/// whether L1's own went on as they were.
template<class Read>
void run_scaled(RoutineCall& call, Read read, std::uint64_t offset) {
    const std::uint64_t ratio = std::uint64_t{call.argument} << to_fraction;
    const std::uint64_t ratio_before = read_msr(tsc_ratio);
    const std::uint64_t unscaled = read();
    write_msr(tsc_ratio, ratio);
    const std::uint64_t before = read();
    __svm_vmrun(reinterpret_cast<std::uintptr_t>(&call.arena.vmcb));
    const std::uint64_t after = read();
    write_msr(tsc_ratio, ratio_before);
    // Scaling rounds, by less than one tick.
    const std::uint64_t least = scaled(before, ratio) - 1;
    const std::uint64_t most = scaled(after, ratio) + 1;
    const std::uint64_t seen = seen_by_l2(call.arena) - offset;
    call.report(seen - least <= most - least ? 1 : 0);
    // A second or so at the usual rates; scaled they would be off by a part of all there are.
    constexpr std::uint64_t soon = std::uint64_t{1} << 32;
    call.report(before - unscaled < soon && after - before < soon ? 1 : 0);
}

} // namespace

/// Argument: the ratio in 256ths. The VMCB's program reads the time stamp as in vmrun_reads_tsc.
VMRUNIT_ROUTINE(vmrun_scales_tsc) {
    run_scaled(
        call, [] { return read_tsc(); }, call.arena.vmcb.control.tsc_offset);
}

/// The same of MPERF, which counts at the rate of the time stamp while the CPU is not halted.
VMRUNIT_ROUTINE(vmrun_scales_mperf) {
    run_scaled(
        call, [] { return read_msr(svm::msr::mperf); }, 0);
}

/// Reports the bits of the ratio from 40 on that can be written.
VMRUNIT_ROUTINE(tsc_ratio_reserved) {
    const std::uint64_t before = read_msr(tsc_ratio);
    std::uint64_t accepted = 0;
    for (unsigned number = 40; number < 64; ++number) {
        const std::uint64_t bit = std::uint64_t{1} << number;
        accepted |= catch_fault([=] { write_msr(tsc_ratio, before | bit); }) ? 0 : bit;
    }
    write_msr(tsc_ratio, before);
    call.report(accepted);
}

/// Reports how what is read differs from what was written, over the 40 bits of the ratio.
VMRUNIT_ROUTINE(tsc_ratio_read_back) {
    const std::uint64_t before = read_msr(tsc_ratio);
    std::uint64_t differing = 0;
    for (unsigned number = 0; number < 40; ++number) {
        const std::uint64_t bit = std::uint64_t{1} << number;
        write_msr(tsc_ratio, bit);
        differing |= read_msr(tsc_ratio) ^ bit;
    }
    write_msr(tsc_ratio, before);
    call.report(differing);
}

/// L2 writes the time stamp counter from EDX:EAX, where this routine puts one that lies ahead, and
/// reads it back as in vmrun_reads_tsc. Argument: the ratio in 256ths, or 0 to leave it as it is.
/// Reports whether L2 read what it wrote, scaled, and ticks on it; and whether L1 then reads on
/// from what L2 wrote.
VMRUNIT_ROUTINE(l2_writes_tsc) {
    constexpr std::uint64_t leap = std::uint64_t{1} << 44; ///< Hours.
    constexpr std::uint64_t soon = std::uint64_t{1} << 36;
    svm::Vmcb& vmcb = call.arena.vmcb;
    const std::uint64_t ratio = std::uint64_t{call.argument} << to_fraction;
    const std::uint64_t ratio_before = ratio != 0 ? read_msr(tsc_ratio) : 0;
    const std::uint64_t before = read_tsc();
    const std::uint64_t ahead = before + leap;
    // The program takes it from L2's data.
    *reinterpret_cast<volatile std::uint64_t*>(call.arena.l2.data) = ahead;
    if (ratio != 0) {
        write_msr(tsc_ratio, ratio);
    }
    __svm_vmrun(reinterpret_cast<std::uintptr_t>(&vmcb));
    if (ratio != 0) {
        write_msr(tsc_ratio, ratio_before);
    }
    const std::uint64_t after = read_tsc();
    write_msr(Msr::tsc, after - ahead < soon ? before + (after - ahead) : after);
    const std::uint64_t least = ratio != 0 ? scaled(ahead, ratio) - 1 : ahead;
    call.report(seen_by_l2(call.arena) - least < soon ? 1 : 0);
    call.report(after - ahead < soon ? 1 : 0);
}

} // namespace vmrunit::guest
