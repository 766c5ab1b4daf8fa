// SPDX-License-Identifier: GPL-2.0-only
// A VMRUN that is the last instruction below the hole of addresses that are not canonical: what
// follows it in L1 is nowhere. APM2 15.6, 5.3.1.

#include "harness/arena.hpp"
#include "harness/guest/cpu.hpp"
#include "harness/guest/exceptions.hpp"
#include "harness/guest/routine.hpp"

#include <cstring>

namespace vmrunit::guest {
namespace {

constexpr std::uint64_t hole = std::uint64_t{1} << 47;
constexpr std::uint64_t address_bits = 0x000f'ffff'ffff'f000;
constexpr std::uint64_t present_and_writable = 3;
constexpr unsigned last_entry = 511;
constexpr std::size_t vmrun_size = 3;

/// The page right below the hole, and the tables that lead to it.
constinit PageTable tables[3]{};
constinit Page last_page{};

/// That page is mapped while the object lives.
class LastPage {
public:
    LastPage()
        : entry_(reinterpret_cast<std::uint64_t*>(read_cr3() & address_bits) + last_entry / 2) {
        const void* const chain[] = {&tables[0], &tables[1], &tables[2], &last_page};
        std::uint64_t* entries[] = {entry_, &tables[0].entries[last_entry],
                                    &tables[1].entries[last_entry], &tables[2].entries[last_entry]};
        for (unsigned i = 0; i < 4; ++i) {
            *entries[i] = reinterpret_cast<std::uintptr_t>(chain[i]) | present_and_writable;
        }
    }
    ~LastPage() {
        *entry_ = 0;
        write_cr3(read_cr3());
    }
    LastPage(const LastPage&) = delete;
    LastPage& operator=(const LastPage&) = delete;

private:
    std::uint64_t* entry_;
};

} // namespace

/// Argument: how many bytes before the hole VMRUN ends; behind it stands INT3. L2 must leave the
/// general registers as they are. Reports 0 or the vector + 1 of the fault that L1 takes, its RIP
/// from the hole (modulo 2^64), and the lower half of the exit code.
VMRUNIT_ROUTINE(vmrun_below_hole) {
    svm::Vmcb& vmcb = call.arena.vmcb;
    const std::size_t at = sizeof last_page - vmrun_size - call.argument;
    const std::uint8_t text[] = {0x0f, 0x01, 0xd8};
    std::memset(&last_page, 0xcc, sizeof last_page);
    std::memcpy(&last_page.bytes[at], text, sizeof text);
    const std::uint64_t address = reinterpret_cast<std::uintptr_t>(&vmcb);
    const std::uint64_t rip = hole - vmrun_size - call.argument;
    std::optional<Fault> fault;
    {
        const LastPage mapped;
        fault = catch_fault([=] { asm volatile("jmp *%0" : : "r"(rip), "a"(address) : "memory"); });
    }
    call.report(vector_plus_1(fault));
    call.report(fault ? fault->rip - hole : 0);
    call.report(static_cast<std::uint64_t>(vmcb.control.exit_code) & 0xffff'ffff);
}

} // namespace vmrunit::guest
