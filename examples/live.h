/* What examples/run shows of compilation: a progress bar, a table of tiers, what moved up while the program ran, a trace
 * for Chrome and Perfetto.
 *
 * Everything here comes from events (`updraft_subscription_t`) and from states of functions. Included by run.c only.
 */
#ifndef LIVE_H
#define LIVE_H

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <updraft.h>

enum { LIVE_QUEUE = 1 << 18, LIVE_BATCH = 256, LIVE_BAR = 40, LIVE_POLL_NS = 50 * 1000 * 1000 };

typedef struct {
    updraft_subscription_t *subscription;
    /* In the order in which they came. */
    updraft_event_t *events;
    size_t count, capacity;
    /* Functions that reached a tier, those that were refused, and events that were lost. */
    uint64_t tiered, refused, lost;
    bool out_of_memory;
} live_t;

static updraft_status_t live_begin(live_t *live, const updraft_engine_t *engine, updraft_error_t **error) {
    memset(live, 0, sizeof *live);
    return updraft_subscription_new(engine, 0, UPDRAFT_EVENT_MASK_ALL, LIVE_QUEUE, &live->subscription, error);
}

static void live_end(live_t *live) {
    updraft_subscription_delete(live->subscription);
    free(live->events);
    memset(live, 0, sizeof *live);
}

static void live_keep(live_t *live, const updraft_event_t *event) {
    if (live->out_of_memory) return;
    if (live->count == live->capacity) {
        size_t capacity = live->capacity ? live->capacity * 2 : 4096;
        updraft_event_t *events = realloc(live->events, capacity * sizeof *events);
        if (events == NULL) {
            live->out_of_memory = true;
            return;
        }
        live->events = events;
        live->capacity = capacity;
    }
    live->events[live->count++] = *event;
}

/* Fetches what happened since the last call. */
static void live_drain(live_t *live) {
    updraft_event_t events[LIVE_BATCH];
    size_t count = 0;
    while (updraft_subscription_drain(live->subscription, events, LIVE_BATCH, sizeof *events, &count, NULL) ==
               UPDRAFT_STATUS_OK &&
           count != 0) {
        for (size_t i = 0; i < count; i++) {
            live->tiered += events[i].kind == UPDRAFT_EVENT_FUNCTION_TIERED;
            live->refused += events[i].kind == UPDRAFT_EVENT_FUNCTION_REFUSED;
            if (events[i].kind == UPDRAFT_EVENT_RESYNC) live->lost += events[i].count;
            live_keep(live, &events[i]);
        }
    }
}

static void live_bar(const live_t *live, uint64_t total) {
    uint64_t done = live->tiered + live->refused;
    if (total != 0 && done <= total) {
        int filled = (int)(done * LIVE_BAR / total);
        char bar[LIVE_BAR + 1];
        memset(bar, '#', (size_t)filled);
        memset(bar + filled, '.', (size_t)(LIVE_BAR - filled));
        bar[LIVE_BAR] = '\0';
        fprintf(stderr, "\rcompiling [%s] %" PRIu64 " of %" PRIu64 " functions\033[K", bar, done, total);
    } else {
        fprintf(stderr, "\rcompiling: %" PRIu64 " functions\033[K", done);
    }
    fflush(stderr);
}

/* As updraft_module_new, with a progress bar if standard error is a terminal. */
static updraft_status_t live_load(live_t *live, const updraft_engine_t *engine, const uint8_t *bytes, size_t len,
                                  const updraft_module_options_t *options, updraft_module_t **out,
                                  updraft_error_t **error) {
    updraft_job_t *job = NULL;
    updraft_status_t status = updraft_module_new_async(engine, bytes, len, NULL, NULL, options, &job, error);
    if (status) return status;
    bool bar = isatty(STDERR_FILENO);
    updraft_estimate_t estimate;
    memset(&estimate, 0, sizeof estimate);
    estimate.struct_size = sizeof estimate;
    /* What is wrong with the module, the job tells. */
    if (bar && updraft_engine_estimate(engine, bytes, len, &estimate, NULL)) estimate.functions = 0;
    while (updraft_job_wait(job, LIVE_POLL_NS, NULL) == UPDRAFT_STATUS_TIMEOUT) {
        live_drain(live);
        if (bar) live_bar(live, estimate.functions);
    }
    if (bar) fputs("\r\033[K", stderr);
    status = updraft_job_module(job, out, error);
    updraft_job_delete(job);
    return status;
}

static const char *live_tier(uint32_t tier) {
    return tier == UPDRAFT_TIER_BASELINE ? "baseline" : tier == UPDRAFT_TIER_TOP ? "top" : "-";
}

/* The name of a function with everything replaced that a terminal or a JSON string might misunderstand. */
static void live_name(FILE *file, const updraft_module_t *module, uint32_t func) {
    char name[256];
    size_t len = 0;
    updraft_status_t status = updraft_module_func_name(module, func, name, sizeof name, &len, NULL);
    if (status != UPDRAFT_STATUS_OK || len == 0) {
        fprintf(file, "func[%" PRIu32 "]", func);
        return;
    }
    if (len >= sizeof name) {
        /* Cut off, and not within a character. */
        len = sizeof name - 1;
        while (len > 0 && (unsigned char)name[len - 1] >= 128) len--;
    }
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)name[i];
        fputc(c < 32 || c == 127 || c == '"' || c == '\\' ? '?' : c, file);
    }
}

/* The table of functions that have code, or could not get it, and a summary of all. */
static void live_table(const updraft_module_t *module) {
    updraft_func_state_t states[LIVE_BATCH];
    uint32_t first = 0;
    size_t count = 0;
    uint64_t functions[3] = {0, 0, 0}, code[3] = {0, 0, 0}, time[3] = {0, 0, 0};
    fprintf(stderr, "%8s  %-8s  %-8s  %10s  %12s  %s\n", "function", "tier", "target", "code bytes", "compile us", "name");
    while (updraft_module_func_states(module, first, states, LIVE_BATCH, sizeof *states, &count, NULL) ==
               UPDRAFT_STATUS_OK &&
           count != 0) {
        for (size_t i = 0; i < count; i++) {
            const updraft_func_state_t *state = &states[i];
            if (state->flags & UPDRAFT_FUNC_IMPORTED) continue;
            uint32_t tier = state->tier <= UPDRAFT_TIER_TOP ? state->tier : 0;
            functions[tier]++;
            code[tier] += state->code_size;
            time[tier] += state->compile_ns;
            uint32_t refused = state->flags & (UPDRAFT_FUNC_BASELINE_REFUSED | UPDRAFT_FUNC_TOP_REFUSED);
            if (tier == 0 && state->target_tier == 0 && refused == 0) continue;
            fprintf(stderr, "%8" PRIu32 "  %-8s  %-8s  %10" PRIu32 "  %12.1f  ", state->func, live_tier(tier),
                    refused ? "refused" : live_tier(state->target_tier), state->code_size,
                    (double)state->compile_ns / 1e3);
            live_name(stderr, module, state->func);
            fputc('\n', stderr);
        }
        first = states[count - 1].func + 1;
    }
    for (uint32_t tier = UPDRAFT_TIER_TOP; tier >= UPDRAFT_TIER_BASELINE; tier--) {
        fprintf(stderr, "run: %-8s %8" PRIu64 " functions, %10" PRIu64 " bytes of code, %10.3f ms of compiling\n",
                live_tier(tier), functions[tier], code[tier], (double)time[tier] / 1e6);
    }
    fprintf(stderr, "run: %-8s %8" PRIu64 " functions\n", "no code", functions[0]);
}

/* What left the baseline tier, in the order in which it did: when, what the better code cost (time of a compiling thread,
 * bytes), and what it gained: for how much of the run it was there. */
static void live_moves(const live_t *live, const updraft_module_t *module, uint64_t start_ns, uint64_t end_ns) {
    double total = (double)(end_ns - start_ns);
    /* Bytes of the code of the baseline tier, by function. */
    size_t count = 0;
    updraft_module_func_count(module, &count, NULL);
    uint32_t *baseline = calloc(count + 1, sizeof *baseline);
    uint64_t functions = 0, loops = 0, refused = 0, time = 0, bytes = 0;
    for (size_t i = 0; i < live->count; i++) {
        const updraft_event_t *event = &live->events[i];
        if (baseline != NULL && event->kind == UPDRAFT_EVENT_FUNCTION_TIERED &&
            event->to_tier == UPDRAFT_TIER_BASELINE && event->func < count)
            baseline[event->func] = event->code_size;
        bool loop = event->kind == UPDRAFT_EVENT_LOOP_TIERED;
        bool left = event->kind == UPDRAFT_EVENT_FUNCTION_TIERED && event->from_tier == UPDRAFT_TIER_BASELINE;
        bool kept = event->kind == UPDRAFT_EVENT_FUNCTION_REFUSED && event->to_tier == UPDRAFT_TIER_TOP;
        if (!loop && !left && !kept) continue;
        kept = kept || (loop && event->status != UPDRAFT_STATUS_OK);
        if (functions + loops + refused == 0)
            fprintf(stderr, "%10s  %12s  %10s  %10s  %9s  %s\n", "at ms", "compile us", "baseline", "code bytes",
                    "of run", "function or loop that left the baseline tier");
        *(kept ? &refused : loop ? &loops : &functions) += 1;
        time += event->duration_ns;
        bytes += kept ? 0 : event->code_size;
        double at = event->time_ns > start_ns ? (double)(event->time_ns - start_ns) : 0.0;
        fprintf(stderr, "%10.3f  %12.1f  %10" PRIu32 "  %10" PRIu32 "  ", at / 1e6, (double)event->duration_ns / 1e3,
                baseline != NULL && event->func < count ? baseline[event->func] : 0, kept ? 0 : event->code_size);
        if (kept) {
            fprintf(stderr, "%9s  ", "refused");
        } else {
            fprintf(stderr, "%8.1f%%  ", at < total ? 100.0 * (1.0 - at / total) : 0.0);
        }
        live_name(stderr, module, event->func);
        if (loop) fprintf(stderr, ", loop at 0x%" PRIx32, event->count);
        fputc('\n', stderr);
    }
    fprintf(stderr,
            "run: %" PRIu64 " functions and %" PRIu64 " loops left the baseline tier, %" PRIu64
            " could not: %.3f ms of compiling, %" PRIu64 " bytes of code\n",
            functions, loops, refused, (double)time / 1e6, bytes);
    free(baseline);
}

/* --- The trace ------------------------------------------------------------------------------------ */

/* What this process did itself, beside what the events tell: times in nanoseconds of CLOCK_MONOTONIC. */
typedef struct {
    const char *name;
    uint64_t begin_ns, end_ns;
} live_phase_t;

static uint32_t live_thread(const updraft_event_t *event) {
    return event->worker == UPDRAFT_NO_WORKER ? 0 : event->worker;
}

static const char *live_state_name(const updraft_event_t *event) {
    switch (event->kind) {
    case UPDRAFT_EVENT_BASELINE_FINISHED: return "first compilation finished";
    case UPDRAFT_EVENT_FAILED: return "failed";
    case UPDRAFT_EVENT_CANCELLED: return "cancelled";
    case UPDRAFT_EVENT_CLOSED: return "closed";
    case UPDRAFT_EVENT_RESYNC: return "events were lost";
    default: return NULL;
    }
}

static void live_trace_event(FILE *file, const updraft_module_t *module, const updraft_event_t *event, uint64_t start,
                             uint64_t reached[3]) {
    double at = (double)(event->time_ns - start) / 1e3;
    uint32_t thread = live_thread(event);
    if (event->kind == UPDRAFT_EVENT_FUNCTION_TIERED || event->kind == UPDRAFT_EVENT_FUNCTION_REFUSED) {
        bool refused = event->kind == UPDRAFT_EVENT_FUNCTION_REFUSED;
        fputs(",\n{\"name\":\"", file);
        live_name(file, module, event->func);
        fprintf(file,
                "\",\"cat\":\"%s\",\"ph\":\"X\",\"pid\":1,\"tid\":%" PRIu32 ",\"ts\":%.3f,\"dur\":%.3f,\"args\":{\"function\":%" PRIu32
                ",\"from\":\"%s\",\"to\":\"%s\",\"code bytes\":%" PRIu32 ",\"refused\":%s,\"published\":%.3f}}",
                live_tier(event->to_tier), thread, (double)(event->began_ns - start) / 1e3,
                (double)event->duration_ns / 1e3, event->func, live_tier(event->from_tier), live_tier(event->to_tier),
                event->code_size, refused ? "true" : "false", at);
        if (!refused) {
            reached[event->to_tier]++;
            if (event->from_tier != 0) reached[event->from_tier]--;
            fprintf(file,
                    ",\n{\"name\":\"functions\",\"ph\":\"C\",\"pid\":1,\"tid\":0,\"ts\":%.3f,\"args\":{\"baseline\":%" PRIu64
                    ",\"top\":%" PRIu64 "}}",
                    at, reached[UPDRAFT_TIER_BASELINE], reached[UPDRAFT_TIER_TOP]);
        }
    } else if (event->kind == UPDRAFT_EVENT_LOOP_TIERED) {
        fputs(",\n{\"name\":\"", file);
        live_name(file, module, event->func);
        fprintf(file,
                ", loop at 0x%" PRIx32 "\",\"cat\":\"loop\",\"ph\":\"X\",\"pid\":1,\"tid\":%" PRIu32
                ",\"ts\":%.3f,\"dur\":%.3f,\"args\":{\"function\":%" PRIu32 ",\"code bytes\":%" PRIu32
                ",\"refused\":%s,\"published\":%.3f}}",
                event->count, thread, (double)(event->began_ns - start) / 1e3, (double)event->duration_ns / 1e3,
                event->func, event->code_size, event->status != UPDRAFT_STATUS_OK ? "true" : "false", at);
    } else if (event->kind == UPDRAFT_EVENT_COMPILATION_CHUNK) {
        fprintf(file,
                ",\n{\"name\":\"published\",\"ph\":\"i\",\"s\":\"p\",\"pid\":1,\"tid\":%" PRIu32 ",\"ts\":%.3f,\"args\":{\"functions\":%" PRIu32
                ",\"code bytes\":%" PRIu32 "}}",
                thread, at, event->count, event->code_size);
    } else if (live_state_name(event) != NULL) {
        fprintf(file, ",\n{\"name\":\"%s\",\"ph\":\"i\",\"s\":\"p\",\"pid\":1,\"tid\":%" PRIu32 ",\"ts\":%.3f,\"args\":{\"status\":%" PRIu32 "}}",
                live_state_name(event), thread, at, event->status);
    }
}

/* Writes all kept events as a Chrome trace: one row per worker, one for this thread. Times count from `start`. */
static bool live_trace(const live_t *live, const updraft_module_t *module, const char *path, uint64_t start,
                       const live_phase_t *phases, size_t phase_count) {
    FILE *file = fopen(path, "w");
    if (file == NULL) return false;
    uint32_t workers = 0;
    for (size_t i = 0; i < live->count; i++)
        if (live_thread(&live->events[i]) > workers) workers = live_thread(&live->events[i]);
    fprintf(file,
            "{\"displayTimeUnit\":\"ms\",\"otherData\":{\"engine\":\"updraft %s\",\"lost events\":%" PRIu64
            "},\"traceEvents\":[\n{\"name\":\"process_name\",\"ph\":\"M\",\"pid\":1,\"args\":{\"name\":\"updraft\"}}",
            updraft_version_string(), live->lost);
    for (uint32_t worker = 0; worker <= workers; worker++) {
        fprintf(file, ",\n{\"name\":\"thread_name\",\"ph\":\"M\",\"pid\":1,\"tid\":%" PRIu32 ",\"args\":{\"name\":\"", worker);
        if (worker == 0) {
            fputs("this thread\"}}", file);
        } else {
            fprintf(file, "worker %" PRIu32 "\"}}", worker);
        }
    }
    for (size_t i = 0; i < phase_count; i++)
        fprintf(file, ",\n{\"name\":\"%s\",\"cat\":\"run\",\"ph\":\"X\",\"pid\":1,\"tid\":0,\"ts\":%.3f,\"dur\":%.3f}",
                phases[i].name, (double)(phases[i].begin_ns - start) / 1e3,
                (double)(phases[i].end_ns - phases[i].begin_ns) / 1e3);
    uint64_t reached[3] = {0, 0, 0};
    for (size_t i = 0; i < live->count; i++) live_trace_event(file, module, &live->events[i], start, reached);
    fputs("\n]}\n", file);
    bool failed = ferror(file) != 0;
    return fclose(file) == 0 && !failed && !live->out_of_memory;
}

#endif
