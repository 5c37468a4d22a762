// A tensor's type: that of its elements, its shape.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace harness {

enum class DType { kInt8, kUint8, kInt16, kFloat32 };

std::size_t bytes_of(DType dtype);
// As numpy calls it: "int8", "float32".
const char* name_of(DType dtype);

struct TensorType {
  DType dtype = DType::kFloat32;
  std::vector<std::int64_t> shape;

  std::size_t elements() const;
  std::size_t bytes() const { return elements() * bytes_of(dtype); }
};

}  // namespace harness
