#include "arrays/tensor.h"

namespace harness {

std::size_t bytes_of(DType dtype) {
  switch (dtype) {
    case DType::kInt8:
    case DType::kUint8: return 1;
    case DType::kInt16: return 2;
    case DType::kFloat32: return 4;
  }
  return 0;
}

const char* name_of(DType dtype) {
  switch (dtype) {
    case DType::kInt8: return "int8";
    case DType::kUint8: return "uint8";
    case DType::kInt16: return "int16";
    case DType::kFloat32: return "float32";
  }
  return "unknown";
}

std::size_t TensorType::elements() const {
  std::size_t count = 1;
  for (std::int64_t size : shape) count *= static_cast<std::size_t>(size);
  return count;
}

}  // namespace harness
