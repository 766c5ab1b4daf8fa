// SPDX-License-Identifier: GPL-2.0-only
// Enters and leaves SVM operation and says what came of it; CLGI and STGI show that it is real.

#include "harness/guest/cpu.hpp"
#include "harness/guest/exceptions.hpp"
#include "harness/guest/start.hpp"
#include "harness/guest/svm_mode.hpp"
#include "tests/guest/print.hpp"

using namespace vmrunit::guest;
using vmrunit::guest_test::print;

namespace {

struct alignas(4096) Page {
    std::byte bytes[4096];
};
constinit Page host_save_area{};

std::string_view name_of(SvmObstacle obstacle) {
    switch (obstacle) {
    case SvmObstacle::none:
        return "none";
    case SvmObstacle::no_cpuid_bit:
        return "no_cpuid_bit";
    case SvmObstacle::disabled:
        return "disabled";
    case SvmObstacle::disabled_with_key:
        return "disabled_with_key";
    case SvmObstacle::efer_refused:
        return "efer_refused";
    case SvmObstacle::save_area_refused:
        return "save_area_refused";
    }
    return "unnamed";
}

void print_mode(const SvmMode& mode) {
    print("entered", mode.entered());
    print("obstacle", name_of(mode.obstacle()));
    print("svme_inside", read_msr(Msr::efer) >> 12 & 1);
}

void print_registers(std::string_view when) {
    print("case", when);
    print("efer", read_msr(Msr::efer));
    std::uint64_t save_area = 0;
    const auto fault = catch_fault([&] { save_area = read_msr(Msr::vm_hsave_pa); });
    print("save_area_is_ours",
          !fault && save_area == reinterpret_cast<std::uint64_t>(&host_save_area));
    const auto clgi = catch_fault([] { asm volatile("clgi\n\tstgi"); });
    print("clgi_vector", clgi ? static_cast<std::uint64_t>(clgi->vector) : 0xff);
}

} // namespace

extern "C" void l1_main(const BootInfo&) {
    print("cpuid_svm", cpuid_or_zero(0x8000'0001).ecx >> 2 & 1);
    print_registers("before");
    {
        const SvmMode mode{reinterpret_cast<std::uint64_t>(&host_save_area)};
        print("case", "mode");
        print_mode(mode);
        print_registers("inside");
    }
    print_registers("after");
    {
        // Not page-aligned: the MSR refuses it, and SVM operation must not stay half entered.
        const SvmMode mode{reinterpret_cast<std::uint64_t>(&host_save_area) + 8};
        print("case", "misaligned");
        print_mode(mode);
    }
    vmrunit::guest_test::print_end();
}
