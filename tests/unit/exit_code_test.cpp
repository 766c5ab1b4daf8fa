// SPDX-License-Identifier: GPL-2.0-only
// Exit codes and what is stored with them, against facts written here a second time.
#include "harness/svm/exit_code.hpp"
#include "harness/svm/exit_info.hpp"

#include <gtest/gtest.h>

#include <iterator>
#include <set>
#include <string_view>

namespace vmrunit::svm {
namespace {

TEST(ExitCode, HasTheArchitecturalNumbers) {
    const auto number = [](ExitCode code) { return static_cast<std::uint64_t>(code); };
    // clang-format off
    EXPECT_EQ(number(ExitCode::cr0_read),            0x000u);
    EXPECT_EQ(number(ExitCode::cr8_write),           0x018u);
    EXPECT_EQ(number(ExitCode::dr7_write),           0x037u);
    EXPECT_EQ(number(ExitCode::exception_ud),        0x046u);
    EXPECT_EQ(number(ExitCode::exception_pf),        0x04eu);
    EXPECT_EQ(number(ExitCode::intr),                0x060u);
    EXPECT_EQ(number(ExitCode::vintr),               0x064u);
    EXPECT_EQ(number(ExitCode::cpuid),               0x072u);
    EXPECT_EQ(number(ExitCode::hlt),                 0x078u);
    EXPECT_EQ(number(ExitCode::ioio_prot),           0x07bu);
    EXPECT_EQ(number(ExitCode::msr_prot),            0x07cu);
    EXPECT_EQ(number(ExitCode::shutdown),            0x07fu);
    EXPECT_EQ(number(ExitCode::vmrun),               0x080u);
    EXPECT_EQ(number(ExitCode::vmmcall),             0x081u);
    EXPECT_EQ(number(ExitCode::xsetbv),              0x08du);
    EXPECT_EQ(number(ExitCode::efer_write_trap),     0x08fu);
    EXPECT_EQ(number(ExitCode::invlpgb),             0x0a0u);
    EXPECT_EQ(number(ExitCode::idle_hlt),            0x0a6u);
    EXPECT_EQ(number(ExitCode::npf),                 0x400u);
    EXPECT_EQ(number(ExitCode::avic_noaccel),        0x402u);
    EXPECT_EQ(number(ExitCode::vmgexit),             0x403u);
    EXPECT_EQ(number(ExitCode::invalid),             ~std::uint64_t{0});
    EXPECT_EQ(number(ExitCode::busy),                ~std::uint64_t{0} - 1);
    // clang-format on
}

TEST(ExitCode, NamesAreUniqueInBothSpellings) {
    std::set<std::string_view> names;
    for (const ExitCodeInfo& info : exit_code_table) {
        EXPECT_TRUE(names.insert(info.name).second) << info.name;
        EXPECT_TRUE(names.insert(info.manual_name).second) << info.manual_name;
        EXPECT_EQ(exit_code_by_name(info.name), &info);
        EXPECT_EQ(exit_code_by_name(info.manual_name), &info);
        EXPECT_EQ(exit_code_info(info.code), &info);
        EXPECT_EQ(info.manual.substr(0, 5), "APM2 ") << info.name;
    }
    EXPECT_EQ(std::size(exit_code_table), 179u);
}

TEST(ExitCode, IsNamed) {
    EXPECT_EQ(exit_code_name(ExitCode::cpuid), "cpuid");
    EXPECT_EQ(exit_code_manual_name(ExitCode::cpuid), "VMEXIT_CPUID");
    EXPECT_EQ(exit_code_manual_name(ExitCode::int_n), "VMEXIT_INTn");
    EXPECT_EQ(exit_code_name(ExitCode::invalid), "invalid");
}

TEST(ExitCode, UnknownNumbersAreSaidToBeUnknown) {
    // FFFFFFFFh is what a subject stores that keeps only 32 bits of the field.
    for (const std::uint64_t number : {0x0a7ull, 0x3ffull, 0x405ull, 0xffffffffull}) {
        const auto code = static_cast<ExitCode>(number);
        EXPECT_EQ(exit_code_info(code), nullptr) << number;
        EXPECT_EQ(exit_code_name(code), "unknown") << number;
        EXPECT_EQ(exit_code_manual_name(code), "unknown exit code") << number;
    }
    EXPECT_EQ(exit_code_by_name("cpuidd"), nullptr);
}

TEST(ExitCode, ExceptionsFollowTheirVector) {
    EXPECT_EQ(exception_exit_code(0), ExitCode::exception_de);
    EXPECT_EQ(exception_exit_code(6), ExitCode::exception_ud);
    EXPECT_EQ(exception_exit_code(30), ExitCode::exception_sx);
}

TEST(ExitCode, SaysWhatIsStoredWithIt) {
    const auto of = [](ExitCode code) -> const ExitCodeInfo& { return *exit_code_info(code); };
    EXPECT_EQ(of(ExitCode::cpuid).info_1, ExitInfo::undefined);
    EXPECT_EQ(of(ExitCode::cpuid).timing, ExitTiming::fault);
    EXPECT_TRUE(of(ExitCode::cpuid).next_rip_saved);
    EXPECT_EQ(of(ExitCode::cr0_write).info_1, ExitInfo::with_assists);
    EXPECT_EQ(of(ExitCode::exception_pf).info_1, ExitInfo::defined);
    EXPECT_EQ(of(ExitCode::exception_pf).info_2, ExitInfo::defined);
    EXPECT_FALSE(of(ExitCode::exception_pf).next_rip_saved);
    EXPECT_EQ(of(ExitCode::exception_ts).info_1, ExitInfo::unsettled);
    EXPECT_TRUE(of(ExitCode::exception_bp).next_rip_saved);
    EXPECT_EQ(of(ExitCode::exception_bp).timing, ExitTiming::software_trap);
    EXPECT_EQ(of(ExitCode::ioio_prot).info_2, ExitInfo::defined);
    EXPECT_EQ(of(ExitCode::invlpga).info_1, ExitInfo::undefined);
    EXPECT_EQ(of(ExitCode::buslock).info_1, ExitInfo::zero);
    EXPECT_EQ(of(ExitCode::cr3_write_trap).timing, ExitTiming::trap);
    EXPECT_EQ(of(ExitCode::shutdown).timing, ExitTiming::abort);
    EXPECT_EQ(of(ExitCode::intr).timing, ExitTiming::event);
    EXPECT_EQ(of(ExitCode::invalid).timing, ExitTiming::entry);
    EXPECT_EQ(of(ExitCode::npf).gate, gate::enabled(Enable::nested_paging, Feature::np));
}

TEST(ExitInfo, LayoutsMatchWorkedExamples) {
    // Read of a page that the nested table lacks, and a guest table page that may not be written.
    EXPECT_EQ(
        NestedPageFault{}.with(NestedPageFault::final_address).with(NestedPageFault::user).value,
        0x100000004u);
    EXPECT_EQ(NestedPageFault{}
                  .with(NestedPageFault::table_walk)
                  .with(NestedPageFault::present)
                  .with(NestedPageFault::write)
                  .with(NestedPageFault::user)
                  .value,
              0x200000007u);
    // IN AL, 80h in 64-bit mode.
    EXPECT_EQ(IoAccess{}
                  .with(IoAccess::in)
                  .with(IoAccess::size_8)
                  .with(IoAccess::address_64)
                  .with(IoAccess::port, 0x80)
                  .value,
              0x00800211u);
    // MOV CR0, RBX.
    EXPECT_EQ(ControlRegisterAccess{}
                  .with(ControlRegisterAccess::is_mov)
                  .with(ControlRegisterAccess::general_register, 3)
                  .value,
              0x8000000000000003u);
}

} // namespace
} // namespace vmrunit::svm
