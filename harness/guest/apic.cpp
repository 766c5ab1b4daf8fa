// SPDX-License-Identifier: GPL-2.0-only
// Local APIC access and interprocessor interrupts, and the silencing of the 8259 controllers.

#include "harness/guest/apic.hpp"

#include "harness/guest/cpu.hpp"

namespace vmrunit::guest {
namespace {

constexpr std::uint64_t base_enable = 1u << 11;
constexpr std::uint64_t base_x2apic = 1u << 10;
constexpr std::uint64_t base_address = 0x000f'ffff'ffff'f000;

constexpr std::uint32_t entry_masked = 1u << 16;
constexpr std::uint32_t software_enable = 1u << 8;

constexpr std::uint32_t delivery_smi = 2u << 8;
constexpr std::uint32_t delivery_nmi = 4u << 8;
constexpr std::uint32_t delivery_init = 5u << 8;
constexpr std::uint32_t delivery_startup = 6u << 8;
constexpr std::uint32_t delivery_pending = 1u << 12;
constexpr std::uint32_t level_assert = 1u << 14;

constexpr std::uint32_t cpuid_x2apic = 1u << 21; // Fn0000_0001_ECX

constexpr std::uint32_t offset(ApicRegister at) {
    return static_cast<std::uint32_t>(at);
}

ApicRegister plus(ApicRegister first, std::uint32_t index) {
    return static_cast<ApicRegister>(offset(first) + index * 0x10);
}

} // namespace

LocalApic::LocalApic() : base_{0}, mode_{ApicMode::disabled} {
    const std::uint64_t value = read_msr(Msr::apic_base);
    base_ = value & base_address;
    if (value & base_enable)
        mode_ = value & base_x2apic ? ApicMode::x2apic : ApicMode::xapic;
}

std::uint32_t LocalApic::read(ApicRegister at) const {
    switch (mode_) {
    case ApicMode::xapic:
        return *reinterpret_cast<const volatile std::uint32_t*>(base_ + offset(at));
    case ApicMode::x2apic:
        return static_cast<std::uint32_t>(
            read_msr(static_cast<std::uint32_t>(Msr::x2apic_base) + offset(at) / 16));
    case ApicMode::disabled:
        break;
    }
    return 0;
}

void LocalApic::write(ApicRegister at, std::uint32_t value) const {
    switch (mode_) {
    case ApicMode::xapic:
        *reinterpret_cast<volatile std::uint32_t*>(base_ + offset(at)) = value;
        break;
    case ApicMode::x2apic:
        write_msr(static_cast<std::uint32_t>(Msr::x2apic_base) + offset(at) / 16, value);
        break;
    case ApicMode::disabled:
        break;
    }
}

std::uint32_t LocalApic::id() const {
    const std::uint32_t value = read(ApicRegister::id);
    return mode_ == ApicMode::xapic ? value >> 24 : value;
}

bool LocalApic::vector_bit(ApicRegister first, std::uint8_t vector) const {
    return read(plus(first, vector / 32)) >> vector % 32 & 1;
}

bool LocalApic::any_vector(ApicRegister first) const {
    for (std::uint32_t index = 0; index < 8; ++index) {
        if (read(plus(first, index)) != 0)
            return true;
    }
    return false;
}

bool LocalApic::in_service(std::uint8_t vector) const {
    return vector_bit(ApicRegister::in_service, vector);
}

bool LocalApic::requested(std::uint8_t vector) const {
    return vector_bit(ApicRegister::requested, vector);
}

bool LocalApic::anything_pending() const {
    return any_vector(ApicRegister::requested);
}

void LocalApic::end_of_interrupt() const {
    write(ApicRegister::end_of_interrupt, 0);
}

void LocalApic::send(std::uint32_t target, std::uint32_t command) const {
    if (mode_ == ApicMode::x2apic) {
        // WRMSR to an x2APIC register does not wait for earlier stores, and the target is woken up
        // to see them.
        store_fence();
        write_msr(static_cast<std::uint32_t>(Msr::x2apic_base) +
                      offset(ApicRegister::command_low) / 16,
                  std::uint64_t{target} << 32 | command);
        return;
    }
    write(ApicRegister::command_high, target << 24);
    write(ApicRegister::command_low, command);
    while (read(ApicRegister::command_low) & delivery_pending)
        pause();
}

void LocalApic::send_init(std::uint32_t target) const {
    send(target, delivery_init | level_assert);
}

void LocalApic::send_startup(std::uint32_t target, std::uint8_t page) const {
    send(target, delivery_startup | level_assert | page);
}

void LocalApic::send_nmi(std::uint32_t target) const {
    send(target, delivery_nmi | level_assert);
}

void LocalApic::send_smi(std::uint32_t target) const {
    send(target, delivery_smi | level_assert);
}

void LocalApic::send_fixed(std::uint32_t target, std::uint8_t vector) const {
    send(target, level_assert | vector);
}

void LocalApic::reset() const {
    if (mode_ == ApicMode::disabled)
        return;
    write(ApicRegister::spurious, software_enable | spurious_vector);
    write(ApicRegister::task_priority, 0);
    write(ApicRegister::timer_initial_count, 0);

    // The number of the greatest entry says which of them exist (APM vol. 2, 16.3.4).
    const std::uint32_t greatest_entry = read(ApicRegister::version) >> 16 & 0xff;
    write(ApicRegister::timer_entry, entry_masked);
    write(ApicRegister::local_interrupt_0, entry_masked);
    write(ApicRegister::local_interrupt_1, entry_masked);
    write(ApicRegister::error_entry, entry_masked);
    if (greatest_entry >= 4)
        write(ApicRegister::performance_entry, entry_masked);
    if (greatest_entry >= 5)
        write(ApicRegister::thermal_entry, entry_masked);

    // At most 256 vectors can be in service and as many requested.
    for (int left = 256; left > 0 && any_vector(ApicRegister::in_service); --left)
        end_of_interrupt();
    for (int left = 256; left > 0 && anything_pending(); --left)
        take_pending_interrupts();
    write(ApicRegister::error_status, 0);
}

bool set_apic_mode(ApicMode wanted) {
    const LocalApic apic;
    if (apic.mode() == wanted)
        return true;
    if (wanted == ApicMode::x2apic && !(cpuid(1).ecx & cpuid_x2apic))
        return false;
    const std::uint64_t rest = read_msr(Msr::apic_base) & ~(base_enable | base_x2apic);
    // x2APIC is left through `disabled` only and entered through xAPIC only.
    if (apic.mode() == ApicMode::x2apic)
        write_msr(Msr::apic_base, rest);
    if (wanted == ApicMode::disabled)
        write_msr(Msr::apic_base, rest);
    if (wanted == ApicMode::xapic || wanted == ApicMode::x2apic)
        write_msr(Msr::apic_base, rest | base_enable);
    if (wanted == ApicMode::x2apic)
        write_msr(Msr::apic_base, rest | base_enable | base_x2apic);
    return LocalApic{}.mode() == wanted;
}

void silence_legacy_interrupt_controllers() {
    constexpr std::uint16_t first_command = 0x20, first_data = 0x21;
    constexpr std::uint16_t second_command = 0xa0, second_data = 0xa1;
    write_port_8(first_command, 0x11); // initialisation follows, cascaded
    write_port_8(second_command, 0x11);
    write_port_8(first_data, 0x20); // vectors 0x20-0x27 and 0x28-0x2f
    write_port_8(second_data, 0x28);
    write_port_8(first_data, 1 << 2); // second controller at line 2
    write_port_8(second_data, 2);
    write_port_8(first_data, 1); // 8086 mode
    write_port_8(second_data, 1);
    write_port_8(first_data, 0xff);
    write_port_8(second_data, 0xff);
}

} // namespace vmrunit::guest
