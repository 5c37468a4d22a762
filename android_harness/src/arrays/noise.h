// An input to time a file with.
#pragma once

#include <cstddef>
#include <vector>

#include "arrays/tensor.h"

namespace harness {

// The same each time, over the whole range that the file reads: -1 to 1, or all integers.
std::vector<std::byte> noise(const TensorType& type);

}  // namespace harness
