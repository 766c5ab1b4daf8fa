/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * <intrin.h> for compilers that have none: with this folder in the include path, code written for
 * Microsoft's SVM intrinsics compiles unchanged with GCC and Clang. A compiler's own <intrin.h>
 * comes first where there is one, so that nothing else it offers is lost. The definitions are in
 * svm_intrinsics.h, how to use them in docs/intrinsics.md.
 */
#pragma once

#if defined(_MSC_VER) && !defined(__clang__)

/* Microsoft's compiler has the intrinsics built in but no #include_next; the name of the folder
 * that holds its own header, which is no folder of this repository, leads past this file. */
#include <../include/intrin.h>

#else

/* Clang brings an <intrin.h> for every system, but elsewhere than on Windows that one only demands
 * a further one, which is not there. */
#if !defined(__clang__) || defined(_MSC_VER) || defined(__MINGW32__)
#if __has_include_next(<intrin.h>)
#pragma GCC system_header /* #include_next is no ISO C: silences -Wpedantic */
#include_next <intrin.h>
#endif
#endif

#include "svm_intrinsics.h"

#endif
