/* Two engines in one process: the faults of each are its own, one inside the other too. */
#include <stdio.h>

int run_plain(int (*between)(void));
int run_prefixed(int (*between)(void));

static int inner = 0;

static int plain_inside(void) {
    inner += run_plain(NULL);
    return 0;
}

static int prefixed_inside(void) {
    inner += run_prefixed(NULL);
    return 0;
}

int main(void) {
    int i, failures = 0;
    for (i = 0; i < 2; i++) {
        failures += run_plain(NULL) != 3;
        failures += run_prefixed(NULL) != 3;
        inner = 0;
        failures += run_plain(prefixed_inside) != 3 || inner != 9;
        inner = 0;
        failures += run_prefixed(plain_inside) != 3 || inner != 9;
    }
    if (failures != 0) fprintf(stderr, "%d of 8 runs failed\n", failures);
    return failures == 0 ? 0 : 1;
}
