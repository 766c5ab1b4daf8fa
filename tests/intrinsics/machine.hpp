// SPDX-License-Identifier: GPL-2.0-only
// The little of a machine that the intrinsics payload needs, for both widths: port 0xE9 for output,
// MSRs, descriptor tables that bring every exception back to guarded_call, the local APIC.
// Only <stddef.h> and <stdint.h>, because a 32-bit C++ library need not be installed.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace machine {

enum class Msr : uint32_t {
    sysenter_cs = 0x174,
    sysenter_esp = 0x175,
    sysenter_eip = 0x176,
    efer = 0xc000'0080,
    star = 0xc000'0081,
    lstar = 0xc000'0082,
    cstar = 0xc000'0083,
    sfmask = 0xc000'0084,
    fs_base = 0xc000'0100,
    gs_base = 0xc000'0101,
    kernel_gs_base = 0xc000'0102,
    vm_hsave_pa = 0xc001'0117,
};

inline constexpr uint64_t efer_svme = uint64_t{1} << 12;

inline uint64_t read(Msr msr) {
    uint32_t low = 0;
    uint32_t high = 0;
    asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(static_cast<uint32_t>(msr)));
    return uint64_t{high} << 32 | low;
}

inline void write(Msr msr, uint64_t value) {
    asm volatile("wrmsr"
                 :
                 : "c"(static_cast<uint32_t>(msr)), "a"(static_cast<uint32_t>(value)),
                   "d"(static_cast<uint32_t>(value >> 32))
                 : "memory");
}

void print(const char* text);
void print_hex(uint64_t value);
void print_decimal(unsigned value);

void load_descriptor_tables();

/// From now on interrupts come from the local APIC alone.
void enable_local_apic();
void send_interrupt_to_self();
/// Whether interrupts_taken becomes `count` within `spins` turns of a loop; ends at once when it
/// does.
bool interrupts_reach(uint32_t count, unsigned spins);

/// Ends the run: with -no-reboot a reset stops the emulator.
[[noreturn]] void reset();

} // namespace machine

extern "C" {
extern uint32_t last_vector;
extern size_t fault_address;
extern uint32_t convention_broken;
extern volatile uint32_t interrupts_taken;
size_t guarded_call(size_t (*function)(void*), void* argument);
}

inline constexpr uint32_t no_vector = 0xffff'ffff;
