// SPDX-License-Identifier: GPL-2.0-only
#include "host_runner/session/parallel_session.hpp"

#include <atomic>
#include <string>
#include <thread>

namespace vmrunit::runner {

namespace {

using namespace std::chrono_literals;

// How soon a lane notices that it is to stop.
constexpr auto lane_slice = 50ms;

} // namespace

/// One of the sessions. Its thread lives as long as it does and not only while there is work: an
/// emulator dies with the thread that started it, and a lab kernel serves the next load as well.
class ParallelSession::Lane final : public SessionListener {
public:
    Lane(ParallelSession& owner, Target& target, const PayloadImages& images,
         const SessionOptions& options)
        : owner_{owner}, session_{target, images, options, *this}, thread_{[this] { serve(); }} {}
    ~Lane() override {
        {
            const std::lock_guard guard{lock_};
            leaving_ = true;
            stopping_ = true;
        }
        change_.notify_all();
        thread_.join();
    }
    Lane(const Lane&) = delete;
    Lane& operator=(const Lane&) = delete;

    /// For a lane that stands still.
    [[nodiscard]] Result<void> load(std::span<const cases::Case* const> cases) {
        return session_.load(cases);
    }
    void start() {
        {
            const std::lock_guard guard{lock_};
            working_ = true;
            stopping_ = false;
        }
        change_.notify_all();
    }
    void ask_to_stop() { stopping_ = true; }
    void wait_until_it_stands() {
        std::unique_lock guard{lock_};
        change_.wait(guard, [this] { return !working_; });
        session_.abandon_silently();
    }

    // SessionListener, on the lane's thread
    void subject_known(const HelloRecord& hello) override {
        owner_.post([this, hello] { owner_.listener_.subject_known(hello); });
    }
    void machine_started(unsigned machine, std::chrono::nanoseconds boot) override {
        owner_.post([this, machine, boot] {
            owner_.listener_.machine_started(owner_.machine_number(*this, machine), boot);
        });
    }
    void machine_died(unsigned machine, const std::string& how,
                      const std::string& running) override {
        owner_.post([this, machine, how, running] {
            owner_.listener_.machine_died(owner_.machine_number(*this, machine), how, running);
        });
    }
    void case_started(const cases::Case& subject) override {
        owner_.post([this, &subject] { owner_.listener_.case_started(subject); });
    }
    void case_finished(const cases::Case& subject, const CaseResult& result) override {
        owner_.post([this, &subject, told = result]() mutable {
            if (told.machine != 0) {
                told.machine = owner_.machine_number(*this, told.machine);
            }
            --owner_.open_cases_;
            owner_.listener_.case_finished(subject, told);
        });
    }

private:
    void serve() {
        std::unique_lock guard{lock_};
        for (;;) {
            change_.wait(guard, [this] { return working_ || leaving_; });
            if (leaving_) {
                return;
            }
            guard.unlock();
            while (!stopping_ && !session_.finished()) {
                session_.step(lane_slice);
            }
            guard.lock();
            working_ = false;
            change_.notify_all();
        }
    }

    ParallelSession& owner_;
    Session session_; ///< The thread's while `working_`, else the owner's.
    std::mutex lock_;
    std::condition_variable change_;
    bool working_ = false;
    bool leaving_ = false;
    std::atomic<bool> stopping_ = false;
    std::thread thread_;
};

ParallelSession::ParallelSession(std::span<Target* const> targets, const PayloadImages& images,
                                 const SessionOptions& options, SessionListener& listener)
    : listener_{listener} {
    for (Target* const target : targets) {
        lanes_.push_back(std::make_unique<Lane>(*this, *target, images, options));
    }
}

ParallelSession::~ParallelSession() {
    stop_lanes();
}

void ParallelSession::stop_lanes() {
    for (const auto& lane : lanes_) {
        lane->ask_to_stop();
    }
    for (const auto& lane : lanes_) {
        lane->wait_until_it_stands();
    }
}

Result<void> ParallelSession::load(std::span<const cases::Case* const> cases) {
    abandon_silently();
    // In turn: neighbours cost about the same, and results come in about the order that was asked.
    std::vector<std::vector<const cases::Case*>> parts(lanes_.size());
    for (std::size_t i = 0; i < cases.size(); ++i) {
        parts[i % parts.size()].push_back(cases[i]);
    }
    for (std::size_t i = 0; i < lanes_.size(); ++i) {
        if (auto loaded = lanes_[i]->load(parts[i]); !loaded) {
            return loaded;
        }
    }
    open_cases_ = cases.size();
    for (std::size_t i = 0; i < lanes_.size(); ++i) {
        if (!parts[i].empty()) {
            lanes_[i]->start();
        }
    }
    return {};
}

void ParallelSession::step(std::chrono::milliseconds limit) {
    std::vector<Event> arrived;
    {
        std::unique_lock guard{lock_};
        arrival_.wait_for(guard, limit, [this] { return !events_.empty(); });
        arrived.swap(events_);
    }
    for (const Event& event : arrived) {
        event();
    }
}

void ParallelSession::abandon_silently() {
    stop_lanes();
    open_cases_ = 0;
    const std::lock_guard guard{lock_};
    events_.clear();
}

void ParallelSession::post(Event event) {
    {
        const std::lock_guard guard{lock_};
        events_.push_back(std::move(event));
    }
    arrival_.notify_one();
}

unsigned ParallelSession::machine_number(const Lane& lane, unsigned its_own) {
    const auto [known, is_new] = numbers_.emplace(std::pair{&lane, its_own}, machines_ + 1);
    machines_ += is_new ? 1 : 0;
    return known->second;
}

} // namespace vmrunit::runner
