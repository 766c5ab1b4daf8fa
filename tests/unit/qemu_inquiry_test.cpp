// SPDX-License-Identifier: GPL-2.0-only
// Reading QEMU's version, and programs that are no QEMU.
#include "host_runner/targets/qemu_inquiry.hpp"

#include "tests/unit/process_watch.hpp"

#include <gtest/gtest.h>

namespace vmrunit::runner {
namespace {

TEST(QemuVersion, IsRead) {
    const auto debian = parse_qemu_version(
        "QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18+b3)\nCopyright (c) ...\n");
    ASSERT_TRUE(debian) << debian.error().line();
    EXPECT_EQ(debian->text(), "7.2.22");
    EXPECT_EQ(debian->package, "Debian 1:7.2+dfsg-7+deb12u18+b3");
    const auto own = parse_qemu_version("QEMU emulator version 11.0.50");
    ASSERT_TRUE(own);
    EXPECT_EQ(own->text(), "11.0.50");
    EXPECT_EQ(own->package, "");
    const auto git = parse_qemu_version("a warning\nQEMU emulator version 9.1.0 (v9.1.0-12-gabc)");
    ASSERT_TRUE(git);
    EXPECT_EQ(git->package, "v9.1.0-12-gabc");
}

TEST(QemuVersion, NonsenseIsRefused) {
    for (const char* text :
         {"", "hello", "QEMU emulator version", "QEMU emulator version x.y.z",
          "QEMU emulator version 7", "QEMU emulator version 7.2", "QEMU emulator version 7.2.",
          "QEMU emulator version 7..2", "QEMU emulator version 99999999999.1.1",
          "QEMU emulator version 7.2\n.22"}) {
        EXPECT_FALSE(parse_qemu_version(text)) << text;
    }
}

TEST(QemuVersion, APackageWithoutAnEndIsNone) {
    const auto version = parse_qemu_version("QEMU emulator version 7.2.0 )(");
    ASSERT_TRUE(version);
    EXPECT_EQ(version->package, "");
}

TEST(QemuInquiry, OtherProgramsAreToldApart) {
    const auto version = ask_qemu_version("/bin/true");
    ASSERT_FALSE(version);
    EXPECT_TRUE(version.error().what.starts_with("/bin/true is not a QEMU that can be used: "))
        << version.error().what;
    EXPECT_FALSE(ask_qemu_version("/vmrunit/nowhere"));
    EXPECT_FALSE(ask_qemu_offer("/bin/true", "tcg"));
    QemuConfiguration configuration;
    configuration.program = "/bin/false";
    EXPECT_FALSE(ask_missing_features(configuration));
    EXPECT_TRUE(no_children_left());
}

} // namespace
} // namespace vmrunit::runner
