#include <string>
#include <vector>

#include "keeper.h"

int main(int count, char** words) {
  const std::vector<std::string> arguments(words + 1, words + count);
  if (arguments.empty() || arguments[0] != "--keep") return 2;
  return harness::keep({arguments.begin() + 1, arguments.end()});
}
