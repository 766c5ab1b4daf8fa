// SPDX-License-Identifier: GPL-2.0-only
// The ring in a machine's memory as the runner sees it: where it may lie, what comes out of it, and
// when it is given up.
#include "host_runner/targets/ring_reader.hpp"

#include "host_runner/files/memory_file.hpp"

#include <array>
#include <gtest/gtest.h>
#include <vector>

namespace vmrunit::runner {
namespace {

using std::chrono::milliseconds;
constexpr std::uint64_t memory_size = 1 << 20;
constexpr std::uint64_t address = 0x40000;
constexpr std::uint32_t data_size = 0x4000;
constexpr std::uint32_t size = data_size + 0x1000;

struct NoDoorbell {
    void ring() {}
    void relax() {}
};

class RingReaderTest : public testing::Test {
protected:
    RingReaderTest() {
        mapping_ = std::move(*SharedMapping::of(memory_->descriptor(), address, size));
        reader_.emplace(
            std::move(*RingReader::of(memory_->descriptor(), memory_size, address, size)));
    }

    wire::RingHeader& header() {
        return *reinterpret_cast<wire::RingHeader*>(mapping_.bytes().data());
    }
    void format() { wire::format_ring(header(), data_size, data_size / 4); }
    void put(std::string_view text) {
        NoDoorbell doorbell;
        wire::RingProducer<NoDoorbell> producer{header(), mapping_.bytes().subspan(0x1000),
                                                doorbell};
        producer.write(std::as_bytes(std::span{text}));
    }
    std::string take(RingReader::Clock::time_point now = {}) {
        std::array<std::byte, 64> bytes{};
        const auto count = reader_->take(bytes, now);
        return {reinterpret_cast<const char*>(bytes.data()), count};
    }

    Result<MemoryFile> memory_ = MemoryFile::create("memory", memory_size);
    SharedMapping mapping_;
    std::optional<RingReader> reader_;
};

TEST_F(RingReaderTest, HandsOutWhatTheGuestPublished) {
    EXPECT_EQ(take(), "");
    EXPECT_FALSE(reader_->formatted());
    format();
    EXPECT_EQ(take(), "");
    EXPECT_TRUE(reader_->formatted());
    put("first");
    put(" second");
    EXPECT_EQ(take(), "first second");
    EXPECT_EQ(take(), "");
    EXPECT_EQ(reader_->complaint(), "");
}

TEST_F(RingReaderTest, IsGivenUpOnlyAfterAWhile) {
    const RingReader::Clock::time_point begin{};
    format();
    header().producer = 5 * data_size;
    EXPECT_EQ(take(begin), "");
    EXPECT_EQ(reader_->complaint(), "ring indices corrupt");
    EXPECT_FALSE(reader_->lost(begin));
    EXPECT_EQ(take(begin + milliseconds{499}), "");
    EXPECT_FALSE(reader_->lost(begin + milliseconds{499}));
    EXPECT_TRUE(reader_->lost(begin + milliseconds{500}));
}

TEST_F(RingReaderTest, ComesBackWhenTheGuestMendsIt) {
    const RingReader::Clock::time_point begin{};
    format();
    header().producer = 5 * data_size;
    EXPECT_EQ(take(begin), "");
    header().producer = 0;
    put("mended");
    EXPECT_EQ(take(begin + milliseconds{400}), "mended");
    EXPECT_FALSE(reader_->lost(begin + milliseconds{1000}));
    EXPECT_EQ(reader_->complaint(), "");
}

TEST_F(RingReaderTest, EveryComplaintHasItsWords) {
    format();
    header().data_size = data_size * 2;
    EXPECT_EQ(take(), "");
    EXPECT_EQ(reader_->complaint(), "ring of another size");
    header().version = 77;
    EXPECT_EQ(take(), "");
    EXPECT_EQ(reader_->complaint(), "ring of another version");
}

TEST_F(RingReaderTest, LiesInMemoryOnAPageAndIsAPowerOfTwo) {
    const auto place = [&](std::uint64_t at, std::uint32_t bytes) {
        const auto reader = RingReader::of(memory_->descriptor(), memory_size, at, bytes);
        return reader ? std::string{} : reader.error().what;
    };
    EXPECT_EQ(place(memory_size - size, size), "");
    EXPECT_EQ(place(memory_size - size + 0x1000, size),
              "the ring lies outside the machine's 1 MiB of memory");
    EXPECT_EQ(place(~std::uint64_t{0xfff}, size),
              "the ring lies outside the machine's 1 MiB of memory");
    const std::string why = " is not one page and a power of two on a page boundary";
    EXPECT_EQ(place(address + 8, size), "a ring of 20480 bytes at 262152" + why);
    EXPECT_EQ(place(address, size + 0x1000), "a ring of 24576 bytes at 262144" + why);
    EXPECT_EQ(place(address, 0x1000), "a ring of 4096 bytes at 262144" + why);
    EXPECT_EQ(place(address, 1), "a ring of 1 bytes at 262144" + why);
}

} // namespace
} // namespace vmrunit::runner
