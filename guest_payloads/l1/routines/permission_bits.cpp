// SPDX-License-Identifier: GPL-2.0-only
// Every bit of the permission maps alone: a VMRUN for each, of the case's own program, with no
// other bit of the map set. What is reported is what all those exits have in common: AND and OR of
// a field over all of them, which are the same where all had the same. APM2 15.10, 15.11.

#include "harness/guest/routine.hpp"
#include "harness/guest/run_l2.hpp"
#include "harness/svm/exit_code.hpp"
#include "harness/svm/msr.hpp"

#include <cstring>

namespace vmrunit::guest {
namespace {

constexpr unsigned longest_walk = 4096;

/// AND and OR of many numbers.
class InCommon {
public:
    void add(std::uint64_t value) {
        all_ &= value;
        any_ |= value;
    }
    void report_to(RoutineCall& call) const {
        call.report(all_);
        call.report(any_);
    }

private:
    std::uint64_t all_ = ~std::uint64_t{0};
    std::uint64_t any_ = 0;
};

/// The case's program from its beginning, again and again.
class Repeated {
public:
    explicit Repeated(svm::Vmcb& vmcb) : vmcb_(vmcb), rip_(vmcb.save.rip), rax_(vmcb.save.rax) {}

    void run(Register given, std::uint64_t value) {
        registers_.value[static_cast<unsigned>(given)] = value;
        vmcb_.save.rip = rip_;
        vmcb_.save.rax = rax_;
        vmrunit_run_l2(reinterpret_cast<std::uintptr_t>(&vmcb_), &registers_, &edge_);
        codes_.add(static_cast<std::uint64_t>(vmcb_.control.exit_code));
        rips_.add(vmcb_.save.rip);
        ++runs_;
    }
    [[nodiscard]] unsigned runs() const { return runs_; }
    void report_to(RoutineCall& call) const {
        call.report(runs_);
        codes_.report_to(call);
        rips_.report_to(call);
    }

private:
    svm::Vmcb& vmcb_;
    std::uint64_t rip_, rax_;
    L2Registers registers_{};
    RunEdge edge_{};
    InCommon codes_, rips_;
    unsigned runs_ = 0;
};

} // namespace

/// Argument: the first port, and in its upper half how far it is to the next; at most 4096 ports,
/// up to the last there is. The program accesses the port that rDX names. Reports runs; exit code;
/// RIP; EXITINFO1 without the port, which is XORed out; EXITINFO2.
VMRUNIT_ROUTINE(ports_one_by_one) {
    svm::Vmcb& vmcb = call.arena.vmcb;
    auto* const map = reinterpret_cast<std::uint8_t*>(call.arena.io_permissions);
    std::memset(map, 0, sizeof call.arena.io_permissions);
    const std::uint32_t stride = call.argument >> 16;
    Repeated program{vmcb};
    InCommon info_1, info_2;
    for (std::uint32_t port = call.argument & 0xffff;
         port <= 0xffff && program.runs() < longest_walk; port += stride) {
        map[port / 8] = static_cast<std::uint8_t>(1u << port % 8);
        program.run(Register::rdx, port);
        map[port / 8] = 0;
        info_1.add(vmcb.control.exit_info_1 ^ std::uint64_t{port} << 16);
        info_2.add(vmcb.control.exit_info_2);
    }
    program.report_to(call);
    info_1.report_to(call);
    info_2.report_to(call);
}

/// Argument: how many bytes the program's accesses have beyond the first; above that, in units of
/// 4096, the first port; and in the upper half how far it is from one port to the next. Only the
/// bit of the last byte is set, which for the last ports is one of the third page. Reports as
/// ports_one_by_one does.
VMRUNIT_ROUTINE(ports_by_last_byte) {
    svm::Vmcb& vmcb = call.arena.vmcb;
    auto* const map = reinterpret_cast<std::uint8_t*>(call.arena.io_permissions);
    std::memset(map, 0, sizeof call.arena.io_permissions);
    const std::uint32_t stride = call.argument >> 16;
    const std::uint32_t first = (call.argument >> 4 & 0xf) * longest_walk;
    const std::uint32_t beyond = call.argument & 0xf;
    Repeated program{vmcb};
    InCommon info_1, info_2;
    for (std::uint32_t port = first; port <= 0xffff && program.runs() < longest_walk;
         port += stride) {
        const std::uint32_t last = port + beyond;
        map[last / 8] = static_cast<std::uint8_t>(1u << last % 8);
        program.run(Register::rdx, port);
        map[last / 8] = 0;
        info_1.add(vmcb.control.exit_info_1 ^ std::uint64_t{port} << 16);
        info_2.add(vmcb.control.exit_info_2);
    }
    program.report_to(call);
    info_1.report_to(call);
    info_2.report_to(call);
}

/// Argument: the first of 4096 MSRs, and 1 to set bits of writes instead of reads. The program
/// accesses the MSR that rCX names. Reports runs; exit code; RIP; EXITINFO1.
VMRUNIT_ROUTINE(msrs_one_by_one) {
    svm::Vmcb& vmcb = call.arena.vmcb;
    auto* const map = reinterpret_cast<std::uint8_t*>(call.arena.msr_permissions);
    std::memset(map, 0, sizeof call.arena.msr_permissions);
    const std::uint32_t access = call.argument & 1;
    const std::uint32_t first = call.argument & ~std::uint32_t{1};
    Repeated program{vmcb};
    InCommon info_1;
    for (std::uint32_t i = 0; i < longest_walk; ++i) {
        const auto bit = static_cast<std::uint32_t>(svm::msr_permission_bit(first + i)) + access;
        map[bit / 8] = static_cast<std::uint8_t>(1u << bit % 8);
        program.run(Register::rcx, first + i);
        map[bit / 8] = 0;
        info_1.add(vmcb.control.exit_info_1);
    }
    program.report_to(call);
    info_1.report_to(call);
}

} // namespace vmrunit::guest
