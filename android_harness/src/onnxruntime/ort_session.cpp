#include "onnxruntime/ort_session.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "arrays/npy_header.h"
#include "job/failure.h"
#include "machine/processor.h"

namespace harness::ort {

namespace {

constexpr char kCannotLoad[] = "onnxruntime cannot load it: ";

std::optional<DType> dtype_of(Element element) {
  switch (element) {
    case Element::kFloat: return DType::kFloat32;
    case Element::kUint8: return DType::kUint8;
    case Element::kInt8: return DType::kInt8;
    case Element::kInt16: return DType::kInt16;
    default: return {};
  }
}

Element element_of(DType dtype) {
  for (int number = 1; number <= static_cast<int>(Element::kInt16); ++number) {
    if (dtype_of(static_cast<Element>(number)) == dtype) return static_cast<Element>(number);
  }
  return Element::kFloat;
}

bool is_whole(const std::vector<std::int64_t>& shape) {
  return std::all_of(shape.begin(), shape.end(), [](std::int64_t size) { return size >= 1; });
}

}  // namespace

OnnxSession::OnnxSession(const Libraries& libraries, int threads, const std::string& profile)
    : library_(libraries) {
  kind_ = "runtime_failed";
  Env* env = nullptr;
  check(library_->CreateEnv(Logging::kError, "runner", &env));
  env_ = library_.own<OwnedEnv>(env);
  check(library_->DisableTelemetryEvents(env));
  SessionOptions* options = nullptr;
  check(library_->CreateSessionOptions(&options));
  options_ = library_.own<OwnedOptions>(options);
  check(library_->SetIntraOpNumThreads(options, threads));
  check(library_->SetInterOpNumThreads(options, 1));
  check(library_->SetSessionLogSeverityLevel(options, static_cast<int>(Logging::kError)));
  if (lacks_vnni("/")) {
    // As quantize/runtime/model_session.py, which has the reason.
    check(library_->AddSessionConfigEntry(options, "session.x64quantprecision", "1"));
  }
  if (!profile.empty()) check(library_->EnableProfiling(options, profile.c_str()));
  check(library_->GetAllocatorWithDefaultOptions(&allocator_));
}

void OnnxSession::load(const std::string& path) {
  kind_ = "bad_model";
  before_ = kCannotLoad;
  InferenceSession* session = nullptr;
  check(library_->CreateSession(env_.get(), path.c_str(), options_.get(), &session));
  session_ = library_.own<OwnedSession>(session);
  std::size_t inputs = 0, outputs = 0;
  check(library_->SessionGetInputCount(session, &inputs));
  check(library_->SessionGetOutputCount(session, &outputs));
  check_one(inputs, outputs);
  input_ = described("input", library_->SessionGetInputName, library_->SessionGetInputTypeInfo);
  output_ = described("output", library_->SessionGetOutputName, library_->SessionGetOutputTypeInfo);
  std::vector<std::int64_t>& shape = input_.type.shape;
  // A batch that the file leaves open is 1.
  if (!shape.empty() && shape[0] <= 0) shape[0] = 1;
  // The shape of an image is not checked here; without sizes there is nothing to allocate.
  if (is_whole(shape)) input_.value = allocated(input_.type);
  if (output_.is_fixed) output_.value = allocated(output_.type);
  kind_ = "runtime_failed";
  before_ = "";
}

void OnnxSession::feed(const std::vector<std::byte>& tensor) {
  if (tensor.size() != input_.type.bytes()) {
    throw Failure("runtime_failed", "the input has " + std::to_string(tensor.size()) +
                                        " bytes; expected " + std::to_string(input_.type.bytes()));
  }
  std::memcpy(data_of(input_), tensor.data(), tensor.size());
}

void OnnxSession::run() {
  // An output of a shape that the file leaves open is allocated anew, as for Python each time.
  if (!output_.is_fixed) output_.value.reset();
  const char* input_name = input_.name.c_str();
  const char* output_name = output_.name.c_str();
  const Value* input = input_.value.get();
  Value* output = output_.value.get();
  check(library_->Run(session_.get(), nullptr, &input_name, &input, 1, &output_name, 1, &output));
  if (!output_.is_fixed) output_.value = library_.own<OwnedValue>(output);
}

const std::byte* OnnxSession::read_output() {
  if (!output_.is_fixed) {
    TensorInfo* info = nullptr;
    check(library_->GetTensorTypeAndShape(output_.value.get(), &info));
    const auto owned = library_.own<OwnedTensorInfo>(info);
    output_.type = type_of(info, "output");
  }
  return data_of(output_);
}

std::string OnnxSession::end_profiling() {
  char* path = nullptr;
  check(library_->SessionEndProfiling(session_.get(), allocator_, &path));
  return taken(path);
}

void OnnxSession::check(Status* status) const { library_.check(status, kind_, before_); }

OnnxSession::End OnnxSession::described(const char* which, NameOf name, TypeOf type) const {
  End end;
  char* text = nullptr;
  check(name(session_.get(), 0, allocator_, &text));
  end.name = taken(text);
  TypeInfo* info = nullptr;
  check(type(session_.get(), 0, &info));
  const auto owned = library_.own<OwnedType>(info);
  const TensorInfo* tensor = nullptr;
  check(library_->CastTypeInfoToTensorInfo(info, &tensor));
  if (tensor == nullptr) throw Failure("bad_model", std::string("the ") + which + " is no tensor");
  end.type = type_of(tensor, which);
  end.is_fixed = is_whole(end.type.shape) && bytes_of(end.type.shape, bytes_of(end.type.dtype));
  return end;
}

TensorType OnnxSession::type_of(const TensorInfo* info, const char* which) const {
  Element element{};
  check(library_->GetTensorElementType(info, &element));
  const auto dtype = dtype_of(element);
  if (!dtype) {
    throw Failure(kind_, std::string("the ") + which + " has elements of ONNX's type " +
                             std::to_string(static_cast<int>(element)) +
                             "; expected float32, int8, uint8 or int16");
  }
  std::size_t count = 0;
  check(library_->GetDimensionsCount(info, &count));
  TensorType type{*dtype, std::vector<std::int64_t>(count)};
  check(library_->GetDimensions(info, type.shape.data(), count));
  return type;
}

OwnedValue OnnxSession::allocated(const TensorType& type) const {
  Value* value = nullptr;
  check(library_->CreateTensorAsOrtValue(allocator_, type.shape.data(), type.shape.size(),
                                         element_of(type.dtype), &value));
  return library_.own<OwnedValue>(value);
}

std::byte* OnnxSession::data_of(const End& end) const {
  void* data = nullptr;
  check(library_->GetTensorMutableData(end.value.get(), &data));
  return static_cast<std::byte*>(data);
}

std::string OnnxSession::taken(char* text) const {
  const std::string copy(text ? text : "");
  if (text) check(library_->AllocatorFree(allocator_, text));
  return copy;
}

}  // namespace harness::ort
