// SPDX-License-Identifier: GPL-2.0-only
// The plan: the cases one machine runs, in order, as the payload finds them in its boot module.
//
// The runner resolves every symbol beforehand (labels, arena addresses), so a plan holds numbers
// only and is bound to one payload by its build-id. docs/wire-format.md describes the bytes.
#pragma once

#include "harness/arena.hpp"
#include "harness/l1_mode.hpp"
#include "harness/l2_mode.hpp"

#include <cstdint>

namespace vmrunit::wire {

inline constexpr std::uint32_t plan_magic = 0x4e4c5056; // "VPLN"
inline constexpr std::uint16_t plan_version = 2;
inline constexpr unsigned build_id_size = 20;

struct PlanHeader {
    std::uint32_t magic;
    std::uint16_t version;
    std::uint16_t header_size;
    std::uint32_t total_size; ///< Bytes, header included.
    std::uint32_t crc;        ///< CRC-32 of all bytes behind the header.
    std::uint8_t build_id[build_id_size];
    std::uint32_t case_count;
    std::uint64_t ring_address; ///< Guest physical, page aligned; 0: records go to port 0xE9.
    std::uint32_t ring_size;    ///< Bytes, header page included.
    std::uint32_t flags;        ///< PlanFlags.
    L1Mode l1_mode;             ///< The mode L1 runs all of these cases in.
    std::uint8_t machine;       ///< svm::machine_bits(): what CPUID does not say of the machine.
    std::uint8_t reserved[6];
};
static_assert(sizeof(PlanHeader) == 64);

enum PlanFlags : std::uint32_t {
    plan_measures = 1u << 0, ///< `bench`: report where the time of each case goes.
};

/// One step of a case. What the fields mean depends on `code`.
struct Op {
    enum class Code : std::uint8_t {
        write,      ///< `size` bytes of `value` to `offset` in `region`.
        set_bits,   ///< OR `value` into the `size` bytes there.
        clear_bits, ///< AND them with the complement of `value`.
        fill,       ///< `offset`: start; low half of `value`: bytes; `size`: the byte value.
        l1_write,   ///< `value` to the L1 register `region` names (L1Register), MSR number in
                    ///< `offset`.
        run,        ///< VMRUN; `value`: rAX, or 0 for the arena's VMCB.
        call,       ///< L1 routine at link address `value`, with the argument `offset`.
        measure,    ///< `offset` VMRUNs of the VMCB in a row; reports their time-stamp counts.
    };
    Code code;
    std::uint8_t size;    ///< 1, 2, 4 or 8.
    std::uint16_t region; ///< Region, or L1Register.
    std::uint32_t offset;
    std::uint64_t value;
};
static_assert(sizeof(Op) == 16);

/// L1 registers a case may set; put back after it.
enum class L1Register : std::uint16_t { msr, cr0, cr4, dr0, dr1, dr2, dr3, dr7, xcr0, cr8 };

struct PlanCase {
    std::uint32_t index; ///< The runner's number of the case; echoed in begin and record.
    std::uint16_t op_count;
    L2Mode mode;
    std::uint8_t cpl; ///< 0 or 3.
    std::uint8_t nested_paging;
    std::uint8_t cpu; ///< Which CPU runs it.
    std::uint16_t reserved;
    std::uint32_t reserved_2;
    std::uint64_t needs[2];   ///< svm::Features: absent ones make the payload skip the case.
    std::uint64_t without[2]; ///< svm::Features: present ones do.
};
static_assert(sizeof(PlanCase) == 48);

/// A case may grow no larger than this; both sides refuse more.
inline constexpr unsigned max_ops_per_case = 512;

} // namespace vmrunit::wire
