// SPDX-License-Identifier: GPL-2.0-only
// main() of the tests with a real QEMU, and what they share.
#include "tests/qemu/qemu_under_test.hpp"

#include <cstdlib>
#include <gtest/gtest.h>

namespace vmrunit::runner {

std::string qemu_under_test() {
    const char* const named = std::getenv("QEMU_UNDER_TEST");
    return named != nullptr ? named : "qemu-system-x86_64";
}

BootRequest without_ring() {
    const char* const payload = std::getenv("SCRIPTED_PAYLOAD");
    BootRequest request;
    request.image = payload != nullptr ? payload : "scripted_payload.elf";
    return request;
}

BootRequest with_ring() {
    // As scripted_payload.S has it.
    auto request = without_ring();
    request.ring_address = 0x01000000;
    request.ring_size = 0x1000 + 0x10000;
    return request;
}

std::vector<std::filesystem::path> folder_for_files() {
    std::vector<std::filesystem::path> found;
    for (const auto& entry : std::filesystem::directory_iterator{std::getenv("TMPDIR")}) {
        found.push_back(entry.path());
    }
    for (const auto& entry : std::filesystem::directory_iterator{"/dev/shm"}) {
        if (entry.path().string().find("vmrunit") != std::string::npos) {
            found.push_back(entry.path());
        }
    }
    return found;
}

} // namespace vmrunit::runner

int main(int count, char** arguments) {
    testing::InitGoogleTest(&count, arguments);
    std::string folder = (std::filesystem::temp_directory_path() / "qemu-tests-XXXXXX").string();
    if (::mkdtemp(folder.data()) == nullptr) {
        return EXIT_FAILURE;
    }
    ::setenv("TMPDIR", folder.c_str(), 1);
    const int status = RUN_ALL_TESTS();
    std::filesystem::remove_all(folder);
    return status;
}
