#include "arrays/pixels.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>

#include "arrays/half.h"
#include "job/failure.h"

namespace harness {

namespace {

// Half precision, which C++17 has no type for.
struct Half {
  std::uint16_t bits;
};

template <typename T>
float to_float(T value) {
  return static_cast<float>(value);
}

template <>
float to_float(Half value) {
  return from_half(value.bits);
}

template <typename T>
bool read_all_as(const std::string& bytes, bool swapped, std::vector<float>& values) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    char item[sizeof(T)];
    std::memcpy(item, bytes.data() + i * sizeof(T), sizeof(T));
    if (swapped) std::reverse(item, item + sizeof(T));
    T value;
    std::memcpy(&value, item, sizeof(T));
    values[i] = to_float(value);
  }
  return true;
}

// Without the undefined behaviour of a cast beyond the type's range: float32 has no 2^31 - 1.
template <typename T>
T saturated(float value) {
  using Limits = std::numeric_limits<T>;
  if (std::isnan(value)) return 0;
  if (value >= static_cast<float>(Limits::max())) return Limits::max();
  if (value <= static_cast<float>(Limits::min())) return Limits::min();
  return static_cast<T>(value);
}

template <typename T>
T quantized(float value, float scale, float zero_point) {
  // Halves go to the even neighbour, as nearbyint does unless the rounding mode is changed.
  return saturated<T>(std::nearbyint(value / scale) + zero_point);
}

template <typename T>
void store(const std::vector<T>& values, std::vector<std::byte>& tensor) {
  tensor.resize(values.size() * sizeof(T));
  std::memcpy(tensor.data(), values.data(), tensor.size());
}

struct Quantization {
  float scale, zero_point;
};

Quantization quantization(const char* which, DType dtype, std::optional<double> scale,
                          std::optional<std::int64_t> zero_point) {
  if (!scale || *scale == 0 || !zero_point) {
    const std::string name = which;
    throw Failure("bad_job", "the " + name + " is " + name_of(dtype) + "; expected " + name +
                                 "_scale, " + name + "_zero_point");
  }
  return {static_cast<float>(*scale), static_cast<float>(*zero_point)};
}

template <typename T>
void write_as(const std::vector<float>& values, const Images& images, DType dtype,
              std::vector<std::byte>& tensor) {
  std::vector<T> made(values.size());
  if constexpr (std::is_integral_v<T>) {
    const auto [scale, zero_point] =
        quantization("input", dtype, images.input_scale, images.input_zero_point);
    for (std::size_t i = 0; i < made.size(); ++i) {
      made[i] = quantized<T>(values[i], scale, zero_point);
    }
  } else if constexpr (std::is_same_v<T, Half>) {
    for (std::size_t i = 0; i < made.size(); ++i) made[i].bits = to_half(values[i]);
  } else {
    std::copy(values.begin(), values.end(), made.begin());
  }
  store(made, tensor);
}

template <typename T>
void read_as(const std::byte* tensor, std::size_t count, const Images& images, DType dtype,
             std::vector<float>& rows) {
  Quantization of_output{1, 0};
  if (std::is_integral_v<T>) {
    of_output = quantization("output", dtype, images.output_scale, images.output_zero_point);
  }
  for (std::size_t i = 0; i < count; ++i) {
    T item;
    std::memcpy(&item, tensor + i * sizeof(T), sizeof(T));
    const float value = to_float(item);
    rows.push_back(std::is_integral_v<T> ? (value - of_output.zero_point) * of_output.scale
                                         : value);
  }
}

// Calls `call` with a value of the C++ type of `dtype`.
template <typename Call>
void with_type_of(DType dtype, Call call) {
  switch (dtype) {
    case DType::kInt8: return call(std::int8_t{});
    case DType::kUint8: return call(std::uint8_t{});
    case DType::kInt16: return call(std::int16_t{});
    case DType::kUint16: return call(std::uint16_t{});
    case DType::kInt32: return call(std::int32_t{});
    case DType::kUint32: return call(std::uint32_t{});
    case DType::kInt64: return call(std::int64_t{});
    case DType::kUint64: return call(std::uint64_t{});
    case DType::kFloat16: return call(Half{});
    case DType::kFloat32: return call(float{});
    case DType::kFloat64: return call(double{});
  }
}

}  // namespace

bool to_float32(const NpyHeader& header, const std::string& bytes, std::vector<float>& values) {
  const bool swapped = header.swapped;
  const std::size_t size = header.item_bytes;
  if (header.kind == 'u') {
    if (size == 1) return read_all_as<std::uint8_t>(bytes, swapped, values);
    if (size == 2) return read_all_as<std::uint16_t>(bytes, swapped, values);
    if (size == 4) return read_all_as<std::uint32_t>(bytes, swapped, values);
    if (size == 8) return read_all_as<std::uint64_t>(bytes, swapped, values);
  } else if (header.kind == 'i') {
    if (size == 1) return read_all_as<std::int8_t>(bytes, swapped, values);
    if (size == 2) return read_all_as<std::int16_t>(bytes, swapped, values);
    if (size == 4) return read_all_as<std::int32_t>(bytes, swapped, values);
    if (size == 8) return read_all_as<std::int64_t>(bytes, swapped, values);
  } else if (header.kind == 'f') {
    if (size == 2) return read_all_as<Half>(bytes, swapped, values);
    if (size == 4) return read_all_as<float>(bytes, swapped, values);
    if (size == 8) return read_all_as<double>(bytes, swapped, values);
    if (size == sizeof(long double)) return read_all_as<long double>(bytes, swapped, values);
  }
  return false;
}

void model_input(const std::vector<float>& pixels, DType dtype, const Images& images,
                 std::vector<std::byte>& tensor) {
  const auto scale = static_cast<float>(images.scale), offset = static_cast<float>(images.offset);
  std::vector<float> values(pixels.size());
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = pixels[i] * scale + offset;
  with_type_of(dtype,
               [&](auto of_type) { write_as<decltype(of_type)>(values, images, dtype, tensor); });
}

void model_output(const std::byte* tensor, const TensorType& type, const Images& images,
                  std::vector<float>& rows) {
  with_type_of(type.dtype, [&](auto of_type) {
    read_as<decltype(of_type)>(tensor, type.elements(), images, type.dtype, rows);
  });
}

}  // namespace harness
