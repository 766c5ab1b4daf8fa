// SPDX-License-Identifier: GPL-2.0-only
// One function per privileged or special instruction, so that no other guest file needs inline
// assembly for them. APM vol. 3. All of them may fault; callers that expect that use catch_fault().
#pragma once

#include <cstddef>
#include <cstdint>

namespace vmrunit::guest {

// APM vol. 2, appendix A.
enum class Msr : std::uint32_t {
    // clang-format off
    tsc             = 0x0000'0010,
    apic_base       = 0x0000'001b,
    sysenter_cs     = 0x0000'0174,
    sysenter_esp    = 0x0000'0175,
    sysenter_eip    = 0x0000'0176,
    debug_control   = 0x0000'01d9,
    pat             = 0x0000'0277,
    x2apic_base     = 0x0000'0800,
    efer            = 0xc000'0080,
    star            = 0xc000'0081,
    lstar           = 0xc000'0082,
    cstar           = 0xc000'0083,
    syscall_mask    = 0xc000'0084,
    fs_base         = 0xc000'0100,
    gs_base         = 0xc000'0101,
    kernel_gs_base  = 0xc000'0102,
    tsc_aux         = 0xc000'0103,
    vm_cr           = 0xc001'0114,
    ignne           = 0xc001'0115,
    vm_hsave_pa     = 0xc001'0117,
    // clang-format on
};

[[nodiscard]] inline std::uint64_t read_msr(std::uint32_t number) {
    std::uint32_t low = 0;
    std::uint32_t high = 0;
    asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(number));
    return std::uint64_t{high} << 32 | low;
}

inline void write_msr(std::uint32_t number, std::uint64_t value) {
    asm volatile("wrmsr"
                 :
                 : "c"(number), "a"(static_cast<std::uint32_t>(value)),
                   "d"(static_cast<std::uint32_t>(value >> 32))
                 : "memory");
}

[[nodiscard]] inline std::uint64_t read_msr(Msr msr) {
    return read_msr(static_cast<std::uint32_t>(msr));
}

inline void write_msr(Msr msr, std::uint64_t value) {
    write_msr(static_cast<std::uint32_t>(msr), value);
}

struct CpuidResult {
    std::uint32_t eax;
    std::uint32_t ebx;
    std::uint32_t ecx;
    std::uint32_t edx;
};

[[nodiscard]] inline CpuidResult cpuid(std::uint32_t leaf, std::uint32_t subleaf = 0) {
    CpuidResult result{};
    asm volatile("cpuid"
                 : "=a"(result.eax), "=b"(result.ebx), "=c"(result.ecx), "=d"(result.edx)
                 : "a"(leaf), "c"(subleaf));
    return result;
}

// A leaf above the greatest one a CPU has reads as zero here (some CPUs repeat another leaf).
[[nodiscard]] inline CpuidResult cpuid_or_zero(std::uint32_t leaf, std::uint32_t subleaf = 0) {
    const std::uint32_t greatest = cpuid(leaf & 0x8000'0000).eax;
    if (greatest < leaf || (greatest ^ leaf) & 0x8000'0000)
        return {};
    return cpuid(leaf, subleaf);
}

#define VMRUNIT_REGISTER_ACCESS(name, text)                                                        \
    [[nodiscard]] inline std::uint64_t read_##name() {                                             \
        std::uintptr_t value = 0;                                                                  \
        asm volatile("mov %%" text ", %0" : "=r"(value) : : "memory");                             \
        return value;                                                                              \
    }                                                                                              \
    inline void write_##name(std::uint64_t value) {                                                \
        asm volatile("mov %0, %%" text : : "r"(static_cast<std::uintptr_t>(value)) : "memory");    \
    }

VMRUNIT_REGISTER_ACCESS(cr0, "cr0")
VMRUNIT_REGISTER_ACCESS(cr2, "cr2")
VMRUNIT_REGISTER_ACCESS(cr3, "cr3")
VMRUNIT_REGISTER_ACCESS(cr4, "cr4")
VMRUNIT_REGISTER_ACCESS(dr0, "dr0")
VMRUNIT_REGISTER_ACCESS(dr1, "dr1")
VMRUNIT_REGISTER_ACCESS(dr2, "dr2")
VMRUNIT_REGISTER_ACCESS(dr3, "dr3")
VMRUNIT_REGISTER_ACCESS(dr6, "dr6")
VMRUNIT_REGISTER_ACCESS(dr7, "dr7")
#ifdef __x86_64__
VMRUNIT_REGISTER_ACCESS(cr8, "cr8")
[[nodiscard]] inline bool has_cr8() {
    return true;
}
#else
// Outside 64-bit mode CR8 is reached by LOCK MOV CR0, on CPUs that have that (AltMovCr8). The
// assembler knows no LOCK there. APM vol. 3, MOV CRn.
[[nodiscard]] inline std::uint64_t read_cr8() {
    std::uint32_t value = 0;
    asm volatile(".byte 0xf0, 0x0f, 0x20, 0xc0" : "=a"(value) : : "memory");
    return value;
}
inline void write_cr8(std::uint64_t value) {
    asm volatile(".byte 0xf0, 0x0f, 0x22, 0xc0"
                 :
                 : "a"(static_cast<std::uint32_t>(value))
                 : "memory");
}
[[nodiscard]] inline bool has_cr8() {
    return (cpuid_or_zero(0x8000'0001).ecx >> 4 & 1) != 0;
}
#endif
#undef VMRUNIT_REGISTER_ACCESS

[[nodiscard]] inline std::uint64_t read_xcr0() {
    std::uint32_t low = 0;
    std::uint32_t high = 0;
    asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return std::uint64_t{high} << 32 | low;
}

inline void write_xcr0(std::uint64_t value) {
    asm volatile("xsetbv"
                 :
                 : "c"(0), "a"(static_cast<std::uint32_t>(value)),
                   "d"(static_cast<std::uint32_t>(value >> 32))
                 : "memory");
}

[[nodiscard]] inline std::uint64_t read_rflags() {
    std::uintptr_t value = 0;
    asm volatile("pushf\n\tpop %0" : "=r"(value) : : "memory");
    return value;
}

inline void write_rflags(std::uint64_t value) {
    asm volatile("push %0\n\tpopf" : : "r"(static_cast<std::uintptr_t>(value)) : "memory", "cc");
}

// The memory operand of LGDT, LIDT, SGDT and SIDT.
struct [[gnu::packed]] DescriptorTablePointer {
    std::uint16_t limit;
    std::uintptr_t base;
};
static_assert(sizeof(DescriptorTablePointer) == 2 + sizeof(void*));

[[nodiscard]] inline DescriptorTablePointer read_gdtr() {
    DescriptorTablePointer pointer{};
    asm volatile("sgdt %0" : "=m"(pointer));
    return pointer;
}

[[nodiscard]] inline DescriptorTablePointer read_idtr() {
    DescriptorTablePointer pointer{};
    asm volatile("sidt %0" : "=m"(pointer));
    return pointer;
}

inline void write_gdtr(const DescriptorTablePointer& pointer) {
    asm volatile("lgdt %0" : : "m"(pointer) : "memory");
}

inline void write_idtr(const DescriptorTablePointer& pointer) {
    asm volatile("lidt %0" : : "m"(pointer) : "memory");
}

#define VMRUNIT_SELECTOR_READ(name, instruction)                                                   \
    [[nodiscard]] inline std::uint16_t read_##name() {                                             \
        std::uint16_t selector = 0;                                                                \
        asm volatile(instruction : "=r"(selector));                                                \
        return selector;                                                                           \
    }

#define VMRUNIT_SELECTOR_ACCESS(name)                                                              \
    VMRUNIT_SELECTOR_READ(name, "mov %%" #name ", %0")                                             \
    inline void write_##name(std::uint16_t selector) {                                             \
        asm volatile("mov %0, %%" #name : : "r"(selector) : "memory");                             \
    }

VMRUNIT_SELECTOR_READ(cs, "mov %%cs, %0")
VMRUNIT_SELECTOR_ACCESS(ds)
VMRUNIT_SELECTOR_ACCESS(es)
VMRUNIT_SELECTOR_ACCESS(fs)
VMRUNIT_SELECTOR_ACCESS(gs)
VMRUNIT_SELECTOR_ACCESS(ss)
VMRUNIT_SELECTOR_READ(tr, "str %0")
VMRUNIT_SELECTOR_READ(ldtr, "sldt %0")
#undef VMRUNIT_SELECTOR_ACCESS
#undef VMRUNIT_SELECTOR_READ

inline void write_tr(std::uint16_t selector) {
    asm volatile("ltr %0" : : "r"(selector) : "memory");
}

inline void write_ldtr(std::uint16_t selector) {
    asm volatile("lldt %0" : : "r"(selector) : "memory");
}

[[nodiscard]] inline std::uint8_t read_port_8(std::uint16_t port) {
    std::uint8_t value = 0;
    asm volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

[[nodiscard]] inline std::uint16_t read_port_16(std::uint16_t port) {
    std::uint16_t value = 0;
    asm volatile("inw %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

[[nodiscard]] inline std::uint32_t read_port_32(std::uint16_t port) {
    std::uint32_t value = 0;
    asm volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

inline void write_port_8(std::uint16_t port, std::uint8_t value) {
    asm volatile("outb %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

inline void write_port_16(std::uint16_t port, std::uint16_t value) {
    asm volatile("outw %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

inline void write_port_32(std::uint16_t port, std::uint32_t value) {
    asm volatile("outl %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

inline void write_port_bytes(std::uint16_t port, const void* bytes, std::size_t count) {
    asm volatile("rep outsb" : "+S"(bytes), "+c"(count) : "d"(port) : "memory");
}

[[nodiscard]] inline std::uint64_t read_tsc() {
    std::uint32_t low = 0;
    std::uint32_t high = 0;
    asm volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
    return std::uint64_t{high} << 32 | low;
}

inline void invalidate_page(const void* address) {
    asm volatile("invlpg (%0)" : : "r"(address) : "memory");
}

// Earlier stores are visible to all CPUs before any later instruction starts.
inline void store_fence() {
    asm volatile("mfence\n\tlfence" : : : "memory");
}

inline void pause() {
    asm volatile("pause" : : : "memory");
}
inline void disable_interrupts() {
    asm volatile("cli" : : : "memory");
}

// Interrupts that are pending are taken before this returns, with IF clear again: STI holds them
// off for one instruction.
inline void take_pending_interrupts() {
    asm volatile("sti\n\tnop\n\tnop\n\tcli" : : : "memory");
}

[[noreturn]] inline void halt_forever() {
    for (;;)
        asm volatile("cli\n\thlt" : : : "memory");
}

} // namespace vmrunit::guest
