// SPDX-License-Identifier: GPL-2.0-only
// Status lines survive the way there, and what is none is none.
#include "host_runner/kvm_worker/worker_status.hpp"

#include <gtest/gtest.h>

namespace vmrunit::worker {
namespace {

std::string without_end(std::string line) {
    EXPECT_TRUE(line.ends_with('\n'));
    line.pop_back();
    EXPECT_EQ(line.find('\n'), std::string::npos);
    return line;
}

TEST(WorkerStatus, EveryKindIsReadBackAsItWasWritten) {
    const StatusMessage messages[] = {
        {.kind = StatusKind::ready, .detail = "Linux 6.1.0"},
        {.kind = StatusKind::started, .request = 7},
        {.kind = StatusKind::refused, .request = 4'000'000'000, .detail = "no plan: a=b c=d"},
        {.kind = StatusKind::ended,
         .request = 8,
         .how = HowEnded::internal_error,
         .stream = 0xffff'ffff'ffff'ffff,
         .detail = "suberror 1, data 0x1 0x2"},
        {.kind = StatusKind::ended, .request = 9, .how = HowEnded::finished},
    };
    for (const auto& message : messages) {
        const auto line = without_end(format_status(message));
        EXPECT_EQ(parse_status(line), std::optional{message}) << line;
    }
}

TEST(WorkerStatus, EveryWayToEndHasAWordOfItsOwn) {
    for (auto how = HowEnded::finished;; how = static_cast<HowEnded>(static_cast<int>(how) + 1)) {
        const auto line = format_status({.kind = StatusKind::ended, .how = how});
        const auto message = parse_status(line);
        ASSERT_TRUE(message) << line;
        EXPECT_EQ(message->how, how) << line;
        if (how == HowEnded::process_died) {
            break;
        }
    }
}

TEST(WorkerStatus, WhatTheGuestPutIntoADetailStaysInOnePrintableLine) {
    const auto line = without_end(
        format_status({.kind = StatusKind::refused,
                       .detail = "a\nvmrunit-worker ended request=1 how=finished\t\x1b[0m\xff"}));
    EXPECT_EQ(line, "vmrunit-worker refused request=0 detail=a.vmrunit-worker ended request=1 "
                    "how=finished..[0m.");
}

TEST(WorkerStatus, AConsoleMayPutThingsAround) {
    const auto message = parse_status("[    3.141592] vmrunit-worker started request=5\r\n");
    ASSERT_TRUE(message);
    EXPECT_EQ(message->request, 5u);
}

TEST(WorkerStatus, OtherLinesAreNotTheWorkers) {
    for (const char* const line : {
             "",
             "kvm: something",
             "vmrunit-worker ",
             "vmrunit-worker dances request=1",
             "vmrunit-worker started",
             "vmrunit-worker started request=",
             "vmrunit-worker started request=x",
             "vmrunit-worker started request=99999999999",
             "vmrunit-worker started request=1 how=finished",
             "vmrunit-worker started request=1 request",
             "vmrunit-worker ended request=1",
             "vmrunit-worker ended request=1 how=somehow stream=0",
             "vmrunit-worker ended request=1 how=finished stream=-1",
             "vmrunit-worker ended how=finished stream=1",
             "vmrunit-worker ready protocol=2",
             "vmrunit-worker ready request=1",
         }) {
        EXPECT_EQ(parse_status(line), std::nullopt) << line;
    }
}

} // namespace
} // namespace vmrunit::worker
