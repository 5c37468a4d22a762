#include "litert/operator_alignment.h"

#include <algorithm>
#include <cctype>

#include "tables.h"

namespace harness {

namespace {

// Of "Fully Connected (NC, F32) GEMM" the word "FULLYCONNECTED".
std::string word_of(const std::string& tag) {
  std::string word;
  for (char letter : tag.substr(0, tag.find(" ("))) {
    if (letter != ' ') {
      word += static_cast<char>(std::toupper(static_cast<unsigned char>(letter)));
    }
  }
  return word;
}

// 1x1 convolutions are fully connected layers for XNNPACK.
bool computes(const std::string& word, const std::string& kind) {
  const auto found = kXnnpackWords.find(kind);
  if (found != kXnnpackWords.end()) {
    return std::find(found->second.begin(), found->second.end(), word) != found->second.end();
  }
  std::string same = kind;
  same.erase(std::remove(same.begin(), same.end(), '_'), same.end());
  return word == same;
}

using Table = std::vector<std::vector<std::size_t>>;

// The number of matches among what follows i and j.
Table longest_subsequence(const std::vector<std::string>& kinds,
                          const std::vector<std::string>& words) {
  Table longest(kinds.size() + 1, std::vector<std::size_t>(words.size() + 1));
  for (std::size_t i = kinds.size(); i-- > 0;) {
    for (std::size_t j = words.size(); j-- > 0;) {
      longest[i][j] = computes(words[j], kinds[i]) ? longest[i + 1][j + 1] + 1
                                                   : std::max(longest[i + 1][j], longest[i][j + 1]);
    }
  }
  return longest;
}

}  // namespace

std::vector<std::vector<std::size_t>> aligned(const std::vector<std::string>& kinds,
                                              const std::vector<std::string>& tags) {
  std::vector<std::string> words;
  for (const std::string& tag : tags) words.push_back(word_of(tag));
  const Table longest = longest_subsequence(kinds, words);
  std::vector<std::vector<std::size_t>> found(tags.size());
  std::size_t i = 0, j = 0, gap_i = 0, gap_j = 0;
  while (true) {
    const bool ended = i == kinds.size() || j == words.size();
    if (ended) {
      i = kinds.size();
      j = words.size();
    }
    if (ended || computes(words[j], kinds[i])) {
      // A single operator of XNNPACK between two matches computes all that the file has there.
      if (j - gap_j == 1) {
        for (std::size_t k = gap_i; k < i; ++k) found[gap_j].push_back(k);
      }
      if (ended) return found;
      found[j] = {i};
      gap_i = ++i;
      gap_j = ++j;
    } else if (longest[i + 1][j] >= longest[i][j + 1]) {
      ++i;
    } else {
      ++j;
    }
  }
}

}  // namespace harness
