// SPDX-License-Identifier: GPL-2.0-only
// Texts that repeat in the data of a page, each once: thousands of cases name a few hundred.
#pragma once

#include "host_runner/report/json_values.hpp"

#include <string>
#include <unordered_map>

namespace vmrunit::runner::html {

class TextTable {
public:
    std::size_t index_of(const std::string& text) {
        const auto [found, is_new] = indices_.emplace(text, texts_.size());
        if (is_new) {
            texts_.push_back(text);
        }
        return found->second;
    }
    [[nodiscard]] const Json& texts() const { return texts_; }

private:
    std::unordered_map<std::string, std::size_t> indices_;
    Json texts_ = Json::array();
};

} // namespace vmrunit::runner::html
