// SPDX-License-Identifier: GPL-2.0-only
// The runner's reader of a stream of frames (host only). Any bytes may arrive, in any pieces; what
// is no frame is counted and passed over, and every decision depends on the bytes alone, never on
// how they were cut. Memory is bounded and work is linear in the bytes, whoever wrote them.
#pragma once

#include "harness/wire/frame.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <variant>
#include <vector>

namespace vmrunit::wire {

struct Frame {
    FrameType type{};
    std::uint32_t sequence = 0;
    std::vector<std::byte> payload;
    bool operator==(const Frame&) const = default;
};

// Bytes that belong to no frame, since the event before. A longer run comes as several events.
struct Garbage {
    static constexpr std::size_t max_count = 64 * 1024;
    static constexpr std::size_t max_head = 32;
    std::size_t count = 0;
    std::vector<std::byte> head; // the first bytes of it, for reports
    bool operator==(const Garbage&) const = default;
};

// The next frame's number is not the one after the last frame's: frames were lost, repeated or
// forged. A hello starts a new numbering at 0.
struct Gap {
    std::uint32_t expected = 0;
    std::uint32_t got = 0;
    bool operator==(const Gap&) const = default;
};

using Event = std::variant<Frame, Garbage, Gap>;

class FrameParser {
public:
    static constexpr std::size_t capacity = 128 * 1024;

    // Takes as many bytes as there is room for and says how many. When next() has nothing more,
    // there is room for at least capacity - max_frame_size of them.
    [[nodiscard]] std::size_t feed(std::span<const std::byte> bytes);

    // No more bytes are to come from this machine: a frame that waits for its end is garbage now,
    // and frames inside it are found. When next() has nothing more, another stream may be fed.
    void end_of_stream() { ended_ = true; }

    [[nodiscard]] std::optional<Event> next();

    // Feeds all of `bytes` and passes each event to `handle`.
    template<class Handle>
    void consume(std::span<const std::byte> bytes, Handle&& handle) {
        do {
            bytes = bytes.subspan(feed(bytes));
            while (std::optional<Event> event = next()) {
                handle(*event);
            }
        } while (!bytes.empty());
    }

    // Bytes that may yet become a frame, and garbage not reported yet: what a hang leaves behind.
    [[nodiscard]] std::size_t buffered() const { return end_ - begin_; }
    [[nodiscard]] std::size_t pending_garbage() const { return garbage_.count; }

private:
    [[nodiscard]] std::span<const std::byte> unparsed() const {
        return std::span{buffer_}.subspan(begin_, end_ - begin_);
    }
    // These pass over bytes once at most, and return false if more bytes are needed first.
    [[nodiscard]] bool advance();
    [[nodiscard]] bool find_candidate();
    [[nodiscard]] bool examine_candidate();
    void skip(std::size_t count);
    void reject_candidate();

    std::vector<std::byte> buffer_ = std::vector<std::byte>(capacity);
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
    std::optional<FrameHeader> candidate_; // a good header at begin_
    std::size_t searched_ = 0;             // of the candidate's bytes, known to hold no sync word
    std::optional<Frame> found_;           // not delivered yet
    bool gap_told_ = false;                // about found_
    Garbage garbage_;
    std::uint32_t expected_sequence_ = 0;
    bool ended_ = false;
};

inline std::size_t FrameParser::feed(std::span<const std::byte> bytes) {
    if (bytes.size() > buffer_.size() - end_ && begin_ != 0) {
        __builtin_memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
        end_ -= begin_;
        begin_ = 0;
    }
    const std::size_t room = buffer_.size() - end_;
    const std::size_t count = bytes.size() < room ? bytes.size() : room;
    if (count != 0) {
        __builtin_memcpy(buffer_.data() + end_, bytes.data(), count);
        end_ += count;
    }
    return count;
}

inline std::optional<Event> FrameParser::next() {
    for (;;) {
        const bool drained = ended_ && begin_ == end_;
        if (garbage_.count == Garbage::max_count ||
            (garbage_.count != 0 && (found_.has_value() || drained))) {
            return std::exchange(garbage_, Garbage{});
        }
        if (found_.has_value()) {
            const std::uint32_t expected =
                found_->type == FrameType::hello ? 0 : expected_sequence_;
            if (found_->sequence != expected && !gap_told_) {
                gap_told_ = true;
                return Gap{expected, found_->sequence};
            }
            gap_told_ = false;
            expected_sequence_ = (found_->sequence + 1) & max_frame_sequence;
            return *std::exchange(found_, std::nullopt);
        }
        if (drained) {
            ended_ = false;
            return std::nullopt;
        }
        if (!advance()) {
            return std::nullopt;
        }
    }
}

inline bool FrameParser::advance() {
    return candidate_.has_value() ? examine_candidate() : find_candidate();
}

inline bool FrameParser::find_candidate() {
    const std::span<const std::byte> bytes = unparsed();
    const std::size_t at = find_sync_word(bytes);
    if (at != 0) {
        // The last three bytes may be the front of a sync word whose rest is still to come.
        const std::size_t may_be_sync = at != bytes.size() || ended_ ? 0 : 3;
        if (at <= may_be_sync) {
            return false;
        }
        skip(at - may_be_sync);
        return true;
    }
    if (bytes.size() < frame_header_size) {
        if (ended_ && !bytes.empty()) {
            skip(1);
            return true;
        }
        return false;
    }
    candidate_ = decode_frame_header(bytes.first<frame_header_size>());
    searched_ = frame_header_size;
    if (!candidate_.has_value()) {
        skip(1);
    }
    return true;
}

inline bool FrameParser::examine_candidate() {
    const std::size_t payload_end = frame_header_size + candidate_->payload_length;
    const std::size_t frame_size = frame_overhead + candidate_->payload_length;
    const std::span<const std::byte> bytes = unparsed();
    const std::span<const std::byte> here = bytes.first(std::min(bytes.size(), payload_end));

    // A writer leaves no sync word in a payload: this frame lost its end, or was never one.
    if (find_sync_word(here, searched_) != here.size()) {
        reject_candidate();
        return true;
    }
    if (bytes.size() < frame_size) {
        if (ended_) {
            reject_candidate();
            return true;
        }
        searched_ = std::max(frame_header_size, here.size() - 3);
        return false;
    }

    const std::span<const std::byte> payload = here.subspan(frame_header_size);
    Frame frame{candidate_->type, candidate_->sequence, {payload.begin(), payload.end()}};
    if (bytes[payload_end] != frame_terminator ||
        crc32(here.subspan(frame_crc_start)) != candidate_->frame_crc ||
        !restore_sync_words(frame.payload, candidate_->first_escape)) {
        reject_candidate();
        return true;
    }
    found_ = std::move(frame);
    begin_ += frame_size;
    candidate_.reset();
    return true;
}

// The search goes on behind the first byte, not behind the claimed end: what a bad frame claims
// may contain good ones.
inline void FrameParser::reject_candidate() {
    candidate_.reset();
    skip(1);
}

inline void FrameParser::skip(std::size_t count) {
    // Reports are cut at the same places however the bytes were cut; the caller comes again.
    count = std::min(count, Garbage::max_count - garbage_.count);
    const std::span<const std::byte> kept =
        unparsed().first(std::min(count, Garbage::max_head - garbage_.head.size()));
    garbage_.head.insert(garbage_.head.end(), kept.begin(), kept.end());
    garbage_.count += count;
    begin_ += count;
}

} // namespace vmrunit::wire
