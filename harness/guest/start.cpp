// SPDX-License-Identifier: GPL-2.0-only
// From boot.S to l1_main: read what the loader left before anything overwrites it, then bring up
// the first CPU.

#include "harness/guest/start.hpp"

#include "harness/guest/apic.hpp"
#include "harness/guest/cpu.hpp"
#include "harness/guest/debug_port.hpp"
#include "harness/guest/l1_baseline.hpp"
#include "harness/guest/per_cpu.hpp"

namespace vmrunit::guest {
namespace {

constinit BootInfo boot_info{};

// payload.lds
extern "C" const std::byte lowtext_load[];
extern "C" std::byte lowtext_begin[];
extern "C" std::byte lowtext_end[];

// The addresses are link-time constants below 64 KiB, which a compiler takes for null pointers plus
// something unless they are hidden from it.
void copy_low_text() {
    std::byte* to = lowtext_begin;
    asm("" : "+r"(to));
    std::memcpy(to, lowtext_load, static_cast<std::size_t>(lowtext_end - lowtext_begin));
}

bool parse(std::uint32_t door, std::uint32_t address) {
    const PhysicalMemory memory{0, identity_map_end};
    if (door == VMRUNIT_DOOR_PVH)
        return parse_pvh(memory, address, boot_info);
    return parse_multiboot2(memory, address, boot_info);
}

} // namespace

extern "C" [[noreturn]] void guest_start(std::uint32_t door, std::uint32_t address) {
    initialise_cpu(0);
    if (!parse(door, address)) {
        write_debug_port("vmrunit: the boot loader's information cannot be read\n");
        halt_forever();
    }
    copy_low_text();
    silence_legacy_interrupt_controllers();
    LocalApic{}.reset();
    l1_main(boot_info);
    halt_forever();
}

} // namespace vmrunit::guest
