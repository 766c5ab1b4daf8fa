// SPDX-License-Identifier: GPL-2.0-only
// SVM's own instructions but VMRUN, as L1 uses them around a case. APM3, APM2 15.5.2, 15.17. Fixed
// bytes in place of mnemonics: both L1 widths assemble the same.
#pragma once

#include <cstdint>

namespace vmrunit::guest {

/// FS, GS, TR, LDTR, KernelGSBase and the SYSCALL and SYSENTER MSRs from the VMCB at `vmcb`.
inline void vmload(std::uintptr_t vmcb) {
    asm volatile(".byte 0x0f, 0x01, 0xda" : : "a"(vmcb) : "memory");
}

/// The same state into the VMCB at `vmcb`.
inline void vmsave(std::uintptr_t vmcb) {
    asm volatile(".byte 0x0f, 0x01, 0xdb" : : "a"(vmcb) : "memory");
}

inline void stgi() {
    asm volatile(".byte 0x0f, 0x01, 0xdc" : : : "memory");
}
inline void clgi() {
    asm volatile(".byte 0x0f, 0x01, 0xdd" : : : "memory");
}

} // namespace vmrunit::guest
