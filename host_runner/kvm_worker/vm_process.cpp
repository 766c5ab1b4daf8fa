// SPDX-License-Identifier: GPL-2.0-only
// The threads of a VM, and how they are stopped: a flag makes KVM_RUN return at once, a signal
// brings it back when it is under way or when the vCPU sleeps.
#include "host_runner/kvm_worker/vm_process.hpp"

#include "harness/wire/host_service.hpp"
#include "host_runner/kvm_worker/guest_ports.hpp"
#include "host_runner/kvm_worker/virtual_machine.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <linux/kvm.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <thread>
#include <unistd.h>

namespace vmrunit::worker {

namespace {

constexpr int wake_signal = SIGUSR1;
constexpr std::uint64_t interrupt_flag = 1u << 9; // RFLAGS.IF

// A vCPU comes back within microseconds; one that does not is stuck in the kernel.
constexpr int wake_attempts = 500;
constexpr std::chrono::milliseconds wake_pause{1};

void do_nothing(int /*signal*/) {}

/// Without SA_RESTART, so that a read() in a vCPU's thread returns too.
void prepare_signals() {
    struct sigaction action {};
    action.sa_handler = do_nothing;
    ::sigaction(wake_signal, &action, nullptr);
    // Ctrl-C and a polite end are the supervisor's business.
    ::signal(SIGINT, SIG_IGN);
    ::signal(SIGTERM, SIG_IGN);
}

class VmProcess {
public:
    VmProcess(const VmOptions& options, const BootMemory& memory, VmState& state,
              const VmSignals& signals)
        : state_{state}, signals_{signals}, ports_{state, signals} {
        if (!vm_.has_smm()) {
            withdraw_machine_features(memory.plan(), svm::Feature::smm_in_memory);
        }
        for (const auto& piece : memory.pieces()) {
            vm_.map(piece.address, piece.bytes);
        }
        for (unsigned i = 0; i < options.cpus; ++i) {
            vm_.add_cpu(options.hidden);
        }
        if (!vm_.has_machine_checks()) {
            withdraw_machine_features(memory.plan(), svm::Feature::machine_check_service);
        }
        vm_.cpus().front().enter_protected_mode(memory.entry(), memory.start_info());
    }

    void run() {
        const auto cpus = vm_.cpus();
        running_ = static_cast<unsigned>(cpus.size());
        for (unsigned i = 0; i < cpus.size(); ++i) {
            threads_.emplace_back([this, i] { run_cpu(i); });
        }
        state_.set_up = 1;
        std::uint32_t looks_answered = 0;
        while (state_.command == VmCommand::run && state_.end.claimed == 0) {
            pollfd sources[]{{signals_.control, POLLIN, 0}, {over_, POLLIN, 0}};
            if (::poll(sources, std::size(sources), -1) < 0) {
                continue;
            }
            std::uint64_t count = 0;
            if (sources[0].revents != 0) {
                static_cast<void>(!::read(signals_.control, &count, sizeof count));
            }
            const std::uint32_t looks = state_.looks;
            if (looks != looks_answered && state_.command == VmCommand::run) {
                looks_answered = looks;
                look_at_cpus();
            }
        }
        leaving_ = true;
        if (wake_until([this] { return running_ == 0; })) {
            for (auto& thread : threads_) {
                thread.join();
            }
        }
    }

private:
    void run_cpu(unsigned number) {
        auto& cpu = vm_.cpus()[number];
        kvm_shim_exit exit{};
        std::uint32_t looks_answered = 0;
        while (!leaving_) {
            const int error = cpu.run(exit);
            if (error == EINTR || error == EAGAIN) {
                cpu.interrupt(false);
                if (const std::uint32_t look = look_number_; look != looks_answered) {
                    looks_answered = look;
                    take_snapshot(number);
                    ++seen_;
                }
                continue;
            }
            if (error != 0) {
                exit.reason = 0;
                exit.code = static_cast<std::uint64_t>(error);
                exit.value_count = 0;
                end(VmCause::run_failed, number, exit);
                break;
            }
            if (asks_for_machine_check(exit)) {
                cpu.raise_machine_check();
                continue;
            }
            if (const auto cause = cause_of(exit); cause != VmCause::none) {
                end(cause, number, exit);
                break;
            }
        }
        take_snapshot(number);
        --running_;
    }

    /// KVM takes the machine check in with the next entry, whoever runs then: L2 if L2 has asked.
    static bool asks_for_machine_check(const kvm_shim_exit& exit) {
        return exit.reason == KVM_EXIT_IO && exit.address == wire::service_port &&
               exit.is_write != 0 && exit.size == 1 &&
               *exit.data == static_cast<std::uint8_t>(wire::HostService::machine_check);
    }

    /// Serves the exits that belong to running; `none` means: go on.
    VmCause cause_of(const kvm_shim_exit& exit) {
        switch (exit.reason) {
        case KVM_EXIT_IO:
        case KVM_EXIT_MMIO:
            ports_.serve(exit);
            return VmCause::none;
        case KVM_EXIT_INTR:
            return VmCause::none;
        case KVM_EXIT_SHUTDOWN:
            return VmCause::shutdown;
        case KVM_EXIT_INTERNAL_ERROR:
            return VmCause::internal_error;
        case KVM_EXIT_FAIL_ENTRY:
            return VmCause::failed_entry;
        case KVM_EXIT_SYSTEM_EVENT:
            return VmCause::system_event;
        default:
            return VmCause::unexpected_exit;
        }
    }

    void end(VmCause cause, unsigned number, const kvm_shim_exit& exit) {
        auto& end = state_.end;
        std::uint32_t nobody = 0;
        if (!end.claimed.compare_exchange_strong(nobody, 1)) {
            return;
        }
        end.cpu = number;
        end.exit_reason = exit.reason;
        end.code = exit.code;
        end.value_count = exit.value_count;
        std::ranges::copy(exit.values, end.values);
        end.cause = cause;
        constexpr std::uint64_t once = 1;
        static_cast<void>(!::write(over_, &once, sizeof once));
    }

    void take_snapshot(unsigned number) {
        auto& snapshot = state_.cpus[number];
        snapshot.valid = vm_.cpus()[number].read_state(snapshot.state) ? 1 : 0;
    }

    /// Are all CPUs halted for good? A look costs each of them one way out of the guest and back.
    void look_at_cpus() {
        seen_ = 0;
        ++look_number_;
        const auto all = static_cast<unsigned>(threads_.size());
        if (!wake_until([&] { return seen_ >= all || state_.end.claimed != 0; })) {
            return;
        }
        bool all_halted = true;
        for (unsigned i = 0; i < all; ++i) {
            const auto& snapshot = state_.cpus[i];
            const auto& state = snapshot.state;
            const bool waits_for_start = state.mp_state == KVM_MP_STATE_UNINITIALIZED ||
                                         state.mp_state == KVM_MP_STATE_INIT_RECEIVED;
            // In L2 it is L1's flag that counts, which nobody shows.
            const bool halted = state.mp_state == KVM_MP_STATE_HALTED &&
                                (state.rflags & interrupt_flag) == 0 && state.in_nested_guest == 0;
            all_halted = all_halted && snapshot.valid != 0 && (waits_for_start || halted);
        }
        if (all_halted) {
            end(VmCause::halted, 0, {});
        }
    }

    template<class Condition>
    bool wake_until(Condition&& done) {
        for (int attempt = 0; attempt < wake_attempts && !done(); ++attempt) {
            for (unsigned i = 0; i < threads_.size(); ++i) {
                vm_.cpus()[i].interrupt(true);
                ::pthread_kill(threads_[i].native_handle(), wake_signal);
            }
            std::this_thread::sleep_for(wake_pause);
        }
        return done();
    }

    VmState& state_;
    VmSignals signals_;
    GuestPorts ports_;
    VirtualMachine vm_;
    std::vector<std::thread> threads_;
    const int over_ = ::eventfd(0, EFD_CLOEXEC); ///< Some vCPU has claimed the end.
    std::atomic<bool> leaving_ = false;
    std::atomic<unsigned> running_ = 0;
    std::atomic<std::uint32_t> look_number_ = 0;
    std::atomic<unsigned> seen_ = 0;
};

} // namespace

void run_vm_process(const VmOptions& options, const BootMemory& memory, VmState& state,
                    const VmSignals& signals, pid_t supervisor) {
    // The supervisor may have died before the kernel knew that we want to hear of it.
    if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || ::getppid() != supervisor) {
        ::_exit(EXIT_FAILURE);
    }
    prepare_signals();
    // Never destroyed: a vCPU that is stuck in the kernel must not keep us.
    auto* const process = new VmProcess{options, memory, state, signals};
    process->run();
    ::_exit(0);
}

} // namespace vmrunit::worker
