#include "keeper.h"

int main(int count, char** words) {
  return harness::keep(std::vector<std::string>(words + 1, words + count));
}
