// SPDX-License-Identifier: GPL-2.0-only
// Layouts of EXITINFO1 and EXITINFO2 for the exits that define them (APM vol. 2, 15.8 decode
// assists, 15.10 IOIO, 15.11 MSR, 15.13.3 SMI, 15.14.1 task switch, 15.25.6 nested page
// fault, 15.29 AVIC).
#pragma once

#include "harness/svm/bits.hpp"

#include <cstdint>

namespace vmrunit::svm {

// CR reads and writes and CR0_SEL_WRITE, with decode assists.
struct ControlRegisterAccess : BitWord<ControlRegisterAccess, std::uint64_t> {
    static constexpr Range general_register{0, 4};
    static constexpr Range is_mov{63}; // 0 for SMSW, LMSW and CLTS
};

// DR reads and writes, with decode assists.
struct DebugRegisterAccess : BitWord<DebugRegisterAccess, std::uint64_t> {
    static constexpr Range general_register{0, 4};
};

// INT n, with decode assists.
struct SoftwareInterrupt : BitWord<SoftwareInterrupt, std::uint64_t> {
    static constexpr Range vector{0, 8};
};

// EXITINFO1 of IOIO; EXITINFO2 is the RIP of the next instruction.
struct IoAccess : BitWord<IoAccess, std::uint64_t> {
    // clang-format off
    static constexpr Range in        {0};
    static constexpr Range string    {2};
    static constexpr Range repeated  {3};
    static constexpr Range size_8    {4};
    static constexpr Range size_16   {5};
    static constexpr Range size_32   {6};
    static constexpr Range address_16{7};
    static constexpr Range address_32{8};
    static constexpr Range address_64{9};
    static constexpr Range segment   {10, 3};    // of INS and OUTS, with decode assists
    static constexpr Range port      {16, 16};
    // clang-format on
};

// EXITINFO1 of MSR.
inline constexpr std::uint64_t msr_read = 0;
inline constexpr std::uint64_t msr_write = 1;

// EXITINFO1 of SMI.
struct SmiSource : BitWord<SmiSource, std::uint64_t> {
    // clang-format off
    static constexpr Range external       {0};
    static constexpr Range machine_check  {1};
    static constexpr Range segment        {10, 3};
    static constexpr Range in             {32};
    static constexpr Range io_valid       {33};    // else the I/O part means nothing
    static constexpr Range string         {34};
    static constexpr Range repeated       {35};
    static constexpr Range size           {36, 3};
    static constexpr Range address_size   {39, 3};
    static constexpr Range trap_flag      {43};
    static constexpr Range io_breakpoints {44, 4};
    static constexpr Range port           {48, 16};
    // clang-format on
};

// EXITINFO1 of a task switch is the selector of the incoming TSS; this is EXITINFO2.
struct TaskSwitch : BitWord<TaskSwitch, std::uint64_t> {
    // clang-format off
    static constexpr Range error_code      {0, 32};
    static constexpr Range by_iret         {36};
    static constexpr Range by_far_jump     {38};
    static constexpr Range error_code_valid{44};
    static constexpr Range resume_flag     {48};    // for the outgoing TSS
    // clang-format on
};

// EXITINFO1 of #PF, and the error code that the guest's own handler would see.
struct PageFaultError : BitWord<PageFaultError, std::uint64_t> {
    // clang-format off
    static constexpr Range present          {0};
    static constexpr Range write            {1};
    static constexpr Range user             {2};
    static constexpr Range reserved_bit     {3};
    static constexpr Range instruction_fetch{4};
    static constexpr Range protection_key   {5};
    static constexpr Range shadow_stack     {6};
    static constexpr Range rmp              {31};
    // clang-format on
};

// EXITINFO1 of a nested page fault; EXITINFO2 is the guest physical address.
struct NestedPageFault : BitWord<NestedPageFault, std::uint64_t> {
    // clang-format off
    static constexpr Range present                {0};
    static constexpr Range write                  {1};
    static constexpr Range user                   {2};
    static constexpr Range reserved_bit           {3};
    static constexpr Range instruction_fetch      {4};
    static constexpr Range shadow_stack           {6};
    static constexpr Range rmp                    {31};
    static constexpr Range final_address          {32};    // while translating the final address
    static constexpr Range table_walk             {33};    // while walking the guest's own tables
    static constexpr Range encrypted              {34};
    static constexpr Range rmp_size_mismatch      {35};
    static constexpr Range vmpl                   {36};
    static constexpr Range supervisor_shadow_stack{37};
    static constexpr Range not_restartable        {63};
    // clang-format on
};

// EXITINFO1 of AVIC_NOACCEL; EXITINFO2 7:0 is the vector of an EOI write.
struct AvicAccess : BitWord<AvicAccess, std::uint64_t> {
    static constexpr Range register_offset{4, 8}; // in units of sixteen bytes
    static constexpr Range write{32};
};

// EXITINFO2 of AVIC_INCOMPLETE_IPI; EXITINFO1 is the interrupt command register.
struct AvicIncompleteIpi : BitWord<AvicIncompleteIpi, std::uint64_t> {
    static constexpr Range table_index{0, 12};
    static constexpr Range reason{32, 32};
};

} // namespace vmrunit::svm
