#include "arrays/npy.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <stdexcept>

#include "arrays/pixels.h"
#include "job/failure.h"

namespace harness {

namespace {

constexpr char kMagic[] = "\x93NUMPY";
constexpr std::size_t kMagicBytes = 6, kLengthBytes = 2;
constexpr std::size_t kLongestHeader = 10000;  // bytes; numpy's own limit
constexpr std::size_t kAlignment = 64;
constexpr std::size_t kLongestPath = 200;  // in a message
// numpy leaves room for the first size to grow to so many digits.
constexpr std::size_t kGrowthDigits = 21;

std::string head(std::size_t rows, std::size_t columns) {
  const std::string first = std::to_string(rows);
  std::string text = "{'descr': '<f4', 'fortran_order': False, 'shape': (" + first + ", " +
                     std::to_string(columns) + "), }";
  text.append(kGrowthDigits - first.size(), ' ');
  const std::size_t used = kMagicBytes + 2 + 2 + text.size() + 1;
  text.append((kAlignment - used % kAlignment) % kAlignment, ' ');
  text += '\n';
  std::string begin(kMagic, kMagicBytes);
  begin +=
      {'\x01', '\x00', static_cast<char>(text.size() & 0xff), static_cast<char>(text.size() >> 8)};
  return begin + text;
}

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

// True where all of it was written; errno says why not.
bool write_whole(const std::string& path, const std::string& begin,
                 const std::vector<float>& values) {
  std::unique_ptr<std::FILE, CloseFile> file(std::fopen(path.c_str(), "wbe"));
  return file && std::fwrite(begin.data(), 1, begin.size(), file.get()) == begin.size() &&
         // None have no address, which fwrite must not be given.
         (values.empty() ||
          std::fwrite(values.data(), sizeof(float), values.size(), file.get()) == values.size()) &&
         std::fclose(file.release()) == 0;
}

}  // namespace

void NpyFile::refuse(const std::string& why) const {
  throw Failure("bad_input", "cannot read " + path_.substr(0, kLongestPath) + ": " + why);
}

std::string NpyFile::read_bytes(std::int64_t at, std::size_t count) const {
  std::string bytes(count, '\0');
  std::size_t done = 0;
  while (done < count) {
    const ssize_t got = pread(file_.number(), bytes.data() + done, count - done,
                              static_cast<off_t>(at) + static_cast<off_t>(done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) refuse(std::strerror(errno));
    if (got == 0) refuse("it ends before its data do");
    done += static_cast<std::size_t>(got);
  }
  return bytes;
}

NpyFile::NpyFile(const std::string& path)
    // Without waiting, should it be a pipe.
    : path_(path), file_(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {
  struct stat about;
  if (file_.number() < 0 || fstat(file_.number(), &about) != 0) refuse(std::strerror(errno));
  if (!S_ISREG(about.st_mode)) refuse("it is no file");
  const std::string start = read_bytes(0, kMagicBytes + 2);
  if (start.compare(0, kMagicBytes, kMagic) != 0) refuse("it is no .npy file");
  if (start[kMagicBytes] != 1 || start[kMagicBytes + 1] != 0) {
    refuse("its format is of version " +
           std::to_string(static_cast<unsigned char>(start[kMagicBytes])) + "; expected 1");
  }
  const std::string length = read_bytes(kMagicBytes + 2, kLengthBytes);
  const std::size_t count =
      static_cast<unsigned char>(length[0]) | static_cast<unsigned char>(length[1]) << 8;
  if (count > kLongestHeader) refuse("its header has " + std::to_string(count) + " bytes");
  const auto header_at = static_cast<std::int64_t>(kMagicBytes + 2 + kLengthBytes);
  begin_ = header_at + static_cast<std::int64_t>(count);
  try {
    header_ = parse_npy_header(read_bytes(header_at, count));
  } catch (const std::invalid_argument& error) {
    refuse(error.what());
  }
  check_size(about.st_size - begin_);
}

void NpyFile::check_size(std::int64_t bytes) const {
  const auto expected = bytes_of(header_.shape, bytes_of(header_.dtype));
  if (!expected || *expected > bytes) {
    refuse("it is of " + listed(header_.shape) + " by its header, for which it is too short");
  }
}

void NpyFile::read(std::int64_t index, std::vector<float>& values) {
  std::size_t count = 1;
  for (std::size_t axis = 1; axis < header_.shape.size(); ++axis) {
    count *= static_cast<std::size_t>(header_.shape[axis]);
  }
  const std::size_t bytes = count * bytes_of(header_.dtype);
  const std::string item = read_bytes(begin_ + index * static_cast<std::int64_t>(bytes), bytes);
  values.resize(count);
  to_float32(header_.dtype, item, values);
}

void write_npy(const std::string& path, const std::vector<float>& values, std::size_t rows,
               std::size_t columns) {
  const std::string part = path + ".part";
  if (!write_whole(part, head(rows, columns), values) ||
      std::rename(part.c_str(), path.c_str()) != 0) {
    const std::string why = std::strerror(errno);
    std::remove(part.c_str());
    throw Failure("runtime_failed", "cannot write " + path.substr(0, kLongestPath) + ": " + why);
  }
}

}  // namespace harness
