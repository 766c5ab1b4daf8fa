// SPDX-License-Identifier: GPL-2.0-only
// Reads a baseline from TOML. Every complaint names the file, line and column; a key that nobody
// knows is an error, because a misspelt `expect` would silently cover everything.
#include "host_runner/baseline/baseline.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <toml++/toml.h>

namespace vmrunit::runner {
namespace {

/// Leaves the reader from any depth; load() turns it into an Error.
struct Complaint : std::runtime_error {
    using std::runtime_error::runtime_error;
};

class Reader {
public:
    explicit Reader(std::string source) : source_{std::move(source)} {}

    [[noreturn]] void complain(const toml::source_region& where, std::string_view what) const {
        throw Complaint{
            fmt::format("{}:{}:{}: {}", source_, where.begin.line, where.begin.column, what)};
    }

    void check_keys(const toml::table& table, std::span<const std::string_view> known) const {
        for (const auto& [key, value] : table) {
            if (std::ranges::find(known, key.str()) == known.end()) {
                complain(key.source(), fmt::format("unknown key \"{}\"; known are {}", key.str(),
                                                   fmt::join(known, ", ")));
            }
        }
    }

    /// Empty if the key is absent; a present text must say something.
    std::string text(const toml::table& table, std::string_view key) const {
        const toml::node* node = table.get(key);
        return node == nullptr ? std::string{} : text_of(*node, key);
    }

    std::string required_text(const toml::table& table, std::string_view key) const {
        std::string value = text(table, key);
        if (value.empty()) {
            complain(table.source(), fmt::format("\"{}\" is missing", key));
        }
        return value;
    }

    /// A text or a list of texts.
    std::vector<std::string> texts(const toml::table& table, std::string_view key) const {
        std::vector<std::string> values;
        const toml::node* node = table.get(key);
        if (node == nullptr) {
            return values;
        }
        if (const toml::array* array = node->as_array()) {
            for (const toml::node& element : *array) {
                values.push_back(text_of(element, key));
            }
        } else {
            values.push_back(text_of(*node, key));
        }
        return values;
    }

    bool flag(const toml::table& table, std::string_view key, bool otherwise = false) const {
        const toml::node* node = table.get(key);
        if (node != nullptr && !node->is_boolean()) {
            complain(node->source(), fmt::format("\"{}\" must be true or false", key));
        }
        return node == nullptr ? otherwise : *node->value<bool>();
    }

    std::optional<Version> version(const toml::table& table, std::string_view key) const {
        const std::string value = text(table, key);
        if (value.empty()) {
            return std::nullopt;
        }
        auto version = Version::parse(value);
        if (!version) {
            complain(table.get(key)->source(),
                     fmt::format("\"{}\" must be a version, as in \"7.2\"", key));
        }
        return version;
    }

    SubjectFacts facts(const toml::table& table) const {
        SubjectFacts wanted;
        const toml::node* node = table.get("facts");
        if (node == nullptr) {
            return wanted;
        }
        if (!node->is_table()) {
            complain(node->source(), "\"facts\" must be { \"name\" = \"value\" }");
        }
        for (const auto& [name, value] : *node->as_table()) {
            wanted.emplace_back(std::string{name.str()}, text_of(value, name.str()));
        }
        return wanted;
    }

    Pin pin(const toml::node& node) const {
        const toml::table* table = node.as_table();
        if (table == nullptr) {
            complain(node.source(), "\"expect\" must be { field = ..., actual = ... } or "
                                    "{ reason = ... }, or a list of these");
        }
        constexpr std::array<std::string_view, 4> known{"field", "actual", "reason", "optional"};
        check_keys(*table, known);
        Pin pin{.field = text(*table, "field"),
                .actual = text(*table, "actual"),
                .reason = text(*table, "reason"),
                .optional = flag(*table, "optional")};
        if (pin.field.empty() == pin.reason.empty()) {
            complain(node.source(), "give either \"field\" or \"reason\"");
        }
        if (pin.field.empty() && !pin.actual.empty()) {
            complain(node.source(), "\"actual\" needs a \"field\"");
        }
        return pin;
    }

    Deviation deviation(const toml::node& node) const {
        const toml::table* table = node.as_table();
        if (table == nullptr) {
            complain(node.source(), "\"deviation\" must be a table: [[deviation]]");
        }
        constexpr std::array<std::string_view, 11> known{
            "case",  "except", "reason",       "evidence", "expect", "since",
            "until", "facts",  "intermittent", "beside",   "run"};
        check_keys(*table, known);
        Deviation entry{.cases = texts(*table, "case"),
                        .except = texts(*table, "except"),
                        .reason = required_text(*table, "reason"),
                        .evidence = required_text(*table, "evidence"),
                        .expect = {},
                        .since = version(*table, "since"),
                        .until = version(*table, "until"),
                        .facts = facts(*table),
                        .intermittent = flag(*table, "intermittent"),
                        .beside = flag(*table, "beside"),
                        .not_run = !flag(*table, "run", true),
                        .line = table->source().begin.line};
        if (entry.cases.empty()) {
            complain(table->source(), "\"case\" is missing");
        }
        entry.line = table->get("case")->source().begin.line;
        if (const toml::node* expect = table->get("expect")) {
            if (const toml::array* pins = expect->as_array()) {
                for (const toml::node& element : *pins) {
                    entry.expect.push_back(pin(element));
                }
            } else {
                entry.expect.push_back(pin(*expect));
            }
            if (std::ranges::all_of(entry.expect, &Pin::optional)) {
                complain(expect->source(), "at least one of \"expect\" must not be optional");
            }
        }
        const bool has_fields = std::ranges::any_of(
            entry.expect, [](const Pin& pin) { return !pin.optional && !pin.field.empty(); });
        if (entry.beside && !has_fields) {
            complain(table->get("beside")->source(),
                     "\"beside\" needs an \"expect\" with a \"field\"");
        }
        return entry;
    }

private:
    std::string text_of(const toml::node& node, std::string_view key) const {
        const auto value = node.value<std::string>();
        if (!value || !node.is_string()) {
            complain(node.source(), fmt::format("\"{}\" must be a text", key));
        }
        if (value->empty()) {
            complain(node.source(), fmt::format("\"{}\" must not be empty", key));
        }
        return *value;
    }

    std::string source_;
};

} // namespace

Result<Baseline> Baseline::parse(std::string_view toml, const std::string& source) {
    Baseline baseline;
    baseline.source_ = source;
    try {
        const Reader reader{source};
        const toml::table file = toml::parse(toml, source);
        constexpr std::array<std::string_view, 4> known{"version_fact", "includes", "inherits",
                                                        "deviation"};
        reader.check_keys(file, known);
        const auto version_fact = reader.text(file, "version_fact");
        baseline.includes_ = reader.texts(file, "includes");
        baseline.inherits_ = reader.texts(file, "inherits");
        if (const toml::node* list = file.get("deviation")) {
            if (!list->is_array()) {
                reader.complain(list->source(), "write [[deviation]], with two brackets");
            }
            for (const toml::node& node : *list->as_array()) {
                Deviation entry = reader.deviation(node);
                if ((entry.since || entry.until) && version_fact.empty()) {
                    reader.complain(node.source(), "\"since\" and \"until\" need \"version_fact\" "
                                                   "at the top of the file");
                }
                baseline.entries_.push_back({.deviation = std::move(entry),
                                             .source = source,
                                             .version_fact = version_fact});
            }
        }
    } catch (const toml::parse_error& error) {
        const auto& where = error.source().begin;
        return failure(
            fmt::format("{}:{}:{}: {}", source, where.line, where.column, error.description()));
    } catch (const Complaint& complaint) {
        return failure(complaint.what());
    }
    return baseline;
}

Result<Baseline> Baseline::load(const std::filesystem::path& path) {
    return load(path, 0);
}

Result<Baseline> Baseline::load(const std::filesystem::path& path, unsigned depth) {
    constexpr unsigned most_depth = 8; // two are in use; more is a file that names itself
    if (depth == most_depth) {
        return failure("files that include or inherit each other, without end");
    }
    errno = 0;
    std::ifstream file{path, std::ios::binary};
    std::ostringstream text;
    if (!file || !(text << file.rdbuf())) {
        // An empty file leaves `text` failed and errno alone: it is a baseline without entries.
        if (!file || errno != 0) {
            return failure(fmt::format("cannot read {}: {}", path.string(), std::strerror(errno)));
        }
    }
    auto baseline = parse(text.str(), path.string());
    if (!baseline) {
        return baseline;
    }
    const auto add = [&](std::string_view key, const std::string& name,
                         auto&& mark) -> Result<void> {
        auto other = load(path.parent_path() / (name + ".toml"), depth + 1);
        if (!other) {
            return failure(
                fmt::format("{}: {} \"{}\": {}", path.string(), key, name, other.error().what));
        }
        for (Entry& entry : other->entries_) {
            mark(entry);
            baseline->entries_.push_back(std::move(entry));
        }
        return {};
    };
    for (const std::string& name : baseline->includes_) {
        if (auto added = add("includes", name, [](Entry& entry) { entry.included = true; });
            !added) {
            return tl::unexpected(added.error());
        }
    }
    // What runs on an emulator inherits that emulator's.
    for (const std::string& name : baseline->inherits_) {
        if (auto added =
                add("inherits", name, [](Entry& entry) { entry.deviation.inherited = true; });
            !added) {
            return tl::unexpected(added.error());
        }
    }
    return baseline;
}

Result<Baseline> Baseline::load_for(const std::filesystem::path& folder, std::string_view name) {
    const std::filesystem::path path = folder / fmt::format("{}.toml", name);
    std::error_code error;
    const auto status = std::filesystem::status(path, error);
    if (status.type() == std::filesystem::file_type::not_found) {
        return Baseline{};
    }
    return load(path);
}

} // namespace vmrunit::runner
