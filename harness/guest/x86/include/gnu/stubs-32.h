/* SPDX-License-Identifier: GPL-2.0-only */
/* glibc's <features.h> asks for this list of functions that the library has not; it comes with the
 * 32-bit library. Payloads call none, so an empty one lets them do without that package. A real one
 * is found first. */
