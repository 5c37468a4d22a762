// Text that the system has in files, as in /proc and /sys.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace harness {

// Without the white space around it.
std::string stripped(const std::string& text);
// As Python's str.isdigit, for ASCII: not empty, and nothing but digits.
bool is_number(const std::string& text);

// The text of that file, stripped; none where it cannot be read.
std::optional<std::string> read_text(const std::string& path);
// Of every file FOLDER/NAME*/BEHIND that can be read, cpu2 before cpu10.
std::vector<std::string> read_all(const std::string& folder, const std::string& name,
                                  const std::string& file);
// The paths of those folders FOLDER/NAME*, in that order.
std::vector<std::string> list_folders(const std::string& folder, const std::string& name);
// Those of the texts that are numbers.
std::vector<std::int64_t> numbers_of(const std::vector<std::string>& texts);

}  // namespace harness
