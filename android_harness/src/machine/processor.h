// The name of a processor, and the instruction set of a program for it.
#pragma once

#include <cstddef>
#include <string>

namespace harness {

// By /proc under `root`; on ARM the cores, and the chip that the board's maker names, as
// "Cortex-A72 (bcm2711)" or "4x Cortex-A55 + 4x Cortex-A76 (rk3588)".
std::string processor_name(const std::string& root);

// Whether int8 products may overflow: no flag of an x86 CPU says that it has VNNI. True as well where
// there are no flags, as on ARM, which never overflows.
bool lacks_vnni(const std::string& root);

// By the names of wheels; often 32-bit on a 64-bit kernel, whose name is all that the system tells.
std::string program_architecture(const std::string& kernel, std::size_t pointer_bytes);

}  // namespace harness
