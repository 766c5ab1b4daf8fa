// SPDX-License-Identifier: GPL-2.0-only
#include "guest_payloads/l1/plan_reader.hpp"

#include "harness/wire/crc32.hpp"

#include <cstring>

namespace vmrunit::guest {

using wire::PlanError;

PlanReader::PlanReader(std::span<const std::byte> module, std::span<const std::uint8_t> build_id)
    : error_(check(module, build_id)) {}

PlanError PlanReader::check(std::span<const std::byte> module,
                            std::span<const std::uint8_t> build_id) {
    if (module.empty()) {
        return PlanError::no_module;
    }
    if (module.size() < sizeof(wire::PlanHeader)) {
        return PlanError::bad_size;
    }
    std::memcpy(&header_, module.data(), sizeof header_);
    if (header_.magic != wire::plan_magic) {
        return PlanError::bad_magic;
    }
    if (header_.version != wire::plan_version) {
        return PlanError::bad_version;
    }
    // Loaders round a module up, so more may be there than the plan says, never less.
    if (header_.header_size != sizeof header_ || header_.total_size < sizeof header_ ||
        header_.total_size > module.size()) {
        return PlanError::bad_size;
    }
    rest_ = module.first(header_.total_size).subspan(sizeof header_);
    if (wire::crc32(rest_) != header_.crc) {
        return PlanError::bad_crc;
    }
    if (build_id.size() != wire::build_id_size ||
        std::memcmp(build_id.data(), header_.build_id, wire::build_id_size) != 0) {
        return PlanError::other_payload;
    }
    return PlanError::none;
}

bool PlanReader::next(Case& into) {
    if (error_ != PlanError::none || rest_.size() < sizeof(wire::PlanCase)) {
        return false;
    }
    std::memcpy(&into.head, rest_.data(), sizeof into.head);
    const std::size_t ops_size = into.head.op_count * sizeof(wire::Op);
    if (into.head.op_count > wire::max_ops_per_case || rest_.size() - sizeof into.head < ops_size) {
        return false;
    }
    into.ops = {reinterpret_cast<const wire::Op*>(rest_.data() + sizeof into.head),
                into.head.op_count};
    rest_ = rest_.subspan(sizeof into.head + ops_size);
    return true;
}

} // namespace vmrunit::guest
