// SPDX-License-Identifier: GPL-2.0-only
// The supervisor's loop around one VM process.
#include "host_runner/kvm_worker/vm_run.hpp"

#include "host_runner/files/file_descriptor.hpp"
#include "host_runner/kvm_worker/guest_stream.hpp"
#include "host_runner/kvm_worker/vm_verdict.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <memory>
#include <new>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace vmrunit::worker {

namespace {

using Clock = std::chrono::steady_clock;
using runner::FileDescriptor;
using std::chrono::milliseconds;

// How often the ring is looked into when nobody rings.
constexpr milliseconds ring_tick{4};
// After so much silence, and then every so often, it is asked whether all CPUs halt.
constexpr milliseconds silence_before_look{100};
// A VM process that was told to stop takes a few milliseconds; then it is killed, and if it then
// does not go it is stuck in the kernel, which must not keep the supervisor.
constexpr milliseconds polite_end{1'000};
constexpr milliseconds certain_end{2'000};
constexpr std::size_t most_words = 4096;

void set(int event, std::uint64_t count = 1) {
    static_cast<void>(!::write(event, &count, sizeof count));
}

/// Reads an eventfd that does not block; 0 if it was not set.
std::uint64_t take(int event) {
    std::uint64_t count = 0;
    return ::read(event, &count, sizeof count) == sizeof count ? count : 0;
}

/// VmState in shared pages.
class SharedVmState {
public:
    static runner::Result<SharedVmState> create() {
        const auto size = (sizeof(VmState) + page_size - 1) & ~(page_size - 1);
        auto pages = Pages::shared(size);
        if (!pages) {
            return tl::unexpected(pages.error());
        }
        return SharedVmState{std::move(*pages)};
    }
    VmState& operator*() const { return *state_; }
    VmState* operator->() const { return state_; }

private:
    explicit SharedVmState(Pages pages)
        : pages_{std::move(pages)}, state_{new (pages_.bytes().data()) VmState{}} {
        wire::format_ring(state_->port_line, VmState::port_line_size, 0);
    }

    Pages pages_;
    VmState* state_;
};

class VmSupervisor {
public:
    VmSupervisor(const BootMemory& memory, bool ring_read_by_others, const RunLimits& limits,
                 OutputChannel& output, const StopRequest& stop, SharedVmState state)
        : limits_{limits},
          output_{output},
          stop_{stop},
          state_{std::move(state)},
          stream_{memory.ring(), ring_read_by_others, *state_} {
        state_->wait_for_answer = output.synchronous() ? 1 : 0;
        if (output.synchronous()) {
            stream_.ring_for_each_frame();
        }
        if (!memory.ring().empty()) { // what a window holds of the VM before
            wire::detail::store_release(
                reinterpret_cast<wire::RingHeader*>(memory.ring().data())->magic, 0);
        }
    }

    VmVerdict run(const VmOptions& options, const BootMemory& memory) {
        if (const auto error = start(options, memory); !error.empty()) {
            return {HowEnded::not_started, error};
        }
        std::optional<HowEnded> reason;
        while (!process_over_) {
            pump();
            if (!reason) {
                reason = why_stop();
                if (reason) {
                    ask_to_stop();
                }
            }
            look_for_halt();
            force_the_end(reason.has_value());
            if (gave_up_) {
                break;
            }
            wait();
        }
        drain(reason == HowEnded::stopped);
        auto verdict = conclude(reason);
        verdict.stream = stream_.count();
        if (const auto complaint = stream_.complaint(); !complaint.empty()) {
            verdict.detail += "; " + complaint;
        }
        if (!stream_.port_text().empty()) {
            verdict.detail += "; by the port: " + stream_.port_text();
        }
        return verdict;
    }

private:
    /// Empty, or why there is no process.
    std::string start(const VmOptions& options, const BootMemory& memory) {
        std::array<int, 2> words{};
        control_ = FileDescriptor{::eventfd(0, EFD_CLOEXEC)};
        doorbell_ = FileDescriptor{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
        answer_ = FileDescriptor{::eventfd(0, EFD_CLOEXEC | EFD_SEMAPHORE)};
        if (!control_.is_open() || !doorbell_.is_open() || !answer_.is_open() ||
            ::pipe2(words.data(), O_CLOEXEC) != 0) {
            return runner::with_errno("eventfd or pipe", errno);
        }
        words_ = FileDescriptor{words[0]};
        FileDescriptor theirs{words[1]};
        ::fcntl(words_.number(), F_SETFL, O_NONBLOCK);
        const pid_t supervisor = ::getpid();
        process_ = ::fork();
        if (process_ < 0) {
            return runner::with_errno("fork", errno);
        }
        if (process_ == 0) {
            // The library prints to both; the record stream may well be our standard output.
            ::dup2(theirs.number(), STDOUT_FILENO);
            ::dup2(theirs.number(), STDERR_FILENO);
            run_vm_process(options, memory, *state_,
                           {control_.number(), doorbell_.number(), answer_.number()}, supervisor);
        }
        over_ = FileDescriptor{static_cast<int>(::syscall(SYS_pidfd_open, process_, 0))};
        started_ = Clock::now();
        last_look_ = started_;
        return {};
    }

    /// Carries bytes from the guest to the output, as many as that takes.
    void pump() {
        const auto rings = take(doorbell_.number());
        for (;;) {
            if (!pending_.empty()) {
                pending_ = pending_.subspan(output_.write(pending_));
            }
            if (!pending_.empty()) {
                break; // the guest waits for us, and we for the reader
            }
            pending_ = std::span{buffer_}.first(stream_.take(buffer_, Clock::now()));
            if (pending_.empty()) {
                break;
            }
        }
        unanswered_ += rings;
        if (unanswered_ != 0 && pending_.empty()) {
            set(answer_.number(), std::exchange(unanswered_, 0));
        }
    }

    std::optional<HowEnded> why_stop() {
        const auto now = Clock::now();
        if (stream_.complete() && pending_.empty()) {
            return HowEnded::finished;
        }
        if (stop_.wanted()) {
            return HowEnded::stopped;
        }
        if (output_.closed() || stream_.lost(now)) {
            return HowEnded::stream_lost;
        }
        if (!pending_.empty()) {
            stalled_until_ = now;
        }
        const auto since = std::max({stream_.last_progress(), started_, stalled_until_});
        const auto limit = stream_.said_hello() ? limits_.record : limits_.boot;
        if (limit.count() != 0 && now - since >= limit) {
            hung_after_ = limit;
            return HowEnded::hung;
        }
        return std::nullopt;
    }

    void ask_to_stop() {
        state_->command = VmCommand::stop;
        set(control_.number());
        set(answer_.number(), max_cpus); // for vCPUs that wait to be heard
        stop_asked_ = Clock::now();
    }

    void look_for_halt() {
        const auto now = Clock::now();
        const auto quiet_since = std::max(stream_.last_progress(), last_look_);
        if (!stop_asked_ && pending_.empty() && state_->set_up != 0 &&
            now - quiet_since >= silence_before_look) {
            last_look_ = now;
            ++state_->looks;
            set(control_.number());
        }
    }

    void force_the_end(bool asked) {
        if (!asked) {
            return;
        }
        const auto waited = Clock::now() - *stop_asked_;
        if (waited >= polite_end && !killed_) {
            killed_ = true;
            ::kill(process_, SIGKILL);
        }
        gave_up_ = waited >= certain_end;
    }

    void wait() {
        std::array<pollfd, 5> sources{{{over_.number(), POLLIN, 0},
                                       {doorbell_.number(), POLLIN, 0},
                                       {words_.number(), POLLIN, 0},
                                       {stop_.descriptor(), POLLIN, 0},
                                       {pending_.empty() ? -1 : output_.descriptor(), POLLOUT, 0}}};
        if (!pending_.empty() && output_.descriptor() >= 0) {
            sources[1].fd = -1; // it would only say what we know
        }
        ::poll(sources.data(), sources.size(), static_cast<int>(ring_tick.count()));
        read_words();
        if (sources[0].revents != 0) {
            collect(0);
        }
    }

    void collect(int options) {
        int status = 0;
        if (::waitpid(process_, &status, options) == process_) {
            process_over_ = true;
            signalled_ = WIFSIGNALED(status);
            code_ = signalled_ ? WTERMSIG(status) : WEXITSTATUS(status);
        }
    }

    void read_words() {
        std::array<char, 1024> buffer{};
        for (ssize_t count = 0;
             (count = ::read(words_.number(), buffer.data(), buffer.size())) > 0;) {
            text_.append(buffer.data(), static_cast<std::size_t>(count));
            text_.erase(0, text_.size() - std::min(text_.size(), most_words));
        }
    }

    /// What was in guest memory when the VM ended, for as long as somebody takes it. Who stopped it
    /// does not read any more.
    void drain(bool was_stopped) {
        read_words();
        const auto deadline = Clock::now() + (was_stopped ? milliseconds{0} : polite_end);
        do {
            pump();
            if (!pending_.empty() && !output_.closed()) {
                pollfd room{output_.descriptor(), POLLOUT, 0};
                ::poll(&room, 1, static_cast<int>(ring_tick.count()));
            }
        } while (!pending_.empty() && !output_.closed() && Clock::now() < deadline);
    }

    VmVerdict conclude(std::optional<HowEnded> reason) {
        if (gave_up_) {
            return {HowEnded::stuck, "the VM process cannot be killed: it is stuck in the kernel"};
        }
        // A plan that is done is done, whatever the guest does behind it.
        if (stream_.complete()) {
            return {HowEnded::finished,
                    stream_.refused() ? "the payload refused its plan" : "the plan is done"};
        }
        if (auto verdict = verdict_of(*state_)) {
            return *verdict;
        }
        if (!reason || signalled_ || code_ != 0) {
            if (!killed_) {
                return verdict_of_process(signalled_, code_, state_->set_up != 0, text_);
            }
        }
        const auto cpus = describe_cpus(*state_);
        const auto and_cpus = cpus.empty() ? "" : "; " + cpus;
        switch (reason.value_or(HowEnded::process_died)) {
        case HowEnded::hung:
            return {HowEnded::hung, std::string{stream_.said_hello() ? "no record" : "no hello"} +
                                        " within " + std::to_string(hung_after_.count()) + " ms" +
                                        and_cpus};
        case HowEnded::stream_lost:
            return {HowEnded::stream_lost,
                    (output_.closed() ? "nobody reads the records" : "the ring is lost") +
                        and_cpus};
        case HowEnded::stopped:
            return {HowEnded::stopped, "told to stop" + and_cpus};
        default:
            return {HowEnded::process_died, "the VM process left without a word"};
        }
    }

    RunLimits limits_;
    OutputChannel& output_;
    const StopRequest& stop_;
    SharedVmState state_;
    GuestStream stream_;

    pid_t process_ = -1;
    FileDescriptor over_;
    FileDescriptor control_;
    FileDescriptor doorbell_;
    FileDescriptor answer_;
    FileDescriptor words_;

    std::vector<std::byte> buffer_ = std::vector<std::byte>(64 * 1024);
    std::span<std::byte> pending_; ///< In the buffer: taken from the guest, not yet delivered.
    std::uint64_t unanswered_ = 0; ///< Doorbells whose bytes are not all delivered.
    std::string text_;             ///< What the process printed.

    Clock::time_point started_;
    Clock::time_point last_look_;
    Clock::time_point stalled_until_;
    std::optional<Clock::time_point> stop_asked_;
    milliseconds hung_after_{0};
    bool killed_ = false;
    bool gave_up_ = false;
    bool process_over_ = false;
    bool signalled_ = false;
    int code_ = 0;
};

} // namespace

VmVerdict run_vm(const VmOptions& options, const BootMemory& memory, bool ring_read_by_others,
                 const RunLimits& limits, OutputChannel& output, const StopRequest& stop) {
    auto state = SharedVmState::create();
    if (!state) {
        return {HowEnded::not_started, state.error().line()};
    }
    VmSupervisor supervisor{memory, ring_read_by_others, limits, output, stop, std::move(*state)};
    return supervisor.run(options, memory);
}

} // namespace vmrunit::worker
