// SPDX-License-Identifier: GPL-2.0-only
// See database.hpp.
#include "host_runner/history/database.hpp"

namespace vmrunit::runner {

namespace {
constexpr int patience_milliseconds = 20'000;
} // namespace

Statement::Statement(sqlite3* database, std::string_view sql) : database_{database} {
    sqlite3_stmt* made = nullptr;
    check(sqlite3_prepare_v2(database, sql.data(), static_cast<int>(sql.size()), &made, nullptr));
    statement_.reset(made);
}

void Statement::check(int code) const {
    if (code != SQLITE_OK) {
        throw DatabaseError{sqlite3_errmsg(database_)};
    }
}

Statement& Statement::bind(int place, std::int64_t value) {
    check(sqlite3_bind_int64(statement_.get(), place, value));
    return *this;
}

Statement& Statement::bind(int place, std::string_view value) {
    check(sqlite3_bind_text(statement_.get(), place, value.data(), static_cast<int>(value.size()),
                            SQLITE_TRANSIENT)); // NOLINT: SQLite's own cast of -1 to a function
    return *this;
}

bool Statement::step() {
    const int code = sqlite3_step(statement_.get());
    if (code != SQLITE_ROW && code != SQLITE_DONE) {
        throw DatabaseError{sqlite3_errmsg(database_)};
    }
    return code == SQLITE_ROW;
}

void Statement::run() {
    static_cast<void>(step());
    check(sqlite3_reset(statement_.get()));
}

std::int64_t Statement::number(int column) const {
    return sqlite3_column_int64(statement_.get(), column);
}

std::string Statement::text(int column) const {
    const unsigned char* text = sqlite3_column_text(statement_.get(), column);
    const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column));
    // SQLite hands text out as unsigned char.
    return text == nullptr ? std::string{} : std::string(reinterpret_cast<const char*>(text), size);
}

Database::Database(const std::filesystem::path& path, bool create) {
    sqlite3* made = nullptr;
    const int flags = SQLITE_OPEN_READWRITE | (create ? SQLITE_OPEN_CREATE : 0);
    const int code = sqlite3_open_v2(path.c_str(), &made, flags, nullptr);
    handle_.reset(made);
    if (code != SQLITE_OK) {
        throw DatabaseError{made != nullptr ? sqlite3_errmsg(made) : "out of memory"};
    }
    sqlite3_busy_timeout(handle_.get(), patience_milliseconds);
}

void Database::execute(const char* sql) {
    if (sqlite3_exec(handle_.get(), sql, nullptr, nullptr, nullptr) != SQLITE_OK) {
        throw DatabaseError{sqlite3_errmsg(handle_.get())};
    }
}

} // namespace vmrunit::runner
