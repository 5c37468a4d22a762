#include "machine/scratch_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "job/failure.h"
#include "machine/descriptor.h"
#include "machine/system_files.h"

namespace harness {

namespace {

const char* kPrefix = "mobilenet-deploy-";  // as models/scratch/scratch_folder.py has it

void remove(const std::string& path) {
  std::error_code ignored;  // there is nobody to tell
  std::filesystem::remove_all(path, ignored);
}

// A descriptor that locks the folder until it is closed, however this process ends; below 0 where
// it is another user's, or has an owner.
int locked(const std::string& path, int how) {
  const int folder = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  struct stat about;
  if (folder >= 0 && fstat(folder, &about) == 0 && about.st_uid == geteuid() &&
      flock(folder, LOCK_EX | how) == 0) {
    return folder;
  }
  if (folder >= 0) close(folder);
  return -1;
}

}  // namespace

ScratchFolder::ScratchFolder() {
  const char* named = std::getenv("TMPDIR");
  for (const std::string& parent :
       {std::string(named ? named : ""), std::string("/tmp"), std::string("/data/local/tmp")}) {
    if (!parent.empty() && make_in(parent)) return;
  }
  throw Failure("runtime_failed", std::string("no folder for temporary files: ") +
                                      std::strerror(errno) + "; set TMPDIR to one");
}

ScratchFolder::~ScratchFolder() {
  remove(path_);
  if (lock_ >= 0) close(lock_);
}

bool ScratchFolder::make_in(const std::string& parent) {
  for (const std::string& left : list_folders(parent, kPrefix)) {
    const int lock = locked(left, LOCK_NB);
    if (lock >= 0) remove(left);
    if (lock >= 0) close(lock);
  }
  while (true) {
    path_ = parent + "/" + kPrefix + "XXXXXX";
    if (mkdtemp(path_.data()) == nullptr) return false;
    lock_ = locked(path_, 0);
    // Another process may have taken it for one that was left, until it was locked.
    if (is_folder(path_)) return true;
    if (lock_ >= 0) close(lock_);
  }
}

}  // namespace harness
