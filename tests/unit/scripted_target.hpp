// SPDX-License-Identifier: GPL-2.0-only
// A target whose machines say what a script tells them to, byte for byte, and then die, fall silent
// or go on for ever. No emulator, no thread.
#pragma once

#include "harness/wire/plan.hpp"
#include "harness/wire/record.hpp"
#include "host_runner/plan/plan_builder.hpp"
#include "host_runner/targets/target.hpp"
#include "tests/unit/frame_stream.hpp"
#include "tests/unit/payload_sample.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <functional>
#include <optional>
#include <poll.h>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace vmrunit::runner::samples {

/// A case as the payload finds it in its plan.
struct PlannedCase {
    std::uint32_t index;
};

/// What a machine of the script says, and how it ends.
class GuestVoice {
public:
    wire::Hello hello_head{};

    void hello() {
        FileBytes payload;
        append_to(payload, hello_head);
        sequence_ = 0;
        frame(wire::FrameType::hello, payload);
    }
    void begin(std::uint32_t index) {
        FileBytes payload;
        append_to(payload, index);
        frame(wire::FrameType::begin, payload);
    }
    /// The record of a case that called a routine once.
    void report(std::uint32_t index, const std::vector<std::uint64_t>& values) {
        wire::RecordHeader head{};
        head.index = index;
        head.observations = 1;
        wire::ObservationHeader seen{};
        seen.kind = wire::ObservationKind::call;
        seen.values = static_cast<std::uint16_t>(values.size());
        FileBytes payload;
        append_to(payload, head);
        append_to(payload, seen);
        for (const std::uint64_t value : values) {
            append_to(payload, value);
        }
        frame(wire::FrameType::record, payload);
    }
    void log(const std::string& text) { frame(wire::FrameType::log, wire::test::bytes_of(text)); }
    void end() { frame(wire::FrameType::end, {}); }

    void frame(wire::FrameType type, const FileBytes& payload) {
        FileBytes made = wire::test::make_frame(type, sequence_++, payload);
        made.resize(made.size() - std::exchange(cut_, 0));
        last_ = made;
        append(made);
    }
    /// The next frame lacks its last bytes.
    void cut_next_by(std::size_t bytes) { cut_ = bytes; }
    /// Bytes that are no frame, but look like the beginning of one now and then.
    void noise(std::size_t count) { append(noise_bytes(count)); }

    void dies(MachineEnd end) { end_ = std::move(end); }
    void falls_silent() { silent_ = true; }
    /// Of a silent machine: what comes to light as the runner stops it.
    void dies_when_stopped(MachineEnd end) { end_when_stopped_ = std::move(end); }
    void floods_for_ever() { repeated_ = noise_bytes(4096); }
    void repeats_for_ever() { repeated_ = last_; }

    /// True once the script has said how the machine ends.
    [[nodiscard]] bool over() const { return end_ || silent_ || !repeated_.empty(); }
    [[nodiscard]] const FileBytes& said() const { return said_; }
    [[nodiscard]] const FileBytes& repeated() const { return repeated_; }
    [[nodiscard]] const std::optional<MachineEnd>& death() const { return end_; }
    [[nodiscard]] const std::optional<MachineEnd>& death_when_stopped() const {
        return end_when_stopped_;
    }

private:
    static FileBytes noise_bytes(std::size_t count) {
        FileBytes bytes(count);
        std::uint32_t state = 12345;
        for (std::size_t i = 0; i < count; ++i) {
            state = state * 1'103'515'245 + 12345;
            bytes[i] = static_cast<std::byte>(state >> 16);
        }
        const FileBytes sync = wire::test::sync_word_bytes();
        for (std::size_t i = 16; i + sync.size() <= count; i += 97) {
            std::copy(sync.begin(), sync.end(), bytes.begin() + static_cast<std::ptrdiff_t>(i));
        }
        return bytes;
    }
    void append(const FileBytes& bytes) { said_.insert(said_.end(), bytes.begin(), bytes.end()); }

    FileBytes said_;
    FileBytes last_;
    FileBytes repeated_;
    std::uint32_t sequence_ = 0;
    std::size_t cut_ = 0;
    bool silent_ = false;
    std::optional<MachineEnd> end_;
    std::optional<MachineEnd> end_when_stopped_;
};

/// `machine` counts from 1.
using Script =
    std::function<void(GuestVoice& voice, const std::vector<PlannedCase>& plan, unsigned machine)>;

class ScriptedMachine final : public Machine {
public:
    ScriptedMachine(GuestVoice voice, std::size_t bytes_per_read, unsigned& running)
        : voice_{std::move(voice)}, bytes_per_read_{bytes_per_read}, running_{running} {
        ++running_;
    }
    ~ScriptedMachine() override { stop(); }
    ScriptedMachine(const ScriptedMachine&) = delete;
    ScriptedMachine& operator=(const ScriptedMachine&) = delete;

    ReadOutcome read(std::span<std::byte> into, std::chrono::milliseconds limit) override {
        const std::size_t room = std::min(into.size(), bytes_per_read_);
        if (at_ < voice_.said().size()) {
            const std::size_t count = std::min(room, voice_.said().size() - at_);
            std::memcpy(into.data(), voice_.said().data() + at_, count);
            at_ += count;
            return {.bytes = count};
        }
        if (!voice_.repeated().empty()) {
            std::size_t count = 0;
            for (; count < room; ++count, ++repeated_) {
                into[count] = voice_.repeated()[repeated_ % voice_.repeated().size()];
            }
            return {.bytes = count};
        }
        if (voice_.death()) {
            return {.ended = true};
        }
        ::poll(nullptr, 0, static_cast<int>(limit.count()));
        return {};
    }
    [[nodiscard]] MachineEnd end() const override {
        return voice_.death().value_or(voice_.death_when_stopped().value_or(
            MachineEnd{MachineEnd::How::finished, "stopped by the test"}));
    }
    void stop() override {
        if (!std::exchange(stopped_, true)) {
            --running_;
        }
    }

private:
    GuestVoice voice_;
    std::size_t bytes_per_read_;
    unsigned& running_;
    std::size_t at_ = 0;
    std::size_t repeated_ = 0;
    bool stopped_ = false;
};

class ScriptedTarget final : public Target {
public:
    explicit ScriptedTarget(Script script) : script_{std::move(script)} {}

    bool shares = false;
    std::size_t bytes_per_read = 1000;
    std::string called = "scripted";
    Layers stack;
    Availability offer{true, "a script", {}};
    /// These starts fail; counted from 1, 0: none.
    unsigned refuse_starts_from = 0;
    unsigned refuse_starts_up_to = ~0u;
    std::chrono::milliseconds start_takes{0};

    [[nodiscard]] unsigned starts() const { return starts_; }
    [[nodiscard]] unsigned running() const { return running_; }
    /// What the last plan says of the ring, and what the request said.
    [[nodiscard]] RingPlace last_ring() const { return last_ring_; }
    [[nodiscard]] RingPlace last_request_ring() const { return last_request_ring_; }
    /// Of each plan, the mode of L1 it is for, and the first byte of its build-id.
    [[nodiscard]] const std::vector<std::pair<L1Mode, unsigned>>& plans() const { return plans_; }

    std::string name() const override { return called; }
    std::string baseline_name() const override { return "scripted"; }
    Availability availability() override { return offer; }
    Layers layers() const override { return stack; }
    SubjectFacts facts() override { return {}; }
    bool shares_memory() const override { return shares; }

    Result<std::unique_ptr<Machine>> start(const BootRequest& request) override {
        ++starts_;
        if (refuse_starts_from != 0 && starts_ >= refuse_starts_from &&
            starts_ <= refuse_starts_up_to) {
            return failure("no machine to be had", "plug one in");
        }
        wire::PlanHeader header{};
        std::memcpy(&header, request.plan.data(), sizeof header);
        plans_.emplace_back(header.l1_mode, header.build_id[0]);
        last_ring_ = {header.ring_address, header.ring_size};
        last_request_ring_ = {request.ring_address, request.ring_size};
        std::vector<PlannedCase> plan;
        std::size_t at = sizeof header;
        for (std::uint32_t i = 0; i < header.case_count; ++i) {
            wire::PlanCase one{};
            std::memcpy(&one, request.plan.data() + at, sizeof one);
            at += sizeof one + one.op_count * sizeof(wire::Op);
            plan.push_back({one.index});
        }
        std::this_thread::sleep_for(start_takes);
        GuestVoice voice;
        std::memcpy(voice.hello_head.build_id, header.build_id, sizeof header.build_id);
        script_(voice, plan, starts_);
        return std::unique_ptr<Machine>{
            std::make_unique<ScriptedMachine>(std::move(voice), bytes_per_read, running_)};
    }

private:
    Script script_;
    unsigned starts_ = 0;
    unsigned running_ = 0;
    std::vector<std::pair<L1Mode, unsigned>> plans_;
    RingPlace last_ring_;
    RingPlace last_request_ring_;
};

} // namespace vmrunit::runner::samples
