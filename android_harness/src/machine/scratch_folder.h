// A folder that goes away with its owner, with all that is in it; what a killed process left goes
// with the next.
#pragma once

#include <string>

namespace harness {

class ScratchFolder {
 public:
  // In $TMPDIR, /tmp or, as on phones, /data/local/tmp; Failure "runtime_failed" where none of them
  // can be written to.
  ScratchFolder();
  ~ScratchFolder();
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;

  const std::string& path() const { return path_; }

 private:
  bool make_in(const std::string& parent);

  std::string path_;
  int lock_ = -1;
};

}  // namespace harness
