// SPDX-License-Identifier: GPL-2.0-only
// What the payload reports: a hello for each machine, and one record for each case.
//
// A record carries facts only: every word of the VMCB and of the watched memory that differs after
// the #VMEXIT, every L2 register that differs from what was loaded, every L1 register that differs
// from what it was before. Nothing that stayed the same is sent.
#pragma once

#include <cstdint>

namespace vmrunit::wire {

inline constexpr unsigned max_cpuid_leaves = 32;

struct CpuidLeaf {
    std::uint32_t leaf, subleaf, eax, ebx, ecx, edx;
};

/// Payload of a hello frame, followed by `cpuid_count` CpuidLeaf.
struct Hello {
    std::uint16_t plan_version;
    std::uint8_t l1_bits;     ///< 64 or 32.
    std::uint8_t door;        ///< 1: PVH, 2: Multiboot 2.
    std::uint32_t plan_error; ///< PlanError.
    std::uint8_t build_id[20];
    std::uint32_t case_count; ///< As read from the plan.
    std::uint32_t cpu_count;  ///< CPUs that answered.
    std::uint32_t cpuid_count;
    std::uint64_t features[2]; ///< svm::Features as the payload read them.
    std::uint64_t vm_cr;       ///< MSR C001_0114h; ~0 where reading it faults.
};
static_assert(sizeof(Hello) == 64);

/// Why a payload refuses a plan.
enum class PlanError : std::uint32_t {
    none,
    no_module,
    bad_magic,
    bad_version,
    bad_size,
    bad_crc,
    other_payload, ///< Built for a payload with another build-id.
    bad_ring,
    no_svm,        ///< CPUID Fn8000_0001 ECX.SVM is 0, or VM_CR.SVMDIS is locked.
    other_l1_mode, ///< It cannot run L1 in the mode the plan is for.
};

/// Payload of a record frame: this header, then `observations` observations.
struct RecordHeader {
    std::uint32_t index;
    std::uint8_t outcome; ///< CaseOutcome.
    std::uint8_t observations;
    std::uint16_t reserved;
    std::uint64_t detail[2]; ///< Of a skip: the features that are why. Of a fault: vector, RIP.
};
static_assert(sizeof(RecordHeader) == 24);

enum class CaseOutcome : std::uint8_t {
    ran,
    missing_feature, ///< detail: svm::Features that are absent.
    bad_plan,        ///< An op that this payload does not know or that reaches outside its region.
    l1_fault,        ///< L1 faulted where no fault was asked about; detail: vector, RIP.
    record_overflow, ///< More was to be said than fits one frame.
    present_feature, ///< detail: svm::Features that are there and must not be.
};

/// Payload of an end frame where the plan measures: time-stamp ticks from the first case's begin to
/// the last one's record. Empty otherwise.
struct EndTicks {
    std::uint64_t ticks;
};

enum class ObservationKind : std::uint8_t { exit = 1, call = 2, measurement = 3 };

/// Each observation begins so; `size` bytes follow.
struct ObservationHeader {
    ObservationKind kind;
    std::uint8_t fault;       ///< L1 exception at the instruction itself: vector + 1; 0: none.
    std::uint16_t vmcb_words; ///< WordChange count: VMCB.
    std::uint16_t memory_words;
    std::uint16_t register_words; ///< WordChange, index is a Register.
    std::uint16_t l1_words;       ///< WordChange, index is an L1State.
    std::uint16_t values;         ///< Plain u64 that close the observation.
    std::uint32_t fault_error;    ///< Its error code, 0 if it has none.
};
static_assert(sizeof(ObservationHeader) == 16);

/// A 64-bit word that is not what it was: where, and what it is now.
struct WordChange {
    std::uint32_t where; ///< VMCB: offset in bytes. Memory: region << 24 | offset. Else: a number.
    std::uint32_t low;
    std::uint32_t high;
};
static_assert(sizeof(WordChange) == 12);

/// L1 state that VMRUN must hand back, APM2 15.5.1 and 15.6. The wire's numbers; append only.
enum class L1State : std::uint8_t {
    rax, ///< Sent as the difference to the VMCB address that VMRUN was given.
    rsp,
    rflags,
    cr0,
    cr3,
    cr4,
    efer,
    dr7,
    cs,
    ss,
    ds,
    es,
    gdtr_base,
    gdtr_limit,
    idtr_base,
    idtr_limit,
    cr2, ///< Not restored: sent when it is not what save.cr2 says.
};
inline constexpr unsigned l1_state_count = 17;
inline constexpr const char* l1_state_names[l1_state_count] = {
    "rax", "rsp", "rflags", "cr0",       "cr3",        "cr4",       "efer",       "dr7", "cs",
    "ss",  "ds",  "es",     "gdtr.base", "gdtr.limit", "idtr.base", "idtr.limit", "cr2"};

} // namespace vmrunit::wire
