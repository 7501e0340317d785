# Targets for people who change the engine; each has a build preset of the same name.

set(UPDRAFT_TEST_PROFILE dev CACHE STRING
  "Cargo profile of the Rust tests: `dev`, or `prove` (optimised, with all checks, for full counts)")
set_property(CACHE UPDRAFT_TEST_PROFILE PROPERTY STRINGS dev prove)
set(cargo_test "${CARGO}" test --locked --profile "${UPDRAFT_TEST_PROFILE}" --target-dir "${UPDRAFT_TARGET_DIR}")

add_custom_target(check
  COMMAND "${CARGO}" fmt --check
  COMMAND "${CARGO}" clippy --locked --all-targets --target-dir "${UPDRAFT_TARGET_DIR}" -- -D warnings
  COMMAND ${cargo_test} --test tidy
  WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}" COMMENT "Format, lints, house rules" USES_TERMINAL VERBATIM)

add_custom_target(header
  COMMAND tools/header.sh
  COMMAND tools/wasm-header.sh
  COMMAND "${Python3_EXECUTABLE}" tools/null_test.py
  WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}" COMMENT "Generating the headers" USES_TERMINAL VERBATIM)

add_custom_target(bless
  COMMAND "${CMAKE_COMMAND}" -E env UPDRAFT_BLESS=1 ${cargo_test} --test disas
  WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}" COMMENT "Recording the machine code of today" USES_TERMINAL VERBATIM)

# Everything is compiled again under --cfg loom, hence the target directory of its own.
set(cargo_loom "${CMAKE_COMMAND}" -E env "RUSTFLAGS=--cfg loom"
  "${CARGO}" test --locked --lib --target-dir "${UPDRAFT_TARGET_DIR}/loom" loom)
add_custom_target(loom COMMAND ${cargo_loom}
  WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}" COMMENT "Models of the protocols" USES_TERMINAL VERBATIM)

# Compilers for all processors: minutes to build, in a target directory of their own.
set(cargo_all_arch "${CARGO}" test --locked --profile "${UPDRAFT_TEST_PROFILE}" --features all-arch
  --target-dir "${UPDRAFT_TARGET_DIR}/all-arch" --lib --test target -- elsewhere recorded emulated other_processors)
add_custom_target(all-arch COMMAND ${cargo_all_arch}
  WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}" COMMENT "Code for other processors" USES_TERMINAL VERBATIM)

add_custom_target(rust-tests
  COMMAND ${cargo_test} --no-run
  WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}" COMMENT "Building the Rust tests" USES_TERMINAL VERBATIM)

# Not tests: they take long, fetch other engines, or depend on the compiler of the day. See bench/run and bench/guard.
foreach(entry "bench run --write" "bench-quick run --quick" "guard guard")
  separate_arguments(arguments UNIX_COMMAND "${entry}")
  list(POP_FRONT arguments target command)
  add_custom_target(${target}
    COMMAND "${Python3_EXECUTABLE}" "bench/${command}" ${arguments} --library "${shared_library}"
    WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}" COMMENT "Measuring" USES_TERMINAL VERBATIM)
  add_dependencies(${target} updraft-shared)
endforeach()
