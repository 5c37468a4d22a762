#include "machine/android.h"

#include <sstream>

#include "machine/program.h"
#include "machine/system_files.h"

namespace harness {

namespace {

class Properties {
 public:
  explicit Properties(const std::string& root)
      : program_(find_program("getprop")),
        file_(read_text(root + "/system/build.prop").value_or("")) {}

  // Empty where it is not told.
  std::string value(const std::string& name) {
    if (program_) {
      const Asked asked = ask({*program_, name});
      if (!asked.in_time) program_.reset();  // it would not answer the next time either
      if (asked.said && !stripped(*asked.said).empty()) return stripped(*asked.said);
    }
    std::istringstream lines(file_);
    for (std::string line; std::getline(lines, line);) {
      if (line.compare(0, name.size() + 1, name + "=") == 0) {
        return stripped(line.substr(name.size() + 1));
      }
    }
    return "";
  }

 private:
  std::optional<std::string> program_;
  std::string file_;
};

}  // namespace

Phone read_phone(const std::string& root) {
  Properties properties(root);
  Phone phone;
  const std::string release = properties.value("ro.build.version.release");
  if (release.empty()) return phone;
  phone.os = "Android " + release;
  const std::string board = stripped(properties.value("ro.product.manufacturer") + " " +
                                     properties.value("ro.product.model"));
  if (!board.empty()) phone.board = board;
  return phone;
}

}  // namespace harness
