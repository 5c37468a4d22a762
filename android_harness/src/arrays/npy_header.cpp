#include "arrays/npy_header.h"

#include <cctype>
#include <cstdlib>
#include <set>
#include <stdexcept>

namespace harness {

namespace {

[[noreturn]] void refuse(const std::string& what) { throw std::invalid_argument(what); }

bool is_digit(char letter) { return letter >= '0' && letter <= '9'; }

// Walks over the literals of Python that such a header has.
class Literals {
 public:
  explicit Literals(const std::string& text) : text_(text) {}

  // Whether `letter` comes next, after white space; it is passed then.
  bool passes(char letter) {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_]))) ++at_;
    if (at_ == text_.size() || text_[at_] != letter) return false;
    ++at_;
    return true;
  }

  void expect(char letter) {
    if (!passes(letter)) refuse(std::string("its header has no ") + letter + " where it should");
  }

  bool ended() { return !passes('\0') && at_ == text_.size(); }

  std::string text() {
    const char quote = passes('"') ? '"' : '\'';
    if (quote == '\'') expect('\'');
    const auto end = text_.find(quote, at_);
    if (end == std::string::npos) refuse("its header has a text without an end");
    const std::string found = text_.substr(at_, end - at_);
    at_ = end + 1;
    return found;
  }

  bool boolean() {
    passes(' ');
    for (const bool value : {true, false}) {
      const std::string word = value ? "True" : "False";
      if (text_.compare(at_, word.size(), word) == 0) {
        at_ += word.size();
        return value;
      }
    }
    refuse("its header has something else than True or False as fortran_order");
  }

  std::vector<std::int64_t> tuple() {
    std::vector<std::int64_t> sizes;
    expect('(');
    while (!passes(')')) {
      sizes.push_back(size());
      if (passes(',')) continue;
      expect(')');
      break;
    }
    return sizes;
  }

 private:
  std::int64_t size() {
    if (passes('-')) refuse("its header has a negative size");
    std::int64_t value = 0;
    const auto first = at_;
    for (; at_ < text_.size() && is_digit(text_[at_]); ++at_) {
      if (__builtin_mul_overflow(value, 10, &value) ||
          __builtin_add_overflow(value, text_[at_] - '0', &value)) {
        refuse("its header has a size that no file can have");
      }
    }
    if (at_ == first) refuse("its header has something else than sizes in its shape");
    passes('L');  // as Python 2 wrote them
    return value;
  }

  const std::string& text_;
  std::size_t at_ = 0;
};

// "<f4", ">u2", "|u1"
void read_descr(const std::string& descr, NpyHeader& header) {
  std::size_t at = 0;
  header.swapped = false;
  if (descr.find_first_of("<>|=") == 0) header.swapped = descr[at++] == '>';
  header.kind = at < descr.size() ? descr[at++] : '\0';
  header.item_bytes = 0;
  for (; at < descr.size() && is_digit(descr[at]) && header.item_bytes < 1000; ++at) {
    header.item_bytes = header.item_bytes * 10 + static_cast<std::size_t>(descr[at] - '0');
  }
  if (!std::isalpha(static_cast<unsigned char>(header.kind)) || at != descr.size() ||
      header.item_bytes == 0) {
    refuse("its elements are " + descr.substr(0, 80));
  }
}

}  // namespace

std::string NpyHeader::dtype() const {
  const std::string word = kind == 'u'   ? "uint"
                           : kind == 'i' ? "int"
                           : kind == 'f' ? "float"
                                         : std::string(1, kind);
  return word + std::to_string(8 * item_bytes);
}

NpyHeader parse_npy_header(const std::string& text) {
  Literals literals(text);
  NpyHeader header{};
  std::set<std::string> keys;
  literals.expect('{');
  while (!literals.passes('}')) {
    const std::string key = literals.text();
    literals.expect(':');
    if (key == "descr") {
      read_descr(literals.text(), header);
    } else if (key == "fortran_order") {
      header.fortran_order = literals.boolean();
    } else if (key == "shape") {
      header.shape = literals.tuple();
    } else {
      refuse("its header has the key " + key.substr(0, 80));
    }
    keys.insert(key);
    if (literals.passes(',')) continue;
    literals.expect('}');
    break;
  }
  if (keys.size() != 3 || !literals.ended()) {
    refuse("its header has something else than descr, fortran_order and shape");
  }
  return header;
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
