// SPDX-License-Identifier: GPL-2.0-only
// Which Bochs: a program of this machine, or a version of Debian's that is brought in beside the
// system. It is asked what it is once, when somebody first needs to know.
#pragma once

#include "host_runner/targets/bochs_inquiry.hpp"
#include "host_runner/targets/bochs_program.hpp"
#include "host_runner/targets/target.hpp"

#include <optional>
#include <string>

namespace vmrunit::runner {

class BochsChoice {
public:
    /// A name in PATH or a path.
    [[nodiscard]] static BochsChoice installed(const std::string& program = "bochs-bin");
    /// "3.0"; an error if that is no version.
    [[nodiscard]] static Result<BochsChoice> of_debian(const std::string& version);

    /// If available, `reason` is what it is: "Bochs 2.7".
    [[nodiscard]] Availability availability() const;
    /// Fetches it if need be.
    [[nodiscard]] Result<void> prepare();
    /// Nothing has to be fetched before it can be asked.
    [[nodiscard]] bool is_here() const;
    [[nodiscard]] const BochsProgram& program() const { return program_; }
    [[nodiscard]] const Result<BochsOffer>& offer() const;
    /// As far as it is known without fetching anything.
    [[nodiscard]] std::string version() const;

private:
    BochsProgram program_;
    std::string wanted_; ///< Of Debian's, until it is there; else empty.
    mutable std::optional<Result<BochsOffer>> offer_;
};

} // namespace vmrunit::runner
