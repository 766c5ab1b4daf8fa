// SPDX-License-Identifier: GPL-2.0-only
// SVM's instructions in L1 above CPL 0, which only here can be tried with EFER.SVME clear: an L2
// always begins with it set. APM2 15.4; APM3 for each instruction.

#include "guest_payloads/l1/routines/user_page.hpp"
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

constexpr bool is_64bit = sizeof(void*) == 8;
constexpr Selector user_code = is_64bit ? Selector::user_code_64 : Selector::user_code_32;

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
