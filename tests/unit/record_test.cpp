// SPDX-License-Identifier: GPL-2.0-only
// Records and hellos from a guest that nobody vouches for: the good ones, and every count and index
// that does not fit.
#include "host_runner/judge/record.hpp"
#include "tests/unit/payload_sample.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <random>

namespace vmrunit::runner {
namespace {

using samples::append_to;
using samples::FileBytes;
using testing::HasSubstr;
using wire::ObservationKind;
using wire::WordChange;

wire::RecordHeader record_header(std::uint32_t index, std::uint8_t observations) {
    wire::RecordHeader head{};
    head.index = index;
    head.observations = observations;
    return head;
}

/// An observation of two VMCB words, one of memory, one register, one of L1, two values.
wire::ObservationHeader full_header() {
    wire::ObservationHeader head{};
    head.kind = ObservationKind::exit;
    head.vmcb_words = 2;
    head.memory_words = head.register_words = head.l1_words = 1;
    head.values = 2;
    return head;
}

struct FullRecord {
    wire::RecordHeader head = record_header(7, 1);
    wire::ObservationHeader observation = full_header();
    WordChange vmcb[2] = {{0x70, 0x72, 0}, {0xff8, 1, 2}};
    WordChange memory{5u << 24 | 0x10, 3, 4};
    WordChange general{3, 5, 6};
    WordChange l1{4, 7, 8};
    std::uint64_t values[2] = {9, 10};

    [[nodiscard]] FileBytes bytes() const {
        FileBytes payload;
        append_to(payload, head);
        append_to(payload, observation);
        append_to(payload, vmcb);
        append_to(payload, memory);
        append_to(payload, general);
        append_to(payload, l1);
        append_to(payload, values);
        return payload;
    }
};

std::string record_refusal(const FileBytes& payload) {
    const auto record = decode_record(payload);
    return record ? std::string{"accepted"} : record.error().what;
}

TEST(Record, IsDecoded) {
    const auto record = decode_record(FullRecord{}.bytes());
    ASSERT_TRUE(record) << record.error().line();
    EXPECT_EQ(record->index, 7u);
    EXPECT_EQ(record->outcome, wire::CaseOutcome::ran);
    ASSERT_EQ(record->observations.size(), 1u);
    const Observation& seen = record->observations.front();
    EXPECT_EQ(seen.kind, ObservationKind::exit);
    EXPECT_FALSE(seen.faulted);
    ASSERT_EQ(seen.vmcb.size(), 2u);
    EXPECT_EQ(seen.vmcb[1].where, 0xff8u);
    EXPECT_EQ(seen.vmcb[1].value, 0x2'0000'0001u);
    ASSERT_EQ(seen.memory.size(), 1u);
    EXPECT_EQ(seen.memory[0].region, Region::l2_memory);
    EXPECT_EQ(seen.memory[0].offset, 0x10u);
    EXPECT_EQ(seen.memory[0].value, 0x4'0000'0003u);
    ASSERT_EQ(seen.registers.size(), 1u);
    EXPECT_EQ(seen.registers[0].where, 3u);
    ASSERT_EQ(seen.l1.size(), 1u);
    EXPECT_EQ(seen.l1[0].value, 0x8'0000'0007u);
    EXPECT_EQ(seen.values, (std::vector<std::uint64_t>{9, 10}));
}

TEST(Record, FaultsCarryVectorAndErrorCode) {
    FullRecord sample;
    sample.observation.fault = 1;
    sample.observation.fault_error = 0x18;
    auto record = decode_record(sample.bytes());
    ASSERT_TRUE(record);
    EXPECT_TRUE(record->observations[0].faulted);
    EXPECT_EQ(record->observations[0].fault_vector, 0) << "#DE: the wire counts from one";
    EXPECT_EQ(record->observations[0].fault_error, 0x18u);
    sample.observation.fault = 32;
    record = decode_record(sample.bytes());
    ASSERT_TRUE(record);
    EXPECT_EQ(record->observations[0].fault_vector, 31);
    sample.observation.fault = 33;
    EXPECT_THAT(record_refusal(sample.bytes()), HasSubstr("observation 0"));
}

TEST(Record, OfASkipCarriesItsReason) {
    wire::RecordHeader head = record_header(3, 0);
    head.outcome = static_cast<std::uint8_t>(wire::CaseOutcome::missing_feature);
    head.detail[0] = 5;
    head.detail[1] = 6;
    FileBytes payload;
    append_to(payload, head);
    const auto record = decode_record(payload);
    ASSERT_TRUE(record);
    EXPECT_EQ(record->outcome, wire::CaseOutcome::missing_feature);
    EXPECT_EQ(record->detail[0], 5u);
    EXPECT_EQ(record->detail[1], 6u);
    head.outcome = 6;
    payload.clear();
    append_to(payload, head);
    EXPECT_EQ(record_refusal(payload), "record with unknown outcome 6");
}

TEST(Record, EveryCutIsNoticed) {
    const FileBytes whole = FullRecord{}.bytes();
    for (std::size_t size = 0; size < whole.size(); ++size) {
        EXPECT_NE(
            record_refusal({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)}),
            "accepted")
            << size << " bytes";
    }
    FileBytes longer = whole;
    longer.push_back(std::byte{0});
    EXPECT_EQ(record_refusal(longer), "record with bytes left over");
}

TEST(Record, PlacesAreChecked) {
    const auto refused_with = [](auto&& change) {
        FullRecord sample;
        change(sample);
        return record_refusal(sample.bytes());
    };
    const std::string why = "record whose observation 0 does not fit it";
    EXPECT_EQ(refused_with([](auto& one) { one.vmcb[0].where = 0x1000; }), why);
    EXPECT_EQ(refused_with([](auto& one) { one.vmcb[0].where = 0x74; }), why);
    EXPECT_EQ(refused_with([](auto& one) { one.vmcb[1].where = ~0u; }), why);
    EXPECT_EQ(refused_with([](auto& one) { one.memory.where = std::uint32_t{region_count} << 24; }),
              why);
    EXPECT_EQ(refused_with([](auto& one) { one.memory.where = 5u << 24 | 0x1000; }), why);
    EXPECT_EQ(refused_with([](auto& one) { one.memory.where = 5u << 24 | 4; }), why);
    EXPECT_EQ(refused_with([](auto& one) { one.general.where = 16; }), why);
    EXPECT_EQ(refused_with([](auto& one) { one.l1.where = wire::l1_state_count; }), why);
    EXPECT_EQ(refused_with([](auto& one) { one.observation.kind = ObservationKind{0}; }), why);
    EXPECT_EQ(refused_with([](auto& one) { one.observation.kind = ObservationKind{4}; }), why);
}

TEST(Record, CountsDoNotOverflow) {
    for (const auto member :
         {&wire::ObservationHeader::vmcb_words, &wire::ObservationHeader::memory_words,
          &wire::ObservationHeader::register_words, &wire::ObservationHeader::l1_words,
          &wire::ObservationHeader::values}) {
        FullRecord sample;
        sample.observation.*member = 0xffff;
        EXPECT_THAT(record_refusal(sample.bytes()), HasSubstr("observation 0"));
    }
    FullRecord sample;
    sample.head.observations = 255;
    EXPECT_THAT(record_refusal(sample.bytes()), HasSubstr("observation 1 does not fit"));
    sample.head.observations = 0;
    EXPECT_EQ(record_refusal(sample.bytes()), "record with bytes left over");
}

TEST(Record, SurvivesAnyBytes) {
    std::mt19937 random{1};
    const FileBytes good = FullRecord{}.bytes();
    const auto any_of = [&random](std::size_t count) {
        return std::uniform_int_distribution<std::size_t>{0, count - 1}(random);
    };
    std::size_t accepted = 0;
    for (int round = 0; round < 2000; ++round) {
        FileBytes damaged = good;
        for (int change = 0; change < 3; ++change) {
            damaged[any_of(damaged.size())] = static_cast<std::byte>(any_of(256));
        }
        if (const auto record = decode_record(damaged)) {
            ++accepted;
            for (const Observation& one : record->observations) {
                for (const MemoryChange& change : one.memory) {
                    EXPECT_LT(change.offset, place_of(change.region).size);
                }
            }
        }
    }
    EXPECT_GT(accepted, 0u);
    EXPECT_LT(accepted, 2000u);
}

FileBytes hello_bytes(const wire::Hello& head, unsigned leaves) {
    FileBytes payload;
    append_to(payload, head);
    for (unsigned i = 0; i < leaves; ++i) {
        append_to(payload, wire::CpuidLeaf{i, 0, 1, 2, 3, 4});
    }
    return payload;
}

TEST(Hello, IsDecoded) {
    wire::Hello head{};
    head.l1_bits = 64;
    head.door = 1;
    head.cpuid_count = 2;
    const svm::Features features{svm::Feature::np, svm::Feature::nrips};
    head.features[0] = features.words()[0];
    head.features[1] = features.words()[1];
    const auto hello = decode_hello(hello_bytes(head, 2));
    ASSERT_TRUE(hello) << hello.error().line();
    EXPECT_EQ(hello->head.door, 1);
    ASSERT_EQ(hello->cpuid.size(), 2u);
    EXPECT_EQ(hello->cpuid[1].leaf, 1u);
    EXPECT_TRUE(hello->features.contains_all(features));
    EXPECT_FALSE(hello->features.test(svm::Feature::vgif));
}

TEST(Hello, CountsAreChecked) {
    const auto refused = [](std::uint32_t count, unsigned leaves) {
        wire::Hello head{};
        head.cpuid_count = count;
        const auto hello = decode_hello(hello_bytes(head, leaves));
        return hello ? std::string{"accepted"} : hello.error().what;
    };
    EXPECT_EQ(refused(32, 32), "accepted");
    EXPECT_EQ(refused(33, 33), "hello with too many CPUID leaves");
    EXPECT_EQ(refused(~0u, 1), "hello with too many CPUID leaves");
    EXPECT_EQ(refused(2, 1), "hello whose CPUID leaves do not fit it");
    EXPECT_EQ(refused(1, 2), "hello with bytes left over");
    EXPECT_FALSE(decode_hello(FileBytes(sizeof(wire::Hello) - 1)));
}

} // namespace
} // namespace vmrunit::runner
