// Arrays in .npy files: uint8 and float32 read, float32 written as numpy writes it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "arrays/npy_header.h"
#include "machine/descriptor.h"

namespace harness {

// An array that is read item by item along its first axis. Failure "bad_input" where the file is
// no such array, or is shorter than it says.
class NpyFile {
 public:
  explicit NpyFile(const std::string& path);

  const NpyHeader& header() const { return header_; }
  // Item `index` of the first axis, as float32.
  void read(std::int64_t index, std::vector<float>& values);

 private:
  [[noreturn]] void refuse(const std::string& why) const;
  std::string read_bytes(std::int64_t at, std::size_t count) const;
  void check_size(std::int64_t bytes) const;

  std::string path_;
  Descriptor file_;
  NpyHeader header_;
  std::int64_t begin_ = 0;  // of the data
};

// Writes float32 [rows, columns] whole or not at all, byte for byte as numpy.save does. Failure
// "runtime_failed".
void write_npy(const std::string& path, const std::vector<float>& values, std::size_t rows,
               std::size_t columns);

}  // namespace harness
