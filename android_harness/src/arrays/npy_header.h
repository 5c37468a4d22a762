// The head of a .npy file: what its array is (numpy.lib.format describes it).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace harness {

struct NpyHeader {
  char kind;  // as numpy's dtype.kind: 'u', 'i', 'f', ...
  std::size_t item_bytes;
  bool swapped;  // of the other byte order than this machine
  bool fortran_order;
  std::vector<std::int64_t> shape;  // none negative

  std::string dtype() const;  // "uint8"
};

// Of the text that follows the magic and the length, a literal of Python; std::invalid_argument
// with what is wrong.
NpyHeader parse_npy_header(const std::string& text);

// The bytes of an array of that shape; none where no file can have as many.
std::optional<std::int64_t> bytes_of(const std::vector<std::int64_t>& shape,
                                     std::size_t item_bytes);

// As "[3, 8, 8, 3]", without the first `from` sizes.
std::string listed(const std::vector<std::int64_t>& shape, std::size_t from = 0);

}  // namespace harness
