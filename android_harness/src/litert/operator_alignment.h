// The operators of a file that XNNPACK's operators compute.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace harness {

// For each of XNNPACK's operators `tags` the positions in `kinds` of the file's operators that it
// computes: one, several that were fused, or none where it is XNNPACK's own addition. As aligned()
// of bench/on_device/operator_alignment.py, which has the reasons.
std::vector<std::vector<std::size_t>> aligned(const std::vector<std::string>& kinds,
                                              const std::vector<std::string>& tags);

}  // namespace harness
