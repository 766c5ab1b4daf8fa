// SPDX-License-Identifier: GPL-2.0-only
// Requests as bytes.
#include "host_runner/kvm_worker/worker_request.hpp"

#include "harness/wire/crc32.hpp"
#include "harness/wire/plan.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace vmrunit::worker {

namespace {

std::uint32_t crc_of(const RequestHeader& header) {
    constexpr std::size_t covered_from = offsetof(RequestHeader, kind);
    return wire::crc32(std::as_bytes(std::span{&header, 1}).subspan(covered_from));
}

bool is_good(const RequestHeader& header) {
    return header.magic == request_magic && header.header_crc == crc_of(header) &&
           header.kind >= RequestKind::run && header.kind <= RequestKind::leave &&
           header.size <= most_request_bytes;
}

} // namespace

std::vector<std::byte> encode_request(RequestHeader header, std::span<const std::byte> plan) {
    header.size = static_cast<std::uint32_t>(plan.size());
    header.crc = wire::crc32(plan);
    header.header_crc = crc_of(header);
    std::vector<std::byte> bytes(sizeof header + plan.size());
    std::memcpy(bytes.data(), &header, sizeof header);
    std::ranges::copy(plan, bytes.begin() + sizeof header);
    return bytes;
}

void RequestReader::feed(std::span<const std::byte> bytes) {
    buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
}

std::optional<Request> RequestReader::next() {
    std::size_t at = 0;
    std::optional<Request> found;
    while (!found && buffer_.size() - at >= sizeof(RequestHeader)) {
        RequestHeader header;
        std::memcpy(&header, buffer_.data() + at, sizeof header);
        if (!is_good(header)) {
            ++at;
            ++garbage_;
            continue;
        }
        if (buffer_.size() - at - sizeof header < header.size) {
            break;
        }
        const auto plan = std::span{buffer_}.subspan(at + sizeof header, header.size);
        if (wire::crc32(plan) != header.crc) {
            ++at;
            ++garbage_;
            continue;
        }
        found = Request{header, {plan.begin(), plan.end()}};
        at += sizeof header + header.size;
    }
    buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(at));
    return found;
}

std::size_t RequestReader::take_garbage_count() {
    return std::exchange(garbage_, 0);
}

namespace {

/// A plan taken apart: its header, and what each case takes up.
struct PlanCases {
    wire::PlanHeader header{};
    std::vector<std::span<const std::byte>> cases;
};

std::optional<PlanCases> cases_of(std::span<const std::byte> plan) {
    PlanCases found;
    auto& header = found.header;
    if (plan.size() < sizeof header) {
        return std::nullopt;
    }
    std::memcpy(&header, plan.data(), sizeof header);
    if (header.magic != wire::plan_magic || header.header_size != sizeof header ||
        header.total_size < sizeof header || header.total_size > plan.size()) {
        return std::nullopt;
    }
    auto rest = plan.first(header.total_size).subspan(sizeof header);
    for (std::uint32_t i = 0; i < header.case_count; ++i) {
        wire::PlanCase head{};
        if (rest.size() < sizeof head) {
            return std::nullopt;
        }
        std::memcpy(&head, rest.data(), sizeof head);
        const std::size_t size = sizeof head + head.op_count * sizeof(wire::Op);
        if (rest.size() < size) {
            return std::nullopt;
        }
        found.cases.push_back(rest.first(size));
        rest = rest.subspan(size);
    }
    return found;
}

} // namespace

std::optional<std::vector<std::byte>> plan_part(std::span<const std::byte> plan,
                                                std::uint32_t first, std::uint32_t count) {
    auto whole = cases_of(plan);
    if (!whole) {
        return std::nullopt;
    }
    auto& header = whole->header;
    std::vector<std::byte> part(sizeof header);
    const auto begin = std::min<std::size_t>(first, whole->cases.size());
    const auto taken = std::min<std::size_t>(count, whole->cases.size() - begin);
    for (const auto one : std::span{whole->cases}.subspan(begin, taken)) {
        part.insert(part.end(), one.begin(), one.end());
    }
    header.case_count = static_cast<std::uint32_t>(taken);
    header.total_size = static_cast<std::uint32_t>(part.size());
    header.crc = wire::crc32(std::span<const std::byte>{part}.subspan(sizeof header));
    std::memcpy(part.data(), &header, sizeof header);
    return part;
}

std::optional<PlanRange> find_plan_part(std::span<const std::byte> plan,
                                        std::span<const std::byte> part) {
    const auto whole = cases_of(plan);
    const auto wanted = cases_of(part);
    if (!whole || !wanted || wanted->cases.empty()) {
        return std::nullopt;
    }
    // A case has a number of its own, so the first that matches is the only one.
    const auto found =
        std::ranges::find_if(whole->cases, [&](const std::span<const std::byte> one) {
            return std::ranges::equal(one, wanted->cases.front());
        });
    const PlanRange range{static_cast<std::uint32_t>(found - whole->cases.begin()),
                          static_cast<std::uint32_t>(wanted->cases.size())};
    const auto same = plan_part(plan, range.first, range.count);
    return same && std::ranges::equal(*same, part) ? std::optional{range} : std::nullopt;
}

} // namespace vmrunit::worker
