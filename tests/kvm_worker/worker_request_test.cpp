// SPDX-License-Identifier: GPL-2.0-only
// Requests are found in any bytes, and parts of a plan are plans.
#include "host_runner/kvm_worker/worker_request.hpp"

#include "harness/wire/crc32.hpp"
#include "harness/wire/plan.hpp"

#include <cstring>
#include <gtest/gtest.h>

namespace vmrunit::worker {
namespace {

std::vector<std::byte> some_plan(std::size_t size) {
    std::vector<std::byte> plan(size);
    for (std::size_t i = 0; i < size; ++i) {
        plan[i] = static_cast<std::byte>(i * 7);
    }
    return plan;
}

void append(std::vector<std::byte>& to, const std::vector<std::byte>& bytes) {
    to.insert(to.end(), bytes.begin(), bytes.end());
}

TEST(WorkerRequest, ArrivesInWhateverPieces) {
    const auto plan = some_plan(1000);
    std::vector<std::byte> bytes;
    append(bytes, encode_request({.kind = RequestKind::run, .number = 1}, plan));
    append(bytes,
           encode_request({.kind = RequestKind::run_part, .number = 2, .first = 3, .count = 4}));
    append(bytes, encode_request({.kind = RequestKind::leave, .number = 3}));
    for (const std::size_t piece : {std::size_t{1}, std::size_t{31}, bytes.size()}) {
        RequestReader reader;
        std::vector<Request> found;
        for (std::size_t at = 0; at < bytes.size(); at += piece) {
            reader.feed(std::span{bytes}.subspan(at, std::min(piece, bytes.size() - at)));
            while (auto request = reader.next()) {
                found.push_back(std::move(*request));
            }
        }
        ASSERT_EQ(found.size(), 3u) << piece;
        EXPECT_EQ(found[0].header.number, 1u);
        EXPECT_EQ(found[0].plan, plan);
        EXPECT_EQ(found[1].header.kind, RequestKind::run_part);
        EXPECT_EQ(found[1].header.first, 3u);
        EXPECT_EQ(found[1].header.count, 4u);
        EXPECT_TRUE(found[1].plan.empty());
        EXPECT_EQ(found[2].header.kind, RequestKind::leave);
        EXPECT_EQ(reader.take_garbage_count(), 0u);
    }
}

TEST(WorkerRequest, AnyWrongBitCostsThatRequestOnly) {
    const auto plan = some_plan(40);
    const auto good = encode_request({.kind = RequestKind::run, .number = 5}, plan);
    for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
        auto bytes = good;
        bytes[bit / 8] ^= std::byte{1} << (bit % 8);
        append(bytes, encode_request({.kind = RequestKind::stop, .number = 6}));
        RequestReader reader;
        reader.feed(bytes);
        const auto request = reader.next();
        ASSERT_TRUE(request) << bit;
        EXPECT_EQ(request->header.number, 6u) << bit;
        EXPECT_EQ(reader.take_garbage_count(), good.size()) << bit;
        EXPECT_FALSE(reader.next());
    }
}

TEST(WorkerRequest, AHugeSizeIsNotWaitedFor) {
    auto request = encode_request({.kind = RequestKind::run, .number = 1});
    RequestHeader header;
    std::memcpy(&header, request.data(), sizeof header);
    header.size = most_request_bytes + 1;
    header.header_crc = wire::crc32(std::as_bytes(std::span{&header, 1}).subspan(8));
    std::memcpy(request.data(), &header, sizeof header);
    append(request, encode_request({.kind = RequestKind::stop, .number = 2}));
    RequestReader reader;
    reader.feed(request);
    const auto found = reader.next();
    ASSERT_TRUE(found);
    EXPECT_EQ(found->header.number, 2u);
}

/// A plan of cases 10, 11, ... with 0, 1, ... operations.
std::vector<std::byte> plan_of(std::uint32_t cases) {
    wire::PlanHeader header{};
    header.magic = wire::plan_magic;
    header.version = wire::plan_version;
    header.header_size = sizeof header;
    header.case_count = cases;
    header.ring_address = 0x1234000;
    std::vector<std::byte> plan(sizeof header);
    for (std::uint32_t i = 0; i < cases; ++i) {
        wire::PlanCase head{};
        head.index = 10 + i;
        head.op_count = static_cast<std::uint16_t>(i);
        const auto bytes = std::as_bytes(std::span{&head, 1});
        plan.insert(plan.end(), bytes.begin(), bytes.end());
        plan.insert(plan.end(), i * sizeof(wire::Op), static_cast<std::byte>(i));
    }
    header.total_size = static_cast<std::uint32_t>(plan.size());
    header.crc = wire::crc32(std::span<const std::byte>{plan}.subspan(sizeof header));
    std::memcpy(plan.data(), &header, sizeof header);
    return plan;
}

std::vector<std::uint32_t> cases_of(std::span<const std::byte> plan) {
    wire::PlanHeader header{};
    std::memcpy(&header, plan.data(), sizeof header);
    EXPECT_EQ(header.total_size, plan.size());
    EXPECT_EQ(header.crc, wire::crc32(plan.subspan(sizeof header)));
    EXPECT_EQ(header.ring_address, 0x1234000u);
    std::vector<std::uint32_t> indices;
    std::size_t at = sizeof header;
    while (at < plan.size()) {
        wire::PlanCase head{};
        std::memcpy(&head, plan.data() + at, sizeof head);
        indices.push_back(head.index);
        at += sizeof head + head.op_count * sizeof(wire::Op);
    }
    EXPECT_EQ(at, plan.size());
    EXPECT_EQ(header.case_count, indices.size());
    return indices;
}

TEST(PlanPart, KeepsWhatWasAskedFor) {
    const auto plan = plan_of(5);
    using Indices = std::vector<std::uint32_t>;
    const std::uint32_t all = ~std::uint32_t{0};
    EXPECT_EQ(cases_of(*plan_part(plan, 0, all)), (Indices{10, 11, 12, 13, 14}));
    EXPECT_EQ(*plan_part(plan, 0, all), plan);
    EXPECT_EQ(cases_of(*plan_part(plan, 2, 2)), (Indices{12, 13}));
    EXPECT_EQ(cases_of(*plan_part(plan, 4, 1)), (Indices{14}));
    EXPECT_EQ(cases_of(*plan_part(plan, 3, all)), (Indices{13, 14}));
    EXPECT_EQ(cases_of(*plan_part(plan, 5, 1)), Indices{});
    EXPECT_EQ(cases_of(*plan_part(plan, all, all)), Indices{});
}

TEST(PlanPart, OfADamagedPlanThereIsNone) {
    EXPECT_FALSE(plan_part({}, 0, 1));
    const auto plan = plan_of(5);
    for (std::size_t size = 0; size < plan.size(); ++size) {
        EXPECT_FALSE(plan_part(std::span{plan}.first(size), 0, 1)) << size;
    }
    auto more_cases_than_there_are = plan;
    more_cases_than_there_are[offsetof(wire::PlanHeader, case_count)] = std::byte{6};
    EXPECT_FALSE(plan_part(more_cases_than_there_are, 0, 1));
}

TEST(PlanPart, IsFoundAgain) {
    const auto plan = plan_of(5);
    const auto found = [&plan](std::uint32_t first, std::uint32_t count) {
        return find_plan_part(plan, *plan_part(plan, first, count));
    };
    EXPECT_EQ(found(0, 5), (PlanRange{0, 5}));
    EXPECT_EQ(found(1, 3), (PlanRange{1, 3}));
    EXPECT_EQ(found(4, 1), (PlanRange{4, 1}));
    EXPECT_FALSE(found(2, 0)) << "nothing to look for";
}

TEST(PlanPart, IsNotFoundInWhatDiffers) {
    const auto plan = plan_of(5);
    auto part = *plan_part(plan, 1, 3);
    part.back() ^= std::byte{1};
    EXPECT_FALSE(find_plan_part(plan, part));
    part = *plan_part(plan, 1, 3);
    part[offsetof(wire::PlanHeader, ring_address)] ^= std::byte{1};
    EXPECT_FALSE(find_plan_part(plan, part)) << "another ring";
    EXPECT_FALSE(find_plan_part(*plan_part(plan, 0, 3), *plan_part(plan, 2, 2)))
        << "goes on behind the end";
    EXPECT_FALSE(find_plan_part({}, plan));
    EXPECT_FALSE(find_plan_part(plan, std::span{plan}.first(70)));
}

} // namespace
} // namespace vmrunit::worker
