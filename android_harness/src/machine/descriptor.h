// Files as the kernel gives them: opened, closed by themselves, read whole.
#pragma once

#include <string>

namespace harness {

// Throws std::system_error of errno; `what` is the file that it is about.
[[noreturn]] void throw_errno(const std::string& what);

// An open file, closed with its owner.
class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor();
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  // std::system_error where it cannot be opened.
  static Descriptor open(const std::string& path, int flags, unsigned mode = 0);

  // Below 0 where whoever made it could not open it.
  int number() const { return number_; }

 private:
  int number_;
};

// All that a file has, however long /proc says that it is. std::system_error.
std::string read_file(const std::string& path);

// The part of a path: "folder/name".
std::string joined(const std::string& folder, const std::string& name);

bool is_folder(const std::string& path);
// With all above it; nothing where it is there. std::system_error.
void make_folders(const std::string& path);

}  // namespace harness
