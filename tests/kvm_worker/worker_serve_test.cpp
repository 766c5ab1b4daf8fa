// SPDX-License-Identifier: GPL-2.0-only
// A worker that serves: one VM after the other on request, its channels as a lab machine has them.
#include "host_runner/kvm_worker/worker_request.hpp"
#include "host_runner/kvm_worker/worker_status.hpp"

#include "harness/wire/ring.hpp"
#include "host_runner/files/memory_file.hpp"
#include "host_runner/files/shared_mapping.hpp"
#include "host_runner/process/process.hpp"
#include "tests/kvm_worker/worker_under_test.hpp"
#include "tests/unit/process_watch.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <optional>
#include <poll.h>
#include <unistd.h>

namespace vmrunit::worker {
namespace {

using namespace runner;
using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr milliseconds ample{30'000};

class WorkerServeTest : public testing::Test {
protected:
    void SetUp() override {
        if (const auto reason = why_no_vm(); needs_vm_ && !reason.empty()) {
            GTEST_SKIP() << reason;
        }
        std::signal(SIGPIPE, SIG_IGN);
    }
    void TearDown() override {
        worker_.reset();
        EXPECT_TRUE(no_children_left());
    }

    /// Starts the worker with pipes for what `arguments` do not name. `before` runs it, if given.
    void start(const std::vector<std::string>& arguments, const std::vector<int>& inherited = {},
               const std::vector<std::string>& before = {}) {
        auto records = open_pipe_to_read();
        auto status = open_pipe_to_read();
        std::array<int, 2> requests{};
        ASSERT_TRUE(records && status);
        ASSERT_EQ(::pipe2(requests.data(), O_CLOEXEC), 0);
        requests_ = FileDescriptor{requests[1]};
        const FileDescriptor requests_out{requests[0]};
        Command command;
        command.arguments = before;
        command.arguments.push_back(files_under_test().worker);
        command.arguments.insert(command.arguments.end(), arguments.begin(), arguments.end());
        command.input = requests_out.number();
        command.output = records->theirs.number();
        command.errors = status->theirs.number();
        command.descriptors = inherited; // from 3 on
        auto process = Process::start(command);
        ASSERT_TRUE(process) << process.error().line();
        worker_.emplace(std::move(*process));
        records_ = std::move(records->ours);
        status_ = std::move(status->ours);
    }

    void request(RequestHeader header, const std::vector<std::byte>& plan = {}) {
        const auto bytes = encode_request(header, plan);
        ASSERT_EQ(::write(requests_.number(), bytes.data(), bytes.size()),
                  static_cast<ssize_t>(bytes.size()));
    }

    /// The next status line, or nothing when there will be none.
    std::optional<StatusMessage> next_status() {
        for (;;) {
            if (const auto end = status_text_.find('\n'); end != std::string::npos) {
                const auto line = status_text_.substr(0, end);
                status_text_.erase(0, end + 1);
                auto message = parse_status(line);
                EXPECT_TRUE(message) << line;
                return message;
            }
            if (!append_from(status_, status_text_)) {
                return std::nullopt;
            }
        }
    }
    /// That many bytes of records.
    std::string records(std::size_t count) {
        while (records_text_.size() < count && append_from(records_, records_text_)) {
        }
        auto text = records_text_.substr(0, count);
        records_text_.erase(0, text.size());
        return text;
    }
    void expect_ended(std::uint32_t number, HowEnded how, const std::string& stream) {
        const auto started = next_status();
        ASSERT_TRUE(started);
        EXPECT_EQ(started->kind, StatusKind::started);
        EXPECT_EQ(started->request, number);
        expect_end_of(number, how, stream);
    }
    void expect_end_of(std::uint32_t number, HowEnded how, const std::string& stream) {
        const auto ended = next_status();
        ASSERT_TRUE(ended);
        EXPECT_EQ(ended->kind, StatusKind::ended);
        EXPECT_EQ(ended->request, number);
        EXPECT_EQ(to_string(ended->how), to_string(how)) << ended->detail;
        EXPECT_EQ(ended->stream, stream.size());
        EXPECT_TRUE(records(stream.size()) == stream);
    }
    void expect_ready() {
        const auto ready = next_status();
        ASSERT_TRUE(ready);
        EXPECT_EQ(ready->kind, StatusKind::ready);
        EXPECT_TRUE(ready->detail.starts_with("Linux ")) << ready->detail;
    }
    void expect_exit(int code) {
        const auto status = worker_->wait_for(ample);
        ASSERT_TRUE(status) << "it does not leave";
        EXPECT_EQ(status->signal, 0);
        EXPECT_EQ(status->code, code);
    }

    bool needs_vm_ = true;
    std::optional<Process> worker_;
    FileDescriptor requests_;
    FileDescriptor records_;
    FileDescriptor status_;
    std::string status_text_;
    std::string records_text_;

private:
    static bool append_from(const FileDescriptor& line, std::string& text) {
        pollfd there{line.number(), POLLIN, 0};
        if (::poll(&there, 1, static_cast<int>(ample.count())) <= 0) {
            return false;
        }
        std::array<char, 4096> buffer{};
        const auto count = ::read(line.number(), buffer.data(), buffer.size());
        text.append(buffer.data(), static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
        return count > 0;
    }
};

std::vector<std::string> scripted(std::vector<std::string> more) {
    more.insert(more.begin(),
                {"--image", files_under_test().scripted_payload, "--ring", "0x1000000+0x11000"});
    return more;
}

TEST_F(WorkerServeTest, EachRequestGetsAFreshVm) {
    start(scripted({"--serve"}));
    expect_ready();
    request({.kind = RequestKind::run, .number = 7}, script("rwt"));
    expect_ended(7, HowEnded::shutdown, "ring\n");
    request({.kind = RequestKind::run, .number = 8}, script("p"));
    expect_ended(8, HowEnded::halted, "hello\n"); // not the ring of the VM before
    request({.kind = RequestKind::run, .number = 9}, script("rwwt"));
    expect_ended(9, HowEnded::shutdown, "ring\nring\n");
    request({.kind = RequestKind::leave});
    expect_exit(1);
    EXPECT_FALSE(next_status());
}

TEST_F(WorkerServeTest, RequestsWaitInLineAndTheEndOfTheLineEndsTheWorker) {
    start(scripted({"--serve"}));
    expect_ready();
    for (std::uint32_t i = 1; i <= 5; ++i) {
        request({.kind = RequestKind::run, .number = i}, script("rwt"));
    }
    requests_.reset();
    for (std::uint32_t i = 1; i <= 5; ++i) {
        expect_ended(i, HowEnded::shutdown, "ring\n");
    }
    expect_exit(1);
}

TEST_F(WorkerServeTest, ARunningVmIsStoppedOnRequest) {
    start(scripted({"--serve"}));
    expect_ready();
    request({.kind = RequestKind::run, .number = 1}, script("pl"));
    EXPECT_EQ(next_status()->kind, StatusKind::started);
    EXPECT_EQ(records(6), "hello\n");
    request({.kind = RequestKind::stop});
    const auto ended = next_status();
    ASSERT_TRUE(ended);
    EXPECT_EQ(ended->how, HowEnded::stopped);
    EXPECT_EQ(ended->stream, 6u);
    request({.kind = RequestKind::run, .number = 2}, script("pt"));
    expect_ended(2, HowEnded::shutdown, "hello\n");
}

TEST_F(WorkerServeTest, AHangIsNamedWithTheRegisters) {
    start(scripted({"--serve", "--boot-limit", "300"}));
    expect_ready();
    request({.kind = RequestKind::run, .number = 1}, script("pl"));
    EXPECT_EQ(next_status()->kind, StatusKind::started);
    const auto ended = next_status();
    ASSERT_TRUE(ended);
    EXPECT_EQ(ended->how, HowEnded::hung);
    EXPECT_TRUE(ended->detail.starts_with("no hello within 300 ms; cpu 0: rip 0x1"))
        << ended->detail;
}

TEST_F(WorkerServeTest, SigtermEndsItPolitely) {
    start(scripted({"--serve"}));
    expect_ready();
    request({.kind = RequestKind::run, .number = 1}, script("pl"));
    EXPECT_EQ(next_status()->kind, StatusKind::started);
    EXPECT_EQ(records(6), "hello\n");
    ::kill(worker_->id(), SIGTERM);
    EXPECT_EQ(next_status()->how, HowEnded::stopped);
    expect_exit(1);
}

TEST_F(WorkerServeTest, PartsOfThePlanItWasStartedWith) {
    const auto plan = MemoryFile::with_content("plan", empty_plan(0, 0));
    ASSERT_TRUE(plan);
    start({"--image", files_under_test().case_runner, "--plan", "/proc/self/fd/3", "--serve",
           "--hide-feature", "svm"},
          {plan->descriptor()});
    expect_ready();
    request({.kind = RequestKind::run_part, .number = 1, .first = 0, .count = 10});
    EXPECT_EQ(next_status()->kind, StatusKind::started);
    const auto ended = next_status();
    ASSERT_TRUE(ended);
    EXPECT_EQ(ended->how, HowEnded::finished) << ended->detail;
    EXPECT_EQ(frames_of(records(ended->stream)).size(), 1u);
    request({.kind = RequestKind::leave});
    expect_exit(0);
}

TEST_F(WorkerServeTest, APartOfNoPlanIsRefused) {
    start(scripted({"--serve"}));
    expect_ready();
    request({.kind = RequestKind::run_part, .number = 3, .first = 0, .count = 1});
    const auto refused = next_status();
    ASSERT_TRUE(refused);
    EXPECT_EQ(refused->kind, StatusKind::refused);
    EXPECT_EQ(refused->request, 3u);
}

TEST_F(WorkerServeTest, WithoutServeThereIsOnePlan) {
    const auto plan = MemoryFile::with_content("plan", script("rwt"));
    ASSERT_TRUE(plan);
    start(scripted({"--plan", "/proc/self/fd/3"}), {plan->descriptor()});
    expect_ended(0, HowEnded::shutdown, "ring\n");
    expect_exit(1);
}

/// A window with `count` rings of 64 KiB of data, one after the other.
class Window {
public:
    explicit Window(unsigned count) {
        auto file = MemoryFile::create("window", std::uint64_t{count} * ring_size);
        EXPECT_TRUE(file);
        file_.emplace(std::move(*file));
        auto mapping = SharedMapping::of(file_->descriptor(), 0, count * ring_size);
        EXPECT_TRUE(mapping);
        mapping_ = std::move(*mapping);
    }
    [[nodiscard]] int descriptor() const { return file_->descriptor(); }
    /// As the worker names ring `i` of the window that it inherits as descriptor 3.
    static std::string name(unsigned i) {
        return "/proc/self/fd/3@" + std::to_string(i * ring_size) + "+" + std::to_string(ring_size);
    }
    wire::RingHeader& header(unsigned i) {
        return *reinterpret_cast<wire::RingHeader*>(ring(i).data());
    }
    std::span<std::byte> data(unsigned i) { return ring(i).subspan(sizeof(wire::RingHeader)); }

    /// Reads until `enough` says that it is.
    template<class Enough>
    std::string read(wire::RingConsumer& consumer, Enough&& enough) {
        std::string text;
        const auto deadline = Clock::now() + ample;
        while (!enough(text) && Clock::now() < deadline) {
            std::array<std::byte, 999> buffer{};
            const auto count = consumer.read(buffer).count;
            text.append(reinterpret_cast<const char*>(buffer.data()), count);
            if (count == 0) {
                ::sched_yield();
            }
        }
        return text;
    }

    static constexpr std::size_t ring_size = scripted_ring_size;

private:
    std::span<std::byte> ring(unsigned i) {
        return mapping_.bytes().subspan(i * ring_size, ring_size);
    }

    std::optional<MemoryFile> file_;
    SharedMapping mapping_;
};

TEST_F(WorkerServeTest, AllChannelsCanBeRingsInAWindow) {
    Window window{3};
    start(scripted({"--serve", "--requests", "window:" + Window::name(0), "--status",
                    "window:" + Window::name(1), "--output", "window:" + Window::name(2)}),
          {window.descriptor()});
    wire::format_ring(window.header(0), window.data(0).size(), 0);
    wire::NoDoorbell silence;
    wire::RingProducer requests{window.header(0), window.data(0), silence};
    wire::RingConsumer status{window.header(1), window.data(1)};
    wire::RingConsumer output{window.header(2), window.data(2)};
    const std::string expected = "ring\nring\n";
    const auto all_is_there = [&](const std::string& text) {
        return text.size() >= expected.size();
    };
    for (std::uint32_t number = 1; number <= 3; ++number) {
        requests.write(
            encode_request({.kind = RequestKind::run, .number = number}, script("rwwt")));
        EXPECT_EQ(window.read(output, all_is_there), expected);
        const auto lines = window.read(status, [](const std::string& text) {
            return text.find(" ended ") != std::string::npos && text.ends_with('\n');
        });
        EXPECT_NE(lines.find("ended request=" + std::to_string(number) +
                             " how=shutdown stream=" + std::to_string(expected.size())),
                  std::string::npos)
            << lines;
    }
    requests.write(encode_request({.kind = RequestKind::leave}));
    expect_exit(1);
}

TEST_F(WorkerServeTest, TheGuestsOwnRingCanLieInAWindow) {
    Window window{1};
    start(scripted({"--serve", "--ring-window", Window::name(0)}), {window.descriptor()});
    expect_ready();
    const std::pair<const char*, std::string> scripts[]{
        {"rwt", "ring\n"}, {"rWwt", much() + "ring\n"}, {"rwwt", "ring\nring\n"}};
    std::uint32_t number = 0;
    for (const auto& [letters, expected] : scripts) {
        request({.kind = RequestKind::run, .number = ++number}, script(letters));
        EXPECT_EQ(next_status()->kind, StatusKind::started);
        wire::RingConsumer consumer{window.header(0), window.data(0)};
        const auto all_is_there = [size = expected.size()](const std::string& text) {
            return text.size() >= size;
        };
        EXPECT_TRUE(window.read(consumer, all_is_there) == expected);
        const auto ended = next_status();
        ASSERT_TRUE(ended);
        EXPECT_EQ(ended->how, HowEnded::shutdown);
        EXPECT_EQ(ended->stream, expected.size());
    }
}

TEST_F(WorkerServeTest, WhatIsInTheWindowSurvivesTheWorker) {
    Window window{1};
    start(scripted({"--serve", "--ring-window", Window::name(0)}), {window.descriptor()});
    expect_ready();
    request({.kind = RequestKind::run, .number = 1}, script("rwl"));
    EXPECT_EQ(next_status()->kind, StatusKind::started);
    const auto deadline = Clock::now() + ample;
    while (wire::detail::load_acquire(window.header(0).producer) != 5 && Clock::now() < deadline) {
        ::sched_yield();
    }
    worker_->kill();
    wire::RingConsumer consumer{window.header(0), window.data(0)};
    std::array<std::byte, 100> buffer{};
    EXPECT_EQ(consumer.read(buffer).count, 5u);
}

/// Runs in a mount namespace of its own, where /dev/kvm is what `prepare` makes of it.
std::vector<std::string> with_other_devices(const std::string& prepare) {
    return {"unshare", "--user", "--map-root-user",           "--mount",
            "sh",      "-c",     prepare + " && exec \"$@\"", "sh"};
}

bool can_have_other_devices() {
    Command command;
    command.arguments = with_other_devices("mount --bind /dev/null /dev/null");
    command.arguments.emplace_back("true");
    auto process = Process::start(command);
    const auto status = process ? process->wait_for(ample) : std::nullopt;
    return status && status->succeeded();
}

TEST_F(WorkerServeTest, WithoutDevKvm) {
    if (!can_have_other_devices()) {
        GTEST_SKIP() << "no mount namespace for this user";
    }
    start(scripted({"--serve"}), {}, with_other_devices("mount -t tmpfs none /dev"));
    expect_ready();
    request({.kind = RequestKind::run, .number = 1}, script("p"));
    const auto ended = next_status();
    ASSERT_TRUE(ended);
    EXPECT_EQ(ended->how, HowEnded::not_started);
    EXPECT_EQ(ended->detail, "/dev/kvm: No such file or directory");
}

TEST_F(WorkerServeTest, AnAssertionOfTheLibraryCostsThatVmOnly) {
    if (!can_have_other_devices()) {
        GTEST_SKIP() << "no mount namespace for this user";
    }
    start(scripted({"--serve"}), {}, with_other_devices("mount --bind /dev/null /dev/kvm"));
    expect_ready();
    for (std::uint32_t number = 1; number <= 2; ++number) {
        request({.kind = RequestKind::run, .number = number}, script("p"));
        EXPECT_EQ(next_status()->kind, StatusKind::started);
        const auto ended = next_status();
        ASSERT_TRUE(ended);
        EXPECT_EQ(ended->how, HowEnded::not_started);
        EXPECT_TRUE(ended->detail.starts_with("the KVM selftests library gave up: "))
            << ended->detail;
        EXPECT_EQ(ended->stream, 0u);
    }
    EXPECT_EQ(records(0), "");
    request({.kind = RequestKind::leave});
    expect_exit(1);
    EXPECT_EQ(records(1), ""); // nothing of what the library prints is in the stream
}

} // namespace
} // namespace vmrunit::worker
