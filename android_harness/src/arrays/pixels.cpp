#include "arrays/pixels.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>

#include "job/failure.h"

namespace harness {

namespace {

// Without the undefined behaviour of a cast beyond the type's range.
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
  } else {
    std::copy(values.begin(), values.end(), made.begin());
  }
  tensor.resize(made.size() * sizeof(T));
  std::memcpy(tensor.data(), made.data(), tensor.size());
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
    const auto value = static_cast<float>(item);
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
    case DType::kFloat32: return call(float{});
  }
}

}  // namespace

void to_float32(DType dtype, const std::string& bytes, std::vector<float>& values) {
  if (dtype == DType::kFloat32) {
    std::memcpy(values.data(), bytes.data(), values.size() * sizeof(float));
    return;
  }
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<unsigned char>(bytes[i]);
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
