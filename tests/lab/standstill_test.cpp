// SPDX-License-Identifier: GPL-2.0-only
// When a boot counts as standing still: by the emulator's CPU time, never by a host's slowness.
#include "host_runner/lab/standstill.hpp"

#include "host_runner/process/process.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

namespace vmrunit::runner {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

class StandstillTest : public testing::Test {
protected:
    /// `seconds` of looks, ten a second, in each of which the emulator gets `share` percent of a
    /// CPU.
    std::optional<std::string> passes(int seconds, int share, bool sleeps, bool speaks = false) {
        for (int look = 0; look < seconds * 10; ++look) {
            now_ += 100ms;
            cpu_time_ += milliseconds{share};
            if (auto still = watch_.look(now_, {cpu_time_, sleeps}, speaks)) {
                return still;
            }
        }
        return std::nullopt;
    }

    StandstillWatch watch_{10s};
    StandstillWatch::Clock::time_point now_{};
    milliseconds cpu_time_{0};
};

TEST_F(StandstillTest, OneThatSpinsWithoutAWordIsNoticed) {
    EXPECT_EQ(passes(9, 100, false), std::nullopt);
    EXPECT_EQ(passes(2, 100, false), "it stands still: 10.0 s of CPU time and not a word");
}

TEST_F(StandstillTest, AHostThatHardlyLetsItRunIsNoStandstill) {
    EXPECT_EQ(passes(300, 2, false), std::nullopt); // six seconds of CPU time in five minutes
    EXPECT_TRUE(passes(300, 2, false));
}

TEST_F(StandstillTest, WordsStartAnew) {
    for (int i = 0; i < 5; ++i) {
        EXPECT_EQ(passes(9, 100, false), std::nullopt);
        EXPECT_EQ(passes(1, 10, false, true), std::nullopt);
    }
    EXPECT_GE(watch_.longest_silence(), 9s);
    EXPECT_LT(watch_.longest_silence(), 10s);
}

TEST_F(StandstillTest, OneThatHaltsIsNoticed) {
    EXPECT_EQ(passes(1, 100, false), std::nullopt);
    EXPECT_EQ(passes(19, 1, true), std::nullopt);
    EXPECT_EQ(passes(2, 1, true), "it stands still: halted for 20 s");
}

TEST_F(StandstillTest, OneThatSleepsBetweenWorkHasNotHalted) {
    EXPECT_EQ(passes(60, 10, true), std::nullopt);
}

TEST_F(StandstillTest, TimersThatWakeAHaltedOneAreNoWork) {
    for (int i = 0; i < 6; ++i) {
        EXPECT_EQ(passes(2, 0, true), std::nullopt);
        EXPECT_EQ(passes(1, 0, false), std::nullopt); // it waits for its turn on a busy host
    }
    EXPECT_TRUE(passes(3, 0, true));
}

TEST_F(StandstillTest, OneThatWantsTheCpuMostOfTheTimeHasNotHalted) {
    for (int i = 0; i < 20; ++i) {
        EXPECT_EQ(passes(1, 0, true), std::nullopt);
        EXPECT_EQ(passes(3, 0, false), std::nullopt);
    }
}

TEST(ProcessUseTest, TellsSpinningFromSleeping) {
    auto spins = Process::start({{"/bin/sh", "-c", "while :; do :; done"}});
    auto sleeps = Process::start({{"/bin/sleep", "60"}});
    ASSERT_TRUE(spins && sleeps);
    const auto deadline = StandstillWatch::Clock::now() + 30s;
    std::optional<ProcessUse> spinner;
    std::optional<ProcessUse> sleeper;
    do {
        ::usleep(10'000);
        spinner = use_of_process(spins->id());
        sleeper = use_of_process(sleeps->id());
        ASSERT_TRUE(spinner && sleeper);
    } while ((spinner->cpu_time < 200ms || !sleeper->sleeps) &&
             StandstillWatch::Clock::now() < deadline);
    EXPECT_GE(spinner->cpu_time, 200ms);
    EXPECT_FALSE(spinner->sleeps);
    EXPECT_TRUE(sleeper->sleeps);
    EXPECT_LT(sleeper->cpu_time, 200ms);
}

TEST(ProcessUseTest, KnowsNothingOfAProcessThatIsNone) {
    EXPECT_FALSE(use_of_process(0));
    EXPECT_FALSE(use_of_process(-1));
    auto gone = Process::start({{"/bin/true"}});
    ASSERT_TRUE(gone);
    const auto id = gone->id();
    gone->kill();
    EXPECT_FALSE(use_of_process(id));
}

} // namespace
} // namespace vmrunit::runner
