// SPDX-License-Identifier: GPL-2.0-only
#include "host_runner/judge/record.hpp"

#include <cstring>
#include <fmt/format.h>

namespace vmrunit::runner {

namespace {

/// Takes structures off the front of the payload for as long as there are bytes.
class Taker {
public:
    explicit Taker(std::span<const std::byte> bytes) : rest_(bytes) {}

    template<class T>
    [[nodiscard]] bool take(T& into) {
        if (rest_.size() < sizeof into) {
            return false;
        }
        std::memcpy(&into, rest_.data(), sizeof into);
        rest_ = rest_.subspan(sizeof into);
        return true;
    }
    [[nodiscard]] bool holds(std::uint64_t bytes) const { return rest_.size() >= bytes; }
    [[nodiscard]] bool empty() const { return rest_.empty(); }

private:
    std::span<const std::byte> rest_;
};

constexpr std::uint64_t value_of(const wire::WordChange& change) {
    return std::uint64_t{change.high} << 32 | change.low;
}

/// Takes `count` changes whose place is below `limit` and a multiple of `step`.
bool take_changes(Taker& taker, unsigned count, std::uint32_t limit, std::uint32_t step,
                  std::vector<Change>& into) {
    for (unsigned i = 0; i < count; ++i) {
        wire::WordChange change;
        if (!taker.take(change) || change.where >= limit || change.where % step != 0) {
            return false;
        }
        into.push_back({change.where, value_of(change)});
    }
    return true;
}

bool take_memory(Taker& taker, unsigned count, std::vector<MemoryChange>& into) {
    for (unsigned i = 0; i < count; ++i) {
        wire::WordChange change;
        if (!taker.take(change)) {
            return false;
        }
        const std::uint32_t region = change.where >> 24;
        const std::uint32_t offset = change.where & 0xff'ffff;
        if (region >= region_count || offset % 8 != 0 || offset >= region_places[region].size) {
            return false;
        }
        into.push_back({static_cast<Region>(region), offset, value_of(change)});
    }
    return true;
}

bool take_observation(Taker& taker, Observation& into) {
    wire::ObservationHeader head;
    if (!taker.take(head)) {
        return false;
    }
    const std::uint64_t words =
        std::uint64_t{head.vmcb_words} + head.memory_words + head.register_words + head.l1_words;
    if (!taker.holds(words * sizeof(wire::WordChange) + head.values * sizeof(std::uint64_t))) {
        return false;
    }
    if (head.kind != wire::ObservationKind::exit && head.kind != wire::ObservationKind::call &&
        head.kind != wire::ObservationKind::measurement) {
        return false;
    }
    if (head.fault > 32) {
        return false;
    }
    into.kind = head.kind;
    into.faulted = head.fault != 0;
    into.fault_vector = into.faulted ? static_cast<std::uint8_t>(head.fault - 1) : 0;
    into.fault_error = head.fault_error;
    if (!take_changes(taker, head.vmcb_words, svm::vmcb_size, 8, into.vmcb) ||
        !take_memory(taker, head.memory_words, into.memory) ||
        !take_changes(taker, head.register_words, register_count, 1, into.registers) ||
        !take_changes(taker, head.l1_words, wire::l1_state_count, 1, into.l1)) {
        return false;
    }
    for (unsigned i = 0; i < head.values; ++i) {
        std::uint64_t value = 0;
        if (!taker.take(value)) {
            return false;
        }
        into.values.push_back(value);
    }
    return true;
}

} // namespace

Result<Record> decode_record(std::span<const std::byte> payload) {
    Taker taker{payload};
    wire::RecordHeader head;
    if (!taker.take(head)) {
        return failure("record shorter than its header");
    }
    Record record;
    record.index = head.index;
    if (head.outcome > static_cast<std::uint8_t>(wire::CaseOutcome::present_feature)) {
        return failure(fmt::format("record with unknown outcome {}", head.outcome));
    }
    record.outcome = static_cast<wire::CaseOutcome>(head.outcome);
    record.detail[0] = head.detail[0];
    record.detail[1] = head.detail[1];
    for (unsigned i = 0; i < head.observations; ++i) {
        Observation observation;
        if (!take_observation(taker, observation)) {
            return failure(fmt::format("record whose observation {} does not fit it", i));
        }
        record.observations.push_back(std::move(observation));
    }
    if (!taker.empty()) {
        return failure("record with bytes left over");
    }
    return record;
}

Result<HelloRecord> decode_hello(std::span<const std::byte> payload) {
    Taker taker{payload};
    HelloRecord hello;
    if (!taker.take(hello.head)) {
        return failure("hello shorter than its header");
    }
    if (hello.head.cpuid_count > wire::max_cpuid_leaves) {
        return failure("hello with too many CPUID leaves");
    }
    for (unsigned i = 0; i < hello.head.cpuid_count; ++i) {
        wire::CpuidLeaf leaf;
        if (!taker.take(leaf)) {
            return failure("hello whose CPUID leaves do not fit it");
        }
        hello.cpuid.push_back(leaf);
    }
    if (!taker.empty()) {
        return failure("hello with bytes left over");
    }
    hello.features = svm::Features::from_words(hello.head.features[0], hello.head.features[1]);
    return hello;
}

} // namespace vmrunit::runner
