// SPDX-License-Identifier: GPL-2.0-only
// A folder of the user's cache in which things from packages are kept, one folder for each version.
// Each becomes visible by one rename: it is complete or not there at all, whoever else fetches at
// the same time and however a fetch ends.
#pragma once

#include "host_runner/error.hpp"

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace vmrunit::runner {

/// Gets a line for people before anything that takes long.
using Tell = std::function<void(const std::string& line)>;

class PackageFolder {
public:
    /// `what` is a word for people: "kernel". A version counts as there if it holds the file
    /// `mark`.
    PackageFolder(std::filesystem::path path, std::string what, std::string mark)
        : path_{std::move(path)}, what_{std::move(what)}, mark_{std::move(mark)} {}

    /// $XDG_CACHE_HOME/vmrunit, or below ~/.cache.
    [[nodiscard]] static Result<std::filesystem::path> cache();

    [[nodiscard]] const std::filesystem::path& path() const { return path_; }
    /// The newest version there is that `wanted` covers.
    [[nodiscard]] std::optional<std::string> find(std::string_view wanted) const;

    /// Unpacks into the first folder what it needs, makes the second what is to be kept, and
    /// returns the version.
    using Make = std::function<Result<std::string>(const std::filesystem::path& unpacked,
                                                   const std::filesystem::path& kept)>;
    /// The version that find() has once it is this process' turn, or else what `make` makes.
    [[nodiscard]] Result<std::string> obtain(std::string_view wanted, const Make& make,
                                             const Tell& tell) const;

private:
    std::filesystem::path path_;
    std::string what_;
    std::string mark_;
};

} // namespace vmrunit::runner
