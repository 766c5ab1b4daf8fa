// SPDX-License-Identifier: GPL-2.0-only
// Following a VM's record stream.
#include "host_runner/kvm_worker/guest_stream.hpp"

#include "harness/wire/record.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <variant>

namespace vmrunit::worker {

namespace {

constexpr std::size_t most_port_text = 300;

wire::RingHeader* header_of(std::span<std::byte> ring) {
    return ring.empty() ? nullptr : reinterpret_cast<wire::RingHeader*>(ring.data());
}

/// A hello that says that there will be no cases.
bool refuses(std::span<const std::byte> hello) {
    wire::Hello head{};
    if (hello.size() < sizeof head) {
        return false;
    }
    std::memcpy(&head, hello.data(), sizeof head);
    return head.plan_error != static_cast<std::uint32_t>(wire::PlanError::none);
}

} // namespace

GuestStream::GuestStream(std::span<std::byte> ring, bool read_by_others, VmState& state)
    : ring_{ring},
      header_{header_of(ring)},
      read_by_others_{read_by_others},
      port_{state.port_line, state.port_line_data},
      last_progress_{Clock::now()} {
    if (header_ != nullptr) {
        consumer_.emplace(*header_, ring_.subspan(sizeof(wire::RingHeader)));
    }
}

std::size_t GuestStream::take(std::span<std::byte> into, Clock::time_point now) {
    if (consumer_) {
        std::size_t count = 0;
        if (read_by_others_) {
            for (std::size_t seen = 0; (seen = look_into_ring(into)) != 0;) {
                follow(into.first(seen), now);
            }
        } else {
            const auto read = consumer_->read(into);
            status_ = read.status;
            count = read.count;
            follow(into.first(count), now);
        }
        note(now);
        if (status_ != wire::RingStatus::not_formatted) {
            if (doorbell_each_frame_ && header_->doorbell_threshold != 1) {
                wire::detail::store_release(header_->doorbell_threshold, 1);
            }
            drop_port_bytes();
            return count;
        }
    }
    // A payload that cannot use its ring says so by the port.
    const auto count = take_from_port(into);
    follow(into.first(count), now);
    return count;
}

/// The reader outside may be ahead of us, and the guest then writes over what we have not seen.
std::size_t GuestStream::look_into_ring(std::span<std::byte> scratch) {
    const auto data = ring_.subspan(sizeof(wire::RingHeader));
    if (wire::detail::load_acquire(header_->magic) != wire::ring_magic) {
        status_ = wire::RingStatus::not_formatted;
        return 0;
    }
    if (wire::detail::load_acquire(header_->data_size) != data.size()) {
        status_ = wire::RingStatus::wrong_size;
        return 0;
    }
    status_ = wire::RingStatus::ok;
    const auto producer = wire::detail::load_acquire(header_->producer);
    if (producer - looked_ > data.size()) {
        count_ += producer - looked_ - data.size();
        looked_ = producer - static_cast<std::uint32_t>(data.size());
    }
    const auto count = std::min<std::size_t>(producer - looked_, scratch.size());
    for (std::size_t i = 0; i < count; ++i) {
        scratch[i] = data[(looked_ + i) & (data.size() - 1)];
    }
    looked_ += static_cast<std::uint32_t>(count);
    return count;
}

std::size_t GuestStream::take_from_port(std::span<std::byte> into) {
    return port_.read(into).count;
}

void GuestStream::drop_port_bytes() {
    std::array<std::byte, 4096> buffer{};
    for (std::size_t count = 0; (count = take_from_port(buffer)) != 0;) {
        for (const auto byte : std::span{buffer}.first(count)) {
            if (byte != std::byte{0} && port_text_.size() < most_port_text) {
                port_text_ += static_cast<char>(byte);
            }
        }
        if (count < buffer.size()) {
            break;
        }
    }
}

void GuestStream::follow(std::span<const std::byte> bytes, Clock::time_point now) {
    if (bytes.empty()) {
        return;
    }
    count_ += bytes.size();
    parser_.consume(bytes, [&](const wire::Event& event) {
        const auto* const frame = std::get_if<wire::Frame>(&event);
        if (frame == nullptr) {
            return;
        }
        last_progress_ = now;
        if (frame->type == wire::FrameType::hello) {
            said_hello_ = true;
            refused_ = refuses(frame->payload);
            complete_ = complete_ || refused_;
        }
        complete_ = complete_ || frame->type == wire::FrameType::end;
    });
}

void GuestStream::note(Clock::time_point now) {
    if (status_ == wire::RingStatus::ok || status_ == wire::RingStatus::not_formatted) {
        wrong_since_.reset();
    } else if (!wrong_since_) {
        wrong_since_ = now;
    }
}

bool GuestStream::lost(Clock::time_point now) const {
    return wrong_since_ && now - *wrong_since_ >= patience;
}

std::string GuestStream::complaint() const {
    const bool fine = status_ == wire::RingStatus::ok || status_ == wire::RingStatus::not_formatted;
    return fine ? std::string{} : wire::describe(status_);
}

} // namespace vmrunit::worker
