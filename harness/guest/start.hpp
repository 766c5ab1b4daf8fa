// SPDX-License-Identifier: GPL-2.0-only
// The one function a payload writes. The guest library calls it once, on CPU 0, in the baseline of
// l1_baseline.hpp, with interrupts off; when it returns the CPU halts for ever.
#pragma once

#include "harness/guest/boot_info.hpp"

extern "C" void l1_main(const vmrunit::guest::BootInfo& boot_info);
