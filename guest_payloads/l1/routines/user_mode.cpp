// SPDX-License-Identifier: GPL-2.0-only
// SVM's instructions in L1 above CPL 0, which only here can be tried with EFER.SVME clear: an L2
// always begins with it set. APM2 15.4; APM3 for each instruction.

#include "harness/arena.hpp"
#include "harness/guest/cpu.hpp"
#include "harness/guest/descriptor_tables.hpp"
#include "harness/guest/exceptions.hpp"
#include "harness/guest/per_cpu.hpp"
#include "harness/guest/routine.hpp"
#include "harness/guest/svm_mode.hpp"

#include <cstring>

namespace vmrunit::guest {
namespace {

constexpr std::uint64_t user = 4;
constexpr std::uint64_t address_bits = 0x000f'ffff'ffff'f000;
/// The PDPTEs of PAE are aligned to 32 bytes only.
constexpr std::uint64_t root_address_bits = 0x000f'ffff'ffff'ffe0;
constexpr std::uint64_t cr4_pae = 1u << 5;
constexpr bool is_64bit = sizeof(void*) == 8;
constexpr Selector user_code = is_64bit ? Selector::user_code_64 : Selector::user_code_32;

/// The large page around an address is code of CPL 3 too, while the object lives. Whatever L1's
/// paging is.
class UserPage {
public:
    explicit UserPage(const void* address) {
        const std::uint64_t linear = reinterpret_cast<std::uintptr_t>(address);
        const bool is_pae = (read_cr4() & cr4_pae) != 0;
        std::uint64_t table = read_cr3() & (is_pae ? root_address_bits : address_bits);
        if (!is_pae) {
            add(table + (linear >> 22) * 4);
        } else {
            for (const unsigned shift : {39u, 30u, 21u}) {
                if (shift == 39 && !is_64bit) {
                    continue;
                }
                const std::uint64_t entry = table + (linear >> shift & 0x1ff) * 8;
                table = *reinterpret_cast<std::uint64_t*>(static_cast<std::uintptr_t>(entry)) &
                        address_bits;
                if (shift != 30 || is_64bit) { // A PDPTE of PAE has no such bit.
                    add(entry);
                }
            }
        }
        write_cr3(read_cr3());
    }
    ~UserPage() {
        for (unsigned i = 0; i < count_; ++i) {
            *entries_[i] &= ~user;
        }
        write_cr3(read_cr3());
    }
    UserPage(const UserPage&) = delete;
    UserPage& operator=(const UserPage&) = delete;

private:
    /// The bit lies in the lower half of entries of any size.
    void add(std::uint64_t entry) {
        entries_[count_] = reinterpret_cast<std::uint32_t*>(static_cast<std::uintptr_t>(entry));
        *entries_[count_++] |= user;
    }

    unsigned count_ = 0;
    std::uint32_t* entries_[3]{};
};

/// The segments of CPL 3 are those of another level, while the object lives.
class SegmentsOfLevel {
public:
    explicit SegmentsOfLevel(unsigned level) : tables_(current_cpu().gdt), before_(tables_) {
        constexpr unsigned dpl_at = 45;
        for (const Selector selector : {user_code, Selector::user_data}) {
            std::uint64_t& entry = tables_[static_cast<std::size_t>(selector) / 8];
            entry = (entry & ~(std::uint64_t{3} << dpl_at)) | std::uint64_t{level} << dpl_at;
        }
    }
    ~SegmentsOfLevel() { tables_ = before_; }
    SegmentsOfLevel(const SegmentsOfLevel&) = delete;
    SegmentsOfLevel& operator=(const SegmentsOfLevel&) = delete;

private:
    GlobalDescriptorTable& tables_;
    GlobalDescriptorTable before_;
};

constexpr std::uint16_t of_level(Selector selector, unsigned level) {
    return static_cast<std::uint16_t>((static_cast<unsigned>(selector) & ~3u) | level);
}

/// IRET to `code` at that level. Only a fault leads back from there, to a handler that in 32-bit
/// mode needs a DS: so it has one of that level.
void run_at_level(const std::uint8_t* code, std::uintptr_t ax, unsigned level) {
    const std::uintptr_t stack_segment = of_level(Selector::user_data, level);
    const std::uintptr_t code_segment = of_level(user_code, level);
    write_ds(static_cast<std::uint16_t>(stack_segment));
    write_es(static_cast<std::uint16_t>(stack_segment));
    asm volatile(
        "push %[stack_segment]\n\t"
        "push $0\n\t"
        "push $2\n\t"
        "push %[code_segment]\n\t"
        "push %[code]\n\t"
#ifdef __x86_64__
        "iretq"
#else
        "iretl"
#endif
        :
        : [stack_segment] "r"(stack_segment), [code_segment] "r"(code_segment), [code] "r"(code),
          "a"(ax)
        : "memory", "cc");
}

constexpr std::uint32_t svme_set = 0x100;
constexpr unsigned level_at = 12;

} // namespace

/// Argument: the third byte of the instruction, 100h to leave EFER.SVME set, and from bit 12 on the
/// CPL. Reports 0 or the vector + 1 of the fault that the instruction takes there, and its RIP from
/// the instruction.
VMRUNIT_ROUTINE(above_cpl_0) {
    auto* const code = reinterpret_cast<std::uint8_t*>(&call.arena.io_permissions[2]);
    // INT3 behind it: should it execute, that shows.
    const std::uint8_t text[] = {0x0f, 0x01, static_cast<std::uint8_t>(call.argument), 0xcc};
    const unsigned level = call.argument >> level_at;
    std::uint8_t before[sizeof text];
    std::memcpy(before, code, sizeof text);
    std::memcpy(code, text, sizeof text);
    const std::uintptr_t operand = reinterpret_cast<std::uintptr_t>(&call.arena.vmcb);
    std::optional<Fault> fault;
    {
        const UserPage page{code};
        const SegmentsOfLevel segments{level};
        std::optional<WithoutSvme> svm_is_off;
        if ((call.argument & svme_set) == 0) {
            svm_is_off.emplace();
        }
        fault = catch_fault([=] { run_at_level(code, operand, level); });
        // IRET took from L1 what that may not use.
        write_ds(static_cast<std::uint16_t>(Selector::data));
        write_es(static_cast<std::uint16_t>(Selector::data));
    }
    std::memcpy(code, before, sizeof text);
    call.report(vector_plus_1(fault));
    call.report(fault ? fault->rip - reinterpret_cast<std::uintptr_t>(code) : 0);
}

} // namespace vmrunit::guest
