// SPDX-License-Identifier: GPL-2.0-only
// Names of windows.
#include "host_runner/kvm_worker/window.hpp"

#include "harness/wire/ring.hpp"

#include <charconv>
#include <optional>
#include <string>

namespace vmrunit::worker {

using runner::failure;

namespace {

std::optional<std::uint64_t> read_number(std::string_view text) {
    const bool hexadecimal = text.starts_with("0x");
    text.remove_prefix(hexadecimal ? 2 : 0);
    std::uint64_t number = 0;
    const auto* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, number, hexadecimal ? 16 : 10);
    if (text.empty() || error != std::errc{} || stop != end) {
        return std::nullopt;
    }
    return number;
}

} // namespace

std::optional<Range> read_range(std::string_view text) {
    const auto plus = text.find('+');
    if (plus == std::string_view::npos) {
        return std::nullopt;
    }
    const auto offset = read_number(text.substr(0, plus));
    const auto size = read_number(text.substr(plus + 1));
    return offset && size ? std::optional{Range{*offset, *size}} : std::nullopt;
}

runner::Result<Pages> open_window(std::string_view name) {
    const auto at = name.rfind('@');
    const auto range =
        at == std::string_view::npos ? std::nullopt : read_range(name.substr(at + 1));
    if (!range || range->offset % page_size != 0 || range->size % page_size != 0 ||
        range->size == 0) {
        return failure("'" + std::string{name} + "' is not PATH@OFFSET+SIZE in whole pages");
    }
    return Pages::of_file(std::string{name.substr(0, at)}, range->offset, range->size);
}

runner::Result<Pages> open_ring_window(std::string_view name) {
    auto pages = open_window(name);
    if (pages && (pages->bytes().size() <= sizeof(wire::RingHeader) ||
                  !wire::is_ring_size(pages->bytes().size() - sizeof(wire::RingHeader)))) {
        return failure("'" + std::string{name} + "': a ring is one page and a power of two");
    }
    return pages;
}

} // namespace vmrunit::worker
