// SPDX-License-Identifier: GPL-2.0-only
// A worker of no use to a lab machine: it ends with status 3, at once if it is to give its VM one
// CPU, else when it has said that it is ready and has started whatever it is asked for.
#include "host_runner/kvm_worker/channel.hpp"
#include "host_runner/kvm_worker/worker_request.hpp"
#include "host_runner/kvm_worker/worker_status.hpp"

#include <array>
#include <cstdio>
#include <span>
#include <string>
#include <string_view>
#include <vector>

int main(int argc, char** argv) {
    using namespace vmrunit::worker;
    std::string status_name, requests_name, cpus;
    for (int i = 1; i + 1 < argc; ++i) {
        if (std::string_view{argv[i]} == "--status") {
            status_name = argv[i + 1];
        }
        if (std::string_view{argv[i]} == "--requests") {
            requests_name = argv[i + 1];
        }
        if (std::string_view{argv[i]} == "--cpus") {
            cpus = argv[i + 1];
        }
    }
    if (cpus == "1") {
        std::puts("I was not made for this");
        return 3;
    }
    auto status = open_output(status_name);
    auto requests = open_input(requests_name);
    if (!status || !requests) {
        return 4;
    }
    const auto say = [&](const StatusMessage& message) {
        const auto line = format_status(message);
        static_cast<void>((*status)->write(std::as_bytes(std::span{line})));
    };
    say({.kind = StatusKind::ready, .detail = "nothing good"});
    RequestReader reader;
    std::array<std::byte, 4096> bytes{};
    for (;;) {
        reader.feed(std::span{bytes}.first((*requests)->read(bytes)));
        if (const auto request = reader.next()) {
            say({.kind = StatusKind::started, .request = request->header.number});
            return 3;
        }
    }
}
