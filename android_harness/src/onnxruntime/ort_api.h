// The part of ONNX Runtime's C API that is used here, so that its headers need not be there.
//
// Its library hands out a table of functions whose order never changes (onnxruntime_c_api.h: "do
// not modify above"); the numbers are places in it. What lies between is not named.
#pragma once

#include <cstddef>
#include <cstdint>

namespace harness::ort {

// The first version of the table that has all of these.
constexpr std::uint32_t kApiVersion = 5;

struct Status;
struct Env;
struct SessionOptions;
struct InferenceSession;
struct RunOptions;
struct Value;
struct Allocator;
struct TypeInfo;
struct TensorInfo;

// ONNXTensorElementDataType, of which there are more.
enum class Element : int { kFloat = 1, kUint8 = 2, kInt8 = 3, kInt16 = 5 };

enum class Logging : int { kError = 3 };

// A function that fails with a status, which is to be released; none means that all went well.
template <typename... Arguments>
using Call = Status* (*)(Arguments...);

struct Api {
  void* between_0[2];
  const char* (*GetErrorMessage)(const Status*);  // 2
  Call<Logging, const char*, Env**> CreateEnv;  // 3
  void* between_4[2];
  Call<const Env*> DisableTelemetryEvents;  // 6
  Call<const Env*, const char*, const SessionOptions*, InferenceSession**> CreateSession;  // 7
  void* between_8[1];
  Call<InferenceSession*, const RunOptions*, const char* const*, const Value* const*, std::size_t,
       const char* const*, std::size_t, Value**>
      Run;  // 9
  Call<SessionOptions**> CreateSessionOptions;  // 10
  void* between_11[3];
  Call<SessionOptions*, const char*> EnableProfiling;  // 14
  void* between_15[7];
  Call<SessionOptions*, int> SetSessionLogSeverityLevel;  // 22
  void* between_23[1];
  Call<SessionOptions*, int> SetIntraOpNumThreads;  // 24
  Call<SessionOptions*, int> SetInterOpNumThreads;  // 25
  void* between_26[4];
  Call<const InferenceSession*, std::size_t*> SessionGetInputCount;  // 30
  Call<const InferenceSession*, std::size_t*> SessionGetOutputCount;  // 31
  void* between_32[1];
  Call<const InferenceSession*, std::size_t, TypeInfo**> SessionGetInputTypeInfo;  // 33
  Call<const InferenceSession*, std::size_t, TypeInfo**> SessionGetOutputTypeInfo;  // 34
  void* between_35[1];
  Call<const InferenceSession*, std::size_t, Allocator*, char**> SessionGetInputName;  // 36
  Call<const InferenceSession*, std::size_t, Allocator*, char**> SessionGetOutputName;  // 37
  void* between_38[10];
  Call<Allocator*, const std::int64_t*, std::size_t, Element, Value**>
      CreateTensorAsOrtValue;  // 48
  void* between_49[2];
  Call<Value*, void**> GetTensorMutableData;  // 51
  void* between_52[3];
  Call<const TypeInfo*, const TensorInfo**> CastTypeInfoToTensorInfo;  // 55
  void* between_56[4];
  Call<const TensorInfo*, Element*> GetTensorElementType;  // 60
  Call<const TensorInfo*, std::size_t*> GetDimensionsCount;  // 61
  Call<const TensorInfo*, std::int64_t*, std::size_t> GetDimensions;  // 62
  void* between_63[2];
  Call<const Value*, TensorInfo**> GetTensorTypeAndShape;  // 65
  void* between_66[10];
  Call<Allocator*, void*> AllocatorFree;  // 76
  void* between_77[1];
  Call<Allocator**> GetAllocatorWithDefaultOptions;  // 78
  void* between_79[13];
  void (*ReleaseEnv)(Env*);  // 92
  void (*ReleaseStatus)(Status*);  // 93
  void* between_94[1];
  void (*ReleaseSession)(InferenceSession*);  // 95
  void (*ReleaseValue)(Value*);  // 96
  void* between_97[1];
  void (*ReleaseTypeInfo)(TypeInfo*);  // 98
  void (*ReleaseTensorTypeAndShapeInfo)(TensorInfo*);  // 99
  void (*ReleaseSessionOptions)(SessionOptions*);  // 100
  void* between_101[9];
  Call<InferenceSession*, Allocator*, char**> SessionEndProfiling;  // 110
  void* between_111[19];
  Call<SessionOptions*, const char*, const char*> AddSessionConfigEntry;  // 130
};

// One field after each gap; a miscounted gap moves it and all that follow.
constexpr bool lies_at(std::size_t offset, std::size_t place) {
  return offset == place * sizeof(void*);
}
static_assert(lies_at(offsetof(Api, Run), 9) && lies_at(offsetof(Api, EnableProfiling), 14));
static_assert(lies_at(offsetof(Api, SetSessionLogSeverityLevel), 22));
static_assert(lies_at(offsetof(Api, SessionGetOutputName), 37));
static_assert(lies_at(offsetof(Api, GetTensorMutableData), 51));
static_assert(lies_at(offsetof(Api, GetTensorTypeAndShape), 65));
static_assert(lies_at(offsetof(Api, GetAllocatorWithDefaultOptions), 78));
static_assert(lies_at(offsetof(Api, ReleaseSessionOptions), 100));
static_assert(lies_at(offsetof(Api, SessionEndProfiling), 110));
static_assert(lies_at(offsetof(Api, AddSessionConfigEntry), 130));

struct ApiBase {
  const Api* (*GetApi)(std::uint32_t version);  // none where it does not have that version
  const char* (*GetVersionString)();
};

}  // namespace harness::ort
