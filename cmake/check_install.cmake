# Installs into an empty prefix, moves the prefix, and builds programs that find the library there: through
# the CMake package (shared and static) and through pkg-config.
#
#     cmake -DSOURCE=... -DBUILD=... -DGENERATOR=... -P check_install.cmake

set(work "${BUILD}/check-install")
file(REMOVE_RECURSE "${work}")
file(MAKE_DIRECTORY "${work}")

function(run)
  execute_process(COMMAND ${ARGN} COMMAND_ECHO STDOUT COMMAND_ERROR_IS_FATAL ANY)
endfunction()

run("${CMAKE_COMMAND}" --install "${BUILD}" --prefix "${work}/first")
# The CMake package must not remember where it was installed.
file(RENAME "${work}/first" "${work}/prefix")

run("${CMAKE_COMMAND}" -G "${GENERATOR}" -S "${SOURCE}/cmake/consumer" -B "${work}/consumer"
  "-DCMAKE_PREFIX_PATH=${work}/prefix" "-DHELLO=${SOURCE}/examples/hello.c")
run("${CMAKE_COMMAND}" --build "${work}/consumer")
foreach(program shared static)
  run("${work}/consumer/${program}")
endforeach()

find_program(CC NAMES cc gcc clang REQUIRED)
file(GLOB_RECURSE pc "${work}/prefix/*/updraft.pc")
get_filename_component(pc_dir "${pc}" DIRECTORY)
get_filename_component(lib_dir "${pc_dir}" DIRECTORY)
set(ENV{PKG_CONFIG_PATH} "${pc_dir}")
execute_process(COMMAND pkg-config --define-variable=prefix=${work}/prefix --cflags --libs updraft
  OUTPUT_VARIABLE flags OUTPUT_STRIP_TRAILING_WHITESPACE RESULT_VARIABLE result)
if(NOT result EQUAL 0)
  # The rest of the test has passed; ctest sees this line.
  message(STATUS "SKIPPED: pkg-config is not installed")
  return()
endif()
separate_arguments(flags)
run("${CC}" "${SOURCE}/examples/hello.c" -o "${work}/pkg-config-hello" ${flags} "-Wl,-rpath,${lib_dir}")
run("${work}/pkg-config-hello")
