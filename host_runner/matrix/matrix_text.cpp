// SPDX-License-Identifier: GPL-2.0-only
// See matrix_text.hpp.
#include "host_runner/matrix/matrix_text.hpp"
#include "host_runner/matrix/matrix_words.hpp"

#include "host_runner/report/paint.hpp"
#include "host_runner/report/plain_text.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace vmrunit::runner {

namespace {

/// One character for a verdict, so that a row fits in front of its name.
char mark_of(const Cell& cell) {
    if (!cell.verdict) {
        return ' ';
    }
    if (cell.flaky) {
        return '~';
    }
    switch (*cell.verdict) {
    case Verdict::pass:
        return '.';
    case Verdict::fail:
        return 'F';
    case Verdict::skip:
        return '-';
    case Verdict::error:
        return 'E';
    case Verdict::expected_fail:
        return 'x';
    case Verdict::unexpected_pass:
        return '+';
    }
    return '?';
}

constexpr std::string_view legend =
    ". PASS   F FAIL   x XFAIL (known)   + XPASS   ~ FLAKY   - SKIP   E ERROR   blank: did not run";

std::string column_text(const MatrixColumn& column, std::size_t number, std::size_t width) {
    std::string what;
    if (!column.trouble.empty()) {
        what = "not run: " + one_line(column.trouble);
    } else {
        const VerdictCounts counts = column.record.counts();
        for (std::size_t i = 0; i < verdict_names.size(); ++i) {
            if (counts.by_verdict[i] != 0) {
                what += fmt::format("{}{} {}", what.empty() ? "" : ", ", counts.by_verdict[i],
                                    verdict_names[i]);
            }
        }
        if (counts.flaky != 0) {
            what += fmt::format(", {} flaky", counts.flaky);
        }
        if (const auto why = column.record.why_incomplete(); !why.empty()) {
            what += (what.empty() ? "" : "; ") + one_line(why);
        }
    }
    return fmt::format("  {:>2}  {}  {}\n", number, padded(one_line(column.target), width), what);
}

class Writer {
public:
    Writer(const Matrix& matrix, const MatrixLayout& layout)
        : matrix_{matrix}, layout_{layout}, paint_{layout.colour} {}

    std::string write() {
        const auto groups = group_rows(matrix_);
        head(groups);
        std::optional<MatrixTopic> topic;
        for (const MatrixGroup& group : groups) {
            if (group.topic == MatrixTopic::agreement && !layout_.all) {
                break; // they sort last
            }
            if (topic != group.topic) {
                topic = group.topic;
                heading(groups, group.topic);
            }
            body(group);
        }
        return std::move(out_);
    }

private:
    static std::size_t cases_in(const std::vector<MatrixGroup>& groups, MatrixTopic topic) {
        std::size_t count = 0;
        for (const MatrixGroup& group : groups) {
            count += group.topic == topic ? group.rows.size() : 0;
        }
        return count;
    }

    void head(const std::vector<MatrixGroup>& groups) {
        std::size_t width = 0;
        for (const MatrixColumn& column : matrix_.columns) {
            width = std::max(width, columns(one_line(column.target)));
        }
        for (std::size_t i = 0; i < matrix_.columns.size(); ++i) {
            out_ += column_text(matrix_.columns[i], i + 1, width);
        }
        const auto ran = std::ranges::count_if(
            matrix_.columns, [](const MatrixColumn& column) { return column.trouble.empty(); });
        out_ += fmt::format("\n{} cases on {} target{}; {} of them hold wherever they ran\n{}\n",
                            matrix_.rows.size(), ran, ran == 1 ? "" : "s",
                            cases_in(groups, MatrixTopic::agreement), legend);
    }

    void heading(const std::vector<MatrixGroup>& groups, MatrixTopic topic) {
        const auto cases = cases_in(groups, topic);
        out_ += fmt::format("\n{} ({} case{})\n", paint_.bold(heading_of(topic)), cases,
                            cases == 1 ? "" : "s");
        std::string numbers;
        for (std::size_t i = 0; i < matrix_.columns.size(); ++i) {
            numbers += fmt::format("{}{}", i == 0 ? "" : " ", (i + 1) % 10);
        }
        out_ += fmt::format("  {}\n", numbers);
    }

    void body(const MatrixGroup& group) {
        const MatrixRow& first = matrix_.rows[group.rows.front()];
        std::string marks;
        for (const Cell& cell : first.cells) {
            const char mark = mark_of(cell);
            marks += marks.empty() ? "" : " ";
            marks += cell.verdict ? paint_.in(Paint::style(*cell.verdict), std::string{mark})
                                  : std::string{mark};
        }
        const std::size_t indent = 2 + 2 * first.cells.size() + 1;
        const std::string count =
            group.rows.size() == 1 ? "" : fmt::format("  ({} cases)", group.rows.size());
        out_ += fmt::format("  {}  {}{}\n", marks,
                            fitted(one_line(group.label), room(indent + 1 + count.size())), count);
        for (const std::string& line : explanations_of(first)) {
            out_ += std::string(indent + 3, ' ') + line + '\n';
        }
        if (layout_.names && group.rows.size() > 1) {
            for (const std::size_t row : group.rows) {
                out_ += std::string(indent + 5, ' ') + one_line(matrix_.rows[row].name) + '\n';
            }
        }
    }

    [[nodiscard]] std::size_t room(std::size_t used) const {
        return layout_.names ? std::size_t{1} << 16
                             : std::max<std::size_t>(layout_.width, used + 30) - used;
    }

    const Matrix& matrix_;
    const MatrixLayout& layout_;
    Paint paint_;
    std::string out_;
};

} // namespace

std::string matrix_text(const Matrix& matrix, const MatrixLayout& layout) {
    return Writer{matrix, layout}.write();
}

} // namespace vmrunit::runner
