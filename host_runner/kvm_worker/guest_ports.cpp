// SPDX-License-Identifier: GPL-2.0-only
// The debug port. KVM exits once for each byte, so nothing here may cost more than it must: the
// supervisor is woken by a zero only, which is what ends a frame and what a doorbell is.
#include "host_runner/kvm_worker/guest_ports.hpp"

#include <cerrno>
#include <cstring>
#include <ctime>
#include <linux/kvm.h>
#include <unistd.h>

namespace vmrunit::worker {

namespace {

constexpr std::uint64_t debug_port = 0xe9;
constexpr std::byte debug_port_is_here{0xe9};
constexpr std::byte doorbell{0};

} // namespace

void GuestPorts::serve(const kvm_shim_exit& exit) {
    const bool is_debug_port = exit.reason == KVM_EXIT_IO && exit.address == debug_port;
    const std::span data{reinterpret_cast<std::byte*>(exit.data),
                         std::size_t{exit.size} * exit.count};
    if (exit.is_write == 0) {
        std::memset(data.data(), 0, data.size());
        if (is_debug_port && exit.size == 1) {
            std::memset(data.data(), static_cast<int>(debug_port_is_here), data.size());
        }
    } else if (is_debug_port && exit.size == 1) {
        write_debug_port(data);
    }
}

void GuestPorts::write_debug_port(std::span<const std::byte> bytes) {
    const std::scoped_lock lock{line_};
    bool heard = false;
    for (const auto byte : bytes) {
        while (!put(byte)) { // the supervisor is slow, or its output is
            if (state_.command != VmCommand::run) {
                return;
            }
            ring();
            constexpr timespec a_moment{0, 200'000};
            ::nanosleep(&a_moment, nullptr);
        }
        heard = heard || byte == doorbell;
    }
    if (heard) {
        ring();
        std::uint64_t count = 0;
        while (state_.wait_for_answer != 0 && state_.command == VmCommand::run &&
               ::read(signals_.answer, &count, sizeof count) < 0 && errno == EINTR) {
        }
    }
}

bool GuestPorts::put(std::byte byte) {
    auto& line = state_.port_line;
    const auto producer = line.producer;
    if (producer - wire::detail::load_acquire(line.consumer) >= VmState::port_line_size) {
        return false;
    }
    state_.port_line_data[producer % VmState::port_line_size] = byte;
    wire::detail::store_index(line.producer, producer + 1);
    return true;
}

void GuestPorts::ring() {
    constexpr std::uint64_t once = 1;
    static_cast<void>(!::write(signals_.doorbell, &once, sizeof once));
}

} // namespace vmrunit::worker
