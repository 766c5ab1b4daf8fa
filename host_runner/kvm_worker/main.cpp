// SPDX-License-Identifier: GPL-2.0-only
// kvm-worker: boots the payload in VMs of this machine's KVM and hands on what it says. One plan,
// or one after the other on request, each in a fresh VM and a fresh process.
#include "host_runner/kvm_worker/worker.hpp"

#include <csignal>
#include <cstdio>

namespace {

constexpr int wrong_usage = 64;
constexpr int harness_error = 99;

} // namespace

int main(int argc, char** argv) {
    using namespace vmrunit;
    const auto options = worker::parse_options({argv + 1, static_cast<std::size_t>(argc - 1)});
    if (!options) {
        std::fprintf(stderr, "kvm-worker: %s\n", options.error().line().c_str());
        return wrong_usage;
    }
    if (options->help) {
        std::fputs(worker::usage().c_str(), stdout);
        return 0;
    }
    std::signal(SIGPIPE, SIG_IGN);
    auto the_worker = worker::Worker::create(*options);
    if (!the_worker) {
        std::fprintf(stderr, "kvm-worker: %s\n", the_worker.error().line().c_str());
        return harness_error;
    }
    return options->serve ? the_worker->serve() : the_worker->run_once();
}
