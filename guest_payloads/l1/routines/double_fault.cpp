// SPDX-License-Identifier: GPL-2.0-only
// A double fault of L1 between #VMEXIT and VMLOAD, while TR is still L2's: its way out of the stack
// that is not to be trusted leads by L2's TSS. In 64-bit mode that has the other stack, and in
// 32-bit mode, where #DF has a task of its own, it is where the interrupted task's state goes.
// APM2 8.9.4, 12.2.5, 12.3, 15.6.

#include "harness/guest/cpu.hpp"
#include "harness/guest/exceptions.hpp"
#include "harness/guest/per_cpu.hpp"
#include "harness/guest/routine.hpp"
#include "harness/guest/svm_instructions.hpp"

#include <cstring>
#include <intrin.h>

namespace vmrunit::guest {
namespace {

constexpr std::uint32_t with_vmload = 1;

/// What the TSS of L2 is for, and what has come of it.
class InterruptedTask {
public:
#ifdef __x86_64__
    /// Gives L2's TSS a stack for #DF. Its handler is C++ and takes as much as any.
    explicit InterruptedTask(Arena& arena) {
        std::memset(stack, 0, sizeof stack);
        const std::uint64_t top = reinterpret_cast<std::uintptr_t>(stack + sizeof stack);
        std::memcpy(arena.l2.tss64 + offsetof(TaskStateSegment, interrupt_stack), &top, sizeof top);
    }
    /// SS, RSP, RFLAGS, CS and RIP are the first five words there.
    [[nodiscard]] bool is_there() const {
        std::uint64_t frame[5];
        std::memcpy(frame, stack + sizeof stack - sizeof frame, sizeof frame);
        return frame[1] == static_cast<std::uint64_t>(l1_code) && frame[0] != 0;
    }
    /// The stack of L1's own TSS is not looked at: it is used at other times, too.
    [[nodiscard]] static bool is_in_own(const Fault& fault, const InterruptedTask& task) {
        return fault.rip != 0 && !task.is_there();
    }

private:
    alignas(16) static constinit inline std::uint8_t stack[0x2000]{};
#else
    explicit InterruptedTask(Arena& arena) : tss_{arena.l2.tss32} {}
    [[nodiscard]] bool is_there() const {
        TaskStateSegment saved;
        std::memcpy(&saved, tss_, sizeof saved);
        return saved.cs == static_cast<std::uint16_t>(l1_code) && saved.eip != 0;
    }
    /// From there the handler has the fault's RIP.
    [[nodiscard]] static bool is_in_own(const Fault& fault, const InterruptedTask&) {
        return fault.rip != 0;
    }

private:
    const std::uint8_t* tss_;
#endif
};

/// #GP, whose gate is not present while the object lives.
class WithoutGeneralProtectionGate {
public:
    explicit WithoutGeneralProtectionGate(svm::Vmcb& spare) : own_{read_idtr()} {
        std::memcpy(&spare, reinterpret_cast<const void*>(own_.base), own_.limit + std::size_t{1});
        auto* const gates = reinterpret_cast<GateDescriptor*>(&spare);
        gates[static_cast<unsigned>(Vector::general_protection)].type = 0;
        write_idtr({own_.limit, reinterpret_cast<std::uintptr_t>(&spare)});
    }
    ~WithoutGeneralProtectionGate() { write_idtr(own_); }
    WithoutGeneralProtectionGate(const WithoutGeneralProtectionGate&) = delete;
    WithoutGeneralProtectionGate& operator=(const WithoutGeneralProtectionGate&) = delete;

private:
    DescriptorTablePointer own_;
};

} // namespace

/// Argument: 1 for a VMLOAD of L1's own state behind the #VMEXIT, before the #DF. Reports the lower
/// half of the exit code; the vector + 1 of the fault; whether the interrupted state of L1 went by
/// L2's TSS; and whether by L1's own.
VMRUNIT_ROUTINE(double_fault_of_l1) {
    const InterruptedTask task{call.arena};
    std::optional<Fault> fault;
    {
        const WithoutGeneralProtectionGate gate{call.arena.spare_vmcb};
        vmload(reinterpret_cast<std::uintptr_t>(&call.arena.vmcb));
        __svm_vmrun(reinterpret_cast<std::uintptr_t>(&call.arena.vmcb));
        if ((call.argument & with_vmload) != 0) {
            vmload(reinterpret_cast<std::uintptr_t>(&call.arena.l1_state));
        }
        constexpr std::uint16_t beyond_gdt = 0xfff8;
        fault = catch_fault([] { write_es(beyond_gdt); });
    }
    write_es(static_cast<std::uint16_t>(Selector::data));
    vmload(reinterpret_cast<std::uintptr_t>(&call.arena.l1_state));
    call.arena.spare_vmcb = {};
    call.report(static_cast<std::uint64_t>(call.arena.vmcb.control.exit_code) & 0xffff'ffff);
    call.report(vector_plus_1(fault));
    call.report(task.is_there());
    call.report(fault && InterruptedTask::is_in_own(*fault, task));
}

} // namespace vmrunit::guest
