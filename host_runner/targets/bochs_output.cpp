// SPDX-License-Identifier: GPL-2.0-only
// Bochs' words before the guest's first byte.
#include "host_runner/targets/bochs_output.hpp"

#include <string_view>

namespace vmrunit::runner {

namespace {

// Whoever says more than this does not say what is expected.
constexpr std::size_t most_words = 16 * 1024;
constexpr std::string_view last_words = "Next at t=0\n";

} // namespace

void BochsOutput::add(std::span<const std::byte> bytes, std::vector<std::byte>& guest) {
    if (over_) {
        guest.insert(guest.end(), bytes.begin(), bytes.end());
        return;
    }
    words_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    const auto at = words_.find(last_words);
    if (at != std::string::npos) {
        // One more line: the instruction the debugger starts at.
        const auto end = words_.find('\n', at + last_words.size());
        if (end != std::string::npos) {
            let_through(end + 1, guest);
            return;
        }
    }
    if (words_.size() > most_words) {
        let_through(0, guest);
    }
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
