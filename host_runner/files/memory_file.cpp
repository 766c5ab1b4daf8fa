// SPDX-License-Identifier: GPL-2.0-only
// Files without a name.
#include "host_runner/files/memory_file.hpp"

#include <cerrno>
#include <sys/mman.h>
#include <unistd.h>

namespace vmrunit::runner {

Result<MemoryFile> MemoryFile::create(const std::string& label, std::uint64_t size) {
    FileDescriptor file{::memfd_create(label.c_str(), MFD_CLOEXEC)};
    if (!file.is_open()) {
        return failure(with_errno("memfd_create(" + label + ")", errno));
    }
    if (::ftruncate(file.number(), static_cast<off_t>(size)) != 0) {
        return failure(with_errno("ftruncate(" + label + ")", errno));
    }
    return MemoryFile{std::move(file), size};
}

Result<MemoryFile> MemoryFile::with_content(const std::string& label,
                                            std::span<const std::byte> content) {
    auto created = create(label, content.size());
    std::uint64_t written = 0;
    while (created && written < content.size()) {
        const auto rest = content.subspan(written);
        const ssize_t count =
            ::pwrite(created->descriptor(), rest.data(), rest.size(), static_cast<off_t>(written));
        if (count < 0 && errno != EINTR) {
            return failure(with_errno("write(" + label + ")", errno));
        }
        written += count > 0 ? static_cast<std::uint64_t>(count) : 0;
    }
    return created;
}

std::string path_of_own_descriptor(int number) {
    return "/proc/self/fd/" + std::to_string(number);
}

} // namespace vmrunit::runner
