// SPDX-License-Identifier: GPL-2.0-only
#include "host_runner/cli/interrupt.hpp"

#include <csignal>
#include <initializer_list>

namespace vmrunit::runner {

namespace {

volatile std::sig_atomic_t signalled = 0;

void on_signal(int number) {
    if (signalled != 0) {
        std::signal(number, SIG_DFL);
        std::raise(number);
    }
    signalled = 1;
}

void handle(void (*handler)(int)) {
    struct sigaction action {};
    action.sa_handler = handler;
    sigemptyset(&action.sa_mask);
    for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
        sigaction(number, &action, nullptr);
    }
}

} // namespace

InterruptWatch::InterruptWatch() {
    signalled = 0;
    handle(on_signal);
}

InterruptWatch::~InterruptWatch() {
    handle(SIG_DFL);
}

bool InterruptWatch::interrupted() {
    return signalled != 0;
}

} // namespace vmrunit::runner
