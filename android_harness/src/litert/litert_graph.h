// The operators of a .tflite file, as LiteRT lists them.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "litert/litert_model.h"

namespace harness {

// Tensors by their numbers; `name` is that of the first output, none where the operator reads
// constants alone, as float16 weights that are widened while the file is loaded.
struct LiteRtOperator {
  std::string kind;
  std::optional<std::string> name;
  std::vector<std::uint32_t> inputs;
  std::vector<std::uint32_t> outputs;
};

// In the file's order. Failure "no_profile".
std::vector<LiteRtOperator> operators_of(const LiteRtModel& model);

// The numbers of the operators in each piece that a delegate makes of those that are `inside`: all
// that can run before another operator must, then all after that, as TFLite divides a graph.
std::vector<std::vector<std::size_t>> pieces_of(const std::vector<LiteRtOperator>& operators,
                                                const std::vector<bool>& inside);

}  // namespace harness
