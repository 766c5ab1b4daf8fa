// SPDX-License-Identifier: GPL-2.0-only
// What can go wrong in operation: one line that says what is wrong, and one that says how to mend
// it.
#pragma once

#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace vmrunit::runner {

struct Error {
    std::string what;    ///< What is wrong: the operation, the object, errno's text.
    std::string cure;    ///< How to mend it; may be empty when there is nothing to advise.
    bool misuse = false; ///< Bad input: what was asked for does not exist, or cannot be.

    /// Both parts in the one line a user sees.
    [[nodiscard]] std::string line() const { return cure.empty() ? what : what + ": " + cure; }
};

template<class T>
using Result = tl::expected<T, Error>;

[[nodiscard]] inline auto failure(std::string what, std::string cure = {}) {
    return tl::unexpected<Error>(Error{std::move(what), std::move(cure)});
}

/// A failure that is the user's to mend by asking for something else: exit status 64, not 99.
[[nodiscard]] inline auto misuse(std::string what, std::string cure = {}) {
    return tl::unexpected<Error>(Error{std::move(what), std::move(cure), true});
}

} // namespace vmrunit::runner
