// SPDX-License-Identifier: GPL-2.0-only
// The paging that this width of L1 can run with.
#pragma once

#ifdef __x86_64__
#include "harness/guest/x64/paging.hpp"
#else
#include "harness/guest/x86/paging.hpp"
#endif
