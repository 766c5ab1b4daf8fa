// SPDX-License-Identifier: GPL-2.0-only
// How a target is named on the command line, for every kind of target, in a form no shell touches:
//
//     name[:subject][@where][,key=value]...
//
//     qemu    qemu,cpu=EPYC,npt=off    qemu@/opt/qemu/bin/qemu-system-x86_64    lab:6.1@bochs,npt=0
#pragma once

#include "host_runner/error.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace vmrunit::runner {

struct TargetSpec {
    using Setting = std::pair<std::string, std::string>;

    std::string text;    ///< As it was given.
    std::string name;    ///< Which kind of target.
    std::string subject; ///< What is tested, where the name leaves a choice; may be empty.
    std::string where;   ///< What it runs on; may be empty.
    std::vector<Setting> settings; ///< In the order given, no key twice.

    [[nodiscard]] static Result<TargetSpec> parse(std::string_view text);

    /// Takes a setting out of the list, so that what is left is what nobody knows.
    [[nodiscard]] std::optional<std::string> take(std::string_view key);
    /// As take(), for a number within bounds.
    [[nodiscard]] Result<std::optional<unsigned>> take_number(std::string_view key, unsigned least,
                                                              unsigned most);
};

/// "on", "yes", "1" and their opposites.
[[nodiscard]] std::optional<bool> parse_switch(std::string_view value);

} // namespace vmrunit::runner
