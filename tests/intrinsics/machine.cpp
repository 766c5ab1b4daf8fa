// SPDX-License-Identifier: GPL-2.0-only
// See machine.hpp: output, local APIC, reset, and the functions that compilers call by themselves.
#include "machine.hpp"

extern "C" {

// The empty asm keeps the compiler from making a call of the loop that is that call.
void* memset(void* to, int value, size_t length) {
    auto* bytes = static_cast<unsigned char*>(to);
    for (size_t n = 0; n < length; ++n) {
        asm volatile("" ::: "memory");
        bytes[n] = static_cast<unsigned char>(value);
    }
    return to;
}

void* memcpy(void* to, const void* from, size_t length) {
    auto* target = static_cast<unsigned char*>(to);
    const auto* source = static_cast<const unsigned char*>(from);
    for (size_t n = 0; n < length; ++n) {
        asm volatile("" ::: "memory");
        target[n] = source[n];
    }
    return to;
}
}

namespace machine {

namespace {

constexpr uint32_t interrupt_vector = 0x40;

void out(uint16_t port, uint8_t value) {
    asm volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

volatile uint32_t& apic(size_t offset) {
    return *reinterpret_cast<volatile uint32_t*>(size_t{0xfee0'0000} + offset);
}

constexpr size_t apic_spurious = 0xf0;
constexpr size_t apic_command_low = 0x300;
constexpr size_t apic_command_high = 0x310;

} // namespace

void print(const char* text) {
    for (; *text != 0; ++text) {
        out(0xe9, static_cast<uint8_t>(*text));
    }
}

void print_hex(uint64_t value) {
    print("0x");
    int shift = 60;
    while (shift > 0 && (value >> shift) == 0) {
        shift -= 4;
    }
    for (; shift >= 0; shift -= 4) {
        out(0xe9, static_cast<uint8_t>("0123456789abcdef"[(value >> shift) & 0xf]));
    }
}

void print_decimal(unsigned value) {
    if (value >= 10) {
        print_decimal(value / 10);
    }
    out(0xe9, static_cast<uint8_t>('0' + value % 10));
}

void enable_local_apic() {
    // Firmware leaves a timer running behind the old interrupt controllers.
    out(0x21, 0xff);
    out(0xa1, 0xff);
    apic(apic_spurious) = 0x1ff;
}

void send_interrupt_to_self() {
    constexpr uint32_t self = 1u << 18;
    apic(apic_command_high) = 0;
    apic(apic_command_low) = self | interrupt_vector;
}

bool interrupts_reach(uint32_t count, unsigned spins) {
    for (; spins != 0 && interrupts_taken != count; --spins) {
        asm volatile("pause");
    }
    return interrupts_taken == count;
}

void reset() {
    out(0xcf9, 0x06);
    for (;;) {
        asm volatile("cli; hlt");
    }
}

} // namespace machine
