// SPDX-License-Identifier: GPL-2.0-only
// Bochs' words before the guest's first byte.
#include "host_runner/targets/bochs_output.hpp"

#include <string_view>

namespace vmrunit::runner {

namespace {

// Whoever says more than this does not say what is expected.
constexpr std::size_t most_words = 16 * 1024;
constexpr std::string_view banner_title = "Bochs x86 Emulator";
constexpr std::string_view banner_end = "=\n";
constexpr std::string_view debugger_words = "Next at t=0\n";

} // namespace

void BochsOutput::add(std::span<const std::byte> bytes, std::vector<std::byte>& guest) {
    if (over_) {
        guest.insert(guest.end(), bytes.begin(), bytes.end());
        return;
    }
    words_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    if (const auto end = end_of_words()) {
        let_through(*end, guest);
        return;
    }
    if (words_.size() > most_words) {
        let_through(0, guest);
    }
}

std::optional<std::size_t> BochsOutput::end_of_words() const {
    const auto title = words_.find(banner_title);
    const auto rule = title == std::string::npos ? title : words_.find(banner_end, title);
    if (rule == std::string::npos) {
        return std::nullopt;
    }
    const auto behind = rule + banner_end.size();
    const auto rest = std::string_view{words_}.substr(behind);
    if (rest.starts_with(debugger_words)) {
        // One more line: the instruction the debugger starts at.
        const auto end = words_.find('\n', behind + debugger_words.size());
        return end == std::string::npos ? std::nullopt : std::optional{end + 1};
    }
    if (debugger_words.starts_with(rest)) { // also if there is nothing yet
        return std::nullopt;
    }
    return behind; // 3.0's debugger speaks elsewhere
}

void BochsOutput::finish(std::vector<std::byte>& guest) {
    if (!over_) {
        let_through(0, guest);
    }
}

void BochsOutput::let_through(std::size_t from, std::vector<std::byte>& guest) {
    const auto rest = std::as_bytes(std::span{words_.data() + from, words_.size() - from});
    guest.insert(guest.end(), rest.begin(), rest.end());
    words_.clear();
    over_ = true;
}

} // namespace vmrunit::runner
