// SPDX-License-Identifier: GPL-2.0-only
// Mapping pages.
#include "host_runner/kvm_worker/pages.hpp"

#include "host_runner/files/file_descriptor.hpp"

#include <cerrno>
#include <fcntl.h>
#include <sys/mman.h>

namespace vmrunit::worker {

using runner::failure;
using runner::with_errno;

runner::Result<Pages> Pages::shared(std::size_t size) {
    void* const start = ::mmap(nullptr, size, PROT_READ | PROT_WRITE,
                               MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (start == MAP_FAILED) {
        return failure(with_errno("mmap of " + std::to_string(size >> 20) + " MiB", errno));
    }
    return Pages{{static_cast<std::byte*>(start), size}};
}

runner::Result<Pages> Pages::of_file(const std::string& path, std::uint64_t offset,
                                     std::size_t size) {
    const runner::FileDescriptor file{::open(path.c_str(), O_RDWR | O_CLOEXEC)};
    if (!file.is_open()) {
        return failure(with_errno(path, errno));
    }
    void* const start = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, file.number(),
                               static_cast<off_t>(offset));
    if (start == MAP_FAILED) {
        return failure(with_errno("mmap of " + path, errno));
    }
    return Pages{{static_cast<std::byte*>(start), size}};
}

Pages::~Pages() {
    if (!bytes_.empty()) {
        ::munmap(bytes_.data(), bytes_.size());
    }
}

} // namespace vmrunit::worker
