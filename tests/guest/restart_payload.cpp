// SPDX-License-Identifier: GPL-2.0-only
// Soils memory and registers, goes back to 32-bit protected mode and enters itself by the PVH door
// a second time: what l1_main starts with must not depend on what was there before. Loaders clear
// .bss themselves, so a first start cannot show it.

#include "harness/guest/apic.hpp"
#include "harness/guest/cpu.hpp"
#include "harness/guest/exceptions.hpp"
#include "harness/guest/l1_baseline.hpp"
#include "harness/guest/per_cpu.hpp"
#include "harness/guest/start.hpp"
#include "tests/guest/print.hpp"

using namespace vmrunit::guest;
using vmrunit::guest_test::print;

namespace {

constinit volatile std::uint64_t starts = 1; // in .data, so it counts both
constinit volatile std::uint64_t zeroed[512] = {};

// hvm_start_info of version 0.
struct StartInfo {
    std::uint32_t magic = 0x336e'c578;
    std::uint32_t version = 0;
    std::uint32_t flags = 0;
    std::uint32_t module_count = 0;
    std::uint64_t module_list = 0;
    std::uint64_t command_line = 0;
    std::uint64_t rsdp = 0x1234;
};
constinit StartInfo start_info{};

extern "C" [[noreturn]] void restart_by_pvh(const void* start_info);
asm(R"(
    .pushsection .text.restart_by_pvh, "ax", @progbits
    .code64
restart_by_pvh:
    mov %edi, %ebx
    pushq $0x30                 # Selector::code_32
    pushq $1f
    lretq
    .code32
1:  mov %cr0, %eax
    and $0x7fffffff, %eax
    mov %eax, %cr0
    mov $0xc0000080, %ecx
    xor %eax, %eax
    xor %edx, %edx
    wrmsr
    std
    jmp pvh_entry
    .code64
    .popsection
)");

void soil() {
    for (volatile std::uint64_t& value : zeroed)
        value = ~std::uint64_t{0};
    (void)catch_fault([] { asm volatile("ud2"); });
    asm volatile("int $0x50" : : : "memory");
    write_dr0(0x1000);
    write_msr(Msr::gs_base, 0x5000);
    write_dr7(0x0001'0403); // breakpoint 0 on writes
    write_dr6(0xffff'0ff1);
    write_cr8(5);
    write_cr4(read_cr4() | 1 << 7); // PGE
    write_cr0(read_cr0() & ~(std::uint64_t{1} << 16));
    const LocalApic apic;
    apic.write(ApicRegister::timer_entry, 0x60); // unmasked
    apic.send_fixed(apic.id(), 0x61);
}

} // namespace

extern "C" void l1_main(const BootInfo& boot_info) {
    if (starts == 1) {
        soil();
        starts = 2;
        restart_by_pvh(&start_info);
    }
    print("starts", starts);
    print("rsdp", boot_info.rsdp);
    std::uint64_t set = 0;
    for (const volatile std::uint64_t& value : zeroed)
        set |= value;
    print("bss", set);
    print("cr0", read_cr0());
    print("cr4", read_cr4() & ~(std::uint64_t{1} << 18));
    print("efer", read_msr(Msr::efer));
    print("cr8", read_cr8());
    print("dr0", read_dr0());
    print("dr6", read_dr6());
    print("dr7", read_dr7());
    print("rflags", read_rflags() & 0x3f'7702);
    print("gs_base", read_msr(Msr::gs_base));
    const LocalApic apic;
    print("timer_masked", apic.read(ApicRegister::timer_entry) >> 16 & 1);
    print("pending", apic.anything_pending());
    print("fault_count", current_cpu().fault_count);
    // The interrupt that was pending came while the APIC was reset, and only that.
    print("interrupts", current_cpu().events.interrupts);
    print("last_vector", current_cpu().events.last_interrupt_vector);
    vmrunit::guest_test::print_end();
}
