// SPDX-License-Identifier: GPL-2.0-only
// Proves the offsets of vmcb_page.hpp against the project's own VMCB; nothing else in here.
#include "harness/svm/vmcb.hpp"
#include "tests/intrinsics/vmcb_page.hpp"

#include <cstddef>

namespace {

using vmrunit::svm::ExitCode;
using vmrunit::svm::Segment;
using vmrunit::svm::Vmcb;

// clang-format off
static_assert(vmcb_offset::guest_asid     == offsetof(Vmcb, control.guest_asid));
static_assert(vmcb_offset::exit_code      == offsetof(Vmcb, control.exit_code));
static_assert(vmcb_offset::es             == offsetof(Vmcb, save.es));
static_assert(vmcb_offset::cs             == offsetof(Vmcb, save.cs));
static_assert(vmcb_offset::ss             == offsetof(Vmcb, save.ss));
static_assert(vmcb_offset::ds             == offsetof(Vmcb, save.ds));
static_assert(vmcb_offset::fs             == offsetof(Vmcb, save.fs));
static_assert(vmcb_offset::gs             == offsetof(Vmcb, save.gs));
static_assert(vmcb_offset::ldtr           == offsetof(Vmcb, save.ldtr));
static_assert(vmcb_offset::tr             == offsetof(Vmcb, save.tr));
static_assert(vmcb_offset::efer           == offsetof(Vmcb, save.efer));
static_assert(vmcb_offset::cr4            == offsetof(Vmcb, save.cr4));
static_assert(vmcb_offset::cr3            == offsetof(Vmcb, save.cr3));
static_assert(vmcb_offset::cr0            == offsetof(Vmcb, save.cr0));
static_assert(vmcb_offset::dr7            == offsetof(Vmcb, save.dr7));
static_assert(vmcb_offset::dr6            == offsetof(Vmcb, save.dr6));
static_assert(vmcb_offset::rflags         == offsetof(Vmcb, save.rflags));
static_assert(vmcb_offset::rip            == offsetof(Vmcb, save.rip));
static_assert(vmcb_offset::rax            == offsetof(Vmcb, save.rax));
static_assert(vmcb_offset::star           == offsetof(Vmcb, save.star));
static_assert(vmcb_offset::lstar          == offsetof(Vmcb, save.lstar));
static_assert(vmcb_offset::cstar          == offsetof(Vmcb, save.cstar));
static_assert(vmcb_offset::sfmask         == offsetof(Vmcb, save.sfmask));
static_assert(vmcb_offset::kernel_gs_base == offsetof(Vmcb, save.kernel_gs_base));
static_assert(vmcb_offset::sysenter_cs    == offsetof(Vmcb, save.sysenter_cs));
static_assert(vmcb_offset::sysenter_esp   == offsetof(Vmcb, save.sysenter_esp));
static_assert(vmcb_offset::sysenter_eip   == offsetof(Vmcb, save.sysenter_eip));
static_assert(vmcb_offset::g_pat          == offsetof(Vmcb, save.g_pat));
static_assert(vmcb_offset::in_segment_attributes == offsetof(Segment, attributes));
static_assert(vmcb_offset::in_segment_limit      == offsetof(Segment, limit));
static_assert(vmcb_offset::in_segment_base       == offsetof(Segment, base));
static_assert(ExitCode{exit_code_vmmcall} == ExitCode::vmmcall);
// clang-format on

} // namespace
