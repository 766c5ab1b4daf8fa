// SPDX-License-Identifier: GPL-2.0-only
// Writing to and reading from windows.
#include "host_runner/lab/window_line.hpp"

#include <algorithm>

namespace vmrunit::runner {

namespace {

wire::RingHeader& header_of(const SharedMapping& mapping) {
    return *reinterpret_cast<wire::RingHeader*>(mapping.bytes().data());
}

} // namespace

WindowWriter::WindowWriter(SharedMapping mapping)
    : mapping_{std::move(mapping)},
      header_{&header_of(mapping_)},
      data_{mapping_.bytes().subspan(sizeof(wire::RingHeader))} {
    wire::format_ring(*header_, data_.size(), 0);
    producer_.emplace(*header_, data_, *doorbell_);
}

std::size_t WindowWriter::write(std::span<const std::byte> bytes) {
    const std::size_t used = header_->producer - wire::detail::load_acquire(header_->consumer);
    const std::size_t room = used <= data_.size() ? data_.size() - used : 0;
    const auto count = std::min(room, bytes.size());
    producer_->write(bytes.first(count));
    return count;
}

WindowReader::WindowReader(SharedMapping mapping)
    : mapping_{std::move(mapping)},
      consumer_{header_of(mapping_), mapping_.bytes().subspan(sizeof(wire::RingHeader))} {}

} // namespace vmrunit::runner
