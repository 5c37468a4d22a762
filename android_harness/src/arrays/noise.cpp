#include "arrays/noise.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <type_traits>

namespace harness {

namespace {

// From -1 up to 1. The engine's numbers are laid down by the C++ standard, those of its
// distributions are not.
double next(std::mt19937_64& engine) {
  return std::ldexp(static_cast<double>(engine() >> 11), -52) - 1;
}

template <typename T>
T cast(double value) {
  if constexpr (std::is_integral_v<T>) {
    const double lowest = static_cast<double>(std::numeric_limits<T>::min());
    const double highest = static_cast<double>(std::numeric_limits<T>::max());
    const double spread = (value + 1) / 2 * (highest - lowest) + lowest;
    return spread >= highest ? std::numeric_limits<T>::max() : static_cast<T>(spread);
  } else {
    return static_cast<T>(value);
  }
}

template <typename T, typename Make>
void fill(std::vector<std::byte>& bytes, const Make& make) {
  std::mt19937_64 engine;
  for (std::size_t at = 0; at < bytes.size(); at += sizeof(T)) {
    const T value = make(next(engine));
    std::memcpy(&bytes[at], &value, sizeof(T));
  }
}

}  // namespace

std::vector<std::byte> noise(const TensorType& type) {
  std::vector<std::byte> made(type.bytes());
  switch (type.dtype) {
    case DType::kInt8: fill<std::int8_t>(made, cast<std::int8_t>); break;
    case DType::kUint8: fill<std::uint8_t>(made, cast<std::uint8_t>); break;
    case DType::kInt16: fill<std::int16_t>(made, cast<std::int16_t>); break;
    case DType::kFloat32: fill<float>(made, cast<float>); break;
  }
  return made;
}

}  // namespace harness
