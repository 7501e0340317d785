/* Measures compilation in the background: how it scales with workers, what a publication costs, and what running code
 * notices of it.
 *
 *     cc -O2 -o background bench/background.c -Iinclude -L LIBRARY_DIR -lupdraft -lpthread
 *     ./background MODULE.wasm [ROUNDS [json]]
 *
 * MODULE should have some hundreds of functions, so that there is something to do. Rounds are interleaved; each figure
 * is a median over rounds. Times are wall time: on a machine that does other work, too, only the publication row holds.
 *
 * Running code is timed three times: with nothing beside it; beside another process that compiles the same, which takes
 * its share of caches, memory and heat but publishes nothing here; and beside a worker of its own engine. What the last
 * costs more than the second is the price of publication.
 */
#define _POSIX_C_SOURCE 200809L
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <updraft.h>

enum { MAX_WORKERS = 64, MAX_ROUNDS = 101, QUEUE = 1 << 19, ITERATIONS = 20000 };

static const char spin_text[] =
    "(module (func (export \"spin\") (param i32) (result i32) (local i32)"
    "  (loop $l (local.set 1 (i32.add (i32.mul (local.get 1) (i32.const 31)) (local.get 0)))"
    "    (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))"
    "  (local.get 1)))";

static void check(updraft_status_t status, const char *what) {
    if (status == UPDRAFT_STATUS_OK) return;
    fprintf(stderr, "background: %s: status %" PRIu32 "\n", what, status);
    exit(1);
}

static uint64_t now_ns(void) {
    struct timespec time = {0, 0};
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The part of `count` values below which `share` of them lie. Sorts them. */
static double quantile(double *values, size_t count, double share) {
    if (count == 0) return 0;
    qsort(values, count, sizeof *values, compare);
    return values[(size_t)((double)(count - 1) * share)];
}

static updraft_engine_t *make_engine(uint32_t workers, updraft_strategy_t strategy) {
    updraft_config_t *config = NULL;
    updraft_engine_t *engine = NULL;
    check(updraft_config_new(&config, NULL), "config");
    check(updraft_config_set_workers(config, workers, NULL), "workers");
    check(updraft_config_set_strategy(config, strategy, NULL), "strategy");
    check(updraft_config_set_tiers(config, UPDRAFT_TIERS_TOP, NULL), "tiers");
    check(updraft_engine_new(config, &engine, NULL), "engine");
    updraft_config_delete(config);
    return engine;
}

/* Events of one kind; capacity for a whole module. */
static updraft_subscription_t *subscribe(updraft_engine_t *engine, uint32_t kind) {
    updraft_subscription_t *subscription = NULL;
    check(updraft_subscription_new(engine, 0, 1u << kind, QUEUE, &subscription, NULL), "subscription");
    return subscription;
}

/* --- Scaling -------------------------------------------------------------------------------------- */

/* Seconds in which the workers alone compile a module, while this thread sleeps: from the beginning of the first function
 * to the publication of the last. */
static double compile_in_background(const uint8_t *bytes, size_t len, uint32_t workers) {
    updraft_engine_t *engine = make_engine(workers, UPDRAFT_STRATEGY_EAGER_BACKGROUND);
    updraft_subscription_t *finished = subscribe(engine, UPDRAFT_EVENT_BASELINE_FINISHED);
    updraft_subscription_t *tiered = subscribe(engine, UPDRAFT_EVENT_FUNCTION_TIERED);
    updraft_module_t *module = NULL;
    check(updraft_module_new(engine, bytes, len, &module, NULL), "module");
    check(updraft_subscription_wait(finished, UINT64_MAX, NULL), "waiting");
    uint64_t begin = UINT64_MAX, end = 0;
    updraft_event_t events[256];
    size_t count = 0;
    do {
        check(updraft_subscription_drain(tiered, events, 256, sizeof *events, &count, NULL), "events");
        for (size_t i = 0; i < count; i++) {
            if (events[i].began_ns < begin) begin = events[i].began_ns;
            if (events[i].time_ns > end) end = events[i].time_ns;
        }
    } while (count != 0);
    updraft_module_delete(module);
    updraft_subscription_delete(finished);
    updraft_subscription_delete(tiered);
    updraft_engine_delete(engine);
    return (double)(end - begin) * 1e-9;
}

/* --- Publication ---------------------------------------------------------------------------------- */

/* For each function that is compiled and published alone: nanoseconds from the end of its compilation until its event,
 * which comes after its code is in the slot. */
static size_t publish_alone(const uint8_t *bytes, size_t len, double *out, size_t capacity) {
    updraft_engine_t *engine = make_engine(0, UPDRAFT_STRATEGY_LAZY);
    updraft_subscription_t *tiered = subscribe(engine, UPDRAFT_EVENT_FUNCTION_TIERED);
    updraft_module_t *module = NULL;
    check(updraft_module_new(engine, bytes, len, &module, NULL), "module");
    size_t functions = 0, count = 0;
    check(updraft_module_func_count(module, &functions, NULL), "functions");
    updraft_module_stats_t stats;
    memset(&stats, 0, sizeof stats);
    stats.struct_size = sizeof stats;
    check(updraft_module_stats(module, &stats, NULL), "statistics");
    uint32_t imported = (uint32_t)(functions - stats.functions);
    for (uint64_t i = 0; i < stats.functions && count < capacity; i++) {
        uint32_t func = imported + (uint32_t)i;
        updraft_event_t event;
        size_t got = 0;
        check(updraft_module_wait_tier(module, &func, 1, UPDRAFT_TIER_TOP, UINT64_MAX, NULL), "tier");
        check(updraft_subscription_drain(tiered, &event, 1, sizeof event, &got, NULL), "events");
        if (got == 1) out[count++] = (double)(event.time_ns - event.began_ns - event.duration_ns);
    }
    updraft_module_delete(module);
    updraft_subscription_delete(tiered);
    updraft_engine_delete(engine);
    return count;
}

/* --- What running code notices -------------------------------------------------------------------- */

typedef struct {
    updraft_engine_t *engine;
    const uint8_t *bytes;
    size_t len;
    atomic_int stop;
} load_t;

/* Has the engine compile one module after the other, in the background. */
static void *make_load(void *argument) {
    load_t *load = argument;
    updraft_subscription_t *finished = subscribe(load->engine, UPDRAFT_EVENT_BASELINE_FINISHED);
    while (!atomic_load(&load->stop)) {
        updraft_module_t *module = NULL;
        updraft_event_t event;
        size_t got = 0;
        check(updraft_module_new(load->engine, load->bytes, load->len, &module, NULL), "module");
        while (!atomic_load(&load->stop) && updraft_subscription_wait(finished, 10000000, NULL) != UPDRAFT_STATUS_OK) {
        }
        updraft_subscription_drain(finished, &event, 1, sizeof event, &got, NULL);
        updraft_module_delete(module);
    }
    updraft_subscription_delete(finished);
    return NULL;
}

/* What compiles meanwhile. */
typedef enum { NOTHING, OTHER_PROCESS, THIS_ENGINE, BESIDES } beside_t;

/* A process that compiles until it is killed. No thread of ours runs when this is called. */
static pid_t compile_elsewhere(const uint8_t *bytes, size_t len) {
    pid_t child = fork();
    if (child != 0) return child;
    load_t load = {make_engine(1, UPDRAFT_STRATEGY_EAGER_BACKGROUND), bytes, len, 0};
    make_load(&load);
    _exit(0);
}

/* Times of calls that take about 20 microseconds each. */
static void run_beside(const uint8_t *bytes, size_t len, beside_t beside, double *median, double *tail) {
    static double times[ITERATIONS];
    pid_t child = beside == OTHER_PROCESS ? compile_elsewhere(bytes, len) : 0;
    if (child < 0) exit(1);
    updraft_engine_t *engine = make_engine(1, UPDRAFT_STRATEGY_EAGER_BACKGROUND);
    updraft_module_t *module = NULL;
    updraft_store_t *store = NULL;
    updraft_instance_t instance = 0;
    updraft_extern_t item;
    memset(&item, 0, sizeof item);
    check(updraft_module_new(engine, (const uint8_t *)spin_text, strlen(spin_text), &module, NULL), "spin");
    check(updraft_module_wait_idle(module, UINT64_MAX, NULL), "spin");
    check(updraft_store_new(engine, &store, NULL), "store");
    check(updraft_instance_new(store, module, NULL, 0, &instance, NULL), "instance");
    check(updraft_instance_export(store, instance, "spin", 4, &item, NULL), "export");
    load_t load = {engine, bytes, len, 0};
    pthread_t thread;
    if (beside == THIS_ENGINE && pthread_create(&thread, NULL, make_load, &load)) exit(1);
    updraft_val_t argument, result;
    memset(&argument, 0, sizeof argument);
    argument.kind = UPDRAFT_VAL_I32;
    argument.of.i32 = 20000;
    for (size_t i = 0; i < ITERATIONS; i++) {
        uint64_t start = now_ns();
        check(updraft_func_call(store, item.handle, &argument, 1, &result, 1, NULL), "call");
        times[i] = (double)(now_ns() - start);
    }
    if (child > 0) {
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
    }
    if (beside == THIS_ENGINE) {
        atomic_store(&load.stop, 1);
        pthread_join(thread, NULL);
    }
    *median = quantile(times, ITERATIONS, 0.5);
    *tail = quantile(times, ITERATIONS, 0.999);
    updraft_store_delete(store, NULL);
    updraft_module_delete(module);
    updraft_engine_delete(engine);
}

int main(int argc, char **argv) {
    if (argc < 2) return fprintf(stderr, "usage: background MODULE.wasm [ROUNDS [json]]\n"), 2;
    size_t rounds = argc > 2 ? strtoul(argv[2], NULL, 10) : 5;
    if (rounds == 0 || rounds > MAX_ROUNDS) rounds = 5;
    FILE *file = fopen(argv[1], "rb");
    if (file == NULL) return perror(argv[1]), 1;
    static uint8_t bytes[64 << 20];
    size_t len = fread(bytes, 1, sizeof bytes, file);
    fclose(file);

    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    static double scaling[MAX_WORKERS + 1][MAX_ROUNDS], published[1 << 17], times[BESIDES][2][MAX_ROUNDS];
    uint32_t workers[8], steps = 0;
    for (long count = 1; count <= cores && count <= MAX_WORKERS && steps < 8; count *= 2) workers[steps++] = (uint32_t)count;
    size_t publications = 0;
    for (size_t round = 0; round < rounds; round++) {
        for (uint32_t step = 0; step < steps; step++)
            scaling[step][round] = compile_in_background(bytes, len, workers[step]);
        publications += publish_alone(bytes, len, published + publications, sizeof published / sizeof *published - publications);
        for (beside_t beside = NOTHING; beside < BESIDES; beside++)
            run_beside(bytes, len, beside, &times[beside][0][round], &times[beside][1][round]);
    }
    const int json = argc > 3 && strcmp(argv[3], "json") == 0;
    const double one = quantile(scaling[0], rounds, 0.5), most = quantile(scaling[steps - 1], rounds, 0.5);
    const double publish = quantile(published, publications, 0.5);
    double medians[BESIDES], tails[BESIDES];
    for (beside_t beside = NOTHING; beside < BESIDES; beside++) {
        medians[beside] = quantile(times[beside][0], rounds, 0.5);
        tails[beside] = quantile(times[beside][1], rounds, 0.5);
    }
    if (json) {
        printf("{\"workers\": %" PRIu32 ", \"scaling\": %f, \"publish_ns\": %f, \"beside_process\": %f,"
               " \"beside_engine\": %f, \"price\": %f, \"price_tail\": %f}\n",
               workers[steps - 1], one / most, publish, medians[OTHER_PROCESS] / medians[NOTHING],
               medians[THIS_ENGINE] / medians[NOTHING], medians[THIS_ENGINE] / medians[OTHER_PROCESS],
               tails[THIS_ENGINE] / tails[OTHER_PROCESS]);
        return 0;
    }
    for (uint32_t step = 0; step < steps; step++) {
        double time = quantile(scaling[step], rounds, 0.5);
        printf("compile, %2" PRIu32 " workers      %10.3f ms   %5.2fx of one\n", workers[step], time * 1e3, one / time);
    }
    printf("publish one function     %10.0f ns   median of %zu, 99%%: %.0f ns\n", publish, publications,
           quantile(published, publications, 0.99));
    const char *names[] = {"running, nothing else", "running, other process", "running, compiling"};
    for (beside_t beside = NOTHING; beside < BESIDES; beside++)
        printf("%-24s %10.0f ns   99.9%%: %.0f ns\n", names[beside], medians[beside], tails[beside]);
    return 0;
}
