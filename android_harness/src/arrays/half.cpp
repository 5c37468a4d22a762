#include "arrays/half.h"

#include <cmath>
#include <cstring>

namespace harness {

namespace {

constexpr int kFractionBits = 10, kBias = 15, kFloatFractionBits = 23, kFloatBias = 127;
constexpr std::uint16_t kInfinity = 0x7c00;
constexpr int kInfiniteExponent = 0x1f;

// `value` without its lowest `bits`, rounded.
std::uint32_t shifted(std::uint32_t value, int bits) {
  const std::uint32_t half = 1u << (bits - 1), rest = value & ((1u << bits) - 1);
  const std::uint32_t kept = value >> bits;
  return kept + (rest > half || (rest == half && (kept & 1)) ? 1 : 0);
}

}  // namespace

float from_half(std::uint16_t bits) {
  const int exponent = (bits >> kFractionBits) & kInfiniteExponent;
  const std::uint32_t fraction = bits & 0x3ff;
  const std::uint32_t sign = static_cast<std::uint32_t>(bits & 0x8000) << 16;
  if (exponent == 0) {
    const float size = std::ldexp(static_cast<float>(fraction), 1 - kBias - kFractionBits);
    return sign ? -size : size;
  }
  const std::uint32_t widened = exponent == kInfiniteExponent
                                    ? 0xff
                                    : static_cast<std::uint32_t>(exponent - kBias + kFloatBias);
  const std::uint32_t whole =
      sign | widened << kFloatFractionBits | fraction << (kFloatFractionBits - kFractionBits);
  float value;
  std::memcpy(&value, &whole, sizeof value);
  return value;
}

std::uint16_t to_half(float value) {
  std::uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  const auto sign = static_cast<std::uint16_t>(bits >> 16 & 0x8000);
  const int exponent = static_cast<int>(bits >> kFloatFractionBits & 0xff) - kFloatBias + kBias;
  const std::uint32_t fraction = bits & 0x7fffff;
  const int surplus = kFloatFractionBits - kFractionBits;
  if (std::isnan(value)) {
    return static_cast<std::uint16_t>(sign | kInfinity | 0x200 | fraction >> surplus);
  }
  if (exponent >= kInfiniteExponent) return static_cast<std::uint16_t>(sign | kInfinity);
  if (exponent > 0) {
    // A fraction that is rounded up to the next power of two raises the exponent by itself.
    const auto whole = static_cast<std::uint32_t>(exponent) << kFloatFractionBits | fraction;
    return static_cast<std::uint16_t>(sign | shifted(whole, surplus));
  }
  if (exponent < -kFractionBits) return sign;  // less than half of the least
  return static_cast<std::uint16_t>(sign | shifted(fraction | 0x800000, surplus + 1 - exponent));
}

}  // namespace harness
