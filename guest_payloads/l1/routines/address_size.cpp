// SPDX-License-Identifier: GPL-2.0-only
// SVM's instructions with the address-size prefix: 64-bit code then gives the address in EAX, and
// 32-bit code in AX; what stands above it in rAX does not matter. APM2 15.5.1; APM3 1.2.3.

#include "guest_payloads/l1/routines/page_split.hpp"
#include "harness/guest/cpu.hpp"
#include "harness/guest/exceptions.hpp"
#include "harness/guest/routine.hpp"

#include <cstring>

extern "C" std::uint8_t low_memory[]; // payload.lds

namespace vmrunit::guest {
namespace {

constexpr bool is_64bit = sizeof(void*) == 8;
/// No physical address, nor canonical; in 32-bit mode one without memory.
constexpr std::uintptr_t above_address =
    static_cast<std::uintptr_t>(is_64bit ? 0x5a5a'5a5a'0000'0000 : 0x5a5a'0000);

enum Argument : std::uint32_t {
    plain = 0,      ///< No prefix, but what stands above the address.
    prefix = 1,     ///< Both.
    undisguised = 2 ///< Neither.
};

/// A VMCB at an address that the prefix leaves whole. In 32-bit mode that is a page that 16-bit
/// modes of L2 have, which is put back.
class NarrowVmcb {
public:
    explicit NarrowVmcb(svm::Vmcb& own)
        : own_(own), vmcb_(is_64bit ? own : *reinterpret_cast<svm::Vmcb*>(low_memory)) {
        if (!is_64bit) {
            std::memcpy(&kept, &vmcb_, sizeof kept);
            std::memcpy(&vmcb_, &own_, sizeof vmcb_);
        }
    }
    ~NarrowVmcb() {
        if (!is_64bit) {
            std::memcpy(&vmcb_, &kept, sizeof kept);
        }
    }
    NarrowVmcb(const NarrowVmcb&) = delete;
    NarrowVmcb& operator=(const NarrowVmcb&) = delete;

    [[nodiscard]] svm::Vmcb& vmcb() { return vmcb_; }
    [[nodiscard]] std::uintptr_t operand(std::uint32_t argument) const {
        return reinterpret_cast<std::uintptr_t>(&vmcb_) |
               (argument == undisguised ? 0 : above_address);
    }

private:
    static constinit Page kept; ///< No stack has room for a page.

    svm::Vmcb& own_;
    svm::Vmcb& vmcb_;
};
constinit Page NarrowVmcb::kept{};

} // namespace

/// Argument: see above. L2 must leave the general registers as they are. Reports 0 or the vector +
/// 1 of VMRUN's fault, and the lower half of the exit code.
VMRUNIT_ROUTINE(vmrun_address_size) {
    NarrowVmcb narrow{call.arena.vmcb};
    const std::uintptr_t address = narrow.operand(call.argument);
    const bool has_prefix = call.argument == prefix;
    const std::optional<Fault> fault = catch_fault([=] {
        std::uintptr_t rax = address;
        if (has_prefix) {
            asm volatile(".byte 0x67, 0x0f, 0x01, 0xd8" : "+a"(rax) : : "memory", "cc");
        } else {
            asm volatile(".byte 0x0f, 0x01, 0xd8" : "+a"(rax) : : "memory", "cc");
        }
    });
    call.report(vector_plus_1(fault));
    call.report(static_cast<std::uint64_t>(narrow.vmcb().control.exit_code) & 0xffff'ffff);
}

/// Argument as above. VMLOAD of a VMCB whose KernelGSBase is L1's own but for one bit, VMSAVE into
/// a page of zeros. Reports 0 or the vector + 1 of VMLOAD's fault and how KernelGSBase changed;
/// the same of VMSAVE and what it stored there, as it differs from L1's.
VMRUNIT_ROUTINE(vmload_address_size) {
    NarrowVmcb narrow{call.arena.spare_vmcb};
    svm::Vmcb& vmcb = narrow.vmcb();
    std::memcpy(&vmcb, &call.arena.l1_state, sizeof vmcb);
    const std::uint64_t before = read_msr(Msr::kernel_gs_base);
    vmcb.save.kernel_gs_base = before ^ 0x1000;
    const std::uintptr_t address = narrow.operand(call.argument);
    const bool has_prefix = call.argument == prefix;
    const std::optional<Fault> of_vmload = catch_fault([=] {
        if (has_prefix) {
            asm volatile(".byte 0x67, 0x0f, 0x01, 0xda" : : "a"(address) : "memory");
        } else {
            asm volatile(".byte 0x0f, 0x01, 0xda" : : "a"(address) : "memory");
        }
    });
    call.report(vector_plus_1(of_vmload));
    call.report(read_msr(Msr::kernel_gs_base) ^ before);
    std::memset(&vmcb, 0, sizeof vmcb);
    write_msr(Msr::kernel_gs_base, 0x2000);
    const std::optional<Fault> of_vmsave = catch_fault([=] {
        if (has_prefix) {
            asm volatile(".byte 0x67, 0x0f, 0x01, 0xdb" : : "a"(address) : "memory");
        } else {
            asm volatile(".byte 0x0f, 0x01, 0xdb" : : "a"(address) : "memory");
        }
    });
    call.report(vector_plus_1(of_vmsave));
    call.report(vmcb.save.kernel_gs_base);
    std::memset(&vmcb, 0, sizeof vmcb);
}

/// A page below 64 KiB is read, mapped to another one, and read again behind INVLPGA with the
/// prefix, of ASID 0. Reports whether the first reading was the other page's, the second one, and 0
/// or the vector + 1 of INVLPGA's fault.
VMRUNIT_ROUTINE(invlpga_address_size) {
    Page& other = call.arena.io_permissions[2];
    std::memset(&other, 0x22, sizeof other);
    const auto* const at = reinterpret_cast<const volatile std::uint32_t*>(low_memory);
    std::optional<Fault> fault;
    {
        PageSplit split{low_memory};
        call.report(*at == 0x2222'2222 ? 1 : 0);
        split.lead(low_memory, &other);
        const std::uintptr_t address = reinterpret_cast<std::uintptr_t>(low_memory) | above_address;
        fault = catch_fault([=] {
            asm volatile(".byte 0x67, 0x0f, 0x01, 0xdf" : : "a"(address), "c"(0) : "memory");
        });
        call.report(*at);
    }
    call.report(vector_plus_1(fault));
    std::memset(&other, 0, sizeof other);
}

} // namespace vmrunit::guest
