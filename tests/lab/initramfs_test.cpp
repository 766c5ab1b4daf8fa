// SPDX-License-Identifier: GPL-2.0-only
// The archive is read back by a library that knows the format.
#include "host_runner/lab/initramfs.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <gtest/gtest.h>
#include <map>
#include <memory>
#include <string>
#include <utility>

namespace vmrunit::runner {
namespace {

struct Entry {
    unsigned mode = 0;
    std::string content;
    bool operator==(const Entry&) const = default;
};

std::map<std::string, Entry> unpack(const std::vector<std::byte>& bytes) {
    const std::unique_ptr<archive, decltype(&archive_read_free)> reader{archive_read_new(),
                                                                        archive_read_free};
    archive_read_support_format_cpio(reader.get());
    EXPECT_EQ(archive_read_open_memory(reader.get(), bytes.data(), bytes.size()), ARCHIVE_OK);
    std::map<std::string, Entry> entries;
    archive_entry* entry = nullptr;
    while (archive_read_next_header(reader.get(), &entry) == ARCHIVE_OK) {
        Entry one{archive_entry_mode(entry), std::string(archive_entry_size(entry), '\0')};
        EXPECT_EQ(archive_read_data(reader.get(), one.content.data(), one.content.size()),
                  static_cast<la_ssize_t>(one.content.size()));
        entries.emplace(archive_entry_pathname(entry), std::move(one));
    }
    EXPECT_EQ(archive_format(reader.get()), ARCHIVE_FORMAT_CPIO_SVR4_NOCRC);
    return entries;
}

TEST(Initramfs, HoldsFoldersAndFilesAsTheyWere) {
    Initramfs image;
    image.add_folder("dev");
    image.add_text("empty", "");
    image.add_text("text", "hello\n");
    const std::string program = "123";
    image.add_file("init", std::as_bytes(std::span{program}), true);
    const auto bytes = std::move(image).finish();
    const std::map<std::string, Entry> expected{{"dev", {0040755, ""}},
                                                {"empty", {0100644, ""}},
                                                {"text", {0100644, "hello\n"}},
                                                {"init", {0100755, "123"}}};
    EXPECT_EQ(unpack(bytes), expected);
    EXPECT_EQ(bytes.size() % 4, 0u);
}

TEST(Initramfs, EveryLengthOfNameAndContentIsAligned) {
    Initramfs image;
    std::map<std::string, Entry> expected;
    for (std::size_t length = 1; length <= 9; ++length) {
        const std::string name(length, 'n');
        const std::string content(length, static_cast<char>('0' + length));
        image.add_text(name, content);
        expected[name] = {0100644, content};
    }
    EXPECT_EQ(unpack(std::move(image).finish()), expected);
}

} // namespace
} // namespace vmrunit::runner
