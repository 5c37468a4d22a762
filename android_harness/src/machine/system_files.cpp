#include "machine/system_files.h"

#include <dirent.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <memory>

namespace harness {

namespace {

constexpr std::size_t kLongestNumber = 18;  // digits, so that it fits

bool is_space(unsigned char letter) {
  return letter == ' ' || (letter >= 0x09 && letter <= 0x0d) || (letter >= 0x1c && letter <= 0x1f);
}

struct CloseFolder {
  void operator()(DIR* folder) const { closedir(folder); }
};

}  // namespace

std::string stripped(const std::string& text) {
  const auto begin = std::find_if_not(text.begin(), text.end(), is_space);
  const auto end = std::find_if_not(text.rbegin(), std::make_reverse_iterator(begin), is_space);
  return std::string(begin, end.base());
}

bool is_number(const std::string& text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

std::optional<std::string> read_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return {};
  std::string text;
  char block[4096];
  // Files of /sys have no size, and some answer a read with an error (a core that is offline).
  while (file.read(block, sizeof block) || file.gcount() > 0) {
    text.append(block, static_cast<std::size_t>(file.gcount()));
  }
  if (file.bad()) return {};
  return stripped(text);
}

std::vector<std::string> list_folders(const std::string& folder, const std::string& name) {
  const std::unique_ptr<DIR, CloseFolder> open(opendir(folder.c_str()));
  std::vector<std::string> found;
  while (const dirent* entry = open ? readdir(open.get()) : nullptr) {
    const std::string entry_name = entry->d_name;
    if (entry_name.compare(0, name.size(), name) == 0) found.push_back(folder + "/" + entry_name);
  }
  std::sort(found.begin(), found.end(), [](const std::string& a, const std::string& b) {
    return a.size() != b.size() ? a.size() < b.size() : a < b;
  });
  return found;
}

std::vector<std::string> read_all(const std::string& folder, const std::string& name,
                                  const std::string& file) {
  std::vector<std::string> texts;
  for (const std::string& found : list_folders(folder, name)) {
    if (auto text = read_text(found + "/" + file)) texts.push_back(*text);
  }
  return texts;
}

std::vector<std::int64_t> numbers_of(const std::vector<std::string>& texts) {
  std::vector<std::int64_t> numbers;
  for (const std::string& text : texts) {
    if (is_number(text) && text.size() <= kLongestNumber) numbers.push_back(std::stoll(text));
  }
  return numbers;
}

}  // namespace harness
