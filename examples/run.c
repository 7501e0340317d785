/* Runs WebAssembly from the command line: a WASI command, or one function of a library module.
 *
 *     run [options] FILE.wasm [arguments...]
 *
 * Exit codes: the program's own; 134 if it trapped, 124 if it ran out of time, 2 for a wrong command line,
 * 1 for everything else (no such file, not a module, missing imports).
 */
#define _POSIX_C_SOURCE 200809L /* clock_gettime */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <updraft.h>

#include "live.h"

/* Bytes of all entries of a cache together. */
#define CACHE_LIMIT (UINT64_C(1) << 30)

enum { EXIT_ERROR = 1, EXIT_USAGE = 2, EXIT_TIMEOUT = 124, EXIT_TRAP = 134 };

static const char usage_text[] =
    "usage: run [options] FILE.wasm [arguments...]\n"
    "\n"
    "Runs the WASI command in FILE.wasm (text format works, too). It sees nothing of this machine but\n"
    "standard input, output and error, and what these options give to it:\n"
    "\n"
    "  --dir HOST[::GUEST]      directory HOST, as GUEST (default: HOST), for reading and writing\n"
    "  --ro-dir HOST[::GUEST]   the same for reading only\n"
    "  --env NAME[=VALUE]       environment variable; without VALUE the one of this process\n"
    "\n"
    "What is run, and how:\n"
    "\n"
    "  --invoke NAME            call the export NAME with the arguments, print its results\n"
    "  --strategy NAME          eager (default): compile all at the start; lazy: each function at its first call;\n"
    "                           background: all, while the program runs; lazy-top: each at its first call, and\n"
    "                           all again by the optimising compiler in the background\n"
    "  --lazy                   the same as --strategy lazy\n"
    "  --compilers NAME         both (default), top, or baseline\n"
    "  --tiering NAME           with both compilers, when functions and loops move to the optimising one by\n"
    "                           themselves: default, aggressive, off\n"
    "  --load-profile FILE      what an earlier run of the same program has found out; --save-profile FILE: keep\n"
    "                           what this one finds out\n"
    "  --save-hints FILE        write the program once more, with what was found out as hints for any engine\n"
    "  --cache DIR              keep optimised code in the directory DIR, and begin with what is there\n"
    "  --signals=off            no signal handlers: every check is an explicit branch\n"
    "  --explicit-bounds        check memory accesses by branches instead of guard pages\n"
    "  --timeout SECONDS        stop after this time (exit code 124)\n"
    "  --max-memory BYTES       limit of each memory; K, M and G are understood\n"
    "  --max-stack BYTES        limit of the stack\n"
    "\n"
    "What it shows, on standard error:\n"
    "\n"
    "  --tiers                  a progress bar while compiling (on a terminal), a table of functions at the end, and\n"
    "                           when each function and loop left the baseline tier\n"
    "  --trace FILE             write all compilation events to FILE, for Perfetto or chrome://tracing\n"
    "  -v, --stats              say how long each step took\n"
    "\n"
    "  --version                print the version\n"
    "  -h, --help               print this text\n"
    "\n"
    "Exit codes: the program's own; 134 trap, 124 timeout, 2 wrong command line, 1 other errors.\n";

typedef struct {
    const char *host, *guest;
    size_t host_len, guest_len;
    bool writable;
} dir_t;

typedef struct {
    const char *file, *invoke;
    dir_t *dirs;
    size_t dir_count;
    const char **env;
    size_t env_count;
    char **args;
    size_t arg_count;
    bool explicit_bounds, signals_off, stats, tiers;
    const char *trace, *load_profile, *save_profile, *save_hints, *cache;
    updraft_strategy_t strategy;
    updraft_tiers_t compilers;
    updraft_tiering_t tiering;
    double timeout;
    uint64_t max_memory, max_stack;
} options_t;

/* What was made so far, so that one place frees it. */
typedef struct {
    updraft_engine_t *engine;
    updraft_module_t *module;
    updraft_store_t *store;
    updraft_linker_t *linker;
    updraft_error_t *error;
    const char *name;
    /* With --tiers and --trace. */
    live_t live;
} session_t;

static int fail(int code, const char *format, ...) {
    va_list list;
    va_start(list, format);
    fputs("run: ", stderr);
    vfprintf(stderr, format, list);
    fputc('\n', stderr);
    va_end(list);
    return code;
}

static void *allocate(size_t count, size_t size) {
    void *memory = calloc(count ? count : 1, size);
    if (memory == NULL) exit(fail(EXIT_ERROR, "out of memory"));
    return memory;
}

/* The clock of the events. */
static uint64_t now_ns(void) {
    struct timespec time = {0, 0};
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static double seconds(uint64_t begin_ns, uint64_t end_ns) {
    return (double)(end_ns - begin_ns) * 1e-9;
}

/* --- The command line ----------------------------------------------------------------------------- */

/* The value of `--name VALUE` or `--name=VALUE` at argv[*i], NULL if argv[*i] is another option. */
static const char *option_value(int argc, char **argv, int *i, const char *name) {
    size_t len = strlen(name);
    if (strncmp(argv[*i], name, len) != 0) return NULL;
    if (argv[*i][len] == '=') return argv[*i] + len + 1;
    if (argv[*i][len] != '\0') return NULL;
    if (*i + 1 >= argc) exit(fail(EXIT_USAGE, "%s needs a value", name));
    return argv[++*i];
}

static uint64_t parse_bytes(const char *text, const char *option) {
    char *end = NULL;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    unsigned shift = *end == 'K' ? 10 : *end == 'M' ? 20 : *end == 'G' ? 30 : 0;
    if (shift != 0) end++;
    if (errno != 0 || end == text || *text == '-' || *end != '\0' || number > (UINT64_MAX >> shift))
        exit(fail(EXIT_USAGE, "%s: '%s' is not a size", option, text));
    return (uint64_t)number << shift;
}

static double parse_seconds(const char *text) {
    char *end = NULL;
    double seconds = strtod(text, &end);
    if (end == text || *end != '\0' || !(seconds > 0.0) || seconds > 1e9)
        exit(fail(EXIT_USAGE, "--timeout: '%s' is not a time in seconds", text));
    return seconds;
}

/* The position of `text` in `names`, which NULL ends. */
static uint32_t parse_choice(const char *text, const char *option, const char *const *names) {
    for (uint32_t i = 0; names[i] != NULL; i++)
        if (strcmp(text, names[i]) == 0) return i;
    exit(fail(EXIT_USAGE, "%s: there is no '%s'; --help lists what there is", option, text));
}

static const char *const strategy_names[] = {"eager", "lazy", "background", "lazy-top", NULL};
static const updraft_strategy_t strategies[] = {UPDRAFT_STRATEGY_EAGER, UPDRAFT_STRATEGY_LAZY,
                                                UPDRAFT_STRATEGY_EAGER_BACKGROUND,
                                                UPDRAFT_STRATEGY_LAZY_BASELINE_EAGER_TOP};
static const char *const compiler_names[] = {"top", "baseline", "both", NULL};
static const updraft_tiers_t compilers[] = {UPDRAFT_TIERS_TOP, UPDRAFT_TIERS_BASELINE, UPDRAFT_TIERS_BOTH};

static const char *const tiering_names[] = {"off", "default", "aggressive", NULL};
static const updraft_tiering_t tierings[] = {UPDRAFT_TIERING_OFF, UPDRAFT_TIERING_DEFAULT, UPDRAFT_TIERING_AGGRESSIVE};

static void add_dir(options_t *options, const char *text, bool writable) {
    const char *split = strstr(text, "::");
    size_t host_len = split ? (size_t)(split - text) : strlen(text);
    const char *guest = split ? split + 2 : text;
    if (host_len == 0 || *guest == '\0') exit(fail(EXIT_USAGE, "--dir: '%s' is not HOST or HOST::GUEST", text));
    dir_t dir = {text, guest, host_len, strlen(guest), writable};
    options->dirs[options->dir_count++] = dir;
}

static options_t parse(int argc, char **argv) {
    options_t options;
    memset(&options, 0, sizeof options);
    options.strategy = UPDRAFT_STRATEGY_EAGER;
    options.compilers = UPDRAFT_TIERS_BOTH;
    options.tiering = UPDRAFT_TIERING_DEFAULT;
    options.dirs = allocate((size_t)argc, sizeof *options.dirs);
    options.env = allocate((size_t)argc, sizeof *options.env);
    int i = 1;
    for (; i < argc && argv[i][0] == '-'; i++) {
        const char *value;
        if (strcmp(argv[i], "--") == 0) {
            i++;
            break;
        } else if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            fputs(usage_text, stdout);
            exit(0);
        } else if (strcmp(argv[i], "--version") == 0) {
            printf("run (updraft %s, interface %" PRIu32 ", %s)\n", updraft_version_string(), updraft_abi_version(),
                   updraft_target_string());
            exit(0);
        } else if (strcmp(argv[i], "--lazy") == 0) {
            options.strategy = UPDRAFT_STRATEGY_LAZY;
        } else if (strcmp(argv[i], "--tiers") == 0) {
            options.tiers = true;
        } else if (strcmp(argv[i], "--explicit-bounds") == 0) {
            options.explicit_bounds = true;
        } else if (strcmp(argv[i], "--stats") == 0 || strcmp(argv[i], "-v") == 0) {
            options.stats = true;
        } else if ((value = option_value(argc, argv, &i, "--strategy")) != NULL) {
            options.strategy = strategies[parse_choice(value, "--strategy", strategy_names)];
        } else if ((value = option_value(argc, argv, &i, "--compilers")) != NULL) {
            options.compilers = compilers[parse_choice(value, "--compilers", compiler_names)];
        } else if ((value = option_value(argc, argv, &i, "--tiering")) != NULL) {
            options.tiering = tierings[parse_choice(value, "--tiering", tiering_names)];
        } else if ((value = option_value(argc, argv, &i, "--load-profile")) != NULL) {
            options.load_profile = value;
        } else if ((value = option_value(argc, argv, &i, "--save-profile")) != NULL) {
            options.save_profile = value;
        } else if ((value = option_value(argc, argv, &i, "--save-hints")) != NULL) {
            options.save_hints = value;
        } else if ((value = option_value(argc, argv, &i, "--cache")) != NULL) {
            options.cache = value;
        } else if ((value = option_value(argc, argv, &i, "--trace")) != NULL) {
            options.trace = value;
        } else if ((value = option_value(argc, argv, &i, "--signals")) != NULL) {
            options.signals_off = strcmp(value, "off") == 0;
            if (!options.signals_off && strcmp(value, "on") != 0)
                exit(fail(EXIT_USAGE, "--signals is 'on' or 'off', not '%s'", value));
        } else if ((value = option_value(argc, argv, &i, "--dir")) != NULL) {
            add_dir(&options, value, true);
        } else if ((value = option_value(argc, argv, &i, "--ro-dir")) != NULL) {
            add_dir(&options, value, false);
        } else if ((value = option_value(argc, argv, &i, "--env")) != NULL) {
            if (*value == '\0' || *value == '=') exit(fail(EXIT_USAGE, "--env: '%s' has no name", value));
            options.env[options.env_count++] = value;
        } else if ((value = option_value(argc, argv, &i, "--invoke")) != NULL) {
            options.invoke = value;
        } else if ((value = option_value(argc, argv, &i, "--timeout")) != NULL) {
            options.timeout = parse_seconds(value);
        } else if ((value = option_value(argc, argv, &i, "--max-memory")) != NULL) {
            options.max_memory = parse_bytes(value, "--max-memory");
        } else if ((value = option_value(argc, argv, &i, "--max-stack")) != NULL) {
            options.max_stack = parse_bytes(value, "--max-stack");
        } else {
            exit(fail(EXIT_USAGE, "unknown option '%s'; --help lists them", argv[i]));
        }
    }
    if (i >= argc) exit(fail(EXIT_USAGE, "no file; --help explains the use"));
    options.file = argv[i++];
    options.args = argv + i;
    options.arg_count = (size_t)(argc - i);
    return options;
}

/* --- Errors --------------------------------------------------------------------------------------- */

static void print_name(const char *name, size_t len) {
    /* Names come from the module: control characters must not reach the terminal. */
    for (size_t i = 0; i < len; i++) fputc((unsigned char)name[i] < 32 || name[i] == 127 ? '?' : name[i], stderr);
}

static void print_frames(const updraft_error_t *error) {
    size_t count = updraft_error_frame_count(error);
    for (size_t i = 0; i < count; i++) {
        updraft_frame_t frame;
        memset(&frame, 0, sizeof frame);
        frame.struct_size = sizeof frame;
        if (updraft_error_frame(error, i, &frame, NULL) != UPDRAFT_STATUS_OK) break;
        fprintf(stderr, "  %3zu: ", i);
        if (frame.module_name_len != 0) {
            print_name(frame.module_name, frame.module_name_len);
            fputc('!', stderr);
        }
        if (frame.func_name_len != 0) {
            print_name(frame.func_name, frame.func_name_len);
        } else {
            fputs("(no name)", stderr);
        }
        fprintf(stderr, "  function %" PRIu32 ", at 0x%" PRIx64 "\n", frame.func_index, frame.module_offset);
    }
}

/* Reports the error of the session, and gives the exit code. */
static int report(session_t *session, const char *doing) {
    const updraft_error_t *error = session->error;
    int32_t status = 0;
    if (updraft_error_exit_status(error, &status)) return status & 255;

    size_t len = 0;
    const char *message = updraft_error_message(error, &len);
    updraft_trap_code_t code = updraft_error_trap_code(error);
    if (code == UPDRAFT_TRAP_NONE) return fail(EXIT_ERROR, "%s %s: %s", doing, session->name, message);

    /* The first line says what happened; the frames follow with more than the message has. */
    const char *end = memchr(message, '\n', len);
    fflush(stdout);
    fail(0, "%s: %.*s", session->name, (int)(end ? (size_t)(end - message) : len), message);
    print_frames(error);
    return code == UPDRAFT_TRAP_DEADLINE ? EXIT_TIMEOUT : EXIT_TRAP;
}

/* --- Steps ---------------------------------------------------------------------------------------- */

static uint8_t *read_file(const char *path, size_t *len) {
    FILE *file = fopen(path, "rb");
    if (file == NULL) exit(fail(EXIT_ERROR, "%s: %s", path, strerror(errno)));
    size_t capacity = 1 << 16, used = 0;
    uint8_t *bytes = malloc(capacity);
    while (bytes != NULL) {
        used += fread(bytes + used, 1, capacity - used, file);
        if (used < capacity) break;
        uint8_t *larger = realloc(bytes, capacity *= 2);
        if (larger == NULL) free(bytes);
        bytes = larger;
    }
    if (bytes == NULL) exit(fail(EXIT_ERROR, "%s: no memory for it", path));
    if (ferror(file)) exit(fail(EXIT_ERROR, "%s: %s", path, strerror(errno)));
    fclose(file);
    *len = used;
    return bytes;
}

static updraft_status_t make_engine(session_t *session, const options_t *options) {
    updraft_config_t *config = NULL;
    updraft_error_t **error = &session->error;
    updraft_status_t status = updraft_config_new(&config, error);
    if (!status) status = updraft_config_set_strategy(config, options->strategy, error);
    if (!status) status = updraft_config_set_tiers(config, options->compilers, error);
    if (!status) status = updraft_config_set_tiering(config, options->tiering, 0, error);
    if (!status && options->signals_off) status = updraft_config_set_signals(config, 0, error);
    if (!status && options->explicit_bounds)
        status = updraft_config_set_memory_mode(config, UPDRAFT_MEMORY_MODE_EXPLICIT, error);
    if (!status && options->max_stack)
        status = updraft_config_set_max_stack(config, (size_t)options->max_stack, error);
    if (!status && options->cache)
        status = updraft_config_set_cache_directory(config, options->cache, strlen(options->cache), CACHE_LIMIT, error);
    if (!status) status = updraft_engine_new(config, &session->engine, error);
    updraft_config_delete(config);
    return status;
}

/* Options with what an earlier run has found out. */
static updraft_status_t make_options(session_t *session, const options_t *options, updraft_module_options_t **out) {
    updraft_status_t status = updraft_module_options_new(out, &session->error);
    if (status || options->load_profile == NULL) return status;
    const char *path = options->load_profile;
    return updraft_module_options_set_profile_file(*out, path, strlen(path), &session->error);
}

/* A profile that does not fit is no reason not to run. */
static void check_profile(session_t *session, const char *path) {
    size_t functions = 0;
    updraft_error_t *error = NULL;
    if (updraft_module_given_profile(session->module, &functions, &error))
        fail(0, "%s: %s", path, updraft_error_message(error, NULL));
    updraft_error_delete(error);
}

static bool save_profile(session_t *session, const char *path) {
    updraft_error_t *error = NULL;
    bool saved = updraft_module_export_profile_file(session->module, path, strlen(path), &error) == UPDRAFT_STATUS_OK;
    if (!saved) fail(EXIT_ERROR, "%s", updraft_error_message(error, NULL));
    updraft_error_delete(error);
    return saved;
}

/* Writes the module, with what this run has found out as hints for any engine. */
static bool save_hints(session_t *session, const char *path) {
    size_t len = 0, capacity = 0;
    uint8_t *bytes = NULL;
    /* It may grow between two calls. */
    do {
        capacity = len + len / 8;
        free(bytes);
        bytes = allocate(capacity, 1);
        updraft_module_export_with_hints(session->module, bytes, capacity, &len, NULL);
    } while (len > capacity);
    FILE *file = fopen(path, "wb");
    bool saved = file != NULL && fwrite(bytes, 1, len, file) == len;
    if (file != NULL) saved = fclose(file) == 0 && saved;
    free(bytes);
    return saved;
}

static updraft_status_t make_store(session_t *session, const options_t *options) {
    updraft_status_t status = updraft_store_new(session->engine, &session->store, &session->error);
    if (!status && options->max_memory) {
        updraft_store_limits_t limits;
        memset(&limits, 0, sizeof limits);
        limits.struct_size = sizeof limits;
        status = updraft_store_limits(session->store, &limits, &session->error);
        limits.memory_bytes = options->max_memory;
        if (!status) status = updraft_store_set_limits(session->store, &limits, &session->error);
    }
    return status;
}

/* The name that the program sees as its own: the file without its directory. */
static const char *base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash != NULL && slash[1] != '\0' ? slash + 1 : path;
}

static updraft_status_t define_wasi(session_t *session, const options_t *options) {
    updraft_wasi_config_t *config = NULL;
    updraft_wasi_t *wasi = NULL;
    updraft_error_t **error = &session->error;
    const char *self = base_name(options->file);
    updraft_status_t status = updraft_wasi_config_new(&config, error);
    if (!status) status = updraft_wasi_config_inherit_stdio(config, error);
    if (!status) status = updraft_wasi_config_add_arg(config, self, strlen(self), error);
    for (size_t i = 0; !status && i < options->arg_count; i++)
        status = updraft_wasi_config_add_arg(config, options->args[i], strlen(options->args[i]), error);
    for (size_t i = 0; !status && i < options->env_count; i++) {
        const char *name = options->env[i], *equals = strchr(name, '=');
        size_t len = equals ? (size_t)(equals - name) : strlen(name);
        const char *value = equals ? equals + 1 : getenv(name);
        if (value != NULL) status = updraft_wasi_config_set_env(config, name, len, value, strlen(value), error);
    }
    for (size_t i = 0; !status && i < options->dir_count; i++) {
        const dir_t *dir = &options->dirs[i];
        status = updraft_wasi_config_add_dir(config, dir->host, dir->host_len, dir->guest, dir->guest_len,
                                             dir->writable ? UPDRAFT_WASI_READ_WRITE : UPDRAFT_WASI_READ_ONLY, error);
    }
    if (!status) status = updraft_wasi_new(config, &wasi, error);
    if (!status) status = updraft_linker_define_wasi(session->linker, wasi, error);
    updraft_wasi_delete(wasi);
    updraft_wasi_config_delete(config);
    return status;
}

/* --- Calling -------------------------------------------------------------------------------------- */

static updraft_val_t parse_value(const char *text, updraft_valtype_t kind) {
    updraft_val_t value;
    memset(&value, 0, sizeof value);
    value.kind = kind;
    char *end = NULL;
    errno = 0;
    if (kind == UPDRAFT_VAL_I32 || kind == UPDRAFT_VAL_I64) {
        /* Unsigned numbers are welcome: 0xffffffff is the i32 -1. */
        int bits = kind == UPDRAFT_VAL_I32 ? 32 : 64;
        if (*text == '-') {
            value.of.i64 = strtoll(text, &end, 0);
            if (bits == 32 && value.of.i64 < INT32_MIN) errno = ERANGE;
        } else {
            unsigned long long number = strtoull(text, &end, 0);
            if (bits == 32 && number > UINT32_MAX) errno = ERANGE;
            value.of.i64 = (int64_t)number;
        }
        if (bits == 32) value.of.i32 = (int32_t)(uint32_t)value.of.i64;
    } else if (kind == UPDRAFT_VAL_F32) {
        value.of.f32 = strtof(text, &end);
    } else if (kind == UPDRAFT_VAL_F64) {
        value.of.f64 = strtod(text, &end);
    } else if (kind != UPDRAFT_VAL_V128 && strcmp(text, "null") == 0) {
        return value;
    }
    bool is_float = kind == UPDRAFT_VAL_F32 || kind == UPDRAFT_VAL_F64;
    if (end == NULL || end == text || *end != '\0' || (errno != 0 && !is_float))
        exit(fail(EXIT_USAGE, "'%s' is not a value of the parameter's type", text));
    return value;
}

static void print_value(const updraft_val_t *value) {
    switch (value->kind) {
    case UPDRAFT_VAL_I32: printf("i32 %" PRId32 "\n", value->of.i32); break;
    case UPDRAFT_VAL_I64: printf("i64 %" PRId64 "\n", value->of.i64); break;
    case UPDRAFT_VAL_F32: printf("f32 %.9g\n", (double)value->of.f32); break;
    case UPDRAFT_VAL_F64: printf("f64 %.17g\n", value->of.f64); break;
    case UPDRAFT_VAL_V128:
        fputs("v128 0x", stdout);
        for (int i = 15; i >= 0; i--) printf("%02x", value->of.v128[i]);
        putchar('\n');
        break;
    default:
        printf("%s %s\n", value->kind == UPDRAFT_VAL_FUNCREF ? "funcref" : "externref",
               value->of.handle ? "(not null)" : "null");
    }
}

static updraft_status_t call(session_t *session, const options_t *options, updraft_func_t func,
                             const updraft_val_t *args, size_t arg_count, updraft_val_t *results, size_t result_count) {
    if (options->timeout > 0.0)
        return updraft_func_call_with_timeout(session->store, func, args, arg_count, results, result_count,
                                              (uint64_t)(options->timeout * 1e9), &session->error);
    return updraft_func_call(session->store, func, args, arg_count, results, result_count, &session->error);
}

/* Calls the export that --invoke names, and prints its results. */
static int invoke(session_t *session, const options_t *options, updraft_func_t func) {
    updraft_functype_t *type = NULL;
    const updraft_valtype_t *params = NULL, *kinds = NULL;
    size_t param_count = 0, result_count = 0;
    if (updraft_func_type(session->store, func, &type, &session->error) ||
        updraft_functype_params(type, &params, &param_count, &session->error) ||
        updraft_functype_results(type, &kinds, &result_count, &session->error)) {
        updraft_functype_delete(type);
        return report(session, "asking for the type in");
    }
    if (param_count != options->arg_count) {
        updraft_functype_delete(type);
        return fail(EXIT_USAGE, "%s takes %zu arguments, not %zu", options->invoke, param_count, options->arg_count);
    }
    updraft_val_t *args = allocate(param_count, sizeof *args);
    updraft_val_t *results = allocate(result_count, sizeof *results);
    for (size_t i = 0; i < param_count; i++) args[i] = parse_value(options->args[i], params[i]);
    int code = 0;
    if (call(session, options, func, args, param_count, results, result_count)) {
        code = report(session, "calling");
    } else {
        for (size_t i = 0; i < result_count; i++) print_value(&results[i]);
    }
    free(args);
    free(results);
    updraft_functype_delete(type);
    return code;
}

/* Calls what is to be called, and gives the exit code. */
static int run_instance(session_t *session, const options_t *options, updraft_instance_t instance) {
    updraft_extern_t item;
    memset(&item, 0, sizeof item);
    const char *name = options->invoke ? options->invoke : "_start";
    updraft_status_t status =
        updraft_instance_export(session->store, instance, name, strlen(name), &item, &session->error);
    if (status == UPDRAFT_STATUS_NOT_FOUND && !options->invoke)
        return fail(EXIT_ERROR, "%s is not a command (no export _start); --invoke calls another export", session->name);
    if (status) return report(session, "looking into");
    if (item.kind != UPDRAFT_KIND_FUNC) return fail(EXIT_ERROR, "%s: the export %s is not a function", session->name, name);

    updraft_extern_t init;
    if (options->invoke && strcmp(name, "_initialize") != 0 &&
        updraft_instance_export(session->store, instance, "_initialize", 11, &init, NULL) == UPDRAFT_STATUS_OK &&
        init.kind == UPDRAFT_KIND_FUNC) {
        /* A WASI reactor: to be called once, before anything else. */
        if (call(session, options, init.handle, NULL, 0, NULL, 0)) return report(session, "initialising");
    }
    if (options->invoke) return invoke(session, options, item.handle);
    if (call(session, options, item.handle, NULL, 0, NULL, 0)) return report(session, "running");
    return 0;
}

static int run(session_t *session, const options_t *options) {
    size_t len = 0;
    uint64_t start = now_ns();
    uint8_t *bytes = read_file(options->file, &len);
    if (make_engine(session, options)) return free(bytes), report(session, "making an engine for");
    bool live = options->tiers || options->trace != NULL;
    updraft_module_options_t *choices = NULL;
    updraft_status_t status = make_options(session, options, &choices);
    if (!status && live) status = live_begin(&session->live, session->engine, &session->error);
    if (!status && live) {
        status = live_load(&session->live, session->engine, bytes, len, choices, &session->module, &session->error);
    } else if (!status) {
        status =
            updraft_module_new_with_options(session->engine, bytes, len, choices, &session->module, &session->error);
    }
    updraft_module_options_delete(choices);
    free(bytes);
    if (status) return report(session, "cannot load");
    if (options->load_profile != NULL) check_profile(session, options->load_profile);
    uint64_t compiled = now_ns();

    updraft_instance_t instance = 0;
    if (make_store(session, options) || updraft_linker_new(session->engine, &session->linker, &session->error) ||
        define_wasi(session, options))
        return report(session, "preparing");
    if (updraft_linker_instantiate(session->linker, session->store, session->module, &instance, &session->error))
        return report(session, "cannot instantiate");
    uint64_t ready = now_ns();

    int code = run_instance(session, options, instance);
    uint64_t end = now_ns();
    fflush(stdout);
    if (options->stats) {
        size_t compiled_count = 0, func_count = 0, code_size = 0;
        updraft_module_compiled_count(session->module, &compiled_count, NULL);
        updraft_module_func_count(session->module, &func_count, NULL);
        updraft_module_code_size(session->module, &code_size, NULL);
        fprintf(stderr, "run: load and compile %.3f s, instantiate %.6f s, run %.3f s\n", seconds(start, compiled),
                seconds(compiled, ready), seconds(ready, end));
        fprintf(stderr, "run: %zu bytes of WebAssembly, %zu functions, %zu of them compiled to %zu bytes\n", len,
                func_count, compiled_count, code_size);
        updraft_cache_stats_t cache = {0};
        cache.struct_size = sizeof cache;
        if (options->cache != NULL && updraft_engine_cache_stats(session->engine, &cache, NULL) == UPDRAFT_STATUS_OK)
            fprintf(stderr, "run: the cache %s\n", cache.hits ? "had an entry" : cache.absent ? "had no entry" : "is of no use");
    }
    if (live) live_drain(&session->live);
    if (options->tiers) {
        live_table(session->module);
        live_moves(&session->live, session->module, start, end);
    }
    if (options->save_profile != NULL && !save_profile(session, options->save_profile)) return EXIT_ERROR;
    if (options->save_hints != NULL && !save_hints(session, options->save_hints))
        return fail(EXIT_ERROR, "%s: %s", options->save_hints, strerror(errno));
    if (options->trace != NULL) {
        live_phase_t phases[] = {{"load", start, compiled}, {"instantiate", compiled, ready}, {"run", ready, end}};
        if (!live_trace(&session->live, session->module, options->trace, start, phases, 3))
            return fail(EXIT_ERROR, "%s: %s", options->trace, errno ? strerror(errno) : "no memory for the events");
    }
    return code;
}

int main(int argc, char **argv) {
    options_t options = parse(argc, argv);
    session_t session;
    memset(&session, 0, sizeof session);
    session.name = options.file;
    int code = run(&session, &options);
    live_end(&session.live);
    updraft_error_delete(session.error);
    updraft_linker_delete(session.linker);
    updraft_store_delete(session.store, NULL);
    updraft_module_delete(session.module);
    updraft_engine_delete(session.engine);
    free(options.dirs);
    free(options.env);
    return code;
}
