// SPDX-License-Identifier: GPL-2.0-only
// See text_failure.hpp.
#include "host_runner/report/text_failure.hpp"
#include "host_runner/report/paint.hpp"
#include "host_runner/report/plain_text.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace vmrunit::runner {
namespace {

constexpr std::string_view pointer = "<--";

struct FieldRow {
    std::string field;
    std::string expected;
    std::string actual;
    std::string note; ///< The pointer and the changed bits; empty where the field matches.
};

std::vector<FieldRow> rows_of(const CaseResult& result, std::size_t most) {
    // What differs comes before what is only shown for orientation, should both not fit.
    std::size_t differing = static_cast<std::size_t>(
        std::ranges::count(result.fields, false, &FieldDifference::matches));
    std::size_t room_for_equal = most > differing ? most - differing : 0;
    std::vector<FieldRow> rows;
    for (const FieldDifference& field : result.fields) {
        if (rows.size() == most || (field.matches && room_for_equal == 0)) {
            continue;
        }
        room_for_equal -= field.matches ? 1 : 0;
        FieldRow row{one_line(field.field), one_line(field.expected), one_line(field.actual), {}};
        if (!field.matches) {
            row.note = pointer;
            if (!field.changed_bits.empty()) {
                row.note += "  " + one_line(field.changed_bits);
            }
        }
        rows.push_back(std::move(row));
    }
    return rows;
}

std::size_t widest(const std::vector<FieldRow>& rows, std::string FieldRow::*cell,
                   std::size_t least) {
    for (const FieldRow& row : rows) {
        least = std::max(least, columns(row.*cell));
    }
    return least;
}

void append_table(std::string& out, const std::vector<FieldRow>& rows, std::size_t width,
                  const Paint& paint) {
    const std::size_t field = widest(rows, &FieldRow::field, columns("field"));
    const std::size_t expected = widest(rows, &FieldRow::expected, columns("expected"));
    const std::size_t actual = widest(rows, &FieldRow::actual, columns("actual"));
    if (2 + field + 2 + expected + 2 + actual + 3 + widest(rows, &FieldRow::note, 0) > width) {
        // Too wide to stand side by side: one below the other, so that they can still be compared.
        for (const FieldRow& row : rows) {
            const bool differs = !row.note.empty();
            out += fmt::format("  {}   {}\n    expected {}\n    actual   {}\n", row.field, row.note,
                               row.expected, differs ? paint.wrong(row.actual) : row.actual);
        }
        return;
    }
    out += fmt::format("  {}  {}  actual\n", padded("field", field), padded("expected", expected));
    for (const FieldRow& row : rows) {
        out += fmt::format("  {}  {}  ", padded(row.field, field), padded(row.expected, expected));
        out += row.note.empty() ? row.actual
                                : fmt::format("{}   {}", paint.wrong(padded(row.actual, actual)),
                                              paint.bold(row.note));
        out += '\n';
    }
}

void append_code(std::string& out, const std::vector<CodeLine>& code, const Paint& paint) {
    std::size_t bytes = 0;
    std::size_t text = 0;
    for (const CodeLine& line : code) {
        bytes = std::max(bytes, columns(one_line(line.bytes)));
        text = std::max(text, columns(one_line(line.text)));
    }
    std::string_view label = "L2";
    for (const CodeLine& line : code) {
        std::string shown =
            fmt::format("  {:2}  {:x}: {}  {}", label, line.address,
                        padded(one_line(line.bytes), bytes), padded(one_line(line.text), text));
        if (line.note.empty()) {
            shown.erase(shown.find_last_not_of(' ') + 1);
        } else {
            shown += "  " + paint.bold(one_line(line.note));
        }
        out += shown + '\n';
        label = "";
    }
}

void append_guest_log(std::string& out, const std::vector<std::string>& log, std::size_t most) {
    const std::size_t shown = std::min(most, log.size());
    if (shown < log.size()) {
        out += fmt::format("  guest log: the last {} of {} lines\n", shown, log.size());
    }
    for (std::size_t at = log.size() - shown; at < log.size(); ++at) {
        out += fmt::format("  guest: {}\n", one_line(log[at]));
    }
}

} // namespace

std::string subject_text(const RunInfo& info) {
    return info.subject.empty()
               ? one_line(info.target)
               : fmt::format("{} ({})", one_line(info.target), one_line(info.subject));
}

std::string short_reason(const CaseResult& result) {
    if (!result.reason.empty()) {
        return one_line(result.reason);
    }
    std::string names;
    for (const FieldDifference& field : result.fields) {
        if (!field.matches) {
            names += (names.empty() ? "" : ", ") + one_line(field.field);
        }
    }
    return names;
}

std::string shared_reason(const CaseResult& result) {
    const std::string reason = short_reason(result);
    return result.verdict == Verdict::expected_fail ? reason.substr(0, reason.find(seen_mark))
                                                    : reason;
}

std::string attempts_text(const CaseResult& result) {
    std::string text;
    for (const Attempt& attempt : result.attempts) {
        text += text.empty() ? "" : ", then ";
        text += to_string(attempt.verdict);
        if (!attempt.reason.empty()) {
            text += fmt::format(" ({})", one_line(attempt.reason));
        }
    }
    return text;
}

std::string case_line(const CaseResult& result, const BlockLayout& layout) {
    std::string line =
        fmt::format("{}  {}", padded(verdict_word(result), 5), one_line(result.name));
    if (const std::string reason = short_reason(result); !reason.empty()) {
        line += "  " + reason;
    }
    if (result.flaky()) {
        line += "  " + attempts_text(result);
    }
    if (layout.colour) {
        const std::string_view word = verdict_word(result);
        line.replace(0, word.size(), Paint{true}.in(Paint::style(result), word));
    }
    return line;
}

std::string failure_block(const CaseResult& result, const std::string& subject,
                          const BlockLayout& layout) {
    const Paint paint{layout.colour};
    const std::string head = fmt::format("{} on {}", one_line(result.name), subject);
    const std::string manual = one_line(result.manual);
    std::string out = fmt::format("{} {}", paint.verdict(result.verdict), paint.bold(head));
    if (!manual.empty()) {
        const std::size_t used = to_string(result.verdict).size() + 1 + columns(head);
        const std::size_t wanted = used + 2 + columns(manual);
        const std::size_t edge = std::min<std::size_t>(layout.width, 100);
        out += std::string(wanted < edge ? edge - wanted + 2 : 2, ' ') + manual;
    }
    out += '\n';
    if (!result.attempts.empty()) {
        out += fmt::format("  attempts: {}\n", attempts_text(result));
    }
    if (!result.reason.empty()) {
        out += fmt::format("  {}\n", one_line(result.reason));
    }
    const std::vector<FieldRow> rows = rows_of(result, layout.most_fields);
    if (!rows.empty()) {
        append_table(out, rows, layout.width, paint);
    }
    if (rows.size() < result.fields.size()) {
        out += fmt::format("  ... and {} more fields, in the report\n",
                           result.fields.size() - rows.size());
    }
    append_code(out, result.code, paint);
    append_guest_log(out, result.guest_log, layout.most_log_lines);
    if (result.masked_bytes != 0) {
        out += fmt::format("  masked: {} changed bytes that this exit leaves undefined\n",
                           result.masked_bytes);
    }
    if (!result.confirmed) {
        out += "  unconfirmed: no target has confirmed this expectation yet\n";
    }
    if (!result.place.file.empty()) {
        out += fmt::format("  row: {}:{}\n", one_line(result.place.file), result.place.line);
    }
    if (!result.repeat_command.empty()) {
        out += fmt::format("  again: {}\n", one_line(result.repeat_command));
    }
    return out;
}

} // namespace vmrunit::runner
