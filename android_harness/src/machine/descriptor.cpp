#include "machine/descriptor.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

namespace harness {

void throw_errno(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), what);
}

Descriptor::~Descriptor() {
  if (number_ >= 0) ::close(number_);
}

Descriptor Descriptor::open(const std::string& path, int flags, unsigned mode) {
  const int number = ::open(path.c_str(), flags | O_CLOEXEC, mode);
  if (number < 0) throw_errno(path);
  return Descriptor(number);
}

std::string read_file(const std::string& path) {
  const Descriptor file = Descriptor::open(path, O_RDONLY);
  std::string content;
  std::array<char, 4096> part;
  while (true) {
    const ssize_t count = ::read(file.number(), part.data(), part.size());
    if (count == 0) return content;
    if (count > 0) {
      content.append(part.data(), static_cast<std::size_t>(count));
    } else if (errno != EINTR) {
      throw_errno(path);
    }
  }
}

std::string joined(const std::string& folder, const std::string& name) {
  return folder.empty() || folder.back() == '/' ? folder + name : folder + "/" + name;
}

bool is_folder(const std::string& path) {
  struct stat found;
  return ::stat(path.c_str(), &found) == 0 && S_ISDIR(found.st_mode);
}

void make_folders(const std::string& path) {
  if (::mkdir(path.c_str(), 0777) == 0) return;
  const std::size_t above = path.find_last_of('/');
  if (errno == ENOENT && above != std::string::npos && above > 0) {
    make_folders(path.substr(0, above));
    if (above + 1 == path.size() || ::mkdir(path.c_str(), 0777) == 0) return;
  }
  const int reason = errno;
  if (is_folder(path)) return;
  errno = reason;
  throw_errno(path);
}

}  // namespace harness
