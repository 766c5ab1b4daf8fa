// SPDX-License-Identifier: GPL-2.0-only
// Reads the ring in a machine's memory.
#include "host_runner/targets/ring_reader.hpp"

namespace vmrunit::runner {

RingReader::RingReader(SharedMapping mapping)
    : mapping_{std::move(mapping)},
      consumer_{*reinterpret_cast<wire::RingHeader*>(mapping_.bytes().data()),
                mapping_.bytes().subspan(sizeof(wire::RingHeader))} {}

Result<RingReader> RingReader::of(int memory, std::uint64_t memory_size, std::uint64_t address,
                                  std::uint32_t size) {
    constexpr std::uint64_t page = sizeof(wire::RingHeader);
    if (address % page != 0 || size <= page || !wire::is_ring_size(size - page)) {
        return failure("a ring of " + std::to_string(size) + " bytes at " +
                       std::to_string(address) +
                       " is not one page and a power of two on a page boundary");
    }
    if (address > memory_size || size > memory_size - address) {
        return failure("the ring lies outside the machine's " + std::to_string(memory_size >> 20) +
                       " MiB of memory");
    }
    auto mapping = SharedMapping::of(memory, address, size);
    if (!mapping) {
        return tl::unexpected(mapping.error());
    }
    return RingReader{std::move(*mapping)};
}

std::size_t RingReader::take(std::span<std::byte> into, Clock::time_point now) {
    const auto read = consumer_.read(into);
    status_ = read.status;
    if (status_ == wire::RingStatus::ok || status_ == wire::RingStatus::not_formatted) {
        wrong_since_.reset();
    } else if (!wrong_since_) {
        wrong_since_ = now;
    }
    return read.count;
}

std::string RingReader::complaint() const {
    switch (status_) {
    case wire::RingStatus::ok:
    case wire::RingStatus::not_formatted:
        return {};
    case wire::RingStatus::wrong_version:
        return "ring of another version";
    case wire::RingStatus::wrong_size:
        return "ring of another size";
    case wire::RingStatus::wrong_producer:
        return "ring indices corrupt";
    }
    return "ring corrupt";
}

} // namespace vmrunit::runner
