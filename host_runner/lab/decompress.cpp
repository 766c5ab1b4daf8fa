// SPDX-License-Identifier: GPL-2.0-only
// Reading through libarchive, which recognizes the compression by itself.
#include "host_runner/lab/decompress.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <array>
#include <memory>

namespace vmrunit::runner {

namespace {

using Archive = std::unique_ptr<archive, decltype(&archive_read_free)>;

auto bad(const std::filesystem::path& file, archive* reader) {
    const char* const reason = archive_error_string(reader);
    return failure("cannot read " + file.string() + ": " +
                   (reason != nullptr ? reason : "it is damaged"));
}

} // namespace

Result<std::vector<std::byte>> read_decompressed(const std::filesystem::path& file,
                                                 std::size_t most) {
    const Archive reader{archive_read_new(), archive_read_free};
    archive_read_support_filter_gzip(reader.get());
    archive_read_support_filter_xz(reader.get());
    archive_read_support_filter_zstd(reader.get());
    archive_read_support_format_raw(reader.get());
    archive_read_support_format_empty(reader.get());
    constexpr std::size_t block = 64 * 1024;
    archive_entry* entry = nullptr;
    if (archive_read_open_filename(reader.get(), file.c_str(), block) != ARCHIVE_OK) {
        return bad(file, reader.get());
    }
    const int found = archive_read_next_header(reader.get(), &entry);
    if (found == ARCHIVE_EOF) {
        return std::vector<std::byte>{};
    }
    if (found != ARCHIVE_OK) {
        return bad(file, reader.get());
    }
    std::vector<std::byte> content;
    std::array<std::byte, block> buffer; // NOLINT: filled before it is read
    for (;;) {
        const auto count = archive_read_data(reader.get(), buffer.data(), buffer.size());
        if (count == 0) {
            return content;
        }
        if (count < 0) {
            return bad(file, reader.get());
        }
        if (content.size() + static_cast<std::size_t>(count) > most) {
            return failure(file.string() + " is larger than " + std::to_string(most >> 20) +
                           " MiB");
        }
        content.insert(content.end(), buffer.begin(), buffer.begin() + count);
    }
}

} // namespace vmrunit::runner
