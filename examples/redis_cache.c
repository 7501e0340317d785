/* Keeps machine code in Redis, where a whole fleet finds it: the first machine that runs a program compiles it, and all
 * others begin with its hot functions in the top tier.
 *
 *     redis_cache HOST:PORT KEYFILE MODULE.wasm FUNCTION [I32...]
 *
 * KEYFILE has the secret of the fleet, 16 bytes or more. Redis is not trusted with more than keeping bytes: Updraft
 * authenticates each entry with the secret before it uses any of it. Without Redis everything works as without a cache.
 *
 * The protocol (RESP) is spoken here, in 60 lines. */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>
#include <updraft.h>

/* --- Redis ---------------------------------------------------------------------------------------- */

/* One connection, used by one thread at a time; made anew after a failure. */
struct redis {
    const char *host, *port;
    pthread_mutex_t lock;
    int fd;           /* -1: there is none */
    char buffer[4096]; /* what was received and not read yet */
    size_t begin, end;
};

enum { MAX_ENTRY = 512 << 20, NAME_LEN = 8 + 64 };

static int redis_connect(struct redis *redis) {
    struct addrinfo hints = {0}, *found = NULL, *at;
    struct timeval patience = {2, 0};
    hints.ai_socktype = SOCK_STREAM;
    if (getaddrinfo(redis->host, redis->port, &hints, &found) != 0) return 0;
    for (at = found; at != NULL && redis->fd < 0; at = at->ai_next) {
        redis->fd = socket(at->ai_family, at->ai_socktype, at->ai_protocol);
        if (redis->fd < 0) continue;
        /* A server that hangs must not hang us. */
        setsockopt(redis->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        setsockopt(redis->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
        if (connect(redis->fd, at->ai_addr, at->ai_addrlen) != 0) {
            close(redis->fd);
            redis->fd = -1;
        }
    }
    freeaddrinfo(found);
    redis->begin = redis->end = 0;
    return redis->fd >= 0;
}

static int redis_send(struct redis *redis, const void *bytes, size_t len) {
    const char *at = bytes;
    while (len > 0) {
        ssize_t sent = send(redis->fd, at, len, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent <= 0) return 0;
        at += sent;
        len -= (size_t)sent;
    }
    return 1;
}

static int redis_receive(struct redis *redis, char *bytes, size_t len) {
    while (len > 0) {
        if (redis->begin < redis->end) {
            size_t part = redis->end - redis->begin < len ? redis->end - redis->begin : len;
            memcpy(bytes, redis->buffer + redis->begin, part);
            redis->begin += part;
            bytes += part;
            len -= part;
            continue;
        }
        ssize_t got = recv(redis->fd, redis->buffer, sizeof redis->buffer, 0);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return 0;
        redis->begin = 0;
        redis->end = (size_t)got;
    }
    return 1;
}

/* A line without its end, terminated. */
static int redis_line(struct redis *redis, char *line, size_t capacity) {
    for (size_t len = 0; len + 1 < capacity; len++) {
        if (!redis_receive(redis, line + len, 1)) return 0;
        if (len > 0 && line[len - 1] == '\r' && line[len] == '\n') {
            line[len - 1] = '\0';
            return 1;
        }
    }
    return 0;
}

/* Sends `GET name`, or `SET name value`, and reads the first line of the answer. */
static int redis_ask(struct redis *redis, const char *name, const void *value, size_t len, char *line, size_t capacity) {
    char head[256];
    int written = value != NULL
        ? snprintf(head, sizeof head, "*3\r\n$3\r\nSET\r\n$%zu\r\n%s\r\n$%zu\r\n", strlen(name), name, len)
        : snprintf(head, sizeof head, "*2\r\n$3\r\nGET\r\n$%zu\r\n%s\r\n", strlen(name), name);
    return redis_send(redis, head, (size_t)written) &&
           (value == NULL || (redis_send(redis, value, len) && redis_send(redis, "\r\n", 2))) &&
           redis_line(redis, line, capacity);
}

static void redis_close(struct redis *redis) {
    if (redis->fd >= 0) close(redis->fd);
    redis->fd = -1;
}

/* The name of an entry: "updraft:" and the key in hexadecimal. */
static void entry_name(char name[NAME_LEN + 1], const uint8_t *key, size_t len) {
    memcpy(name, "updraft:", 9);
    for (size_t i = 0; i < len && i < 32; i++) snprintf(name + 8 + 2 * i, 3, "%02x", key[i]);
}

/* --- The cache ------------------------------------------------------------------------------------ */

static updraft_status_t cache_get(void *env, const uint8_t *key, size_t key_len, updraft_cache_value_t *value) {
    struct redis *redis = env;
    char name[NAME_LEN + 1], line[64], end[2];
    updraft_status_t status = UPDRAFT_STATUS_FAILED;
    entry_name(name, key, key_len);
    pthread_mutex_lock(&redis->lock);
    if ((redis->fd >= 0 || redis_connect(redis)) && redis_ask(redis, name, NULL, 0, line, sizeof line)) {
        long long len = line[0] == '$' ? strtoll(line + 1, NULL, 10) : -2;
        if (len == -1) {
            status = UPDRAFT_STATUS_NOT_FOUND;
        } else if (len >= 0 && len <= MAX_ENTRY) {
            char *bytes = malloc((size_t)len + 1);
            if (bytes != NULL && redis_receive(redis, bytes, (size_t)len) && redis_receive(redis, end, 2))
                status = updraft_cache_value_set(value, (const uint8_t *)bytes, (size_t)len, NULL);
            free(bytes);
        }
    }
    /* After anything unexpected nobody knows where the next answer begins. */
    if (status != UPDRAFT_STATUS_OK && status != UPDRAFT_STATUS_NOT_FOUND) redis_close(redis);
    pthread_mutex_unlock(&redis->lock);
    return status;
}

static updraft_status_t cache_put(void *env, const uint8_t *key, size_t key_len, const uint8_t *bytes, size_t len) {
    struct redis *redis = env;
    char name[NAME_LEN + 1], line[256];
    updraft_status_t status = UPDRAFT_STATUS_FAILED;
    entry_name(name, key, key_len);
    pthread_mutex_lock(&redis->lock);
    if ((redis->fd >= 0 || redis_connect(redis)) && redis_ask(redis, name, bytes, len, line, sizeof line) &&
        strcmp(line, "+OK") == 0)
        status = UPDRAFT_STATUS_OK;
    if (status != UPDRAFT_STATUS_OK) redis_close(redis);
    pthread_mutex_unlock(&redis->lock);
    return status;
}

static void cache_free(void *env) {
    struct redis *redis = env;
    redis_close(redis);
    pthread_mutex_destroy(&redis->lock);
}

/* --- The program ---------------------------------------------------------------------------------- */

static void *read_file(const char *path, size_t *len) {
    FILE *file = fopen(path, "rb");
    char *bytes = NULL;
    long end = -1;
    if (file != NULL && fseek(file, 0, SEEK_END) == 0 && (end = ftell(file)) >= 0) {
        rewind(file);
        bytes = malloc((size_t)end + 1);
        if (bytes != NULL && fread(bytes, 1, (size_t)end, file) != (size_t)end) {
            free(bytes);
            bytes = NULL;
        }
    }
    if (file != NULL) fclose(file);
    if (bytes == NULL) {
        fprintf(stderr, "cannot read %s\n", path);
        exit(1);
    }
    *len = (size_t)end;
    return bytes;
}

static void check(updraft_status_t status, updraft_error_t *error) {
    if (status == UPDRAFT_STATUS_OK) return;
    fprintf(stderr, "%s\n", updraft_error_message(error, NULL));
    exit(1);
}

int main(int argc, char **argv) {
    static struct redis redis = {NULL, NULL, PTHREAD_MUTEX_INITIALIZER, -1, {0}, 0, 0};
    updraft_config_t *config = NULL;
    updraft_engine_t *engine = NULL;
    updraft_module_t *module = NULL;
    updraft_store_t *store = NULL;
    updraft_error_t *error = NULL;
    updraft_cache_stats_t stats = {0};
    updraft_instance_t instance;
    updraft_extern_t function;
    updraft_val_t args[8] = {{0}}, result;
    size_t key_len, wasm_len;
    char *colon = argc > 1 ? strrchr(argv[1], ':') : NULL;
    if (argc < 5 || argc - 5 > 8 || colon == NULL) {
        fprintf(stderr, "use: %s HOST:PORT KEYFILE MODULE.wasm FUNCTION [I32...]\n", argv[0]);
        return 2;
    }
    *colon = '\0';
    redis.host = argv[1];
    redis.port = colon + 1;
    uint8_t *key = read_file(argv[2], &key_len), *wasm = read_file(argv[3], &wasm_len);
    for (int i = 5; i < argc; i++) {
        args[i - 5].kind = UPDRAFT_VAL_I32;
        args[i - 5].of.i32 = (int32_t)strtol(argv[i], NULL, 10);
    }

    check(updraft_config_new(&config, &error), error);
    check(updraft_config_set_cache_store(config, cache_get, cache_put, &redis, cache_free, &error), error);
    check(updraft_config_set_cache_key(config, key, key_len, &error), error);
    check(updraft_engine_new(config, &engine, &error), error);
    updraft_config_delete(config);
    check(updraft_module_new(engine, wasm, wasm_len, &module, &error), error);
    check(updraft_store_new(engine, &store, &error), error);
    check(updraft_instance_new(store, module, NULL, 0, &instance, &error), error);
    check(updraft_instance_export(store, instance, argv[4], strlen(argv[4]), &function, &error), error);
    check(updraft_func_call(store, function.handle, args, (size_t)argc - 5, &result, 1, &error), error);
    printf("result %d\n", result.of.i32);

    /* A program that runs for long writes by itself, in the background. One that is done has to wait for code that is
     * still being made. The module is written when its last user gives it up. */
    check(updraft_module_wait_idle(module, UINT64_MAX, &error), error);
    updraft_store_delete(store, NULL);
    updraft_module_delete(module);
    stats.struct_size = sizeof stats;
    check(updraft_engine_cache_stats(engine, &stats, &error), error);
    printf("hits %llu, absent %llu, not authentic %llu, unreadable %llu, written %llu, failed %llu\n",
           (unsigned long long)stats.hits, (unsigned long long)stats.absent, (unsigned long long)stats.not_authentic,
           (unsigned long long)stats.unreadable, (unsigned long long)stats.writes, (unsigned long long)stats.failures);
    updraft_engine_delete(engine);
    free(key);
    free(wasm);
    return 0;
}
