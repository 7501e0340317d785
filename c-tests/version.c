/* Version and capabilities. */
#include "test.h"

int main(void) {
    static const char *const names[] = {"mutable-global",  "saturating-float-to-int", "sign-extension", "reference-types",
                                        "multi-value",     "bulk-memory",             "simd",           "relaxed-simd",
                                        "threads",         "tail-call",               "multi-memory",   "memory64",
                                        "extended-const",  "wide-arithmetic"};
    size_t len;
    uint32_t i;

    CHECK_EQ(updraft_abi_version(), UPDRAFT_ABI_VERSION);
    CHECK(strncmp(updraft_version_string(), "0.1.", 4) == 0);
    CHECK_TEXT(updraft_target_string(), "x86_64-linux");

    for (i = 0; i < sizeof names / sizeof names[0]; i++) {
        CHECK_EQ(updraft_feature_supported(i), 1);
        CHECK_TEXT(updraft_feature_name(i, &len), names[i]);
        CHECK_EQ(len, strlen(names[i]));
    }
    CHECK_EQ(i, UPDRAFT_FEATURE_WIDE_ARITHMETIC + 1);
    CHECK(updraft_feature_name(0, NULL) != NULL);
    for (; i < 200; i++) {
        len = 1;
        CHECK_EQ(updraft_feature_supported(i), 0);
        CHECK(updraft_feature_name(i, &len) == NULL);
        CHECK_EQ(len, 0);
    }
    CHECK_EQ(updraft_feature_supported(UINT32_MAX), 0);

    CHECK_EQ(updraft_capability_supported(UPDRAFT_CAPABILITY_TEXT), 1);
    CHECK_EQ(updraft_capability_supported(UPDRAFT_CAPABILITY_WASI), 1);
    CHECK_EQ(updraft_capability_supported(UPDRAFT_CAPABILITY_TOP_TIER), 1);
    CHECK_EQ(updraft_capability_supported(0), 0);
    CHECK_EQ(updraft_capability_supported(UINT32_MAX), 0);
    return test_end();
}
