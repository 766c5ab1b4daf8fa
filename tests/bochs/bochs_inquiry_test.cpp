// SPDX-License-Identifier: GPL-2.0-only
// What Bochs answers about itself.
#include "host_runner/targets/bochs_inquiry.hpp"

#include <gtest/gtest.h>

namespace vmrunit::runner {
namespace {

constexpr const char* answer = "000i[      ] LTDL_LIBRARY_PATH not set.\n"
                               "Supported CPU models:\n"
                               "\n"
                               "bx_generic\n"
                               "zambezi\n"
                               "ryzen\n"
                               "\n"
                               "000i[SIM   ] quit_sim called with exit code 0\n"
                               "========\n"
                               "                        Bochs x86 Emulator 2.7\n"
                               "              Built from SVN snapshot on August  1, 2021\n";

TEST(BochsInquiry, ReadsVersionAndModels) {
    const auto offer = parse_bochs_offer(answer);
    ASSERT_TRUE(offer) << offer.error().line();
    EXPECT_EQ(offer->version, "2.7");
    EXPECT_EQ(offer->cpu_models, (std::vector<std::string>{"bx_generic", "zambezi", "ryzen"}));
}

TEST(BochsInquiry, SomebodyElseIsNotBelieved) {
    for (const char* const words : {"", "QEMU emulator version 7.2", "Bochs x86 Emulator 2.7\n",
                                    "Supported CPU models:\n\nryzen\n"}) {
        const auto offer = parse_bochs_offer(words);
        ASSERT_FALSE(offer) << words;
        EXPECT_TRUE(offer.error().what.starts_with("that is no Bochs: it answers '"))
            << offer.error().what;
    }
    const auto missing = ask_bochs_offer({{"/nowhere/bochs-bin"}, {}});
    ASSERT_FALSE(missing);
    EXPECT_NE(missing.error().what.find("/nowhere/bochs-bin"), std::string::npos);
    const auto other = ask_bochs_offer({{"true"}, {}});
    ASSERT_FALSE(other);
    EXPECT_EQ(other.error().what, "true: exit status 0, that is no Bochs: it answers ''");
}

TEST(BochsInquiry, AnUnknownModelIsAnsweredByThoseThereAre) {
    const auto offer = parse_bochs_offer(answer);
    ASSERT_TRUE(offer);
    EXPECT_TRUE(check_bochs_cpu("ryzen", *offer));
    const auto near = check_bochs_cpu("rizen", *offer);
    ASSERT_FALSE(near);
    EXPECT_EQ(near.error().line(), "unknown CPU model 'rizen': did you mean ryzen? Bochs 2.7 has "
                                   "bx_generic zambezi ryzen");
    const auto far = check_bochs_cpu("EPYC-Milan", *offer);
    ASSERT_FALSE(far);
    EXPECT_EQ(far.error().line(),
              "unknown CPU model 'EPYC-Milan': Bochs 2.7 has bx_generic zambezi ryzen");
}

} // namespace
} // namespace vmrunit::runner
