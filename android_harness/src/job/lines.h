// Standard input line by line, and standard output that nothing else writes to.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

namespace harness {

class Lines {
 public:
  explicit Lines(int descriptor) : descriptor_(descriptor) {}

  // The next line without its end, or all that is left; none at the end of input. Of a longer one
  // `most_bytes` and one more, so that it can be told.
  std::optional<std::string> next(std::size_t most_bytes);

 private:
  int descriptor_;
  std::string read_;
  bool ended_ = false;
};

// Standard output for the runner's own lines; whatever else writes there, as runtimes do, writes to
// standard error from then on. Failure "runtime_failed".
class Answers {
 public:
  Answers();
  Answers(const Answers&) = delete;
  Answers& operator=(const Answers&) = delete;
  ~Answers();

  // One line. Failure "runtime_failed" where nobody reads any more.
  void tell(const std::string& line) const;

 private:
  int descriptor_;
};

}  // namespace harness
