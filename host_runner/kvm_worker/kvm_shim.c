// SPDX-License-Identifier: GPL-2.0-only
// The only file that sees the KVM selftests library. Nothing is decided here: who runs what, and
// what an exit means, is C++ above kvm_shim.h.
#include "host_runner/kvm_worker/kvm_shim.h"

#include "kvm_util.h"
#include "processor.h"

// Room for CPUID of any kernel: KVM itself has no more entries than this.
#define MOST_CPUID_ENTRIES 256

// Where Intel CPUs without "unrestricted guest" keep their real-mode helpers; others do not care.
#define IDENTITY_MAP_ADDRESS 0xfffbc000ull
#define TASK_STATE_ADDRESS 0xfffbd000ull

// Bits 16 and up of a slot's number select the address space; 1 is system-management mode's.
#define SMM_ADDRESS_SPACE (1u << 16)

static struct kvm_vm* vm_of(struct kvm_shim_vm* vm) {
    return (struct kvm_vm*)vm;
}

static struct kvm_vcpu* cpu_of(struct kvm_shim_cpu* cpu) {
    return (struct kvm_vcpu*)cpu;
}

struct kvm_shim_vm* kvm_shim_vm_create(void) {
    struct kvm_vm* vm = vm_create_barebones();
    uint64_t identity_map = IDENTITY_MAP_ADDRESS;

    vm_ioctl(vm, KVM_SET_IDENTITY_MAP_ADDR, &identity_map);
    vm_ioctl(vm, KVM_SET_TSS_ADDR, (void*)TASK_STATE_ADDRESS);
    vm_create_irqchip(vm);
    return (struct kvm_shim_vm*)vm;
}

// vm_userspace_mem_region_add() would allocate the memory in this process; ours has to outlive it.
void kvm_shim_vm_map(struct kvm_shim_vm* vm, uint32_t slot, uint64_t address, uint64_t size,
                     void* host) {
    vm_set_user_memory_region(vm_of(vm), slot, 0, address, size, host);
    if (vm_check_cap(vm_of(vm), KVM_CAP_MULTI_ADDRESS_SPACE) > 1) {
        vm_set_user_memory_region(vm_of(vm), slot | SMM_ADDRESS_SPACE, 0, address, size, host);
    }
}

int kvm_shim_vm_has_smm(struct kvm_shim_vm* vm) {
    return vm_check_cap(vm_of(vm), KVM_CAP_X86_SMM) > 0;
}

struct kvm_shim_cpu* kvm_shim_cpu_create(struct kvm_shim_vm* vm, uint32_t id) {
    return (struct kvm_shim_cpu*)__vm_vcpu_add(vm_of(vm), id);
}

// KVM reports the numbers of the CPU it happens to run on. That there is a hypervisor, which a case
// asks before it does to a machine what only a VM survives, is left to user space by 6.1 and 6.12.
static void describe_cpu(struct kvm_cpuid_entry2* entry, uint32_t id) {
    const uint32_t hypervisor = 1u << 31;

    switch (entry->function) {
    case 0x1:
        entry->ebx = (entry->ebx & 0x00ffffff) | id << 24;
        entry->ecx |= hypervisor;
        break;
    case 0xb:
    case 0x1f:
        entry->edx = id;
        break;
    case 0x8000001e:
        entry->eax = id;
        break;
    }
}

void kvm_shim_cpu_set_cpuid(struct kvm_shim_cpu* cpu, const struct kvm_shim_cpuid_bit* hidden,
                            uint32_t hidden_count) {
    struct kvm_cpuid2* cpuid = allocate_kvm_cpuid2(MOST_CPUID_ENTRIES);

    kvm_ioctl(cpu_of(cpu)->vm->kvm_fd, KVM_GET_SUPPORTED_CPUID, cpuid);
    for (uint32_t i = 0; i < cpuid->nent; ++i) {
        struct kvm_cpuid_entry2* entry = &cpuid->entries[i];

        describe_cpu(entry, cpu_of(cpu)->id);
        for (uint32_t j = 0; j < hidden_count; ++j) {
            uint32_t* const outputs[] = {&entry->eax, &entry->ebx, &entry->ecx, &entry->edx};

            if (entry->function == hidden[j].leaf && entry->index == hidden[j].subleaf) {
                *outputs[hidden[j].output & 3] &= ~(1u << (hidden[j].bit & 31));
            }
        }
    }
    vcpu_init_cpuid(cpu_of(cpu), cpuid);
    free(cpuid);
}

static struct kvm_segment flat_segment(uint16_t selector, uint8_t type) {
    return (struct kvm_segment){
        .limit = 0xffffffff,
        .selector = selector,
        .type = type,
        .present = 1,
        .db = 1,
        .s = 1,
        .g = 1,
    };
}

void kvm_shim_cpu_enter_protected_mode(struct kvm_shim_cpu* cpu, uint32_t rip, uint32_t rbx) {
    const uint8_t read_execute_accessed = 11, read_write_accessed = 3, busy_task_state = 11;
    struct kvm_regs regs = {.rip = rip, .rbx = rbx, .rflags = 2};
    struct kvm_sregs sregs;
    struct kvm_segment data = flat_segment(0x10, read_write_accessed);

    vcpu_sregs_get(cpu_of(cpu), &sregs);
    sregs.cs = flat_segment(0x08, read_execute_accessed);
    sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = data;
    sregs.tr = (struct kvm_segment){.limit = 0x67, .type = busy_task_state, .present = 1};
    sregs.cr0 = 0x11; // PE and ET
    sregs.cr4 = 0;
    sregs.efer = 0;
    vcpu_sregs_set(cpu_of(cpu), &sregs);
    vcpu_regs_set(cpu_of(cpu), &regs);
}

static void copy_values(struct kvm_shim_exit* exit, const __u64* values, uint32_t count) {
    const uint32_t room = sizeof exit->values / sizeof exit->values[0];

    exit->value_count = count < room ? count : room;
    for (uint32_t i = 0; i < exit->value_count; ++i) {
        exit->values[i] = values[i];
    }
}

int kvm_shim_cpu_run(struct kvm_shim_cpu* cpu, struct kvm_shim_exit* exit) {
    struct kvm_run* run = cpu_of(cpu)->run;

    if (__vcpu_run(cpu_of(cpu)) != 0) {
        return errno;
    }
    exit->reason = run->exit_reason;
    exit->code = 0;
    exit->value_count = 0;
    switch (run->exit_reason) {
    case KVM_EXIT_IO:
        exit->data = (uint8_t*)run + run->io.data_offset;
        exit->address = run->io.port;
        exit->count = run->io.count;
        exit->size = run->io.size;
        exit->is_write = run->io.direction == KVM_EXIT_IO_OUT;
        break;
    case KVM_EXIT_MMIO:
        exit->data = run->mmio.data;
        exit->address = run->mmio.phys_addr;
        exit->count = 1;
        exit->size = (uint8_t)run->mmio.len;
        exit->is_write = run->mmio.is_write;
        break;
    case KVM_EXIT_INTERNAL_ERROR:
        exit->code = run->internal.suberror;
        copy_values(exit, run->internal.data, run->internal.ndata);
        break;
    case KVM_EXIT_SYSTEM_EVENT:
        exit->code = run->system_event.type;
        copy_values(exit, run->system_event.data, run->system_event.ndata);
        break;
    case KVM_EXIT_FAIL_ENTRY:
        exit->code = run->fail_entry.hardware_entry_failure_reason;
        break;
    case KVM_EXIT_UNKNOWN:
        exit->code = run->hw.hardware_exit_reason;
        break;
    default:
        break;
    }
    return 0;
}

void kvm_shim_cpu_interrupt(struct kvm_shim_cpu* cpu, int on) {
    __atomic_store_n(&cpu_of(cpu)->run->immediate_exit, (uint8_t)(on != 0), __ATOMIC_SEQ_CST);
}

// How many banks there are is for user space to say; of the rest KVM takes what it can do.
int kvm_shim_cpu_set_up_machine_checks(struct kvm_shim_cpu* cpu) {
    const uint64_t banks = 10;
    uint64_t capability = 0;
    int kvm = -1;

    if (kvm_check_cap(KVM_CAP_MCE) < (int)banks) {
        return 0;
    }
    kvm = open_kvm_dev_path_or_exit();
    kvm_ioctl(kvm, KVM_X86_GET_MCE_CAP_SUPPORTED, &capability);
    close(kvm);
    capability |= banks;
    return __vcpu_ioctl(cpu_of(cpu), KVM_X86_SETUP_MCE, &capability) == 0;
}

int kvm_shim_cpu_machine_check(struct kvm_shim_cpu* cpu, uint64_t status, uint64_t global_status) {
    struct kvm_x86_mce error = {.status = status, .mcg_status = global_status};

    return __vcpu_ioctl(cpu_of(cpu), KVM_X86_SET_MCE, &error) == 0 ? 0 : errno;
}

// KVM_STATE_NESTED_GUEST_MODE is all that is wanted; an L2's VMCB comes along and is dropped.
static uint8_t in_nested_guest(struct kvm_vcpu* cpu) {
    static __thread struct {
        struct kvm_nested_state header;
        uint8_t rest[16384];
    } nested;

    memset(&nested.header, 0, sizeof nested.header);
    nested.header.size = sizeof nested;
    if (__vcpu_ioctl(cpu, KVM_GET_NESTED_STATE, &nested.header) != 0) {
        return 0;
    }
    return (nested.header.flags & KVM_STATE_NESTED_GUEST_MODE) != 0;
}

int kvm_shim_cpu_state(struct kvm_shim_cpu* cpu, struct kvm_shim_state* state) {
    struct kvm_regs regs;
    struct kvm_sregs sregs;
    struct kvm_mp_state mp_state;

    if (__vcpu_ioctl(cpu_of(cpu), KVM_GET_REGS, &regs) != 0 ||
        __vcpu_ioctl(cpu_of(cpu), KVM_GET_SREGS, &sregs) != 0 ||
        __vcpu_ioctl(cpu_of(cpu), KVM_GET_MP_STATE, &mp_state) != 0) {
        return errno;
    }
    *state = (struct kvm_shim_state){
        .rip = regs.rip,
        .rsp = regs.rsp,
        .rflags = regs.rflags,
        .cr0 = sregs.cr0,
        .cr2 = sregs.cr2,
        .cr3 = sregs.cr3,
        .cr4 = sregs.cr4,
        .efer = sregs.efer,
        .cs = sregs.cs.selector,
        .cpl = sregs.ss.dpl,
        .in_nested_guest = in_nested_guest(cpu_of(cpu)),
        .mp_state = mp_state.mp_state,
    };
    return 0;
}
