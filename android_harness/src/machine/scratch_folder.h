// A folder that goes away with its owner, with all that is in it.
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
  std::string path_;
};

}  // namespace harness
