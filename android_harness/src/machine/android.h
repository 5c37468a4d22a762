// The phone's description by Android; empty on other systems.
#pragma once

#include <optional>
#include <string>

namespace harness {

struct Phone {
  std::optional<std::string> os;  // as "Android 14"
  std::optional<std::string> board;  // maker and model
};

// By the program getprop where there is one, otherwise by /system/build.prop under `root`, which a
// phone's shell may not read.
Phone read_phone(const std::string& root);

}  // namespace harness
