// SPDX-License-Identifier: GPL-2.0-only
#include "host_runner/session/session.hpp"
#include "host_runner/session/blank_result.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <fmt/format.h>
#include <iterator>
#include <string_view>
#include <utility>
#include <variant>

namespace vmrunit::runner {

namespace {

using namespace std::chrono_literals;

/// So many VMRUNs share one limit of a case. KVM under an emulated CPU takes 0.1 to 0.3 s for them
/// on a busy machine.
constexpr unsigned vmruns_per_limit = 512;
constexpr std::size_t max_log_lines = 64;
constexpr std::size_t max_log_line = 512;
/// A machine may die between two cases by no fault of either; three in a row are no accident.
constexpr unsigned max_fruitless_machines = 3;

std::string_view text_of(wire::PlanError error) {
    switch (error) {
    case wire::PlanError::none:
        return "nothing";
    case wire::PlanError::no_module:
        return "it found no plan: the target passed no boot module";
    case wire::PlanError::bad_magic:
        return "its boot module is not a plan";
    case wire::PlanError::bad_version:
        return "the plan has another version";
    case wire::PlanError::bad_size:
        return "the plan is cut short";
    case wire::PlanError::bad_crc:
        return "the plan was changed on its way";
    case wire::PlanError::other_payload:
        return "the plan was made for another payload";
    case wire::PlanError::bad_ring:
        return "the ring does not lie in free memory of the machine";
    case wire::PlanError::other_l1_mode:
        return "it has no L1 in the mode the plan is for";
    case wire::PlanError::no_svm:
        return "the CPU has no SVM: CPUID Fn8000_0001 ECX bit 2 is clear, or VM_CR.SVMDIS is set";
    }
    return "a reason this runner does not know";
}

/// Guest memory above the payload's image, on the next 2 MiB boundary: far from where loaders put
/// the module, at the top.
std::uint64_t ring_address(const PayloadImage& image) {
    constexpr std::uint64_t boundary = 2u << 20;
    return (image.memory_end() + boundary - 1) & ~(boundary - 1);
}

} // namespace

Session::Session(Target& target, const PayloadImages& images, SessionOptions options,
                 SessionListener& listener)
    : target_(target), images_(images), options_(options), listener_(listener) {
    for (const PayloadImage& image : images.all()) {
        pristine_.emplace(&image, PristineArena{image});
    }
}

Session::~Session() {
    stop_machine();
}

Result<void> Session::load(std::span<const cases::Case* const> cases) {
    stop_machine();
    held_.reset(); // A result of the cases before, which nobody asks for any more.
    entries_.clear();
    positions_.clear();
    open_cases_ = 0;
    unrunnable_ = 0;
    std::vector<const cases::Case*> order(cases.begin(), cases.end());
    std::ranges::stable_sort(order, {}, [](const cases::Case* one) {
        return std::pair{one->start.l1, one->ends_machine};
    });
    entries_.reserve(order.size());
    for (const cases::Case* one : order) {
        const PayloadImage* const image = images_.of(one->start.l1);
        if (image == nullptr) {
            ++unrunnable_;
            positions_.emplace(one, entries_.size());
            entries_.push_back({one, std::nullopt, {}, std::nullopt, false});
            continue;
        }
        auto resolver = Resolver::make(*image, *one);
        if (!resolver) {
            return tl::unexpected(resolver.error());
        }
        auto encoded = encode_case(*one, static_cast<std::uint32_t>(entries_.size()), *resolver);
        if (!encoded) {
            return tl::unexpected(encoded.error());
        }
        positions_.emplace(one, entries_.size());
        entries_.push_back({one, *resolver, std::move(*encoded), std::nullopt, false});
    }
    open_cases_ = entries_.size();
    fruitless_ = 0;
    return {};
}

const CaseResult* Session::result(const cases::Case& subject) const {
    const auto found = positions_.find(&subject);
    if (found == positions_.end() || !entries_[found->second].result) {
        return nullptr;
    }
    return &*entries_[found->second].result;
}

void Session::skip_unrunnable() {
    unrunnable_ = 0;
    for (std::size_t i = 0; i < entries_.size(); ++i) {
        if (!entries_[i].resolve) {
            const L1Mode mode = entries_[i].subject->start.l1;
            CaseResult result = blank_result(*entries_[i].subject);
            result.verdict = Verdict::skip;
            result.reason = fmt::format("{} comes without an image for L1 in {}-bit mode",
                                        images_.main().file().filename().string(), l1_bits(mode));
            close(i, std::move(result));
        }
    }
}

void Session::step(std::chrono::milliseconds limit) {
    if (unrunnable_ != 0 && open_cases_ == unrunnable_) {
        skip_unrunnable(); // Behind what runs, so that a run that stops early shows that first.
    }
    if (finished()) {
        stop_machine();
        return;
    }
    if (!machine_) {
        start_machine();
        return;
    }
    read_machine(limit);
    if (machine_) {
        check_deadline();
    }
    if (finished()) {
        stop_machine();
    }
}

void Session::start_machine() {
    std::vector<const EncodedCase*> rest;
    L1Mode mode{}; // That of the first open case.
    for (Entry& entry : entries_) {
        entry.sent = false;
        const bool room =
            options_.cases_per_machine == 0 || rest.size() < options_.cases_per_machine;
        if (entry.resolve && !entry.result && room &&
            (rest.empty() || entry.subject->start.l1 == mode)) {
            entry.sent = true;
            rest.push_back(&entry.encoded);
            mode = entry.subject->start.l1;
        }
    }
    booted_ = images_.of(mode);
    BootRequest request;
    request.image = booted_->file();
    RingPlace ring;
    if (options_.use_ring && target_.shares_memory()) {
        ring = {ring_address(*booted_), options_.ring_size};
        request.ring_address = ring.address;
        request.ring_size = ring.size;
    }
    request.plan =
        build_plan(*booted_, rest, ring, options_.plan_flags, mode, target_.machine_features());
    parser_ = wire::FrameParser{};
    hello_.reset();
    running_.reset();
    log_.clear();
    garbage_ = 0;
    settled_any_ = false;
    since_ = Clock::now();
    auto machine = target_.start(request);
    if (!machine) {
        // The first start shows whether it can be done at all; a later one may fail by accident.
        if (machines_ == 0 || ++fruitless_ == max_fruitless_machines) {
            abandon(Verdict::error, machine.error().line());
        }
        return;
    }
    machine_ = std::move(*machine);
    there_since_ = Clock::now();
    ++machines_;
}

void Session::stop_machine() {
    if (machine_) {
        machine_->stop();
        machine_.reset();
    }
}

void Session::read_machine(std::chrono::milliseconds limit) {
    std::array<std::byte, 64 * 1024> buffer;
    const ReadOutcome outcome = machine_->read(buffer, limit);
    parser_.consume(std::span{buffer}.first(outcome.bytes), [&](const wire::Event& event) {
        if (machine_) {
            handle(event);
        }
    });
    if (!outcome.ended || !machine_) {
        return;
    }
    parser_.end_of_stream();
    while (machine_) {
        const auto event = parser_.next();
        if (!event) {
            break;
        }
        handle(*event);
    }
    if (machine_) {
        machine_ended(machine_->end());
    }
}

void Session::handle(const wire::Event& event) {
    if (const auto* frame = std::get_if<wire::Frame>(&event)) {
        handle(*frame);
    } else if (const auto* garbage = std::get_if<wire::Garbage>(&event)) {
        garbage_ += garbage->count;
    }
    // A gap shows by itself: a case that begins while another has no record, or an end too early.
}

void Session::handle(const wire::Frame& frame) {
    switch (frame.type) {
    case wire::FrameType::hello:
        return handle_hello(frame);
    case wire::FrameType::begin:
        return handle_begin(frame);
    case wire::FrameType::record:
        return handle_record(frame);
    case wire::FrameType::log:
        return handle_log(frame);
    case wire::FrameType::end:
        return handle_end(frame);
    }
}

void Session::handle_hello(const wire::Frame& frame) {
    if (hello_) {
        return machine_ended({MachineEnd::How::triple_fault, "the payload began anew"});
    }
    auto hello = decode_hello(frame.payload);
    if (!hello) {
        return machine_ended({MachineEnd::How::lost, "stream corrupt: " + hello.error().what});
    }
    const auto error = static_cast<wire::PlanError>(hello->head.plan_error);
    if (error == wire::PlanError::no_svm) {
        return abandon(Verdict::skip, fmt::format("the payload cannot run: {}", text_of(error)));
    }
    if (error != wire::PlanError::none) {
        return abandon(Verdict::error, fmt::format("the payload refused: {}", text_of(error)));
    }
    if (!std::ranges::equal(hello->head.build_id, booted_->build_id())) {
        return abandon(Verdict::error, "the machine booted another payload: its build-id is not "
                                       "that of " +
                                           booted_->file().string());
    }
    hello_ = std::move(*hello);
    const auto now = Clock::now();
    listener_.machine_started(machines_, now - since_);
    listener_.subject_known(*hello_);
    since_ = now;
}

Session::Entry* Session::entry_of(std::uint32_t index) {
    return index < entries_.size() && entries_[index].sent ? &entries_[index] : nullptr;
}

void Session::handle_begin(const wire::Frame& frame) {
    const auto index = wire::decode_begin(frame.payload);
    Entry* entry = index && hello_ ? entry_of(*index) : nullptr;
    const bool has_record = held_ && index && held_->position == *index;
    if (entry == nullptr || entry->result || running_ == *index || has_record) {
        garbage_ += frame.payload.size();
        return;
    }
    close_held();
    settle_running(Verdict::error, "stream corrupt: its record was lost");
    running_ = *index;
    since_ = Clock::now();
    garbage_ = 0;
    log_.clear();
    listener_.case_started(*entry->subject);
}

void Session::handle_record(const wire::Frame& frame) {
    if (!hello_ || !running_) {
        garbage_ += frame.payload.size();
        return;
    }
    const auto start = Clock::now();
    auto record = decode_record(frame.payload);
    if (!record) {
        return settle_running(Verdict::error, "stream corrupt: " + record.error().what);
    }
    if (record->index != *running_) {
        return settle_running(
            Verdict::error,
            fmt::format("stream corrupt: its record claims to be case number {}", record->index));
    }
    const Entry& entry = entries_[*running_];
    CaseResult result = judge(
        {*entry.subject, entry.encoded, *entry.resolve, pristine_.at(booted_), hello_->features},
        *record);
    judging_time_ += Clock::now() - start;
    last_record_ = std::move(*record);
    if (result.verdict != Verdict::pass) {
        result.guest_log = log_;
    }
    complete(result);
    held_ = Held{*running_, std::move(result)};
    running_.reset();
}

void Session::handle_log(const wire::Frame& frame) {
    std::string line;
    for (const std::byte byte :
         std::span{frame.payload}.first(std::min(frame.payload.size(), max_log_line))) {
        line += static_cast<char>(byte);
    }
    note(std::move(line));
}

void Session::note(std::string line) {
    if (log_.size() == max_log_lines) {
        log_.erase(log_.begin());
    }
    log_.push_back(std::move(line));
}

void Session::handle_end(const wire::Frame& frame) {
    if (!hello_) {
        garbage_ += frame.payload.size();
        return;
    }
    if (wire::EndTicks told{}; frame.payload.size() == sizeof told) {
        std::memcpy(&told, frame.payload.data(), sizeof told);
        guest_ticks_ += told.ticks;
    }
    settle_running(Verdict::error, "stream corrupt: its record was lost");
    const auto open = std::ranges::count_if(
        entries_, [](const Entry& entry) { return entry.sent && !entry.result; });
    if (open > (held_ ? 1 : 0)) {
        return machine_ended({MachineEnd::How::lost, "the plan ended before all of its cases"});
    }
    finish_machine();
}

void Session::finish_machine() {
    machine_->stop();
    const MachineEnd end = machine_->end();
    if (end.how == MachineEnd::How::kernel_died) {
        return machine_ended(end);
    }
    stop_machine();
    close_held();
}

/// A case that walks thousands of permission bits is no hang because it is slow.
std::chrono::milliseconds Session::limit_of(const cases::Case& subject) const {
    return options_.case_limit *
           std::max(1u, (subject.vmruns + vmruns_per_limit - 1) / vmruns_per_limit);
}

std::optional<std::chrono::milliseconds> Session::overrun(std::chrono::nanoseconds waited) const {
    if (!running_) {
        return std::nullopt;
    }
    const cases::Case& subject = *entries_[*running_].subject;
    const auto limit = limit_of(subject);
    // Dozens of known hangs would otherwise be most of a run. Who knows is asked late: it is a
    // search through globs, and next to no case gets here.
    const auto impatient = limit / 20;
    if (waited > impatient && options_.known_to_hang && options_.known_to_hang(subject)) {
        return impatient;
    }
    return waited > limit ? std::optional{limit} : std::nullopt;
}

void Session::check_deadline() {
    const auto waited = Clock::now() - since_;
    if (const auto limit = overrun(waited)) {
        std::string how = fmt::format("hang: no record after {} ms", limit->count());
        if (garbage_ != 0) {
            how += fmt::format(", {} bytes that were no record", garbage_);
        }
        machine_->stop();
        const MachineEnd end = machine_->end(); // Where it hung, if the machine can tell.
        if (end.how == MachineEnd::How::kernel_died) {
            return machine_ended(end);
        }
        listener_.machine_died(machines_, how, entries_[*running_].subject->name);
        note(end.text);
        std::ranges::for_each(end.log, [this](const std::string& line) { note(line); });
        stop_machine();
        settle_running(Verdict::fail, std::move(how), limit);
        fruitless_ = 0;
        return;
    }
    const bool silent = hello_ ? !running_ && waited > options_.case_limit
                               : Clock::now() - there_since_ > options_.boot_limit;
    if (silent) {
        const std::string how = hello_ ? "hang between two cases" : "no hello from the payload";
        machine_->stop();
        const MachineEnd end = machine_->end();
        const bool kernel_died = end.how == MachineEnd::How::kernel_died;
        machine_ended(kernel_died ? end : MachineEnd{MachineEnd::How::lost, how});
    }
}

void Session::machine_ended(const MachineEnd& end) {
    std::string how{to_string(end.how)};
    if (!end.text.empty()) {
        how += ": " + end.text;
    }
    if (end.how == MachineEnd::How::triple_fault && running_ &&
        cases::expects_end(*entries_[*running_].subject)) {
        stop_machine();
        settle_running(Verdict::pass, "");
        fruitless_ = 0;
        return;
    }
    const bool kernel_died = end.how == MachineEnd::How::kernel_died;
    const std::optional<std::size_t> position = running_ ? running_
                                                : held_ && kernel_died
                                                    ? std::optional{held_->position}
                                                    : std::nullopt;
    listener_.machine_died(machines_, how, position ? entries_[*position].subject->name : "");
    stop_machine();
    std::ranges::for_each(end.log, [this](const std::string& line) { note(line); });
    if (held_ && kernel_died) {
        CaseResult result = blank_result(*entries_[held_->position].subject);
        result.verdict = Verdict::fail;
        result.reason = how;
        result.guest_log = log_;
        result.machine = held_->result.machine;
        result.duration = held_->result.duration;
        held_->result = std::move(result);
        last_record_.reset();
    }
    close_held();
    const bool subject_is_wrong = end.how != MachineEnd::How::lost;
    settle_running(subject_is_wrong ? Verdict::fail : Verdict::error, how);
    fruitless_ = settled_any_ ? 0 : fruitless_ + 1;
    if (fruitless_ == max_fruitless_machines) {
        abandon(Verdict::error, fmt::format("{} machines in a row ended before any case: {}",
                                            max_fruitless_machines, how));
    }
}

void Session::settle_running(Verdict verdict, std::string reason,
                             std::optional<std::chrono::milliseconds> timed_out_after) {
    if (!running_) {
        return;
    }
    const std::size_t position = *running_;
    running_.reset();
    last_record_.reset();
    CaseResult result = blank_result(*entries_[position].subject);
    result.verdict = verdict;
    result.reason = std::move(reason);
    result.guest_log = log_;
    result.timed_out_after = timed_out_after;
    settle(position, std::move(result));
}

void Session::settle(std::size_t position, CaseResult result) {
    complete(result);
    close(position, std::move(result));
}

void Session::complete(CaseResult& result) {
    const auto now = Clock::now();
    result.machine = machines_;
    result.duration = now - since_;
    since_ = now;
    settled_any_ = true;
}

void Session::close_held() {
    if (held_) {
        Held held = std::move(*held_);
        held_.reset();
        close(held.position, std::move(held.result));
    }
}

void Session::close(std::size_t position, CaseResult result) {
    Entry& entry = entries_[position];
    entry.result = std::move(result);
    --open_cases_;
    listener_.case_finished(*entry.subject, *entry.result);
}

void Session::abandon_silently() {
    stop_machine();
    close_held();
    open_cases_ = 0;
}

void Session::abandon(Verdict verdict, const std::string& reason) {
    stop_machine();
    close_held();
    settle_running(verdict, reason);
    last_record_.reset();
    for (std::size_t i = 0; i < entries_.size(); ++i) {
        if (!entries_[i].result) {
            CaseResult result = blank_result(*entries_[i].subject);
            result.verdict = verdict;
            result.reason = reason;
            close(i, std::move(result));
        }
    }
}

} // namespace vmrunit::runner
