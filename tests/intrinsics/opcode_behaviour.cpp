// SPDX-License-Identifier: GPL-2.0-only
// Which instruction each intrinsic is: with EFER.SVME clear it raises #UD (APM volume 2, 15.4), and
// the bytes it raised it at tell. The only way to run SKINIT that leaves a machine behind.
#include "tests/intrinsics/behaviour.hpp"
#include "tests/intrinsics/machine.hpp"
#include "tests/intrinsics/vmcb_page.hpp"

#include <intrin.h>

namespace {

VmcbPage page;

// STGI and SKINIT are there without EFER.SVME too on a CPU that has this feature.
bool cpu_has_skinit() {
    uint32_t eax = 0x8000'0001;
    uint32_t ebx = 0;
    uint32_t ecx = 0;
    uint32_t edx = 0;
    asm volatile("cpuid" : "+a"(eax), "=b"(ebx), "=c"(ecx), "=d"(edx));
    return (ecx >> 12 & 1) != 0;
}

struct Attempt {
    void (*execute)();
};

size_t execute(void* attempt) {
    static_cast<const Attempt*>(attempt)->execute();
    return 0;
}

Finding undefined_without_svme(void (*instruction)(), uint8_t last_byte) {
    constexpr uint32_t undefined_opcode = 6;
    const uint64_t efer = machine::read(machine::Msr::efer);
    Attempt attempt{instruction};
    machine::write(machine::Msr::efer, efer & ~machine::efer_svme);
    guarded_call(execute, &attempt);
    const uint32_t vector = last_vector;
    last_vector = no_vector; // expected: not this behaviour's own
    machine::write(machine::Msr::efer, efer);
    const auto* bytes = reinterpret_cast<const volatile uint8_t*>(fault_address);
    return finding(vector == undefined_opcode && bytes[0] == 0x0f && bytes[1] == 0x01 &&
                   bytes[2] == last_byte);
}

} // namespace

BEHAVIOUR(without_svme_vmrun) {
    return undefined_without_svme([] { __svm_vmrun(page.physical_address()); }, 0xd8);
}

BEHAVIOUR(without_svme_vmload) {
    return undefined_without_svme([] { __svm_vmload(page.physical_address()); }, 0xda);
}

BEHAVIOUR(without_svme_vmsave) {
    return undefined_without_svme([] { __svm_vmsave(page.physical_address()); }, 0xdb);
}

BEHAVIOUR(without_svme_stgi) {
    return cpu_has_skinit() ? Finding::skipped : undefined_without_svme([] { __svm_stgi(); }, 0xdc);
}

BEHAVIOUR(without_svme_clgi) {
    return undefined_without_svme([] { __svm_clgi(); }, 0xdd);
}

BEHAVIOUR(without_svme_skinit) {
    return cpu_has_skinit() ? Finding::skipped
                            : undefined_without_svme([] { __svm_skinit(0x10000); }, 0xde);
}

BEHAVIOUR(without_svme_invlpga) {
    return undefined_without_svme([] { __svm_invlpga(&page, 1); }, 0xdf);
}
