/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The C face of the KVM selftests library. Its headers do not compile as C++, so kvm_shim.c is the
 * only file that sees them, and what crosses this line are opaque handles and plain numbers.
 *
 * The library ends the process on a failed assertion (exit code 254, or 4 if errno happens to be
 * EACCES; 4 for a requirement that is not met). Functions here that return nothing fail that way.
 */
#ifndef VMRUNIT_KVM_SHIM_H
#define VMRUNIT_KVM_SHIM_H

// NOLINTBEGIN(modernize-deprecated-headers, readability-identifier-naming): it is C

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    kvm_shim_assertion_failed = 254,
    kvm_shim_requirement_not_met = 4,
};

struct kvm_shim_vm;
struct kvm_shim_cpu;

/* An empty VM with the in-kernel interrupt controllers. */
struct kvm_shim_vm* kvm_shim_vm_create(void);

/*
 * Lets the guest see `size` bytes at `host` from guest physical `address` on, in system-management
 * mode too where KVM has it. `slot` is the caller's number for that piece.
 */
void kvm_shim_vm_map(struct kvm_shim_vm* vm, uint32_t slot, uint64_t address, uint64_t size,
                     void* host);

/* 1 if guests of this KVM can enter system-management mode. */
int kvm_shim_vm_has_smm(struct kvm_shim_vm* vm);

/* vCPU 0 runs at once, another waits for INIT and SIPI. */
struct kvm_shim_cpu* kvm_shim_cpu_create(struct kvm_shim_vm* vm, uint32_t id);

/* A CPUID bit; `output` counts EAX, EBX, ECX, EDX from 0. */
struct kvm_shim_cpuid_bit {
    uint32_t leaf;
    uint32_t subleaf;
    uint8_t output;
    uint8_t bit;
};

/* CPUID as KVM offers it, with a hypervisor, less the bits in `hidden`. */
void kvm_shim_cpu_set_cpuid(struct kvm_shim_cpu* cpu, const struct kvm_shim_cpuid_bit* hidden,
                            uint32_t hidden_count);

/* 32-bit protected mode, flat segments, no paging, interrupts off: how PVH enters an image. */
void kvm_shim_cpu_enter_protected_mode(struct kvm_shim_cpu* cpu, uint32_t rip, uint32_t rbx);

/* What KVM_RUN came back with: the members that belong to `reason` (KVM_EXIT_*) are set. */
struct kvm_shim_exit {
    uint32_t reason;
    /* KVM_EXIT_IO, KVM_EXIT_MMIO: `count` times `size` bytes at `data`. */
    uint8_t* data;
    uint64_t address;
    uint32_t count;
    uint8_t size;
    uint8_t is_write;
    /* KVM_EXIT_INTERNAL_ERROR: suberror; KVM_EXIT_SYSTEM_EVENT: type; else the hardware's reason.
     */
    uint64_t code;
    uint32_t value_count;
    uint64_t values[16];
};

/* Runs the guest until KVM_RUN returns. 0, or errno; EINTR after kvm_shim_cpu_interrupt(). */
int kvm_shim_cpu_run(struct kvm_shim_cpu* cpu, struct kvm_shim_exit* exit);

/* For any thread: makes the next KVM_RUN return at once, until told otherwise. */
void kvm_shim_cpu_interrupt(struct kvm_shim_cpu* cpu, int on);

struct kvm_shim_state {
    uint64_t rip, rsp, rflags;
    uint64_t cr0, cr2, cr3, cr4, efer;
    uint16_t cs;
    uint8_t cpl;
    uint8_t in_nested_guest; /* The state is that of L2. */
    uint32_t mp_state;       /* KVM_MP_STATE_* */
};

/* Gives a new vCPU the machine-check banks that KVM can give; 0 if there are none. */
int kvm_shim_cpu_set_up_machine_checks(struct kvm_shim_cpu* cpu);

/* An uncorrected error of bank 0. 0, or errno. */
int kvm_shim_cpu_machine_check(struct kvm_shim_cpu* cpu, uint64_t status, uint64_t global_status);

/* 0, or errno. For the vCPU's own thread, outside kvm_shim_cpu_run(). */
int kvm_shim_cpu_state(struct kvm_shim_cpu* cpu, struct kvm_shim_state* state);

#ifdef __cplusplus
}
#endif

// NOLINTEND(modernize-deprecated-headers, readability-identifier-naming)

#endif
