// SPDX-License-Identifier: GPL-2.0-only
// See history.hpp. Names and reasons are stored once; a result is a row of numbers.
#include "host_runner/history/history.hpp"
#include "host_runner/report/json_values.hpp"
#include "host_runner/report/plain_text.hpp"
#include "host_runner/report/text_failure.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <optional>

namespace vmrunit::runner {
namespace {

constexpr int version = 1;
constexpr int application = 0x766d7275; // "vmru", in the file's header

constexpr const char* tables = R"sql(
CREATE TABLE run (
  id       INTEGER PRIMARY KEY,
  started  TEXT NOT NULL,             -- UTC
  target   TEXT NOT NULL,
  subject  TEXT NOT NULL,
  facts    TEXT NOT NULL,             -- JSON object, as in results.json
  payload  TEXT NOT NULL,             -- build id
  program  TEXT NOT NULL,             -- version of vmrunit
  baseline TEXT NOT NULL,
  seed     INTEGER NOT NULL,
  busy     INTEGER NOT NULL,          -- nanoseconds of all cases: no two runs have the same
  UNIQUE (started, target, payload, busy)
);
CREATE TABLE text (id INTEGER PRIMARY KEY, content TEXT NOT NULL UNIQUE);
CREATE TABLE result (
  run      INTEGER NOT NULL REFERENCES run (id),
  name     INTEGER NOT NULL REFERENCES text (id),
  turn     INTEGER NOT NULL,          -- of the case in its run, from 0: --repeat
  verdict  INTEGER NOT NULL,          -- 0 PASS 1 FAIL 2 SKIP 3 ERROR 4 XFAIL 5 XPASS 6 FLAKY
  code     INTEGER,                   -- exit code of the #VMEXIT
  reason   INTEGER REFERENCES text (id),
  duration INTEGER NOT NULL,          -- nanoseconds
  PRIMARY KEY (name, run, turn)
) WITHOUT ROWID;
)sql";

constexpr std::int64_t flaky_verdict = verdict_names.size(); ///< Behind those that are verdicts.
constexpr std::string_view letters = "PFSEXUf";

std::int64_t stored_verdict(const CaseResult& result) {
    return result.flaky() ? flaky_verdict : static_cast<std::int64_t>(result.verdict);
}

std::string_view word_of(std::int64_t stored) {
    const auto place = static_cast<std::size_t>(stored);
    return stored == flaky_verdict        ? "FLAKY"
           : place < verdict_names.size() ? verdict_names[place]
                                          : "?";
}

std::string stored_reason(const CaseResult& result) {
    if (result.flaky()) {
        return valid_utf8(attempts_text(result));
    }
    return result.verdict == Verdict::pass ? std::string{} : valid_utf8(short_reason(result));
}

class Texts {
public:
    explicit Texts(const Database& database)
        : insert_{database.prepare("INSERT OR IGNORE INTO text (content) VALUES (?)")},
          find_{database.prepare("SELECT id FROM text WHERE content = ?")} {}

    std::int64_t id_of(std::string_view content) {
        insert_.bind(1, content).run();
        find_.bind(1, content);
        if (!find_.step()) {
            throw DatabaseError{"a text that was just written is not there"};
        }
        const std::int64_t id = find_.number(0);
        find_.run(); // Past its only row.
        return id;
    }

private:
    Statement insert_;
    Statement find_;
};

/// What tells one version of the subject from another, of the facts that targets give.
std::string subject_of(const RunRecord& record) {
    return record.info.subject.empty() ? record.info.target : record.info.subject;
}

std::string facts_of(const RunInfo& info) {
    return dumped(subject_json(info.features, info.facts));
}

} // namespace

Error History::error_of(const std::exception& error) const {
    const std::string_view said = error.what();
    const bool full = said.find("full") != std::string_view::npos;
    return {fmt::format("history {}: {}", name_, said),
            full ? "make room, or give a file elsewhere" : "give a file made by --history"};
}

Result<History> History::open(const std::filesystem::path& path, bool create) {
    std::error_code ignored;
    if (!create && !std::filesystem::exists(path, ignored)) {
        return failure(fmt::format("history {}: no such file", path.string()),
                       "vmrunit run --history FILE makes one");
    }
    try {
        History history{Database{path, create}, path.string()};
        history.check_version();
        return history;
    } catch (const DatabaseError& error) {
        return failure(fmt::format("history {}: {}", path.string(), error.what()),
                       "give a file made by --history, or a new one");
    }
}

void History::check_version() {
    // Another runner may be making the same file: looking and making are one transaction.
    database_.execute("PRAGMA foreign_keys = ON; BEGIN IMMEDIATE");
    const auto number = [this](const char* sql) {
        Statement statement = database_.prepare(sql);
        return statement.step() ? statement.number(0) : 0;
    };
    const bool empty = number("SELECT count(*) FROM sqlite_master") == 0;
    if (empty) {
        database_.execute(tables);
        database_.execute(fmt::format("PRAGMA application_id = {}; PRAGMA user_version = {}",
                                      application, version)
                              .c_str());
    } else if (number("PRAGMA application_id") != application) {
        throw DatabaseError{"a database of another program"};
    } else if (const auto found = number("PRAGMA user_version"); found != version) {
        throw DatabaseError{
            fmt::format("written in version {}, read is version {}", found, version)};
    }
    database_.execute("COMMIT");
}

void History::insert(const RunRecord& record) {
    const RunInfo& info = record.info;
    Statement run = database_.prepare("INSERT OR IGNORE INTO run (started, target, subject, facts, "
                                      "payload, program, baseline, seed, busy) "
                                      "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)");
    run.bind(1, utc_time(info.started)).bind(2, valid_utf8(info.target));
    run.bind(3, valid_utf8(subject_of(record))).bind(4, facts_of(info));
    run.bind(5, info.payload_build_id).bind(6, info.version).bind(7, info.baseline);
    run.bind(8, static_cast<std::int64_t>(info.seed));
    std::chrono::nanoseconds busy{};
    for (const CaseResult& result : record.results) {
        busy += result.duration;
    }
    run.bind(9, busy.count());
    run.run();
    Statement changed = database_.prepare("SELECT changes()");
    if (!changed.step() || changed.number(0) == 0) {
        return;
    }
    const std::int64_t id = database_.last_row();
    Texts texts{database_};
    Statement insert = database_.prepare(
        "INSERT INTO result SELECT ?1, ?2, (SELECT count(*) FROM result WHERE name = ?2 AND "
        "run = ?1), ?3, nullif(?4, -1), nullif(?5, 0), ?6");
    for (const CaseResult& result : record.results) {
        const std::string reason = stored_reason(result);
        insert.bind(1, id).bind(2, texts.id_of(valid_utf8(result.name)));
        insert.bind(3, stored_verdict(result));
        // Negative exit codes (-1: VMEXIT_INVALID) are stored as the 64-bit pattern, but for -1.
        insert.bind(4, static_cast<std::int64_t>(result.exit_code
                                                     ? *result.exit_code & 0x7fff'ffff'ffff'ffff
                                                     : ~std::uint64_t{0}));
        insert.bind(5, reason.empty() ? 0 : texts.id_of(reason));
        insert.bind(6, result.duration.count());
        insert.run();
    }
}

Result<void> History::add(const RunRecord& record) {
    try {
        database_.execute("BEGIN IMMEDIATE");
        insert(record);
        database_.execute("COMMIT");
        return {};
    } catch (const DatabaseError& error) {
        try {
            database_.execute("ROLLBACK");
        } catch (const DatabaseError&) { // SQLite has rolled back itself, as on a full disk.
        }
        return tl::unexpected(error_of(error));
    }
}

Result<std::vector<HistoryLine>> History::lines(std::span<const std::string> names) {
    std::vector<HistoryLine> lines;
    try {
        Statement query = database_.prepare(
            "SELECT run.target, run.subject, run.started, verdict, reason.content "
            "FROM result JOIN run ON run.id = result.run JOIN text ON text.id = result.name "
            "LEFT JOIN text reason ON reason.id = result.reason "
            "WHERE text.content = ? "
            "ORDER BY run.target, min(run.started) OVER (PARTITION BY run.target, run.subject), "
            "run.subject, run.started, run.id, turn");
        for (const std::string& name : names) {
            query.bind(1, name);
            const std::size_t first_of_case = lines.size();
            while (query.step()) {
                const bool same = lines.size() > first_of_case &&
                                  lines.back().target == query.text(0) &&
                                  lines.back().subject == query.text(1);
                if (!same) {
                    lines.push_back({});
                    HistoryLine& line = lines.back();
                    line.case_name = name;
                    line.target = query.text(0);
                    line.subject = query.text(1);
                    line.first = query.text(2);
                }
                HistoryLine& line = lines.back();
                const std::int64_t verdict = query.number(3);
                const auto place = static_cast<std::size_t>(verdict);
                const char letter = place < letters.size() ? letters[place] : '?';
                // A flaky case is unstable by itself, and came to a pass in the end. What a
                // baseline knows is no change of the subject.
                const auto settled = [](char c) {
                    return c == 'f' || c == 'U' ? 'P' : c == 'X' ? 'F' : c;
                };
                const bool differs = same && settled(line.verdicts.back()) != settled(letter);
                line.unstable += verdict == flaky_verdict || differs ? 1 : 0;
                line.verdicts += letter;
                line.last = query.text(2);
                line.last_verdict = word_of(verdict);
                line.last_reason = query.text(4);
                ++line.results;
            }
            query.run(); // Ready for the next name.
        }
    } catch (const DatabaseError& error) {
        return tl::unexpected(error_of(error));
    }
    return lines;
}

Result<std::size_t> History::runs() {
    try {
        Statement count = database_.prepare("SELECT count(*) FROM run");
        return count.step() ? static_cast<std::size_t>(count.number(0)) : 0;
    } catch (const DatabaseError& error) {
        return tl::unexpected(error_of(error));
    }
}

} // namespace vmrunit::runner
