// Jobs that are broken at random, always in the same way for the same numbers.
#pragma once

#include <cstdint>
#include <random>
#include <string>

#include "job/json.h"

namespace harness::fuzz {

// Text number `number` of the sequence that `seed` gives: a good job about the file `artifact`,
// broken in one to three places, as JSON or as bytes. Now and then it has tens of MB.
class BrokenJob {
 public:
  BrokenJob(std::uint64_t seed, std::uint64_t number, const std::string& artifact);

  std::string text();

 private:
  std::uint64_t below(std::uint64_t end) { return random_() % end; }
  bool one_in(std::uint64_t times) { return below(times) == 0; }

  Json good() const;
  // A field of the job or of a part of it, of which there is always one.
  Json& any_part(Json& job);
  Json any_value();
  void break_value(Json& job);
  void break_bytes(std::string& text);
  std::string long_text();
  std::string any_bytes();

  std::mt19937_64 random_;
  std::string artifact_;
};

}  // namespace harness::fuzz
