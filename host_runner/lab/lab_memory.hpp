// SPDX-License-Identifier: GPL-2.0-only
// The memory of a lab machine, which the runner maps as well, and the windows in it: pages that the
// lab kernel is told to leave alone and that the worker opens as /dev/mem. Every window is a ring
// of harness/wire/ring.hpp.
//
// Guest RAM rather than a device: it needs no driver, no PCI bus, and costs what memory costs.
#pragma once

#include "harness/wire/ring.hpp"
#include "host_runner/error.hpp"
#include "host_runner/files/memory_file.hpp"
#include "host_runner/files/shared_mapping.hpp"

#include <cstdint>
#include <string>

namespace vmrunit::runner {

struct Window {
    std::uint64_t address = 0; ///< Physical, in the lab machine.
    std::uint32_t size = 0;    ///< Header page included.

    /// As kvm-worker's options take it.
    [[nodiscard]] std::string for_worker() const;
};

struct LabWindows {
    Window guest_ring; ///< Of the payload in the worker's VM.
    Window requests;
    Window output; ///< Records of a payload that cannot use its ring.
    Window status;
};
extern const LabWindows lab_windows;

class LabMemory {
public:
    [[nodiscard]] static Result<LabMemory> create(unsigned mebibytes);

    [[nodiscard]] int descriptor() const { return file_.descriptor(); }
    [[nodiscard]] std::uint64_t size() const { return file_.size(); }
    /// For the kernel's command line: the windows are none of its memory.
    [[nodiscard]] static std::string reservation();
    [[nodiscard]] Result<SharedMapping> map(const Window& window) const;

private:
    explicit LabMemory(MemoryFile file) : file_{std::move(file)} {}

    MemoryFile file_;
};

} // namespace vmrunit::runner
