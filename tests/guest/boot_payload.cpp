// SPDX-License-Identifier: GPL-2.0-only
// Reports the state that l1_main starts in and what it was told about the machine.

#include "harness/guest/cpu.hpp"
#include "harness/guest/l1_baseline.hpp"
#include "harness/guest/per_cpu.hpp"
#include "harness/guest/start.hpp"
#include "tests/guest/print.hpp"

using namespace vmrunit::guest;
using vmrunit::guest_test::print;

namespace {

// In .data: a second start without a reload would find it changed.
constinit volatile std::uint64_t initialised = 0x1234;
constinit volatile std::uint64_t zeroed[512] = {};

extern "C" const std::byte lowtext_begin[], lowtext_end[], lowtext_load[];
extern "C" const std::byte image_end[];

std::string_view text_at(std::uint64_t address, std::uint64_t size) {
    return {reinterpret_cast<const char*>(static_cast<std::uintptr_t>(address)),
            static_cast<std::size_t>(size)};
}

} // namespace

extern "C" void l1_main(const BootInfo& boot_info) {
    print("door", boot_info.door == Door::pvh ? "pvh" : "multiboot2");
    print("arguments", boot_info.arguments());
    print("module_size", boot_info.module_end - boot_info.module_begin);
    print("module_aligned", boot_info.module_begin % 4096 == 0);
    print("module_behind_image",
          boot_info.module_begin >= reinterpret_cast<std::uint64_t>(image_end));
    print("module", text_at(boot_info.module_begin, boot_info.module_end - boot_info.module_begin));
    print("memory_end", boot_info.memory_end);
    print("rsdp_signature", boot_info.rsdp == 0 ? std::string_view{} : text_at(boot_info.rsdp, 8));

    print("cr0", read_cr0());
    print("cr4", read_cr4());
    print("has_xsave", cpuid(1).ecx >> 26 & 1);
    print("efer", read_msr(Msr::efer));
    print("rflags", read_rflags() & 0x3f'7702);
    print("cs", read_cs());
    print("ss", read_ss());
    print("tr", read_tr());
    print("ldtr", read_ldtr());
    print("dr6", read_dr6());
    print("dr7", read_dr7());
    print("cr8", has_cr8() ? read_cr8() : 0);
    print("cpu_index", current_cpu().index);
    print("gdt_is_own", read_gdtr().base == reinterpret_cast<std::uint64_t>(&cpu_by_index(0).gdt));
    const auto on_stack = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
    print("stack_is_own", on_stack < stack_top(0) && on_stack >= stack_top(0) - stack_size);

    std::uint64_t set = 0;
    for (const volatile std::uint64_t& value : zeroed)
        set |= value;
    print("bss", set);
    print("data", initialised);
    const std::byte* low = lowtext_begin;
    asm("" : "+r"(low));
    print("low_text_size_is_0", &lowtext_end[0] == &lowtext_begin[0]);
    print("low_text_differs",
          std::memcmp(low, lowtext_load, static_cast<std::size_t>(lowtext_end - lowtext_begin)) !=
              0);
    vmrunit::guest_test::print_end();
}
