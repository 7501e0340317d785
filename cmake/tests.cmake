# Every test of the project, as entries of ctest. A tool that is missing gives a test that reports itself as
# skipped; `.ci/run` installs all tools and accepts no skip.

# Adds a test that only says why it cannot run.
function(add_skipped_test name reason)
  add_test(NAME "${name}" COMMAND "${CMAKE_COMMAND}" -E echo "SKIPPED: ${reason}")
  set_tests_properties("${name}" PROPERTIES SKIP_REGULAR_EXPRESSION "SKIPPED: " LABELS skipped)
endfunction()

# --- Rust ----------------------------------------------------------------------------------------------

file(GLOB rust_tests CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/tests/*.rs")
function(add_rust_test name)
  add_test(NAME "rust.${name}" COMMAND ${cargo_test} ${ARGN} WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}")
  # Rust's test harness spreads over the processors by itself.
  set_tests_properties("rust.${name}" PROPERTIES LABELS rust PROCESSORS 2)
endfunction()
add_rust_test(unit --lib)
foreach(test ${rust_tests})
  get_filename_component(name "${test}" NAME_WE)
  add_rust_test("${name}" --test "${name}")
endforeach()
add_test(NAME rust.loom COMMAND ${cargo_loom} WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}")
set_tests_properties(rust.loom PROPERTIES LABELS rust PROCESSORS 2)
if(UPDRAFT_TEST_PROFILE STREQUAL "prove")
  add_test(NAME rust.all_arch COMMAND ${cargo_all_arch} WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}")
  set_tests_properties(rust.all_arch PROPERTIES LABELS rust PROCESSORS 2)
endif()
add_test(NAME rust.format COMMAND "${CARGO}" fmt --check WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}")
set_tests_properties(rust.format PROPERTIES LABELS rust)

# --- C: one program per object of the interface, in each language version ------------------------------

file(GLOB c_tests CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/c-tests/*.c" "${PROJECT_SOURCE_DIR}/c-tests/*.cc")
add_custom_target(c-tests)

# Builds SOURCE as LANGUAGE (C or CXX) STANDARD, linked with LIBRARY; further arguments are flags.
function(add_c_program target source language standard library)
  if(language STREQUAL "CXX" AND source MATCHES "\\.c$")
    # A file has one language per directory: C++ sees the test through a file that includes it.
    get_filename_component(name "${source}" NAME_WE)
    set(wrapper "${PROJECT_BINARY_DIR}/c-tests/${name}.cpp")
    file(CONFIGURE OUTPUT "${wrapper}" CONTENT "#include \"${source}\"\n")
    set(source "${wrapper}")
  endif()
  add_executable("${target}" EXCLUDE_FROM_ALL "${source}")
  add_dependencies(c-tests "${target}")
  set_target_properties("${target}" PROPERTIES
    ${language}_STANDARD ${standard} ${language}_STANDARD_REQUIRED ON ${language}_EXTENSIONS OFF
    RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/c-tests")
  target_compile_options("${target}" PRIVATE ${strict_warnings} -g ${ARGN})
  target_link_options("${target}" PRIVATE ${ARGN})
  target_link_libraries("${target}" PRIVATE ${library} Threads::Threads ${CMAKE_DL_LIBS})
endfunction()

# Runs it; ENVIRONMENT is a list of settings, further arguments stand before the program.
function(add_c_test test target environment)
  add_test(NAME "${test}" COMMAND ${ARGN} "$<TARGET_FILE:${target}>" WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}/c-tests")
  set_tests_properties("${test}" PROPERTIES LABELS c SKIP_RETURN_CODE 77
    ENVIRONMENT "${environment}")
endfunction()

include(CheckCSourceCompiles)
# Where tests find the library that they open themselves; tools get the one with names.
set(plain_library "UPDRAFT_LIBRARY=${library_dir}/libupdraft.so")
set(named_library "UPDRAFT_LIBRARY=${named_library_dir}/${soname};LD_LIBRARY_PATH=${named_library_dir}")
set(sanitizers -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
set(CMAKE_REQUIRED_FLAGS "-fsanitize=address,undefined")
check_c_source_compiles("int main(void) { return 0; }" HAVE_SANITIZERS)
unset(CMAKE_REQUIRED_FLAGS)
find_program(VALGRIND valgrind)

foreach(path ${c_tests})
  get_filename_component(name "${path}" NAME_WE)
  if(path MATCHES "\\.cc$")
    set(variants cpp11:CXX:11 cpp14:CXX:14 cpp17:CXX:17 cpp20:CXX:20)
    set(language CXX)
    set(standard 17)
    set(plain cpp11)
  else()
    set(variants c99:C:99 c11:C:11 cpp11:CXX:11 cpp20:CXX:20)
    set(language C)
    set(standard 11)
    set(plain c11)
  endif()
  foreach(variant ${variants})
    string(REPLACE ":" ";" variant "${variant}")
    list(GET variant 0 label)
    list(GET variant 1 variant_language)
    list(GET variant 2 variant_standard)
    add_c_program("c-${name}-${label}" "${path}" ${variant_language} ${variant_standard} updraft::updraft)
    add_c_test("c.${name}.${label}" "c-${name}-${label}" "${plain_library}")
  endforeach()
  add_c_test("c.${name}.no-signals" "c-${name}-${plain}" "${plain_library};UPDRAFT_TEST_SIGNALS=0")
  add_c_program("c-${name}-static" "${path}" ${language} ${standard} updraft::static)
  add_c_test("c.${name}.static" "c-${name}-static" "${plain_library}")

  if(HAVE_SANITIZERS)
    add_c_program("c-${name}-sanitized" "${path}" ${language} ${standard} updraft::updraft ${sanitizers})
    add_c_test("c.${name}.sanitized" "c-${name}-sanitized"
      "${named_library};ASAN_OPTIONS=detect_leaks=1:strict_string_checks=1;UBSAN_OPTIONS=print_stacktrace=1;UPDRAFT_TEST_TOOL=asan")
  endif()
  if(VALGRIND)
    # The engine writes machine code while it runs: valgrind must look for changed code everywhere.
    add_c_test("c.${name}.valgrind" "c-${name}-${plain}"
      "${named_library};UPDRAFT_TEST_SIGNALS=0;UPDRAFT_TEST_TOOL=valgrind"
      "${VALGRIND}" --quiet --error-exitcode=99 --smc-check=all --fair-sched=try --leak-check=full --show-leak-kinds=definite,indirect
      --errors-for-leak-kinds=definite,indirect --num-callers=30
      "--suppressions=${PROJECT_SOURCE_DIR}/cmake/valgrind.supp")
  endif()
endforeach()
# Two engines in one process: one file, compiled with the names of each.
foreach(engine plain prefixed)
  add_library("c-prefix-${engine}" OBJECT EXCLUDE_FROM_ALL "${PROJECT_SOURCE_DIR}/c-tests/prefix/engine.c")
  target_compile_definitions("c-prefix-${engine}" PRIVATE "RUN=run_${engine}")
  target_include_directories("c-prefix-${engine}" PRIVATE "${PROJECT_SOURCE_DIR}/include")
  target_compile_options("c-prefix-${engine}" PRIVATE ${strict_warnings})
endforeach()
target_compile_options(c-prefix-prefixed PRIVATE -include "${prefixed_dir}/updraft_prefix.h")
add_dependencies(c-prefix-prefixed updraft-prefixed)
add_executable(c-prefix EXCLUDE_FROM_ALL "${PROJECT_SOURCE_DIR}/c-tests/prefix/main.c")
target_link_libraries(c-prefix PRIVATE c-prefix-plain c-prefix-prefixed updraft::updraft "${prefixed_library}.so")
set_target_properties(c-prefix PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/c-tests")
add_dependencies(c-tests c-prefix)
add_c_test(c.prefix c-prefix "")
if(NOT HAVE_SANITIZERS)
  add_skipped_test(c.sanitized "the C compiler has no address and undefined-behaviour sanitizers")
endif()
if(NOT VALGRIND)
  add_skipped_test(c.valgrind "valgrind is not installed")
endif()

# --- The shipped library and its header ----------------------------------------------------------------

add_test(NAME library.header COMMAND tools/header.sh --verify WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}")
add_test(NAME library.wasm-header COMMAND tools/wasm-header.sh --verify WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}")
add_test(NAME library.null-test COMMAND Python3::Interpreter tools/null_test.py --verify WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}")
add_test(NAME library.symbols COMMAND tools/symbols.sh "${shared_library}" WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}")
add_test(NAME library.shape COMMAND Python3::Interpreter "${PROJECT_SOURCE_DIR}/cmake/check_library.py"
  "${shared_library}" --soname "${soname}" --max-size 8000000)
add_test(NAME library.install COMMAND "${CMAKE_COMMAND}"
  "-DSOURCE=${PROJECT_SOURCE_DIR}" "-DBUILD=${PROJECT_BINARY_DIR}" "-DGENERATOR=${CMAKE_GENERATOR}"
  -P "${PROJECT_SOURCE_DIR}/cmake/check_install.cmake")
set_tests_properties(library.header library.wasm-header library.null-test library.symbols library.shape library.install PROPERTIES
  LABELS library SKIP_RETURN_CODE 77 SKIP_REGULAR_EXPRESSION "SKIPPED: ")
if(NOT UPDRAFT_PROFILE STREQUAL "release")
  set_tests_properties(library.shape PROPERTIES DISABLED ON)
endif()

# Another language lives with the interface: no compiler is involved.
add_test(NAME python.tiers COMMAND Python3::Interpreter "${PROJECT_SOURCE_DIR}/tests/python/test_tiers.py"
  --library "${shared_library}")
set_tests_properties(python.tiers PROPERTIES LABELS python)

# --- Examples and real programs ------------------------------------------------------------------------

add_test(NAME examples.hello COMMAND hello)
set_tests_properties(examples.hello PROPERTIES LABELS examples PASS_REGULAR_EXPRESSION "^7 \\+ 35 = 42\n$")
add_test(NAME examples.run COMMAND Python3::Interpreter "${PROJECT_SOURCE_DIR}/tests/programs/test_run.py"
  --run $<TARGET_FILE:run>)
set_tests_properties(examples.run PROPERTIES LABELS examples)
add_test(NAME examples.raytracer COMMAND Python3::Interpreter "${PROJECT_SOURCE_DIR}/tests/programs/test_raytracer.py"
  --run $<TARGET_FILE:run> --cc "${CMAKE_C_COMPILER}")
set_tests_properties(examples.raytracer PROPERTIES LABELS examples SKIP_RETURN_CODE 77)

find_program(REDIS_SERVER redis-server)
if(REDIS_SERVER)
  add_test(NAME examples.redis-cache COMMAND Python3::Interpreter
    "${PROJECT_SOURCE_DIR}/tests/programs/test_redis_cache.py" --example $<TARGET_FILE:redis_cache> --server "${REDIS_SERVER}")
  set_tests_properties(examples.redis-cache PROPERTIES LABELS examples)
else()
  add_skipped_test(examples.redis-cache "redis-server is not installed")
endif()

find_program(NODE node)
find_program(NPM npm)
file(GLOB programs CONFIGURE_DEPENDS RELATIVE "${PROJECT_SOURCE_DIR}/tests/programs" "${PROJECT_SOURCE_DIR}/tests/programs/program_*.py")
foreach(program ${programs})
  string(REGEX REPLACE "^program_(.*)\\.py$" "\\1" name "${program}")
  if(NODE AND NPM)
    add_test(NAME "programs.${name}" COMMAND Python3::Interpreter "${PROJECT_SOURCE_DIR}/tests/programs/driver.py"
      "${name}" --run $<TARGET_FILE:run> --library "${shared_library}" --node "${NODE}" --npm "${NPM}"
      --cache "${PROJECT_BINARY_DIR}/programs")
    set_tests_properties("programs.${name}" PROPERTIES LABELS programs SKIP_RETURN_CODE 77)
  else()
    add_skipped_test("programs.${name}" "Node.js or npm is not installed")
  endif()
endforeach()
