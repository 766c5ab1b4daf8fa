// SPDX-License-Identifier: GPL-2.0-only
// Read before every source by clang-tidy only. clang 14 lacks what the standard library's
// std::source_location is made of; the analysis needs no more of it than its interface.
#pragma once
#pragma GCC system_header

#include <cstdint>

#if __has_include(<source_location>) && !__has_builtin(__builtin_source_location)

namespace std {

class source_location {
public:
    static constexpr source_location current(const char* file = __builtin_FILE(),
                                             const char* function = __builtin_FUNCTION(),
                                             uint_least32_t line = __builtin_LINE()) noexcept {
        source_location location;
        location.file_ = file;
        location.function_ = function;
        location.line_ = line;
        return location;
    }

    [[nodiscard]] constexpr uint_least32_t line() const noexcept { return line_; }
    [[nodiscard]] constexpr uint_least32_t column() const noexcept { return 0; }
    [[nodiscard]] constexpr const char* file_name() const noexcept { return file_; }
    [[nodiscard]] constexpr const char* function_name() const noexcept { return function_; }

private:
    const char* file_ = "";
    const char* function_ = "";
    uint_least32_t line_ = 0;
};

} // namespace std

#endif
