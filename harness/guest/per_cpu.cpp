// SPDX-License-Identifier: GPL-2.0-only
// The blocks and stacks of all CPUs, and the part of the L1 baseline that boot.S leaves to C++.

#include "harness/guest/per_cpu.hpp"

#include "harness/guest/cpu.hpp"

namespace vmrunit::guest {
namespace {

constinit PerCpu cpus[maximum_cpus]{};

struct alignas(16) FaultStack {
    std::byte bytes[fault_stack_size];
};
constinit FaultStack fault_stacks[maximum_cpus]{};

extern "C" std::byte guest_stacks[]; // boot.S

constexpr std::uint32_t cpuid_xsave = 1u << 26;
constexpr std::uint64_t cr4_osxsave = 1u << 18;
constexpr std::uint64_t dr6_nothing = 0xffff'0ff0;
constexpr std::uint64_t dr7_nothing = 0x400;

} // namespace

PerCpu& cpu_by_index(std::uint32_t index) {
    return cpus[index];
}

std::uint64_t stack_top(std::uint32_t index) {
    return reinterpret_cast<std::uint64_t>(&guest_stacks[(index + 1) * stack_size]);
}

void initialise_cpu(std::uint32_t index) {
    PerCpu& cpu = cpus[index];
    cpu = {};
    cpu.index = index;
    load_descriptor_tables(cpu, reinterpret_cast<std::uint64_t>(&fault_stacks[index + 1]));

    if (cpuid(1).ecx & cpuid_xsave) {
        write_cr4(read_cr4() | cr4_osxsave);
        write_xcr0(l1_xcr0);
    }
    // KVM emulates the first write of a new CPU, and takes the form that a 32-bit L1 has for #UD.
    if (has_cr8() && read_cr8() != 0) {
        write_cr8(0);
    }
    // Loading a null selector leaves the base alone on AMD.
    write_msr(Msr::fs_base, 0);
    write_msr(Msr::gs_base, 0);
    write_msr(Msr::kernel_gs_base, 0);
    write_dr0(0);
    write_dr1(0);
    write_dr2(0);
    write_dr3(0);
    write_dr7(dr7_nothing);
    write_dr6(dr6_nothing);
}

} // namespace vmrunit::guest
