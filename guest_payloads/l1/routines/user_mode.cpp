// SPDX-License-Identifier: GPL-2.0-only
// SVM's instructions in L1 at CPL 3, which only here can be tried with EFER.SVME clear: an L2
// always begins with it set. APM2 15.4; APM3 for each instruction.

#include "harness/arena.hpp"
#include "harness/guest/cpu.hpp"
#include "harness/guest/descriptor_tables.hpp"
#include "harness/guest/exceptions.hpp"
#include "harness/guest/routine.hpp"
#include "harness/guest/svm_mode.hpp"

#include <cstring>

namespace vmrunit::guest {
namespace {

constexpr std::uint64_t user = 4;
constexpr std::uint64_t address_bits = 0x000f'ffff'ffff'f000;

/// The 2 MiB page around an address is code of CPL 3 too, while the object lives.
class UserPage {
public:
    explicit UserPage(const void* address) {
        const std::uint64_t linear = reinterpret_cast<std::uintptr_t>(address);
        std::uint64_t table = read_cr3() & address_bits;
        for (unsigned level = 0; level < levels; ++level) {
            const unsigned shift = 39 - 9 * level;
            entries_[level] = reinterpret_cast<std::uint64_t*>(table) + (linear >> shift & 0x1ff);
            table = *entries_[level] & address_bits;
            *entries_[level] |= user;
        }
        write_cr3(read_cr3());
    }
    ~UserPage() {
        for (std::uint64_t* entry : entries_) {
            *entry &= ~user;
        }
        write_cr3(read_cr3());
    }
    UserPage(const UserPage&) = delete;
    UserPage& operator=(const UserPage&) = delete;

private:
    static constexpr unsigned levels = 3;
    std::uint64_t* entries_[levels]{};
};

/// IRET to `code` at CPL 3. Only a fault leads back from there.
void run_at_cpl_3(const std::uint8_t* code, std::uint64_t rax) {
    asm volatile(
        "push %[stack_segment]\n\t"
        "push $0\n\t"
        "push $2\n\t"
        "push %[code_segment]\n\t"
        "push %[code]\n\t"
        "iretq"
        :
        : [stack_segment] "r"(static_cast<std::uint64_t>(Selector::user_data)),
          [code_segment] "r"(static_cast<std::uint64_t>(Selector::user_code_64)), [code] "r"(code),
          "a"(rax)
        : "memory", "cc");
}

constexpr std::uint32_t svme_set = 0x100;

} // namespace

/// Argument: the third byte of the instruction, and 100h to leave EFER.SVME set. Reports 0 or the
/// vector + 1 of the fault that the instruction takes at CPL 3, and its RIP from the instruction.
VMRUNIT_ROUTINE(at_cpl_3) {
    auto* const code = reinterpret_cast<std::uint8_t*>(&call.arena.io_permissions[2]);
    // INT3 behind it: should it execute, that shows.
    const std::uint8_t text[] = {0x0f, 0x01, static_cast<std::uint8_t>(call.argument), 0xcc};
    std::uint8_t before[sizeof text];
    std::memcpy(before, code, sizeof text);
    std::memcpy(code, text, sizeof text);
    const std::uint64_t operand = reinterpret_cast<std::uintptr_t>(&call.arena.vmcb);
    std::optional<Fault> fault;
    {
        const UserPage page{code};
        std::optional<WithoutSvme> svm_is_off;
        if ((call.argument & svme_set) == 0) {
            svm_is_off.emplace();
        }
        fault = catch_fault([=] { run_at_cpl_3(code, operand); });
    }
    // IRET to CPL 3 took from L1 what that may not use.
    write_ds(static_cast<std::uint16_t>(Selector::data));
    write_es(static_cast<std::uint16_t>(Selector::data));
    std::memcpy(code, before, sizeof text);
    call.report(vector_plus_1(fault));
    call.report(fault ? fault->rip - reinterpret_cast<std::uintptr_t>(code) : 0);
}

} // namespace vmrunit::guest
