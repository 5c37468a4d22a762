#include "arrays/npy_header.h"

#include <charconv>
#include <stdexcept>

namespace harness {

namespace {

constexpr std::size_t kLongestQuote = 120;  // of a header, in a message

[[noreturn]] void refuse(const std::string& what) { throw std::invalid_argument(what); }

// Reads a header word by word; every word must be there.
class HeaderText {
 public:
  explicit HeaderText(const std::string& text) : text_(text) {}

  bool passes(const std::string& word) {
    if (text_.compare(at_, word.size(), word) != 0) return false;
    at_ += word.size();
    return true;
  }

  void expect(const std::string& word) {
    if (!passes(word)) refuse_header();
  }

  std::string until(char letter) {
    const auto end = text_.find(letter, at_);
    if (end == std::string::npos) refuse_header();
    const std::string found = text_.substr(at_, end - at_);
    at_ = end + 1;
    return found;
  }

  std::int64_t size() {
    std::int64_t value = 0;
    const char* first = text_.data() + at_;
    const auto [rest, error] = std::from_chars(first, text_.data() + text_.size(), value);
    if (error != std::errc() || value < 0) refuse_header();
    at_ += static_cast<std::size_t>(rest - first);
    return value;
  }

  void expect_end() {
    if (text_.find_first_not_of(" \n", at_) != std::string::npos) refuse_header();
  }

 private:
  [[noreturn]] void refuse_header() {
    refuse("its header is " + text_.substr(0, text_.find('\n')).substr(0, kLongestQuote) +
           "; expected one that numpy.save writes");
  }

  const std::string& text_;
  std::size_t at_ = 0;
};

DType dtype_of(const std::string& descr) {
  if (descr == "|u1") return DType::kUint8;
  if (descr == "<f4") return DType::kFloat32;
  refuse("its elements are " + descr + "; expected |u1 (uint8) or <f4 (float32)");
}

}  // namespace

NpyHeader parse_npy_header(const std::string& text) {
  HeaderText header(text);
  NpyHeader found{};
  header.expect("{'descr': '");
  found.dtype = dtype_of(header.until('\''));
  header.expect(", 'fortran_order': ");
  if (header.passes("True")) refuse("it is in Fortran order; expected C order");
  header.expect("False, 'shape': (");
  while (!header.passes(")")) {
    found.shape.push_back(header.size());
    if (header.passes(",")) header.passes(" ");
  }
  header.expect(", }");
  header.expect_end();
  return found;
}

std::optional<std::int64_t> bytes_of(const std::vector<std::int64_t>& shape,
                                     std::size_t item_bytes) {
  auto bytes = static_cast<std::int64_t>(item_bytes);
  for (const std::int64_t size : shape) {
    if (__builtin_mul_overflow(bytes, size, &bytes)) return {};
  }
  return bytes;
}

std::string listed(const std::vector<std::int64_t>& shape, std::size_t from) {
  std::string text;
  for (std::size_t i = from; i < shape.size(); ++i) {
    text += (i == from ? "" : ", ") + std::to_string(shape[i]);
  }
  return "[" + text + "]";
}

}  // namespace harness
