// SPDX-License-Identifier: GPL-2.0-only
// The worker's channels that need no machine: descriptors, files, windows; and its command line.
#include "host_runner/kvm_worker/channel.hpp"
#include "host_runner/kvm_worker/window.hpp"
#include "host_runner/kvm_worker/worker_options.hpp"

#include "harness/wire/ring.hpp"
#include "host_runner/files/memory_file.hpp"

#include <array>
#include <csignal>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace vmrunit::worker {
namespace {

using runner::MemoryFile;

std::span<const std::byte> bytes_of(std::string_view text) {
    return std::as_bytes(std::span{text});
}

std::string text_of(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string descriptor_name(int number) {
    return "fd:" + std::to_string(number);
}

struct Pipe {
    Pipe() { EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0); }
    Pipe(const Pipe&) = delete;
    Pipe& operator=(const Pipe&) = delete;
    ~Pipe() {
        close_end(0);
        close_end(1);
    }
    void close_end(std::size_t end) {
        if (ends[end] >= 0) {
            ::close(ends[end]);
            ends[end] = -1;
        }
    }
    std::array<int, 2> ends{-1, -1};
};

TEST(Channel, ADescriptorNeverBlocks) {
    std::signal(SIGPIPE, SIG_IGN);
    Pipe pipe;
    const auto output = open_output(descriptor_name(pipe.ends[1]));
    ASSERT_TRUE(output);
    const std::vector<std::byte> much(1 << 20);
    const auto taken = (*output)->write(much);
    EXPECT_GT(taken, 0u);
    EXPECT_LT(taken, much.size());
    EXPECT_EQ((*output)->write(much), 0u);
    EXPECT_FALSE((*output)->closed());
    pipe.close_end(0);
    EXPECT_EQ((*output)->write(much), 0u);
    EXPECT_TRUE((*output)->closed());
}

TEST(Channel, AnInputGivesWhatIsThereAndThenItsEnd) {
    Pipe pipe;
    const auto input = open_input(descriptor_name(pipe.ends[0]));
    ASSERT_TRUE(input);
    std::array<std::byte, 100> buffer{};
    EXPECT_EQ((*input)->read(buffer), 0u);
    EXPECT_FALSE((*input)->ended());
    ASSERT_EQ(::write(pipe.ends[1], "abc", 3), 3);
    ASSERT_EQ((*input)->read(buffer), 3u);
    EXPECT_EQ(text_of(std::span{buffer}.first(3)), "abc");
    pipe.close_end(1);
    EXPECT_EQ((*input)->read(buffer), 0u);
    EXPECT_TRUE((*input)->ended());
    EXPECT_EQ((*input)->descriptor(), -1);
}

constexpr std::size_t data_size = 0x1000;
constexpr std::size_t ring_size = sizeof(wire::RingHeader) + data_size;

/// A file of which the second page on is a ring.
class WindowTest : public testing::Test {
protected:
    WindowTest() {
        EXPECT_TRUE(file_);
        auto pages = open_window(name());
        EXPECT_TRUE(pages);
        pages_ = std::move(*pages);
    }
    [[nodiscard]] std::string name() const {
        return "/proc/self/fd/" + std::to_string(file_->descriptor()) + "@0x1000+" +
               std::to_string(ring_size);
    }
    wire::RingHeader& header() {
        return *reinterpret_cast<wire::RingHeader*>(pages_.bytes().data());
    }
    std::span<std::byte> data() { return pages_.bytes().subspan(sizeof(wire::RingHeader)); }

    runner::Result<MemoryFile> file_ = MemoryFile::create("window", 0x1000 + ring_size);
    Pages pages_;
};

TEST_F(WindowTest, RecordsGoThroughARingThatTheWorkerFormats) {
    const auto output = open_output("window:" + name());
    ASSERT_TRUE(output) << output.error().line();
    wire::RingConsumer consumer{header(), data()};
    std::string text;
    for (int i = 0; i < 5000; ++i) {
        text += std::to_string(i) + ' ';
    }
    std::span<const std::byte> rest = bytes_of(text);
    std::string received;
    std::array<std::byte, 700> buffer{};
    while (received.size() < text.size()) {
        rest = rest.subspan((*output)->write(rest.first(std::min<std::size_t>(rest.size(), 999))));
        const auto count = consumer.read(buffer).count;
        ASSERT_NE(count, 0u);
        received += text_of(std::span{buffer}.first(count));
    }
    EXPECT_EQ(received, text);
    EXPECT_TRUE(rest.empty());
}

TEST_F(WindowTest, AFullRingTakesNoMore) {
    const auto output = open_output("window:" + name());
    ASSERT_TRUE(output);
    const std::string text(data_size + 10, 'x');
    EXPECT_EQ((*output)->write(bytes_of(text)), data_size);
    EXPECT_EQ((*output)->write(bytes_of(text)), 0u);
    wire::RingConsumer consumer{header(), data()};
    std::array<std::byte, 100> buffer{};
    EXPECT_EQ(consumer.read(buffer).count, buffer.size());
    EXPECT_EQ((*output)->write(bytes_of(text)), buffer.size());
    header().consumer += 0x12345; // makes no sense
    EXPECT_EQ((*output)->write(bytes_of(text)), 0u);
}

TEST_F(WindowTest, RequestsComeThroughARingThatTheOtherSideFormats) {
    const auto input = open_input("window:" + name());
    ASSERT_TRUE(input);
    std::array<std::byte, 100> buffer{};
    EXPECT_EQ((*input)->read(buffer), 0u); // not formatted yet
    wire::format_ring(header(), data_size, 0);
    wire::NoDoorbell silence;
    wire::RingProducer producer{header(), data(), silence};
    producer.write(bytes_of("a request"));
    ASSERT_EQ((*input)->read(buffer), 9u);
    EXPECT_EQ(text_of(std::span{buffer}.first(9)), "a request");
    EXPECT_EQ((*input)->read(buffer), 0u);
    EXPECT_FALSE((*input)->ended());
}

TEST(Channel, WhatIsNoChannelIsSaid) {
    const auto why_no_output = [](std::string_view name) {
        const auto output = open_output(name);
        return output ? std::string{"it is one"} : output.error().what;
    };
    EXPECT_EQ(why_no_output(""), "no way out: ''");
    EXPECT_EQ(why_no_output("fd:"), "no way out: 'fd:'");
    EXPECT_EQ(why_no_output("fd:-1"), "no way out: 'fd:-1'");
    EXPECT_EQ(why_no_output("fd:1x"), "no way out: 'fd:1x'");
    EXPECT_EQ(why_no_output("port:0x80"), "no way out: 'port:0x80'");
    EXPECT_EQ(why_no_output("file:/proc/nonexistent/x"),
              "/proc/nonexistent/x: No such file or directory");
    EXPECT_EQ(why_no_output("window:/dev/null"),
              "'/dev/null' is not PATH@OFFSET+SIZE in whole pages");
    EXPECT_EQ(why_no_output("window:/x@0x1000"),
              "'/x@0x1000' is not PATH@OFFSET+SIZE in whole pages");
    EXPECT_EQ(why_no_output("window:/x@1+0x2000"),
              "'/x@1+0x2000' is not PATH@OFFSET+SIZE in whole pages");
    EXPECT_EQ(why_no_output("window:/proc/nonexistent/x@0+0x2000"),
              "/proc/nonexistent/x: No such file or directory");
    EXPECT_EQ(open_input("port:0xe9").error().what, "no way in: 'port:0xe9'");
}

TEST_F(WindowTest, ARingIsAPageAndAPowerOfTwo) {
    const auto file = "/proc/self/fd/" + std::to_string(file_->descriptor());
    EXPECT_TRUE(open_ring_window(file + "@0+0x2000"));
    EXPECT_FALSE(open_ring_window(file + "@0+0x1000"));
    EXPECT_FALSE(open_ring_window(file + "@0+0x4000"));
}

runner::Result<WorkerOptions> parse(std::vector<std::string> arguments) {
    std::vector<char*> pointers;
    pointers.reserve(arguments.size());
    for (auto& argument : arguments) {
        pointers.push_back(argument.data());
    }
    return parse_options(pointers);
}

TEST(WorkerOptions, AllOfThem) {
    const auto options = parse({"--image",
                                "p",
                                "--plan=q",
                                "--serve",
                                "--requests",
                                "fd:5",
                                "--output",
                                "port:0xe9",
                                "--status",
                                "fd:6",
                                "--memory",
                                "128",
                                "--cpus",
                                "1",
                                "--hide-feature",
                                "np",
                                "--hide-feature=nrips",
                                "--case-limit",
                                "1500",
                                "--boot-limit",
                                "0",
                                "--ring",
                                "0x1000000+0x11000",
                                "--ring-window",
                                "w@0+0x11000"});
    ASSERT_TRUE(options) << options.error().line();
    EXPECT_EQ(options->image, "p");
    EXPECT_EQ(options->plan, "q");
    EXPECT_TRUE(options->serve);
    EXPECT_EQ(options->requests, "fd:5");
    EXPECT_EQ(options->output, "port:0xe9");
    EXPECT_EQ(options->status, "fd:6");
    EXPECT_EQ(options->memory_mebibytes, 128u);
    EXPECT_EQ(options->vm.cpus, 1u);
    EXPECT_EQ(options->vm.hidden, (std::vector{svm::Feature::np, svm::Feature::nrips}));
    EXPECT_EQ(options->limits.record, std::chrono::milliseconds{1500});
    EXPECT_EQ(options->limits.boot, std::chrono::milliseconds{0});
    ASSERT_TRUE(options->ring);
    EXPECT_EQ(options->ring->address, 0x1000000u);
    EXPECT_EQ(options->ring->size, 0x11000u);
    EXPECT_EQ(options->ring_window, "w@0+0x11000");
}

TEST(WorkerOptions, MistakesAreNamed) {
    const auto what = [](std::vector<std::string> arguments) {
        const auto options = parse(std::move(arguments));
        return options ? std::string{"no mistake"} : options.error().what;
    };
    EXPECT_EQ(what({}), "no --image");
    EXPECT_EQ(what({"--image"}), "--image takes a value");
    EXPECT_EQ(what({"--image", "p", "--size", "3"}), "unknown option '--size'");
    EXPECT_EQ(what({"--image", "p", "--cpus", "9"}), "--cpus takes a number from 1 to 8, not '9'");
    EXPECT_EQ(what({"--image", "p", "--memory", "64M"}),
              "--memory takes a number from 4 to 2048, not '64M'");
    EXPECT_EQ(what({"--image", "p", "--hide-feature", "warp"}), "unknown CPU feature 'warp'");
    EXPECT_EQ(what({"--image", "p", "--ring", "5"}), "--ring takes ADDRESS+SIZE, not '5'");
}

} // namespace
} // namespace vmrunit::worker
