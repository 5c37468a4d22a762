#include "job/lines.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "job/failure.h"

namespace harness {

namespace {

constexpr std::size_t kPieceBytes = 1 << 16;

}  // namespace

std::optional<std::string> Lines::next(std::size_t most_bytes) {
  std::size_t searched = 0;
  while (true) {
    const std::size_t end = read_.find('\n', searched);
    if (end != std::string::npos) {
      std::string line = read_.substr(0, end);
      read_.erase(0, end + 1);
      return line;
    }
    if (read_.size() > most_bytes || (ended_ && !read_.empty())) return std::move(read_);
    if (ended_) return std::nullopt;
    searched = read_.size();
    read_.resize(searched + kPieceBytes);
    const ssize_t count = read(descriptor_, &read_[searched], kPieceBytes);
    read_.resize(searched + static_cast<std::size_t>(count > 0 ? count : 0));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) ended_ = true;
  }
}

Answers::Answers() : descriptor_(dup(1)) {
  if (descriptor_ < 0 || dup2(2, 1) < 0) {
    throw Failure("runtime_failed", std::string("standard output: ") + std::strerror(errno));
  }
}

Answers::~Answers() {
  if (descriptor_ >= 0) close(descriptor_);
}

void Answers::tell(const std::string& line) const {
  const std::string whole = line + "\n";
  std::size_t written = 0;
  while (written < whole.size()) {
    const ssize_t count = write(descriptor_, &whole[written], whole.size() - written);
    if (count < 0 && errno != EINTR) {
      throw Failure("runtime_failed", std::string("standard output: ") + std::strerror(errno));
    }
    if (count > 0) written += static_cast<std::size_t>(count);
  }
}

}  // namespace harness
