// SPDX-License-Identifier: GPL-2.0-only
// The local APIC of the executing CPU in either of its forms, memory-mapped (xAPIC) or by MSR
// (x2APIC). APM vol. 2, chapter 16.
#pragma once

#include <cstdint>

namespace vmrunit::guest {

// Offsets in the xAPIC page; the x2APIC MSR is 0x800 + offset / 16.
enum class ApicRegister : std::uint32_t {
    // clang-format off
    id                    = 0x020,
    version               = 0x030,
    task_priority         = 0x080,
    end_of_interrupt      = 0x0b0,
    spurious              = 0x0f0,
    in_service            = 0x100, // eight registers of 32 vectors
    requested             = 0x200, // eight registers of 32 vectors
    error_status          = 0x280,
    command_low           = 0x300,
    command_high          = 0x310, // xAPIC only
    timer_entry           = 0x320,
    thermal_entry         = 0x330,
    performance_entry     = 0x340,
    local_interrupt_0     = 0x350,
    local_interrupt_1     = 0x360,
    error_entry           = 0x370,
    timer_initial_count   = 0x380,
    timer_current_count   = 0x390,
    timer_divide          = 0x3e0,
    // clang-format on
};

enum class ApicMode : std::uint8_t { disabled, xapic, x2apic };

// A view; holds nothing but the mode and address that IA32_APIC_BASE gave when it was made.
class LocalApic {
public:
    static constexpr std::uint8_t spurious_vector = 0xff;

    LocalApic();

    [[nodiscard]] ApicMode mode() const { return mode_; }
    // All functions below do nothing and read 0 where the mode is `disabled`.
    [[nodiscard]] std::uint32_t read(ApicRegister at) const;
    void write(ApicRegister at, std::uint32_t value) const;

    [[nodiscard]] std::uint32_t id() const;
    [[nodiscard]] bool in_service(std::uint8_t vector) const;
    [[nodiscard]] bool requested(std::uint8_t vector) const;
    [[nodiscard]] bool anything_pending() const;
    void end_of_interrupt() const;

    void send_init(std::uint32_t target) const;
    // The target starts in real mode at `page` * 4 KiB.
    void send_startup(std::uint32_t target, std::uint8_t page) const;
    void send_nmi(std::uint32_t target) const;
    void send_smi(std::uint32_t target) const;
    void send_fixed(std::uint32_t target, std::uint8_t vector) const;

    // Enabled, priority 0, timer stopped, every local source masked, nothing requested or in
    // service. Interrupts that were pending are taken and counted by this CPU on the way.
    void reset() const;

private:
    void send(std::uint32_t target, std::uint32_t command) const;
    [[nodiscard]] bool vector_bit(ApicRegister first, std::uint8_t vector) const;
    [[nodiscard]] bool any_vector(ApicRegister first) const;

    std::uint64_t base_;
    ApicMode mode_;
};

// Puts this CPU's local APIC into the wanted mode by the transitions that are allowed (APM vol. 2,
// 16.9); false where the CPU has no such mode.
bool set_apic_mode(ApicMode wanted);

// The two 8259 controllers, where a machine has them: moved away from the exception vectors and
// masked. Firmware leaves them live.
void silence_legacy_interrupt_controllers();

} // namespace vmrunit::guest
