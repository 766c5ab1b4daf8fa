// SPDX-License-Identifier: GPL-2.0-only
// Child processes: how they end, what they inherit, and that nothing of them is ever left.
#include "host_runner/process/process.hpp"

#include "tests/unit/process_watch.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

namespace vmrunit::runner {
namespace {

using std::chrono::milliseconds;
constexpr milliseconds ample{20'000};

Command shell(const std::string& script) {
    Command command;
    command.arguments = {"/bin/sh", "-c", script};
    return command;
}

/// What the command writes to its standard output until it closes it.
std::string output_of(Command command) {
    auto line = open_pipe_to_read();
    command.output = line->theirs.number();
    auto process = Process::start(command);
    if (!process) {
        return process.error().line();
    }
    line->theirs.reset();
    std::string text;
    read_until_end(line->ours.number(), text);
    static_cast<void>(process->wait_for(ample));
    return text;
}

TEST(Process, EndsWithItsExitStatus) {
    auto process = Process::start(shell("exit 7"));
    ASSERT_TRUE(process);
    const auto status = process->wait_for(ample);
    ASSERT_TRUE(status);
    EXPECT_EQ(*status, (ProcessStatus{.code = 7}));
    EXPECT_EQ(describe(*status), "exit status 7");
    EXPECT_EQ(process->wait_for(ample), status) << "asked twice";
    EXPECT_EQ(process->kill(), *status) << "killed after its end";
}

TEST(Process, EndsByASignal) {
    auto process = Process::start(shell("kill -SEGV $$"));
    ASSERT_TRUE(process);
    const auto status = process->wait_for(ample);
    ASSERT_TRUE(status);
    EXPECT_EQ(describe(*status), "killed by SIGSEGV");
    EXPECT_FALSE(status->succeeded());
}

TEST(Process, SaysWhatCannotBeExecuted) {
    const auto why = [](const std::string& program) {
        Command command;
        command.arguments = {program};
        const auto process = Process::start(command);
        return process ? std::string{"started"} : process.error().line();
    };
    EXPECT_EQ(why("vmrunit-no-such-program"), "vmrunit-no-such-program: not found in PATH");
    EXPECT_EQ(why("/vmrunit/nowhere"), "/vmrunit/nowhere: No such file or directory");
    EXPECT_EQ(why("/tmp"), "/tmp: Is a directory");
    EXPECT_EQ(why("/etc/passwd"), "/etc/passwd: Permission denied");
    EXPECT_EQ(why(""), "no program named");
    EXPECT_FALSE(Process::start(Command{}));
    EXPECT_TRUE(no_children_left());
}

TEST(Process, InheritsNothingButWhatItIsGiven) {
    const FileDescriptor inheritable{::open("/dev/null", O_RDONLY)}; // no O_CLOEXEC, on purpose
    const FileDescriptor given{::open("/etc/passwd", O_RDONLY | O_CLOEXEC)};
    Command command = shell("n=3; while [ $n -lt 200 ]; do"
                            " [ -e /proc/$$/fd/$n ] && echo \"$n $(readlink /proc/$$/fd/$n)\";"
                            " n=$((n+1)); done; readlink /proc/$$/fd/0");
    EXPECT_EQ(command.hand_over(given.number()), 3);
    EXPECT_EQ(output_of(command), "3 /etc/passwd\n/dev/null\n");
}

TEST(Process, GetsItsDescriptorsInOrderWhateverTheirNumbers) {
    // The numbers overlap those in the child, in the opposite order.
    std::array<DescriptorPair, 6> pipes;
    Command command = shell("for n in 3 4 5 6 7 8; do eval \"echo $n >&$n\"; done");
    for (auto& pipe : pipes) {
        pipe = std::move(*open_pipe_to_read());
    }
    for (std::size_t i = pipes.size(); i-- > 0;) {
        command.hand_over(pipes.at(i).theirs.number());
    }
    auto process = Process::start(command);
    ASSERT_TRUE(process);
    ASSERT_TRUE(process->wait_for(ample));
    int expected = 8;
    for (auto& pipe : pipes) {
        pipe.theirs.reset();
        std::string text;
        read_until_end(pipe.ours.number(), text);
        EXPECT_EQ(text, std::to_string(expected--) + "\n");
    }
}

TEST(Process, StartsWithEverySignalAsUsual) {
    struct sigaction ignore {};
    ignore.sa_handler = SIG_IGN;
    struct sigaction before {};
    ::sigaction(SIGPIPE, &ignore, &before);
    sigset_t block;
    sigset_t mask_before;
    sigemptyset(&block);
    sigaddset(&block, SIGTERM);
    ::pthread_sigmask(SIG_BLOCK, &block, &mask_before);
    Command command;
    command.arguments = {"grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status"};
    const auto text = output_of(command);
    ::pthread_sigmask(SIG_SETMASK, &mask_before, nullptr);
    ::sigaction(SIGPIPE, &before, nullptr);
    EXPECT_EQ(text, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
}

TEST(Process, HasAGroupOfItsOwn) {
    auto process = Process::start(shell("sleep 1000"));
    ASSERT_TRUE(process);
    EXPECT_EQ(::getpgid(process->id()), process->id());
}

TEST(Process, WaitsNoLongerThanAllowed) {
    auto process = Process::start(shell("sleep 1000"));
    ASSERT_TRUE(process);
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_EQ(process->wait_for(milliseconds{30}), std::nullopt);
    const auto waited = std::chrono::steady_clock::now() - begin;
    EXPECT_GE(waited, milliseconds{30});
    EXPECT_LT(waited, ample);
}

TEST(Process, TerminateLetsItGoInItsOwnWay) {
    auto line = open_pipe_to_read();
    Command command = shell("trap 'exit 5' TERM; echo ready; while :; do sleep 0.01; done");
    command.output = line->theirs.number();
    auto process = Process::start(command);
    ASSERT_TRUE(process);
    ASSERT_EQ(read_line(line->ours.number()), "ready");
    EXPECT_EQ(process->terminate(ample), (ProcessStatus{.code = 5}));
}

TEST(Process, TerminateKillsWhatDoesNotListen) {
    auto line = open_pipe_to_read();
    Command command = shell("trap '' TERM; echo ready; while :; do sleep 0.01; done");
    command.output = line->theirs.number();
    auto process = Process::start(command);
    ASSERT_TRUE(process);
    ASSERT_EQ(read_line(line->ours.number()), "ready");
    EXPECT_EQ(process->terminate(milliseconds{20}), (ProcessStatus{.signal = SIGKILL}));
}

TEST(Process, TakesItsDescendantsAlong) {
    auto line = open_pipe_to_read();
    Command command = shell("sleep 1000 & echo $!; wait");
    command.output = line->theirs.number();
    auto process = Process::start(command);
    ASSERT_TRUE(process);
    const pid_t grandchild = std::stoi(read_line(line->ours.number()));
    EXPECT_TRUE(is_running(grandchild));
    process->kill();
    EXPECT_TRUE(ends_within(grandchild, ample));
}

TEST(Process, ItsDescendantsAreKilledEvenIfItEndsFirst) {
    auto line = open_pipe_to_read();
    Command command = shell("sleep 1000 & echo $!");
    command.output = line->theirs.number();
    auto process = Process::start(command);
    ASSERT_TRUE(process);
    const pid_t grandchild = std::stoi(read_line(line->ours.number()));
    EXPECT_EQ(process->wait_for(ample), ProcessStatus{});
    EXPECT_TRUE(ends_within(grandchild, ample));
}

TEST(Process, LeavesNeitherProcessNorZombie) {
    {
        auto running = Process::start(shell("sleep 1000"));
        auto ended = Process::start(shell("exit 0"));
        ASSERT_TRUE(running && ended);
        auto moved = std::move(*running);
        moved = std::move(*ended); // the one that was owned before goes at once
    }
    EXPECT_TRUE(no_children_left());
}

TEST(Process, DiesWithAKilledRunner) {
    auto line = open_pipe_to_read();
    const pid_t runner = ::fork();
    if (runner == 0) {
        auto process = Process::start(shell("exec sleep 1000"));
        const std::string text = std::to_string(process ? process->id() : 0) + "\n";
        static_cast<void>(!::write(line->theirs.number(), text.data(), text.size()));
        ::raise(SIGKILL);
    }
    ASSERT_GT(runner, 0);
    const pid_t child = std::stoi(read_line(line->ours.number()));
    ASSERT_GT(child, 0);
    EXPECT_EQ(::waitpid(runner, nullptr, 0), runner);
    EXPECT_TRUE(ends_within(child, ample));
}

} // namespace
} // namespace vmrunit::runner
