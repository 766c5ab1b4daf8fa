// SPDX-License-Identifier: GPL-2.0-only
// SQLite with owners: a database and its statements close themselves, and errors are exceptions of
// one type that callers turn into a Result at their edge.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <sqlite3.h>
#include <stdexcept>
#include <string>
#include <string_view>

namespace vmrunit::runner {

class DatabaseError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

class Statement {
public:
    Statement(sqlite3* database, std::string_view sql);

    Statement& bind(int place, std::int64_t value);
    Statement& bind(int place, std::string_view value);
    /// True if there is a row.
    bool step();
    /// Carries out a statement without rows, and makes it ready for the next values.
    void run();

    [[nodiscard]] std::int64_t number(int column) const;
    [[nodiscard]] std::string text(int column) const;

private:
    void check(int code) const;

    sqlite3* database_;
    std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)> statement_{nullptr, sqlite3_finalize};
};

class Database {
public:
    /// Creates the file if `create`. Waits for others that write to it.
    Database(const std::filesystem::path& path, bool create);

    void execute(const char* sql);
    [[nodiscard]] Statement prepare(std::string_view sql) const { return {handle_.get(), sql}; }
    [[nodiscard]] std::int64_t last_row() const { return sqlite3_last_insert_rowid(handle_.get()); }

private:
    std::unique_ptr<sqlite3, int (*)(sqlite3*)> handle_{nullptr, sqlite3_close};
};

} // namespace vmrunit::runner
