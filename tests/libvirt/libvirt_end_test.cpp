// SPDX-License-Identifier: GPL-2.0-only
// How a domain ended, from libvirt's events.
#include "host_runner/libvirt/libvirt_end.hpp"

#include <gtest/gtest.h>
#include <libvirt/libvirt.h>

namespace vmrunit::runner {
namespace {

using How = MachineEnd::How;

MachineEnd after(int event, int detail) {
    return conclude({.reset = false, .last = {{event, detail}}});
}

TEST(LibvirtEnd, NamesWhatTheEventsSay) {
    EXPECT_EQ(conclude({.reset = true}).how, How::triple_fault);
    EXPECT_EQ(after(VIR_DOMAIN_EVENT_STOPPED, VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN).how,
              How::triple_fault);
    EXPECT_EQ(after(VIR_DOMAIN_EVENT_SHUTDOWN, VIR_DOMAIN_EVENT_SHUTDOWN_GUEST).how,
              How::triple_fault);
    EXPECT_EQ(after(VIR_DOMAIN_EVENT_STOPPED, VIR_DOMAIN_EVENT_STOPPED_FAILED).how,
              How::emulator_died);
    EXPECT_EQ(after(VIR_DOMAIN_EVENT_STOPPED, VIR_DOMAIN_EVENT_STOPPED_CRASHED).how,
              How::internal_error);
    EXPECT_EQ(after(VIR_DOMAIN_EVENT_STOPPED, VIR_DOMAIN_EVENT_STOPPED_DESTROYED).how, How::lost);
    EXPECT_EQ(after(VIR_DOMAIN_EVENT_SUSPENDED, VIR_DOMAIN_EVENT_SUSPENDED_IOERROR).how,
              How::internal_error);
    EXPECT_EQ(after(VIR_DOMAIN_EVENT_CRASHED, VIR_DOMAIN_EVENT_CRASHED_PANICKED).how,
              How::internal_error);
    EXPECT_EQ(conclude({.stopped_by_runner = true}).how, How::finished);
    EXPECT_EQ(conclude({.connection_lost = true}).how, How::lost);
    EXPECT_EQ(conclude({}).how, How::emulator_died);
}

TEST(LibvirtEnd, AResetWinsOverTheEndThatFollowsIt) {
    const auto end = conclude(
        {.reset = true, .last = {{VIR_DOMAIN_EVENT_STOPPED, VIR_DOMAIN_EVENT_STOPPED_DESTROYED}}});
    EXPECT_EQ(end.how, How::triple_fault);
    EXPECT_EQ(end.text, "triple fault or reset by the guest");
}

TEST(LibvirtEnd, ADomainThatEndedBeforeTheRunnerEndedItIsNotTheRunnersDoing) {
    const auto end =
        conclude({.last = {{VIR_DOMAIN_EVENT_STOPPED, VIR_DOMAIN_EVENT_STOPPED_FAILED}},
                  .stopped_by_runner = true});
    EXPECT_EQ(end.how, How::emulator_died);
}

} // namespace
} // namespace vmrunit::runner
