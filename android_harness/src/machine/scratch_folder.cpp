#include "machine/scratch_folder.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "job/failure.h"

namespace harness {

ScratchFolder::ScratchFolder() {
  const char* named = std::getenv("TMPDIR");
  for (const std::string& parent :
       {std::string(named ? named : ""), std::string("/tmp"), std::string("/data/local/tmp")}) {
    path_ = parent + "/runner-XXXXXX";
    if (!parent.empty() && mkdtemp(path_.data()) != nullptr) return;
  }
  throw Failure("runtime_failed", std::string("no folder for temporary files: ") +
                                      std::strerror(errno) + "; set TMPDIR to one");
}

ScratchFolder::~ScratchFolder() {
  std::error_code ignored;  // there is nobody to tell
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace harness
