// The C++ face of the standard API, wasm.hh.

#include "wasm_test.h"

#include "wasm.hh"

namespace {

auto own_engine() -> wasm::own<wasm::Engine> {
  return wasm::make_own(reinterpret_cast<wasm::Engine*>(std_engine()));
}

auto binary(wasm::Store* store, const char* text) -> wasm::vec<byte_t> {
  wasm_byte_vec_t bytes;
  std_binary(reinterpret_cast<wasm_store_t*>(store), text, &bytes);
  auto result = wasm::vec<byte_t>::make_uninitialized(bytes.size);
  std::memcpy(result.get(), bytes.data, bytes.size);
  wasm_byte_vec_delete(&bytes);
  return result;
}

auto text(const wasm::Name& name) -> std::string { return std::string(name.get(), name.size()); }

void vectors() {
  auto empty = wasm::vec<int>::make();
  CHECK(empty && empty.size() == 0 && empty.get() == nullptr);
  auto invalid = wasm::vec<int>::invalid();
  CHECK(!invalid);
  CHECK(!invalid.copy());
  auto three = wasm::vec<int>::make(1, 2, 3);
  auto copy = three.copy();
  CHECK(copy.size() == 3 && copy[2] == 3);
  auto moved = std::move(three);
  CHECK(!three && moved[0] == 1);
  three = std::move(moved);
  CHECK(!moved && three[1] == 2);
  // The sanitizer would not let it try.
  if (!test_tool("asan")) CHECK(!wasm::vec<wasm::Val>::make_uninitialized(SIZE_MAX / 64));
  CHECK(wasm::vec<byte_t>::make(std::string("ab")).size() == 2);
  auto nt = wasm::vec<byte_t>::make_nt(std::string("ab"));
  CHECK(nt.size() == 3 && nt[2] == '\0');
  auto adopted = wasm::vec<int>::adopt(2, new int[2]{7, 8});
  CHECK(adopted[1] == 8);
  delete[] adopted.release();
  auto types = wasm::ownvec<wasm::ValType>::make(
    wasm::ValType::make(wasm::ValKind::I32), wasm::ValType::make(wasm::ValKind::FUNCREF));
  auto deep = types.deep_copy();
  CHECK(deep[1]->kind() == wasm::ValKind::FUNCREF && deep[1]->is_ref() && deep[0]->is_num());
}

void types() {
  auto type = wasm::FuncType::make(
    wasm::ownvec<wasm::ValType>::make(wasm::ValType::make(wasm::ValKind::I32), wasm::ValType::make(wasm::ValKind::F64)),
    wasm::ownvec<wasm::ValType>::make(wasm::ValType::make(wasm::ValKind::EXTERNREF)));
  CHECK(type->params().size() == 2 && type->params()[1]->kind() == wasm::ValKind::F64);
  CHECK(type->results().size() == 1 && type->kind() == wasm::ExternKind::FUNC);
  wasm::ExternType* external = type.get();
  CHECK(external->func() == type.get() && external->memory() == nullptr);
  auto import = wasm::ImportType::make(
    wasm::Name::make(std::string("m")), wasm::Name::make(std::string("name")), std::move(type));
  auto copy = import->copy();
  import.reset();
  CHECK(text(copy->module()) == "m" && text(copy->name()) == "name");
  CHECK(copy->type()->func() != nullptr);
  auto table = wasm::TableType::make(wasm::ValType::make(wasm::ValKind::FUNCREF), wasm::Limits(2));
  CHECK(table->limits().min == 2 && table->limits().max == wasm_limits_max_default);
  CHECK(table->element()->kind() == wasm::ValKind::FUNCREF);
  auto exported = wasm::ExportType::make(wasm::Name::make(std::string("")), std::move(table));
  CHECK(exported->name().size() == 0 && exported->type()->table() != nullptr);
  auto global = wasm::GlobalType::make(wasm::ValType::make(wasm::ValKind::I64), wasm::Mutability::VAR);
  CHECK(global->content()->kind() == wasm::ValKind::I64 && global->mutability() == wasm::Mutability::VAR);
  CHECK(wasm::MemoryType::make(wasm::Limits(1, 2))->limits().max == 2);
  CHECK(!wasm::TableType::make(wasm::ValType::make(wasm::ValKind::I32), wasm::Limits(1)));
}

const char* const MODULE =
  "(module (import \"\" \"f\" (func $f (param externref i32) (result i32 externref)))"
  " (memory (export \"m\") 1 2) (global (export \"g\") (mut externref) (ref.null extern)) (table (export \"t\") 2 4 funcref)"
  " (func (export \"call\") (param externref i32) (result i32 externref) (call $f (local.get 0) (local.get 1)))"
  " (func (export \"trap\") unreachable))";

wasm::Store* trap_store = nullptr;

auto swap(void* env, const wasm::vec<wasm::Val>& args, wasm::vec<wasm::Val>& results) -> wasm::own<wasm::Trap> {
  ++*static_cast<int*>(env);
  CHECK(args.size() == 2 && results.size() == 2 && results[0].kind() == wasm::ValKind::I32);
  if (args[1].i32() < 0) {
    // What was set is given up with the trap.
    results[1] = args[0].copy();
    return wasm::Trap::make(trap_store, wasm::Message::make_nt(std::string("negative")));
  }
  results[1] = args[0].copy();
  results[0] = wasm::Val::i32(args[1].i32() + 1);
  return nullptr;
}

auto refuse(const wasm::vec<wasm::Val>&, wasm::vec<wasm::Val>&) -> wasm::own<wasm::Trap> {
  return wasm::Trap::make(trap_store, wasm::Message::make_nt(std::string("refused")));
}

void objects() {
  int calls = 0, finalized = 0;
  auto engine = own_engine();
  {
    auto store = wasm::Store::make(engine.get());
    trap_store = store.get();
    auto module = wasm::Module::make(store.get(), binary(store.get(), MODULE));
    CHECK(wasm::Module::validate(store.get(), binary(store.get(), MODULE)));
    CHECK(!wasm::Module::make(store.get(), wasm::vec<byte_t>::make()));
    CHECK(module->imports().size() == 1 && module->exports().size() == 5);
    module = wasm::Module::deserialize(store.get(), module->serialize());
    auto shared = module->share();
    module = wasm::Module::obtain(store.get(), shared.get());
    auto type = wasm::FuncType::make(
      wasm::ownvec<wasm::ValType>::make(
        wasm::ValType::make(wasm::ValKind::EXTERNREF), wasm::ValType::make(wasm::ValKind::I32)),
      wasm::ownvec<wasm::ValType>::make(
        wasm::ValType::make(wasm::ValKind::I32), wasm::ValType::make(wasm::ValKind::EXTERNREF)));
    auto func = wasm::Func::make(store.get(), type.get(), swap, &calls);
    CHECK(func->param_arity() == 2 && func->result_arity() == 2);
    wasm::own<wasm::Trap> trap;
    auto imports = wasm::vec<wasm::Extern*>::make(func.get());
    auto instance = wasm::Instance::make(store.get(), module.get(), imports, &trap);
    CHECK(instance && !trap);
    CHECK(!wasm::Instance::make(store.get(), module.get(), wasm::vec<wasm::Extern*>::make(), &trap));
    CHECK(trap && text(trap->message()).find("imports: 0 given") != std::string::npos);
    instance->set_host_info(&finalized, std_count);
    auto exports = instance->exports();
    CHECK(exports.size() == 5);

    auto foreign = wasm::Foreign::make(store.get());
    auto args = wasm::vec<wasm::Val>::make(wasm::Val::ref(foreign->copy()), wasm::Val::i32(41));
    auto results = wasm::vec<wasm::Val>::make_uninitialized(2);
    for (int round = 0; round < 3; ++round) {
      // Results of the round before are given up.
      CHECK(!exports[3]->func()->call(args, results));
      CHECK(results[0].i32() == 42 && results[1].ref()->same(foreign.get()));
    }
    CHECK(calls == 3);
    args[1] = wasm::Val::i32(-1);
    trap = exports[3]->func()->call(args, results);
    CHECK(trap && text(trap->message()) == std::string("negative", 9));
    CHECK(results[0].i32() == 42 && results[1].ref() == nullptr);

    auto global = exports[1]->global();
    CHECK(global->get().ref() == nullptr && global->type()->mutability() == wasm::Mutability::VAR);
    global->set(args[0]);
    CHECK(global->get().ref()->same(foreign.get()));
    auto table = exports[2]->table();
    CHECK(table->size() == 2 && !table->get(0));
    CHECK(table->set(0, func.get()) && table->get(0)->same(func.get()));
    CHECK(table->grow(2, func.get()) && !table->grow(1) && table->size() == 4);
    CHECK(table->set(1, nullptr) && !table->get(1) && !table->set(4, nullptr));
    auto memory = exports[0]->memory();
    CHECK(memory->size() == 1 && memory->data_size() == wasm::Memory::page_size);
    memory->data()[5] = 'x';
    CHECK(memory->grow(1) && memory->data()[5] == 'x' && !memory->grow(1));
    CHECK(memory->type()->limits().min == 2);

    auto none = wasm::vec<wasm::Val>::make();
    trap = exports[4]->func()->call(none, none);
    CHECK(trap && text(trap->message()) == std::string("unreachable", 12));
    CHECK(trap->trace().size() == 1 && trap->origin()->func_index() == 2);
    CHECK(trap->origin()->instance()->same(instance.get()));

    auto nothing = wasm::FuncType::make();
    auto refusing = wasm::Func::make(store.get(), nothing.get(), refuse);
    trap = refusing->call(none, none);
    CHECK(trap && text(trap->message()) == std::string("refused", 8));

    auto made = wasm::Global::make(
      store.get(), wasm::GlobalType::make(wasm::ValType::make(wasm::ValKind::F64), wasm::Mutability::CONST).get(),
      wasm::Val::f64(2.5));
    CHECK(made->get().f64() == 2.5 && made->kind() == wasm::ExternKind::GLOBAL);
    CHECK(wasm::Val::make<uint32_t>(7).get<uint32_t>() == 7);
    auto counted = wasm::Func::make(store.get(), nothing.get(), swap, &finalized, std_count);
    CHECK(!wasm::Func::make(store.get(), nullptr, swap, &finalized, std_count));
    CHECK(finalized == 1);
  }
  CHECK(finalized == 3);
}

}  // namespace

int main() {
  vectors();
  types();
  objects();
  return test_end();
}
