// SPDX-License-Identifier: GPL-2.0-only
// The parts of EXITINFO against the list of exit codes: each field that is defined has parts, none
// that is not, and parts do not overlap.
#include "cases/coverage/exit_information.hpp"

#include "harness/svm/bits.hpp"

#include <gtest/gtest.h>

namespace vmrunit::cases {
namespace {

TEST(ExitInformation, PartsAreOfDefinedFieldsAndDoNotOverlap) {
    for (const svm::ExitCodeInfo& info : svm::exit_code_table) {
        for (const unsigned field : {1u, 2u}) {
            std::uint64_t named = 0;
            for (const ExitInformationPart& part : exit_information_parts()) {
                if (part.field != field || info.code < part.first || info.code > part.last) {
                    continue;
                }
                const std::uint64_t mask = svm::low_bits(part.count) << part.low;
                EXPECT_EQ(named & mask, 0u)
                    << info.name << " EXITINFO" << field << " " << part.name;
                named |= mask;
            }
            if (defines_exit_information(info, field)) {
                EXPECT_NE(named, 0u) << info.name << " EXITINFO" << field << " has no parts";
            }
        }
    }
}

TEST(ExitInformation, UndefinedFieldsAreNotJudged) {
    EXPECT_TRUE(defines_exit_information(*svm::exit_code_info(svm::ExitCode::npf), 2));
    EXPECT_TRUE(defines_exit_information(*svm::exit_code_info(svm::ExitCode::buslock), 1));
    EXPECT_FALSE(defines_exit_information(*svm::exit_code_info(svm::ExitCode::cpuid), 1));
    EXPECT_FALSE(defines_exit_information(*svm::exit_code_info(svm::ExitCode::exception_ts), 1));
}

} // namespace
} // namespace vmrunit::cases
