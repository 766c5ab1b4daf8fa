// SPDX-License-Identifier: GPL-2.0-only
// A part of a file mapped shared.
#include "host_runner/files/shared_mapping.hpp"

#include "host_runner/files/file_descriptor.hpp"

#include <cerrno>
#include <sys/mman.h>

namespace vmrunit::runner {

Result<SharedMapping> SharedMapping::of(int descriptor, std::uint64_t offset, std::size_t size) {
    void* const address = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor,
                                 static_cast<off_t>(offset));
    if (address == MAP_FAILED) {
        return failure(with_errno("mmap", errno));
    }
    return SharedMapping{std::span{static_cast<std::byte*>(address), size}};
}

SharedMapping::~SharedMapping() {
    if (!bytes_.empty()) {
        ::munmap(bytes_.data(), bytes_.size());
    }
}

} // namespace vmrunit::runner
