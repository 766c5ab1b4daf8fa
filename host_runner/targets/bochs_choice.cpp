// SPDX-License-Identifier: GPL-2.0-only
// Finding, fetching and asking a Bochs.
#include "host_runner/targets/bochs_choice.hpp"

#include "host_runner/process/find_program.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace vmrunit::runner {

namespace {

constexpr const char* packages = "apt install bochs bochs-term bochsbios vgabios";

bool is_version(const std::string& text) {
    return !text.empty() && text.front() >= '0' && text.front() <= '9' &&
           std::ranges::all_of(text, [](char character) {
               return (character >= '0' && character <= '9') || character == '.';
           });
}

void say(const std::string& line) {
    fmt::print(stderr, "vmrunit: {}\n", line);
}

} // namespace

BochsChoice BochsChoice::installed(const std::string& program) {
    BochsChoice choice;
    choice.program_.command = {program};
    return choice;
}

Result<BochsChoice> BochsChoice::of_debian(const std::string& version) {
    if (!is_version(version)) {
        return failure("'" + version + "' is no version of Bochs", "a version is written 3.0");
    }
    BochsChoice choice;
    choice.wanted_ = version;
    if (const auto cache = PackageFolder::cache()) {
        const BochsPackages kept{*cache};
        if (const auto found = kept.find(version)) {
            choice.program_ = kept.program(*found);
            choice.wanted_.clear();
        }
    }
    return choice;
}

bool BochsChoice::is_here() const {
    return wanted_.empty() && find_program(program_.command.front()).has_value();
}

Availability BochsChoice::availability() const {
    if (!wanted_.empty()) {
        const auto cache = PackageFolder::cache();
        const auto checked = cache ? BochsPackages{*cache}.check_source()
                                   : Result<void>{tl::unexpected(cache.error())};
        if (!checked) {
            return {false, checked.error().what, checked.error().cure};
        }
        return {true, "Bochs " + wanted_ + " of Debian, fetched on first use", {}};
    }
    if (const auto found = find_program(program_.command.front()); !found) {
        return {false, "Bochs not found (" + found.error().what + ")",
                std::string{packages} + ", or name one by program=PATH"};
    }
    if (!offer()) {
        return {false, offer().error().line(), "name another Bochs by program=PATH"};
    }
    return {true, "Bochs " + offer()->version, {}};
}

Result<void> BochsChoice::prepare() {
    if (wanted_.empty()) {
        return {};
    }
    const auto cache = PackageFolder::cache();
    if (!cache) {
        return tl::unexpected(cache.error());
    }
    auto program = BochsPackages{*cache}.obtain(wanted_, say);
    if (!program) {
        return tl::unexpected(program.error());
    }
    program_ = std::move(*program);
    wanted_.clear();
    offer_.reset();
    return {};
}

const Result<BochsOffer>& BochsChoice::offer() const {
    if (!offer_) {
        offer_ = wanted_.empty()
                     ? ask_bochs_offer(program_)
                     : Result<BochsOffer>{failure("Bochs " + wanted_ + " is not fetched yet")};
    }
    return *offer_;
}

std::string BochsChoice::version() const {
    if (!wanted_.empty()) {
        return wanted_;
    }
    return offer() ? offer()->version : "unknown";
}

} // namespace vmrunit::runner
