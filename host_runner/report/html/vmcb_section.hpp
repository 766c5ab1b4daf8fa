// SPDX-License-Identifier: GPL-2.0-only
// A page's part on the VMCB of one run, byte by byte.
#pragma once

#include "cases/model/catalogue.hpp"
#include "host_runner/report/run_record.hpp"

#include <kainjow/mustache.hpp>

namespace vmrunit::runner::html {

/// Sets what {{>vmcb_section}} of a page, or of one object of its, shows.
void set_vmcb_section(kainjow::mustache::data& page, const RunRecord& run,
                      const cases::Catalogue& catalogue);

} // namespace vmrunit::runner::html
