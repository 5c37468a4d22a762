// An open file by its number, closed with its owner.
#pragma once

#include <unistd.h>

namespace harness {

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  // Below 0 where it could not be opened.
  int number() const { return number_; }

 private:
  int number_;
};

}  // namespace harness
