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
add_test(NAME rust.format COMMAND "${CARGO}" fmt --check WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}")
set_tests_properties(rust.format PROPERTIES LABELS rust)

# --- C: one program per object of the interface, in each language version ------------------------------

file(GLOB c_tests CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/c-tests/*.c")
file(GLOB cpp_tests CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/c-tests/*.cc")
add_custom_target(c-tests)

# Builds c-tests/NAME.c, or NAME.cc, as LANGUAGE (C or CXX) STANDARD, linked with LIBRARY; further arguments are flags.
function(add_c_program target name language standard library)
  set(source "${PROJECT_SOURCE_DIR}/c-tests/${name}.c")
  if(NOT EXISTS "${source}")
    set(source "${PROJECT_SOURCE_DIR}/c-tests/${name}.cc")
  elseif(language STREQUAL "CXX")
    # A file has one language per directory: C++ sees the test through a file that includes it.
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
    ENVIRONMENT "UPDRAFT_LIBRARY=${library_dir}/libupdraft.so;${environment}")
endfunction()

include(CheckCSourceCompiles)
set(sanitizers -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
set(CMAKE_REQUIRED_FLAGS "-fsanitize=address,undefined")
check_c_source_compiles("int main(void) { return 0; }" HAVE_SANITIZERS)
unset(CMAKE_REQUIRED_FLAGS)
find_program(VALGRIND valgrind)

foreach(path ${c_tests})
  get_filename_component(name "${path}" NAME_WE)
  foreach(variant c99:C:99 c11:C:11 cpp11:CXX:11 cpp20:CXX:20)
    string(REPLACE ":" ";" variant "${variant}")
    list(GET variant 0 label)
    list(GET variant 1 language)
    list(GET variant 2 standard)
    add_c_program("c-${name}-${label}" "${name}" ${language} ${standard} updraft::updraft)
    add_c_test("c.${name}.${label}" "c-${name}-${label}" "")
  endforeach()
  add_c_test("c.${name}.no-signals" "c-${name}-c11" "UPDRAFT_TEST_SIGNALS=0")
  add_c_program("c-${name}-static" "${name}" C 11 updraft::static)
  add_c_test("c.${name}.static" "c-${name}-static" "")

  if(HAVE_SANITIZERS)
    add_c_program("c-${name}-sanitized" "${name}" C 11 updraft::updraft ${sanitizers})
    add_c_test("c.${name}.sanitized" "c-${name}-sanitized"
      "LD_LIBRARY_PATH=${named_library_dir};ASAN_OPTIONS=detect_leaks=1:strict_string_checks=1;UBSAN_OPTIONS=print_stacktrace=1;UPDRAFT_TEST_TOOL=asan")
  endif()
  if(VALGRIND)
    # The engine writes machine code while it runs: valgrind must look for changed code everywhere.
    add_c_test("c.${name}.valgrind" "c-${name}-c11"
      "LD_LIBRARY_PATH=${named_library_dir};UPDRAFT_TEST_SIGNALS=0;UPDRAFT_TEST_TOOL=valgrind"
      "${VALGRIND}" --quiet --error-exitcode=99 --smc-check=all --leak-check=full --show-leak-kinds=definite,indirect
      --errors-for-leak-kinds=definite,indirect --num-callers=30
      "--suppressions=${PROJECT_SOURCE_DIR}/cmake/valgrind.supp")
  endif()
endforeach()
foreach(path ${cpp_tests})
  get_filename_component(name "${path}" NAME_WE)
  foreach(standard 11 14 17 20)
    add_c_program("c-${name}-cpp${standard}" "${name}" CXX ${standard} updraft::updraft)
    add_c_test("c.${name}.cpp${standard}" "c-${name}-cpp${standard}" "")
  endforeach()
  if(HAVE_SANITIZERS)
    add_c_program("c-${name}-sanitized" "${name}" CXX 17 updraft::updraft ${sanitizers})
    add_c_test("c.${name}.sanitized" "c-${name}-sanitized"
      "LD_LIBRARY_PATH=${named_library_dir};ASAN_OPTIONS=detect_leaks=1:strict_string_checks=1;UBSAN_OPTIONS=print_stacktrace=1;UPDRAFT_TEST_TOOL=asan")
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

# --- Examples and real programs ------------------------------------------------------------------------

add_test(NAME examples.hello COMMAND hello)
set_tests_properties(examples.hello PROPERTIES LABELS examples PASS_REGULAR_EXPRESSION "^7 \\+ 35 = 42\n$")
add_test(NAME examples.run COMMAND Python3::Interpreter "${PROJECT_SOURCE_DIR}/tests/programs/test_run.py"
  --run $<TARGET_FILE:run>)
set_tests_properties(examples.run PROPERTIES LABELS examples)

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
