// IEEE 754 half precision, as numpy's float16.
#pragma once

#include <cstdint>

namespace harness {

float from_half(std::uint16_t bits);
// Rounded to the nearest, ties to even; infinite beyond its range.
std::uint16_t to_half(float value);

}  // namespace harness
