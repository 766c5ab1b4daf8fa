// SPDX-License-Identifier: GPL-2.0-only
// Takes Bochs' own words off its standard output, so that port 0xE9 is left.
//
// Bochs prints a banner and, before 3.0, "Next at t=0" with the first instruction when its debugger
// starts the machine. All of that comes before the guest's first byte and nothing of it later.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace vmrunit::runner {

class BochsOutput {
public:
    /// Adds what was read; what is the guest's is appended to `guest`.
    void add(std::span<const std::byte> bytes, std::vector<std::byte>& guest);
    /// No more will come. A Bochs that speaks otherwise than expected: its words go through, the
    /// reader of frames knows how to pass over them.
    void finish(std::vector<std::byte>& guest);

private:
    /// Where Bochs' words end, if that can be told yet.
    [[nodiscard]] std::optional<std::size_t> end_of_words() const;
    void let_through(std::size_t from, std::vector<std::byte>& guest);

    std::string words_;
    bool over_ = false;
};

} // namespace vmrunit::runner
