# Targets for people who change the engine; each has a build preset of the same name.

set(cargo_test "${CARGO}" test --locked --target-dir "${UPDRAFT_TARGET_DIR}")

add_custom_target(check
  COMMAND "${CARGO}" fmt --check
  COMMAND "${CARGO}" clippy --locked --all-targets --target-dir "${UPDRAFT_TARGET_DIR}" -- -D warnings
  COMMAND ${cargo_test} --test tidy
  WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}" COMMENT "Format, lints, house rules" USES_TERMINAL VERBATIM)

add_custom_target(header
  COMMAND tools/header.sh
  WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}" COMMENT "Generating include/updraft.h" USES_TERMINAL VERBATIM)

add_custom_target(rust-tests
  COMMAND ${cargo_test} --no-run
  WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}" COMMENT "Building the Rust tests" USES_TERMINAL VERBATIM)
