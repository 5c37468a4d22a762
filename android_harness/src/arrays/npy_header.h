// The head of a .npy file: what its array is (numpy.lib.format describes it).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "arrays/tensor.h"

namespace harness {

// An array of a shard: uint8 or float32, little-endian, in C order.
struct NpyHeader {
  DType dtype;
  std::vector<std::int64_t> shape;
};

// Of the text that follows the magic and the length, as numpy.save writes it; std::invalid_argument
// with what is wrong.
NpyHeader parse_npy_header(const std::string& text);

// The bytes of an array of that shape; none where no file can have as many.
std::optional<std::int64_t> bytes_of(const std::vector<std::int64_t>& shape,
                                     std::size_t item_bytes);

// E.g. "[3, 8, 8, 3]", without the first `from` sizes.
std::string listed(const std::vector<std::int64_t>& shape, std::size_t from = 0);

}  // namespace harness
