// The standard WebAssembly C++ API, header-only, over the C API of wasm.h.
//
// The standard is revision debd090 (2025-01) of the repository wasm-c-api of the WebAssembly organisation. C++11 to C++20.
// What wasm.h says about ownership, threads, order of deletion and failures holds here too: what owns is an `own<T>`
// or a vec of them, plain pointers and references borrow, and a failure gives a null `own`, false, or a trap.
//
// An object of C++ is an object of C under another name: a `Func*` is a `wasm_func_t*`. The classes have no members, and
// no objects of their own. Host functions must not throw: what leaves them ends the program.

#ifndef WASM_HH
#define WASM_HH

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <new>
#include <string>
#include <utility>

#include "wasm.h"

namespace wasm {

// Vectors

// A size and an array. An invalid one has neither; memory that cannot be had gives an invalid one.
template<class T>
class vec {
  static const size_t invalid_size = SIZE_MAX;

  size_t size_;
  std::unique_ptr<T[]> data_;

  explicit vec(size_t size) : size_(size), data_(size ? new(std::nothrow) T[size]() : nullptr) {
    if (size && !data_) size_ = invalid_size;
  }

  vec(size_t size, T* data) : size_(size), data_(data) {}

public:
  using elem_type = T;

  vec(vec&& that) : size_(that.size_), data_(std::move(that.data_)) {
    that.size_ = invalid_size;
  }

  auto operator=(vec&& that) -> vec& {
    reset(that);
    return *this;
  }

  operator bool() const { return size_ != invalid_size; }

  auto size() const -> size_t { return size_; }
  auto get() const -> const T* { return data_.get(); }
  auto get() -> T* { return data_.get(); }

  auto operator[](size_t i) -> T& {
    assert(i < size_);
    return data_[i];
  }

  auto operator[](size_t i) const -> const T& {
    assert(i < size_);
    return data_[i];
  }

  auto release() -> T* {
    size_ = invalid_size;
    return data_.release();
  }

  void reset() {
    size_ = invalid_size;
    data_.reset();
  }

  void reset(vec& that) {
    if (this == &that) return;
    size_ = that.size_;
    data_ = std::move(that.data_);
    that.size_ = invalid_size;
  }

  // The same values.
  auto copy() const -> vec {
    if (size_ == invalid_size) return invalid();
    vec result(size_);
    if (result) for (size_t i = 0; i < size_; ++i) result.data_[i] = data_[i];
    return result;
  }

  // Copies of what the elements own.
  auto deep_copy() const -> vec {
    if (size_ == invalid_size) return invalid();
    vec result(size_);
    if (result) for (size_t i = 0; i < size_; ++i) result.data_[i] = data_[i]->copy();
    return result;
  }

  // Elements as their constructor leaves them, numbers zero.
  static auto make_uninitialized(size_t size = 0) -> vec { return vec(size); }

  static auto make(size_t size, T init[]) -> vec {
    vec result(size);
    if (result) for (size_t i = 0; i < size; ++i) result.data_[i] = std::move(init[i]);
    return result;
  }

  // Without and with a NUL at the end.
  static auto make(std::string text) -> vec<char> {
    auto result = vec<char>::make_uninitialized(text.size());
    if (result && !text.empty()) std::memcpy(result.get(), text.data(), text.size());
    return result;
  }

  static auto make_nt(std::string text) -> vec<char> {
    auto result = vec<char>::make_uninitialized(text.size() + 1);
    if (result) std::memcpy(result.get(), text.c_str(), text.size() + 1);
    return result;
  }

  static auto make() -> vec { return vec(0); }

  template<class... Ts>
  static auto make(Ts&&... args) -> vec {
    T data[] = {std::forward<Ts>(args)...};
    return make(sizeof...(Ts), data);
  }

  // Takes over an array that `new T[size]` made.
  static auto adopt(size_t size, T data[]) -> vec { return vec(size, data); }

  static auto invalid() -> vec { return vec(invalid_size, nullptr); }
};


// Ownership

class destroyer {
public:
  template<class T>
  void operator()(T* object) { object->destroy(); }
};

template<class T> using own = std::unique_ptr<T, destroyer>;
template<class T> using ownvec = vec<own<T>>;

template<class T> auto make_own(T* object) -> own<T> { return own<T>(object); }


// What the classes are in C.
namespace detail {

template<class T> struct in_c;

template<class T> using c_type = typename in_c<T>::type;

template<class T> auto to_c(T* object) -> c_type<T>* {
  return reinterpret_cast<c_type<T>*>(object);
}

template<class T> auto to_c(const T* object) -> const c_type<T>* {
  return reinterpret_cast<const c_type<T>*>(object);
}

template<class T> auto from_c(c_type<T>* object) -> T* {
  return reinterpret_cast<T*>(object);
}

template<class T> auto from_c(const c_type<T>* object) -> const T* {
  return reinterpret_cast<const T*>(object);
}

template<class T> auto own_c(c_type<T>* object) -> own<T> { return own<T>(from_c<T>(object)); }

// A vector of C, whose elements move into one of C++.
template<class T, class V> auto from_c_vec(V* from, void (*remove)(V*)) -> ownvec<T> {
  auto result = ownvec<T>::make_uninitialized(from->size);
  for (size_t i = 0; result && i < from->size; ++i) {
    result[i] = own_c<T>(from->data[i]);
    from->data[i] = nullptr;
  }
  remove(from);
  return result;
}

// A vector of C++, whose elements move into one of C.
template<class T, class V> void to_c_vec(ownvec<T>& from, V* out, void (*make)(V*, size_t)) {
  make(out, from ? from.size() : 0);
  for (size_t i = 0; i < out->size; ++i) out->data[i] = to_c(from[i].release());
  from.reset();
}

inline auto from_c_bytes(wasm_byte_vec_t* from) -> vec<byte_t> {
  auto result = vec<byte_t>::make_uninitialized(from->size);
  if (result && from->size) std::memcpy(result.get(), from->data, from->size);
  wasm_byte_vec_delete(from);
  return result;
}

// Bytes that stay with C++.
inline auto view_bytes(const vec<byte_t>& from) -> wasm_byte_vec_t {
  wasm_byte_vec_t result;
  result.size = from ? from.size() : 0;
  result.data = const_cast<byte_t*>(from.get());
  return result;
}

inline auto copy_bytes(const vec<byte_t>& from) -> wasm_byte_vec_t {
  const auto view = view_bytes(from);
  wasm_byte_vec_t result;
  wasm_byte_vec_new(&result, view.size, view.data);
  return result;
}

}  // namespace detail


// Configuration, engine, store

class Config {
  friend class destroyer;
  void destroy();

protected:
  Config() = default;
  ~Config() = default;

public:
  static auto make() -> own<Config>;
};

class Engine {
  friend class destroyer;
  void destroy();

protected:
  Engine() = default;
  ~Engine() = default;

public:
  static auto make(own<Config>&& = Config::make()) -> own<Engine>;
};

class Store {
  friend class destroyer;
  void destroy();

protected:
  Store() = default;
  ~Store() = default;

public:
  static auto make(Engine*) -> own<Store>;
};


// Types

enum class Mutability : uint8_t { CONST, VAR };

struct Limits {
  uint32_t min;
  uint32_t max;

  Limits(uint32_t min, uint32_t max = std::numeric_limits<uint32_t>::max()) : min(min), max(max) {}
};

enum class ValKind : uint8_t {
  I32, I64, F32, F64,
  EXTERNREF = 128, FUNCREF,
};

inline bool is_num(ValKind kind) { return kind < ValKind::EXTERNREF; }
inline bool is_ref(ValKind kind) { return kind >= ValKind::EXTERNREF; }

class ValType {
  friend class destroyer;
  void destroy();

protected:
  ValType() = default;
  ~ValType() = default;

public:
  static auto make(ValKind) -> own<ValType>;
  auto copy() const -> own<ValType>;

  auto kind() const -> ValKind;
  auto is_num() const -> bool { return wasm::is_num(kind()); }
  auto is_ref() const -> bool { return wasm::is_ref(kind()); }
};

// 4 is set aside for tags: no external is of that kind yet.
enum class ExternKind : uint8_t { FUNC, GLOBAL, TABLE, MEMORY };

class FuncType;
class GlobalType;
class TableType;
class MemoryType;

class ExternType {
  friend class destroyer;
  void destroy();

protected:
  ExternType() = default;
  ~ExternType() = default;

public:
  auto copy() const -> own<ExternType>;

  auto kind() const -> ExternKind;

  // The same type, or null if it is of another kind.
  auto func() -> FuncType*;
  auto global() -> GlobalType*;
  auto table() -> TableType*;
  auto memory() -> MemoryType*;

  auto func() const -> const FuncType*;
  auto global() const -> const GlobalType*;
  auto table() const -> const TableType*;
  auto memory() const -> const MemoryType*;
};

class FuncType : public ExternType {
  friend class destroyer;
  void destroy();

protected:
  FuncType() = default;
  ~FuncType() = default;

public:
  static auto make(
    ownvec<ValType>&& params = ownvec<ValType>::make(),
    ownvec<ValType>&& results = ownvec<ValType>::make()
  ) -> own<FuncType>;
  auto copy() const -> own<FuncType>;

  auto params() const -> const ownvec<ValType>&;
  auto results() const -> const ownvec<ValType>&;
};

class GlobalType : public ExternType {
  friend class destroyer;
  void destroy();

protected:
  GlobalType() = default;
  ~GlobalType() = default;

public:
  static auto make(own<ValType>&&, Mutability) -> own<GlobalType>;
  auto copy() const -> own<GlobalType>;

  auto content() const -> const ValType*;
  auto mutability() const -> Mutability;
};

class TableType : public ExternType {
  friend class destroyer;
  void destroy();

protected:
  TableType() = default;
  ~TableType() = default;

public:
  static auto make(own<ValType>&&, Limits) -> own<TableType>;
  auto copy() const -> own<TableType>;

  auto element() const -> const ValType*;
  auto limits() const -> const Limits&;
};

class MemoryType : public ExternType {
  friend class destroyer;
  void destroy();

protected:
  MemoryType() = default;
  ~MemoryType() = default;

public:
  static auto make(Limits) -> own<MemoryType>;
  auto copy() const -> own<MemoryType>;

  auto limits() const -> const Limits&;
};

using Name = vec<byte_t>;

class ImportType {
  friend class destroyer;
  void destroy();

protected:
  ImportType() = default;
  ~ImportType() = default;

public:
  static auto make(Name&& module, Name&& name, own<ExternType>&&) -> own<ImportType>;
  auto copy() const -> own<ImportType>;

  auto module() const -> const Name&;
  auto name() const -> const Name&;
  auto type() const -> const ExternType*;
};

class ExportType {
  friend class destroyer;
  void destroy();

protected:
  ExportType() = default;
  ~ExportType() = default;

public:
  static auto make(Name&&, own<ExternType>&&) -> own<ExportType>;
  auto copy() const -> own<ExportType>;

  auto name() const -> const Name&;
  auto type() const -> const ExternType*;
};


// References and values

class Ref {
  friend class destroyer;
  void destroy();

protected:
  Ref() = default;
  ~Ref() = default;

public:
  auto copy() const -> own<Ref>;
  auto same(const Ref*) const -> bool;

  auto get_host_info() const -> void*;
  void set_host_info(void* info, void (*finalizer)(void*) = nullptr);
};

// A value, which owns its reference.
class Val {
  ValKind kind_;
  union content {
    int32_t i32;
    int64_t i64;
    float32_t f32;
    float64_t f64;
    Ref* ref;
  } content_;

  Val(ValKind kind, content content) : kind_(kind), content_(content) {}

public:
  Val() : kind_(ValKind::EXTERNREF) { content_.ref = nullptr; }
  explicit Val(int32_t value) : kind_(ValKind::I32) { content_.i32 = value; }
  explicit Val(int64_t value) : kind_(ValKind::I64) { content_.i64 = value; }
  explicit Val(float32_t value) : kind_(ValKind::F32) { content_.f32 = value; }
  explicit Val(float64_t value) : kind_(ValKind::F64) { content_.f64 = value; }
  explicit Val(own<Ref>&& value) : kind_(ValKind::EXTERNREF) { content_.ref = value.release(); }

  Val(Val&& that) : kind_(that.kind_), content_(that.content_) {
    if (is_ref()) that.content_.ref = nullptr;
  }

  ~Val() { reset(); }

  auto operator=(Val&& that) -> Val& {
    reset(that);
    return *this;
  }

  auto is_num() const -> bool { return wasm::is_num(kind_); }
  auto is_ref() const -> bool { return wasm::is_ref(kind_); }

  static auto i32(int32_t value) -> Val { return Val(value); }
  static auto i64(int64_t value) -> Val { return Val(value); }
  static auto f32(float32_t value) -> Val { return Val(value); }
  static auto f64(float64_t value) -> Val { return Val(value); }
  static auto ref(own<Ref>&& value) -> Val { return Val(std::move(value)); }
  template<class T> inline static auto make(T value) -> Val;
  template<class T> inline static auto make(own<T>&& value) -> Val;

  // Gives up the reference, if it is one.
  void reset() {
    if (is_ref() && content_.ref) {
      destroyer()(content_.ref);
      content_.ref = nullptr;
    }
  }

  void reset(Val& that) {
    if (this == &that) return;
    reset();
    kind_ = that.kind_;
    content_ = that.content_;
    if (is_ref()) that.content_.ref = nullptr;
  }

  auto kind() const -> ValKind { return kind_; }
  auto i32() const -> int32_t { assert(kind_ == ValKind::I32); return content_.i32; }
  auto i64() const -> int64_t { assert(kind_ == ValKind::I64); return content_.i64; }
  auto f32() const -> float32_t { assert(kind_ == ValKind::F32); return content_.f32; }
  auto f64() const -> float64_t { assert(kind_ == ValKind::F64); return content_.f64; }
  auto ref() const -> Ref* { assert(is_ref()); return content_.ref; }
  template<class T> inline auto get() const -> T;

  auto release_ref() -> own<Ref> {
    assert(is_ref());
    auto ref = content_.ref;
    content_.ref = nullptr;
    return own<Ref>(ref);
  }

  auto copy() const -> Val {
    auto content = content_;
    if (is_ref() && content.ref) content.ref = content.ref->copy().release();
    return Val(kind_, content);
  }
};

template<> inline auto Val::make<int32_t>(int32_t value) -> Val { return Val(value); }
template<> inline auto Val::make<int64_t>(int64_t value) -> Val { return Val(value); }
template<> inline auto Val::make<float32_t>(float32_t value) -> Val { return Val(value); }
template<> inline auto Val::make<float64_t>(float64_t value) -> Val { return Val(value); }
template<> inline auto Val::make<Ref>(own<Ref>&& value) -> Val { return Val(std::move(value)); }
template<> inline auto Val::make<uint32_t>(uint32_t value) -> Val { return Val(static_cast<int32_t>(value)); }
template<> inline auto Val::make<uint64_t>(uint64_t value) -> Val { return Val(static_cast<int64_t>(value)); }

template<> inline auto Val::get<int32_t>() const -> int32_t { return i32(); }
template<> inline auto Val::get<int64_t>() const -> int64_t { return i64(); }
template<> inline auto Val::get<float32_t>() const -> float32_t { return f32(); }
template<> inline auto Val::get<float64_t>() const -> float64_t { return f64(); }
template<> inline auto Val::get<Ref*>() const -> Ref* { return ref(); }
template<> inline auto Val::get<uint32_t>() const -> uint32_t { return static_cast<uint32_t>(i32()); }
template<> inline auto Val::get<uint64_t>() const -> uint64_t { return static_cast<uint64_t>(i64()); }


// Traps

using Message = vec<byte_t>;  // its last byte is NUL

class Instance;

class Frame {
  friend class destroyer;
  void destroy();

protected:
  Frame() = default;
  ~Frame() = default;

public:
  auto copy() const -> own<Frame>;

  auto instance() const -> Instance*;
  auto func_index() const -> uint32_t;
  auto func_offset() const -> size_t;
  auto module_offset() const -> size_t;
};

class Trap : public Ref {
  friend class destroyer;
  void destroy();

protected:
  Trap() = default;
  ~Trap() = default;

public:
  static auto make(Store*, const Message& message) -> own<Trap>;
  auto copy() const -> own<Trap>;

  auto message() const -> Message;
  auto origin() const -> own<Frame>;  // may be null
  auto trace() const -> ownvec<Frame>;  // the origin first; may be empty
};


// Modules

template<class T> class Shared;

class Module : public Ref {
  friend class destroyer;
  void destroy();

protected:
  Module() = default;
  ~Module() = default;

public:
  static auto validate(Store*, const vec<byte_t>& binary) -> bool;
  static auto make(Store*, const vec<byte_t>& binary) -> own<Module>;
  auto copy() const -> own<Module>;

  auto imports() const -> ownvec<ImportType>;
  auto exports() const -> ownvec<ExportType>;

  auto share() const -> own<Shared<Module>>;
  static auto obtain(Store*, const Shared<Module>*) -> own<Module>;

  auto serialize() const -> vec<byte_t>;
  static auto deserialize(Store*, const vec<byte_t>&) -> own<Module>;
};

template<>
class Shared<Module> {
  friend class destroyer;
  void destroy();

protected:
  Shared() = default;
  ~Shared() = default;
};


// Foreign objects

class Foreign : public Ref {
  friend class destroyer;
  void destroy();

protected:
  Foreign() = default;
  ~Foreign() = default;

public:
  static auto make(Store*) -> own<Foreign>;
  auto copy() const -> own<Foreign>;
};


// Externals

class Func;
class Global;
class Table;
class Memory;

class Extern : public Ref {
  friend class destroyer;
  void destroy();

protected:
  Extern() = default;
  ~Extern() = default;

public:
  auto copy() const -> own<Extern>;

  auto kind() const -> ExternKind;
  auto type() const -> own<ExternType>;

  // The same object, or null if it is of another kind.
  auto func() -> Func*;
  auto global() -> Global*;
  auto table() -> Table*;
  auto memory() -> Memory*;

  auto func() const -> const Func*;
  auto global() const -> const Global*;
  auto table() const -> const Table*;
  auto memory() const -> const Memory*;
};

class Func : public Extern {
  friend class destroyer;
  void destroy();

protected:
  Func() = default;
  ~Func() = default;

public:
  using callback = auto (*)(const vec<Val>&, vec<Val>&) -> own<Trap>;
  using callback_with_env = auto (*)(void*, const vec<Val>&, vec<Val>&) -> own<Trap>;

  static auto make(Store*, const FuncType*, callback) -> own<Func>;
  static auto make(
    Store*, const FuncType*, callback_with_env, void*, void (*finalizer)(void*) = nullptr
  ) -> own<Func>;
  auto copy() const -> own<Func>;

  auto type() const -> own<FuncType>;
  auto param_arity() const -> size_t;
  auto result_arity() const -> size_t;

  auto call(const vec<Val>&, vec<Val>&) const -> own<Trap>;

private:
  struct Closure;
};

class Global : public Extern {
  friend class destroyer;
  void destroy();

protected:
  Global() = default;
  ~Global() = default;

public:
  static auto make(Store*, const GlobalType*, const Val&) -> own<Global>;
  auto copy() const -> own<Global>;

  auto type() const -> own<GlobalType>;
  auto get() const -> Val;
  void set(const Val&);
};

class Table : public Extern {
  friend class destroyer;
  void destroy();

protected:
  Table() = default;
  ~Table() = default;

public:
  using size_t = uint32_t;

  static auto make(Store*, const TableType*, const Ref* init = nullptr) -> own<Table>;
  auto copy() const -> own<Table>;

  auto type() const -> own<TableType>;
  auto get(size_t index) const -> own<Ref>;
  auto set(size_t index, const Ref*) -> bool;
  auto size() const -> size_t;
  auto grow(size_t delta, const Ref* init = nullptr) -> bool;
};

class Memory : public Extern {
  friend class destroyer;
  void destroy();

protected:
  Memory() = default;
  ~Memory() = default;

public:
  using pages_t = uint32_t;

  static const size_t page_size = 0x10000;

  static auto make(Store*, const MemoryType*) -> own<Memory>;
  auto copy() const -> own<Memory>;

  auto type() const -> own<MemoryType>;
  auto data() const -> byte_t*;
  auto data_size() const -> size_t;
  auto size() const -> pages_t;
  auto grow(pages_t delta) -> bool;
};


// Instances

class Instance : public Ref {
  friend class destroyer;
  void destroy();

protected:
  Instance() = default;
  ~Instance() = default;

public:
  static auto make(Store*, const Module*, const vec<Extern*>&, own<Trap>* = nullptr) -> own<Instance>;
  auto copy() const -> own<Instance>;

  auto exports() const -> ownvec<Extern>;
};


// Implementation

namespace detail {

template<> struct in_c<Config> { using type = wasm_config_t; };
template<> struct in_c<Engine> { using type = wasm_engine_t; };
template<> struct in_c<Store> { using type = wasm_store_t; };
template<> struct in_c<ValType> { using type = wasm_valtype_t; };
template<> struct in_c<ExternType> { using type = wasm_externtype_t; };
template<> struct in_c<FuncType> { using type = wasm_functype_t; };
template<> struct in_c<GlobalType> { using type = wasm_globaltype_t; };
template<> struct in_c<TableType> { using type = wasm_tabletype_t; };
template<> struct in_c<MemoryType> { using type = wasm_memorytype_t; };
template<> struct in_c<ImportType> { using type = wasm_importtype_t; };
template<> struct in_c<ExportType> { using type = wasm_exporttype_t; };
template<> struct in_c<Ref> { using type = wasm_ref_t; };
template<> struct in_c<Frame> { using type = wasm_frame_t; };
template<> struct in_c<Trap> { using type = wasm_trap_t; };
template<> struct in_c<Module> { using type = wasm_module_t; };
template<> struct in_c<Shared<Module>> { using type = wasm_shared_module_t; };
template<> struct in_c<Foreign> { using type = wasm_foreign_t; };
template<> struct in_c<Extern> { using type = wasm_extern_t; };
template<> struct in_c<Func> { using type = wasm_func_t; };
template<> struct in_c<Global> { using type = wasm_global_t; };
template<> struct in_c<Table> { using type = wasm_table_t; };
template<> struct in_c<Memory> { using type = wasm_memory_t; };
template<> struct in_c<Instance> { using type = wasm_instance_t; };

// What C gives by reference is looked at in place.
static_assert(sizeof(vec<byte_t>) == sizeof(wasm_byte_vec_t), "vectors are a size and a pointer");
static_assert(sizeof(ownvec<ValType>) == sizeof(wasm_valtype_vec_t), "vectors are a size and a pointer");
static_assert(sizeof(own<ValType>) == sizeof(wasm_valtype_t*), "an owner is a pointer");
static_assert(sizeof(Limits) == sizeof(wasm_limits_t), "limits are two numbers");
static_assert(sizeof(Val) == sizeof(wasm_val_t), "a value is a kind and its content");

template<class To, class From> auto view(const From* from) -> const To& {
  return *reinterpret_cast<const To*>(from);
}

inline auto view_vals(const vec<Val>& from) -> wasm_val_vec_t {
  wasm_val_vec_t result;
  result.size = from ? from.size() : 0;
  result.data = reinterpret_cast<wasm_val_t*>(const_cast<Val*>(from.get()));
  return result;
}

}  // namespace detail

inline void Config::destroy() { wasm_config_delete(detail::to_c(this)); }
inline void Engine::destroy() { wasm_engine_delete(detail::to_c(this)); }
inline void Store::destroy() { wasm_store_delete(detail::to_c(this)); }
inline void ValType::destroy() { wasm_valtype_delete(detail::to_c(this)); }
inline void ExternType::destroy() { wasm_externtype_delete(detail::to_c(this)); }
inline void FuncType::destroy() { wasm_functype_delete(detail::to_c(this)); }
inline void GlobalType::destroy() { wasm_globaltype_delete(detail::to_c(this)); }
inline void TableType::destroy() { wasm_tabletype_delete(detail::to_c(this)); }
inline void MemoryType::destroy() { wasm_memorytype_delete(detail::to_c(this)); }
inline void ImportType::destroy() { wasm_importtype_delete(detail::to_c(this)); }
inline void ExportType::destroy() { wasm_exporttype_delete(detail::to_c(this)); }
inline void Ref::destroy() { wasm_ref_delete(detail::to_c(this)); }
inline void Frame::destroy() { wasm_frame_delete(detail::to_c(this)); }
inline void Trap::destroy() { wasm_trap_delete(detail::to_c(this)); }
inline void Module::destroy() { wasm_module_delete(detail::to_c(this)); }
inline void Shared<Module>::destroy() { wasm_shared_module_delete(detail::to_c(this)); }
inline void Foreign::destroy() { wasm_foreign_delete(detail::to_c(this)); }
inline void Extern::destroy() { wasm_extern_delete(detail::to_c(this)); }
inline void Func::destroy() { wasm_func_delete(detail::to_c(this)); }
inline void Global::destroy() { wasm_global_delete(detail::to_c(this)); }
inline void Table::destroy() { wasm_table_delete(detail::to_c(this)); }
inline void Memory::destroy() { wasm_memory_delete(detail::to_c(this)); }
inline void Instance::destroy() { wasm_instance_delete(detail::to_c(this)); }

inline auto ValType::copy() const -> own<ValType> { return detail::own_c<ValType>(wasm_valtype_copy(detail::to_c(this))); }
inline auto ExternType::copy() const -> own<ExternType> {
  return detail::own_c<ExternType>(wasm_externtype_copy(detail::to_c(this)));
}
inline auto FuncType::copy() const -> own<FuncType> {
  return detail::own_c<FuncType>(wasm_functype_copy(detail::to_c(this)));
}
inline auto GlobalType::copy() const -> own<GlobalType> {
  return detail::own_c<GlobalType>(wasm_globaltype_copy(detail::to_c(this)));
}
inline auto TableType::copy() const -> own<TableType> {
  return detail::own_c<TableType>(wasm_tabletype_copy(detail::to_c(this)));
}
inline auto MemoryType::copy() const -> own<MemoryType> {
  return detail::own_c<MemoryType>(wasm_memorytype_copy(detail::to_c(this)));
}
inline auto ImportType::copy() const -> own<ImportType> {
  return detail::own_c<ImportType>(wasm_importtype_copy(detail::to_c(this)));
}
inline auto ExportType::copy() const -> own<ExportType> {
  return detail::own_c<ExportType>(wasm_exporttype_copy(detail::to_c(this)));
}
inline auto Ref::copy() const -> own<Ref> { return detail::own_c<Ref>(wasm_ref_copy(detail::to_c(this))); }
inline auto Frame::copy() const -> own<Frame> { return detail::own_c<Frame>(wasm_frame_copy(detail::to_c(this))); }
inline auto Trap::copy() const -> own<Trap> { return detail::own_c<Trap>(wasm_trap_copy(detail::to_c(this))); }
inline auto Module::copy() const -> own<Module> { return detail::own_c<Module>(wasm_module_copy(detail::to_c(this))); }
inline auto Foreign::copy() const -> own<Foreign> { return detail::own_c<Foreign>(wasm_foreign_copy(detail::to_c(this))); }
inline auto Extern::copy() const -> own<Extern> { return detail::own_c<Extern>(wasm_extern_copy(detail::to_c(this))); }
inline auto Func::copy() const -> own<Func> { return detail::own_c<Func>(wasm_func_copy(detail::to_c(this))); }
inline auto Global::copy() const -> own<Global> { return detail::own_c<Global>(wasm_global_copy(detail::to_c(this))); }
inline auto Table::copy() const -> own<Table> { return detail::own_c<Table>(wasm_table_copy(detail::to_c(this))); }
inline auto Memory::copy() const -> own<Memory> { return detail::own_c<Memory>(wasm_memory_copy(detail::to_c(this))); }
inline auto Instance::copy() const -> own<Instance> {
  return detail::own_c<Instance>(wasm_instance_copy(detail::to_c(this)));
}

inline auto Config::make() -> own<Config> { return detail::own_c<Config>(wasm_config_new()); }
inline auto Engine::make(own<Config>&& config) -> own<Engine> {
  return detail::own_c<Engine>(wasm_engine_new_with_config(detail::to_c(config.release())));
}
inline auto Store::make(Engine* engine) -> own<Store> {
  return detail::own_c<Store>(wasm_store_new(detail::to_c(engine)));
}

inline auto ValType::make(ValKind kind) -> own<ValType> {
  return detail::own_c<ValType>(wasm_valtype_new(static_cast<wasm_valkind_t>(kind)));
}
inline auto ValType::kind() const -> ValKind { return static_cast<ValKind>(wasm_valtype_kind(detail::to_c(this))); }

inline auto ExternType::kind() const -> ExternKind {
  return static_cast<ExternKind>(wasm_externtype_kind(detail::to_c(this)));
}
inline auto ExternType::func() -> FuncType* {
  return detail::from_c<FuncType>(wasm_externtype_as_functype(detail::to_c(this)));
}
inline auto ExternType::global() -> GlobalType* {
  return detail::from_c<GlobalType>(wasm_externtype_as_globaltype(detail::to_c(this)));
}
inline auto ExternType::table() -> TableType* {
  return detail::from_c<TableType>(wasm_externtype_as_tabletype(detail::to_c(this)));
}
inline auto ExternType::memory() -> MemoryType* {
  return detail::from_c<MemoryType>(wasm_externtype_as_memorytype(detail::to_c(this)));
}
inline auto ExternType::func() const -> const FuncType* {
  return detail::from_c<FuncType>(wasm_externtype_as_functype_const(detail::to_c(this)));
}
inline auto ExternType::global() const -> const GlobalType* {
  return detail::from_c<GlobalType>(wasm_externtype_as_globaltype_const(detail::to_c(this)));
}
inline auto ExternType::table() const -> const TableType* {
  return detail::from_c<TableType>(wasm_externtype_as_tabletype_const(detail::to_c(this)));
}
inline auto ExternType::memory() const -> const MemoryType* {
  return detail::from_c<MemoryType>(wasm_externtype_as_memorytype_const(detail::to_c(this)));
}

inline auto FuncType::make(ownvec<ValType>&& params, ownvec<ValType>&& results) -> own<FuncType> {
  wasm_valtype_vec_t c_params, c_results;
  detail::to_c_vec(params, &c_params, wasm_valtype_vec_new_uninitialized);
  detail::to_c_vec(results, &c_results, wasm_valtype_vec_new_uninitialized);
  return detail::own_c<FuncType>(wasm_functype_new(&c_params, &c_results));
}
inline auto FuncType::params() const -> const ownvec<ValType>& {
  return detail::view<ownvec<ValType>>(wasm_functype_params(detail::to_c(this)));
}
inline auto FuncType::results() const -> const ownvec<ValType>& {
  return detail::view<ownvec<ValType>>(wasm_functype_results(detail::to_c(this)));
}

inline auto GlobalType::make(own<ValType>&& content, Mutability mutability) -> own<GlobalType> {
  return detail::own_c<GlobalType>(
    wasm_globaltype_new(detail::to_c(content.release()), static_cast<wasm_mutability_t>(mutability)));
}
inline auto GlobalType::content() const -> const ValType* {
  return detail::from_c<ValType>(wasm_globaltype_content(detail::to_c(this)));
}
inline auto GlobalType::mutability() const -> Mutability {
  return static_cast<Mutability>(wasm_globaltype_mutability(detail::to_c(this)));
}

inline auto TableType::make(own<ValType>&& element, Limits limits) -> own<TableType> {
  const wasm_limits_t c_limits = {limits.min, limits.max};
  return detail::own_c<TableType>(wasm_tabletype_new(detail::to_c(element.release()), &c_limits));
}
inline auto TableType::element() const -> const ValType* {
  return detail::from_c<ValType>(wasm_tabletype_element(detail::to_c(this)));
}
inline auto TableType::limits() const -> const Limits& {
  return detail::view<Limits>(wasm_tabletype_limits(detail::to_c(this)));
}

inline auto MemoryType::make(Limits limits) -> own<MemoryType> {
  const wasm_limits_t c_limits = {limits.min, limits.max};
  return detail::own_c<MemoryType>(wasm_memorytype_new(&c_limits));
}
inline auto MemoryType::limits() const -> const Limits& {
  return detail::view<Limits>(wasm_memorytype_limits(detail::to_c(this)));
}

inline auto ImportType::make(Name&& module, Name&& name, own<ExternType>&& type) -> own<ImportType> {
  auto c_module = detail::copy_bytes(module);
  auto c_name = detail::copy_bytes(name);
  module.reset();
  name.reset();
  return detail::own_c<ImportType>(wasm_importtype_new(&c_module, &c_name, detail::to_c(type.release())));
}
inline auto ImportType::module() const -> const Name& {
  return detail::view<Name>(wasm_importtype_module(detail::to_c(this)));
}
inline auto ImportType::name() const -> const Name& {
  return detail::view<Name>(wasm_importtype_name(detail::to_c(this)));
}
inline auto ImportType::type() const -> const ExternType* {
  return detail::from_c<ExternType>(wasm_importtype_type(detail::to_c(this)));
}

inline auto ExportType::make(Name&& name, own<ExternType>&& type) -> own<ExportType> {
  auto c_name = detail::copy_bytes(name);
  name.reset();
  return detail::own_c<ExportType>(wasm_exporttype_new(&c_name, detail::to_c(type.release())));
}
inline auto ExportType::name() const -> const Name& {
  return detail::view<Name>(wasm_exporttype_name(detail::to_c(this)));
}
inline auto ExportType::type() const -> const ExternType* {
  return detail::from_c<ExternType>(wasm_exporttype_type(detail::to_c(this)));
}

inline auto Ref::same(const Ref* that) const -> bool { return wasm_ref_same(detail::to_c(this), detail::to_c(that)); }
inline auto Ref::get_host_info() const -> void* { return wasm_ref_get_host_info(detail::to_c(this)); }
inline void Ref::set_host_info(void* info, void (*finalizer)(void*)) {
  wasm_ref_set_host_info_with_finalizer(detail::to_c(this), info, finalizer);
}

inline auto Frame::instance() const -> Instance* {
  return detail::from_c<Instance>(wasm_frame_instance(detail::to_c(this)));
}
inline auto Frame::func_index() const -> uint32_t { return wasm_frame_func_index(detail::to_c(this)); }
inline auto Frame::func_offset() const -> size_t { return wasm_frame_func_offset(detail::to_c(this)); }
inline auto Frame::module_offset() const -> size_t { return wasm_frame_module_offset(detail::to_c(this)); }

inline auto Trap::make(Store* store, const Message& message) -> own<Trap> {
  const auto c_message = detail::view_bytes(message);
  return detail::own_c<Trap>(wasm_trap_new(detail::to_c(store), &c_message));
}
inline auto Trap::message() const -> Message {
  wasm_message_t message;
  wasm_trap_message(detail::to_c(this), &message);
  return detail::from_c_bytes(&message);
}
inline auto Trap::origin() const -> own<Frame> { return detail::own_c<Frame>(wasm_trap_origin(detail::to_c(this))); }
inline auto Trap::trace() const -> ownvec<Frame> {
  wasm_frame_vec_t frames;
  wasm_trap_trace(detail::to_c(this), &frames);
  return detail::from_c_vec<Frame>(&frames, wasm_frame_vec_delete);
}

inline auto Module::validate(Store* store, const vec<byte_t>& binary) -> bool {
  const auto c_binary = detail::view_bytes(binary);
  return wasm_module_validate(detail::to_c(store), &c_binary);
}
inline auto Module::make(Store* store, const vec<byte_t>& binary) -> own<Module> {
  const auto c_binary = detail::view_bytes(binary);
  return detail::own_c<Module>(wasm_module_new(detail::to_c(store), &c_binary));
}
inline auto Module::imports() const -> ownvec<ImportType> {
  wasm_importtype_vec_t imports;
  wasm_module_imports(detail::to_c(this), &imports);
  return detail::from_c_vec<ImportType>(&imports, wasm_importtype_vec_delete);
}
inline auto Module::exports() const -> ownvec<ExportType> {
  wasm_exporttype_vec_t exports;
  wasm_module_exports(detail::to_c(this), &exports);
  return detail::from_c_vec<ExportType>(&exports, wasm_exporttype_vec_delete);
}
inline auto Module::share() const -> own<Shared<Module>> {
  return detail::own_c<Shared<Module>>(wasm_module_share(detail::to_c(this)));
}
inline auto Module::obtain(Store* store, const Shared<Module>* shared) -> own<Module> {
  return detail::own_c<Module>(wasm_module_obtain(detail::to_c(store), detail::to_c(shared)));
}
inline auto Module::serialize() const -> vec<byte_t> {
  wasm_byte_vec_t bytes;
  wasm_module_serialize(detail::to_c(this), &bytes);
  return detail::from_c_bytes(&bytes);
}
inline auto Module::deserialize(Store* store, const vec<byte_t>& bytes) -> own<Module> {
  const auto c_bytes = detail::view_bytes(bytes);
  return detail::own_c<Module>(wasm_module_deserialize(detail::to_c(store), &c_bytes));
}

inline auto Foreign::make(Store* store) -> own<Foreign> {
  return detail::own_c<Foreign>(wasm_foreign_new(detail::to_c(store)));
}

inline auto Extern::kind() const -> ExternKind { return static_cast<ExternKind>(wasm_extern_kind(detail::to_c(this))); }
inline auto Extern::type() const -> own<ExternType> {
  return detail::own_c<ExternType>(wasm_extern_type(detail::to_c(this)));
}
inline auto Extern::func() -> Func* { return detail::from_c<Func>(wasm_extern_as_func(detail::to_c(this))); }
inline auto Extern::global() -> Global* { return detail::from_c<Global>(wasm_extern_as_global(detail::to_c(this))); }
inline auto Extern::table() -> Table* { return detail::from_c<Table>(wasm_extern_as_table(detail::to_c(this))); }
inline auto Extern::memory() -> Memory* { return detail::from_c<Memory>(wasm_extern_as_memory(detail::to_c(this))); }
inline auto Extern::func() const -> const Func* {
  return detail::from_c<Func>(wasm_extern_as_func_const(detail::to_c(this)));
}
inline auto Extern::global() const -> const Global* {
  return detail::from_c<Global>(wasm_extern_as_global_const(detail::to_c(this)));
}
inline auto Extern::table() const -> const Table* {
  return detail::from_c<Table>(wasm_extern_as_table_const(detail::to_c(this)));
}
inline auto Extern::memory() const -> const Memory* {
  return detail::from_c<Memory>(wasm_extern_as_memory_const(detail::to_c(this)));
}

// A host function of C++, as C calls it.
struct Func::Closure {
  callback plain;
  callback_with_env with_env;
  void* env;
  void (*finalizer)(void*);

  static auto call(void* self, const wasm_val_vec_t* args, wasm_val_vec_t* results) noexcept -> wasm_trap_t* {
    const auto closure = static_cast<Closure*>(self);
    // The arguments stay with C: they are only looked at, and released before the vec could delete them.
    auto cc_args = vec<Val>::adopt(args->size, reinterpret_cast<Val*>(args->data));
    auto cc_results = vec<Val>::make_uninitialized(results->size);
    const auto places = reinterpret_cast<Val*>(results->data);
    for (size_t i = 0; i < results->size; ++i) cc_results[i] = std::move(places[i]);
    auto trap = closure->plain ? closure->plain(cc_args, cc_results)
                               : closure->with_env(closure->env, cc_args, cc_results);
    cc_args.release();
    for (size_t i = 0; cc_results && i < results->size && i < cc_results.size(); ++i) {
      places[i] = std::move(cc_results[i]);
    }
    return detail::to_c(trap.release());
  }

  static void destroy(void* self) {
    const auto closure = static_cast<Closure*>(self);
    if (closure->finalizer) closure->finalizer(closure->env);
    delete closure;
  }

  static auto make(Store* store, const FuncType* type, Closure closure) -> own<Func> {
    const auto self = new(std::nothrow) Closure(closure);
    if (!self) return own<Func>();
    return detail::own_c<Func>(
      wasm_func_new_with_env(detail::to_c(store), detail::to_c(type), call, self, destroy));
  }
};

inline auto Func::make(Store* store, const FuncType* type, callback plain) -> own<Func> {
  if (!plain) return own<Func>();
  return Closure::make(store, type, Closure{plain, nullptr, nullptr, nullptr});
}
inline auto Func::make(
  Store* store, const FuncType* type, callback_with_env with_env, void* env, void (*finalizer)(void*)
) -> own<Func> {
  if (!with_env) {
    if (finalizer) finalizer(env);
    return own<Func>();
  }
  return Closure::make(store, type, Closure{nullptr, with_env, env, finalizer});
}
inline auto Func::type() const -> own<FuncType> { return detail::own_c<FuncType>(wasm_func_type(detail::to_c(this))); }
inline auto Func::param_arity() const -> size_t { return wasm_func_param_arity(detail::to_c(this)); }
inline auto Func::result_arity() const -> size_t { return wasm_func_result_arity(detail::to_c(this)); }
inline auto Func::call(const vec<Val>& args, vec<Val>& results) const -> own<Trap> {
  const auto c_args = detail::view_vals(args);
  auto c_results = detail::view_vals(results);
  // C writes results and does not look at what was there.
  for (size_t i = 0; i < c_results.size; ++i) results[i].reset();
  return detail::own_c<Trap>(wasm_func_call(detail::to_c(this), &c_args, &c_results));
}

inline auto Global::make(Store* store, const GlobalType* type, const Val& value) -> own<Global> {
  return detail::own_c<Global>(
    wasm_global_new(detail::to_c(store), detail::to_c(type), reinterpret_cast<const wasm_val_t*>(&value)));
}
inline auto Global::type() const -> own<GlobalType> {
  return detail::own_c<GlobalType>(wasm_global_type(detail::to_c(this)));
}
inline auto Global::get() const -> Val {
  Val value;
  wasm_global_get(detail::to_c(this), reinterpret_cast<wasm_val_t*>(&value));
  return value;
}
inline void Global::set(const Val& value) {
  wasm_global_set(detail::to_c(this), reinterpret_cast<const wasm_val_t*>(&value));
}

inline auto Table::make(Store* store, const TableType* type, const Ref* init) -> own<Table> {
  return detail::own_c<Table>(
    wasm_table_new(detail::to_c(store), detail::to_c(type), detail::to_c(const_cast<Ref*>(init))));
}
inline auto Table::type() const -> own<TableType> { return detail::own_c<TableType>(wasm_table_type(detail::to_c(this))); }
inline auto Table::get(size_t index) const -> own<Ref> {
  return detail::own_c<Ref>(wasm_table_get(detail::to_c(this), index));
}
inline auto Table::set(size_t index, const Ref* element) -> bool {
  return wasm_table_set(detail::to_c(this), index, detail::to_c(const_cast<Ref*>(element)));
}
inline auto Table::size() const -> size_t { return wasm_table_size(detail::to_c(this)); }
inline auto Table::grow(size_t delta, const Ref* init) -> bool {
  return wasm_table_grow(detail::to_c(this), delta, detail::to_c(const_cast<Ref*>(init)));
}

inline auto Memory::make(Store* store, const MemoryType* type) -> own<Memory> {
  return detail::own_c<Memory>(wasm_memory_new(detail::to_c(store), detail::to_c(type)));
}
inline auto Memory::type() const -> own<MemoryType> {
  return detail::own_c<MemoryType>(wasm_memory_type(detail::to_c(this)));
}
inline auto Memory::data() const -> byte_t* { return wasm_memory_data(detail::to_c(const_cast<Memory*>(this))); }
inline auto Memory::data_size() const -> size_t { return wasm_memory_data_size(detail::to_c(this)); }
inline auto Memory::size() const -> pages_t { return wasm_memory_size(detail::to_c(this)); }
inline auto Memory::grow(pages_t delta) -> bool { return wasm_memory_grow(detail::to_c(this), delta); }

inline auto Instance::make(Store* store, const Module* module, const vec<Extern*>& imports, own<Trap>* trap)
    -> own<Instance> {
  wasm_extern_vec_t c_imports;
  c_imports.size = imports ? imports.size() : 0;
  c_imports.data = reinterpret_cast<wasm_extern_t**>(const_cast<Extern**>(imports.get()));
  wasm_trap_t* c_trap = nullptr;
  auto instance = detail::own_c<Instance>(
    wasm_instance_new(detail::to_c(store), detail::to_c(module), &c_imports, trap ? &c_trap : nullptr));
  if (trap) *trap = detail::own_c<Trap>(c_trap);
  return instance;
}
inline auto Instance::exports() const -> ownvec<Extern> {
  wasm_extern_vec_t exports;
  wasm_instance_exports(detail::to_c(this), &exports);
  return detail::from_c_vec<Extern>(&exports, wasm_extern_vec_delete);
}

}  // namespace wasm

#endif  // WASM_HH
