#include "litert/litert_graph.h"

#include <algorithm>
#include <set>

#include "tables.h"

namespace harness {

namespace {

constexpr std::int32_t kCustom = 32;  // the kind of operators that have names of their own
const char* kKind = "no_profile";

std::uint32_t number_of(const LiteRtLibrary& library, void* tensor) {
  std::uint32_t number = 0;
  library.call(kKind, "GetTensorIndex", tensor, &number);
  return number;
}

std::string kind_of(const LiteRtLibrary& library, void* op) {
  std::int32_t code = 0;
  library.call(kKind, "GetOpCode", op, &code);
  if (code == kCustom) {
    return static_cast<const char*>(library.made(kKind, "GetCustomCode", op));
  }
  const auto found = kBuiltinOperators.find(code);
  return found == kBuiltinOperators.end() ? std::to_string(code) : found->second;
}

std::vector<std::uint32_t> tensors_of(const LiteRtLibrary& library, void* op, const char* count,
                                      const char* get) {
  std::size_t total = 0;
  library.call(kKind, count, op, &total);
  std::vector<std::uint32_t> found;
  for (std::size_t at = 0; at < total; ++at) {
    void* tensor = library.made(kKind, get, op, at);
    if (tensor != nullptr) found.push_back(number_of(library, tensor));
  }
  return found;
}

bool any_in(const std::vector<std::uint32_t>& tensors, const std::set<std::uint32_t>& of) {
  return std::any_of(tensors.begin(), tensors.end(),
                     [&](std::uint32_t tensor) { return of.count(tensor) > 0; });
}

}  // namespace

std::vector<LiteRtOperator> operators_of(const LiteRtModel& model) {
  const LiteRtLibrary& library = model.library();
  std::size_t total = 0;
  library.call(kKind, "GetNumSubgraphOps", model.subgraph(), &total);
  void* input = library.made(kKind, "GetSubgraphInput", model.subgraph(), std::size_t{0});
  std::set<std::uint32_t> computed = {number_of(library, input)};
  std::vector<LiteRtOperator> found;
  for (std::size_t at = 0; at < total; ++at) {
    void* op = library.made(kKind, "GetSubgraphOp", model.subgraph(), at);
    LiteRtOperator made{kind_of(library, op), std::nullopt,
                        tensors_of(library, op, "GetNumOpInputs", "GetOpInput"),
                        tensors_of(library, op, "GetNumOpOutputs", "GetOpOutput")};
    if (any_in(made.inputs, computed)) {
      computed.insert(made.outputs.begin(), made.outputs.end());
      void* first = library.made(kKind, "GetOpOutput", op, std::size_t{0});
      made.name = static_cast<const char*>(library.made(kKind, "GetTensorName", first));
    }
    found.push_back(std::move(made));
  }
  return found;
}

std::vector<std::vector<std::size_t>> pieces_of(const std::vector<LiteRtOperator>& operators,
                                                const std::vector<bool>& inside) {
  std::set<std::uint32_t> waited_for;
  for (const LiteRtOperator& op : operators) {
    waited_for.insert(op.outputs.begin(), op.outputs.end());
  }
  std::vector<bool> placed(operators.size());
  std::vector<std::vector<std::size_t>> pieces;
  while (true) {
    std::optional<bool> kind;
    std::vector<std::size_t> piece;
    for (std::size_t at = 0; at < operators.size(); ++at) {
      if (placed[at] || any_in(operators[at].inputs, waited_for)) continue;
      if (!kind) kind = inside[at];
      if (*kind != inside[at]) continue;
      placed[at] = true;
      piece.push_back(at);
      for (std::uint32_t output : operators[at].outputs) waited_for.erase(output);
    }
    if (!kind) return pieces;
    if (*kind) pieces.push_back(piece);
  }
}

}  // namespace harness
