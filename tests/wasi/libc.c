// What programs do through wasi-libc: files, directories, links, times, streams, polling, arguments. Each check that
// fails prints its line; the exit status is the number of failures. The last test leaves through `exit`.
//
// Built with: clang --target=wasm32-wasi -Oz -s -o libc.wasm libc.c
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static int failures;
#define CHECK(condition) \
    ((condition) ? (void)0 : (void)(failures++, fprintf(stderr, "%d: %s (errno %d)\n", __LINE__, #condition, errno)))
#define FAILS(call, number) CHECK((errno = 0, (call)) == -1 && errno == (number))

static void files(void) {
    FILE *file = fopen("/data/text", "w+");
    CHECK(file != NULL);
    for (int i = 0; i < 10000; i++) CHECK(fprintf(file, "line %d\n", i) > 0);
    CHECK(fseek(file, 0, SEEK_SET) == 0);
    char line[64];
    int count = 0;
    while (fgets(line, sizeof line, file)) count++;
    CHECK(count == 10000 && feof(file));
    CHECK(ftell(file) == 98890);
    CHECK(fclose(file) == 0);

    struct stat st;
    CHECK(stat("/data/text", &st) == 0 && S_ISREG(st.st_mode) && st.st_size == 98890 && st.st_nlink == 1);
    CHECK(truncate("/data/text", 10) == 0 && stat("/data/text", &st) == 0 && st.st_size == 10);

    int fd = open("/data/text", O_RDWR | O_APPEND);
    CHECK(fd > 2 && write(fd, "tail", 4) == 4 && lseek(fd, 0, SEEK_CUR) == 14);
    CHECK(pread(fd, line, 4, 10) == 4 && memcmp(line, "tail", 4) == 0);
    CHECK((fcntl(fd, F_GETFL) & O_APPEND) != 0 && (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDWR);
    CHECK(fcntl(fd, F_SETFL, 0) == 0 && pwrite(fd, "L", 1, 0) == 1);
    char a[3], b[20];
    struct iovec parts[] = {{a, 3}, {b, 20}};
    CHECK(lseek(fd, 0, SEEK_SET) == 0 && readv(fd, parts, 2) == 14 && memcmp(a, "Lin", 3) == 0);
    CHECK(ftruncate(fd, 3) == 0 && fsync(fd) == 0 && fdatasync(fd) == 0);
    CHECK(posix_fallocate(fd, 0, 100) == 0 && fstat(fd, &st) == 0 && st.st_size == 100);
    CHECK(posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL) == 0);
    struct timespec times[2] = {{1000000000, 5}, {1100000000, 7}};
    CHECK(futimens(fd, times) == 0 && fstat(fd, &st) == 0);
    CHECK(st.st_atim.tv_sec == 1000000000 && st.st_mtim.tv_sec == 1100000000 && st.st_mtim.tv_nsec == 7);
    CHECK(isatty(fd) == 0);
    CHECK(close(fd) == 0);
    FAILS(close(fd), EBADF);
    FAILS(open("/data/none", O_RDONLY), ENOENT);
    FAILS(open("/data/text", O_CREAT | O_EXCL | O_WRONLY, 0666), EEXIST);
    FAILS(open("/data", O_WRONLY), EISDIR);
    FAILS(open("/data/text", O_RDONLY | O_DIRECTORY), ENOTDIR);
    fd = open("/data/text", O_RDONLY);
    FAILS(write(fd, "x", 1), EBADF);
    CHECK((fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY);
    close(fd);
    fd = open("/data/text", O_WRONLY | O_TRUNC);
    FAILS(read(fd, a, 1), EBADF);
    CHECK(fstat(fd, &st) == 0 && st.st_size == 0);
    close(fd);
}

static void directories(void) {
    CHECK(mkdir("/data/dir", 0777) == 0);
    FAILS(mkdir("/data/dir", 0777), EEXIST);
    char name[32];
    for (int i = 0; i < 200; i++) {
        snprintf(name, sizeof name, "/data/dir/file-%03d", i);
        close(open(name, O_CREAT | O_WRONLY, 0666));
    }
    FAILS(rmdir("/data/dir"), ENOTEMPTY);
    // Removing while reading: each entry comes once.
    DIR *dir = opendir("/data/dir");
    CHECK(dir != NULL);
    int count = 0, dots = 0;
    struct dirent *entry;
    while ((entry = readdir(dir))) {
        if (entry->d_name[0] == '.') {
            CHECK(entry->d_type == DT_DIR);
            dots++;
        } else {
            CHECK(entry->d_type == DT_REG && unlinkat(dirfd(dir), entry->d_name, 0) == 0);
            count++;
        }
    }
    CHECK(count == 200 && dots == 2);
    rewinddir(dir);
    count = 0;
    while ((entry = readdir(dir))) count++;
    CHECK(count == 2);
    CHECK(closedir(dir) == 0);
    CHECK(rename("/data/dir", "/data/moved") == 0 && rmdir("/data/moved/") == 0);
    FAILS(rmdir("/data/moved"), ENOENT);
    CHECK(chdir("/data") == 0 && access("text", R_OK) == 0 && access("none", F_OK) == -1);
}

static void links(void) {
    char target[32] = {0};
    struct stat st;
    CHECK(symlink("text", "/data/soft") == 0 && readlink("/data/soft", target, 31) == 4 && strcmp(target, "text") == 0);
    CHECK(lstat("/data/soft", &st) == 0 && S_ISLNK(st.st_mode));
    CHECK(stat("/data/soft", &st) == 0 && S_ISREG(st.st_mode));
    FAILS(open("/data/soft", O_RDONLY | O_NOFOLLOW), ELOOP);
    CHECK(link("/data/text", "/data/hard") == 0 && stat("/data/hard", &st) == 0 && st.st_nlink == 2);
    CHECK(unlink("/data/soft") == 0 && unlink("/data/hard") == 0);
    FAILS(unlink("/data/soft"), ENOENT);
    FAILS(symlink("/etc/passwd", "/data/out"), EPERM);
    FAILS(open("/data/../secret", O_RDONLY), EPERM);
    // wasi-libc itself: under no directory that was given.
    FAILS(open("/nowhere", O_RDONLY), ENOTCAPABLE);
    // The read-only directory.
    int fd = open("/fixed/file", O_RDONLY);
    CHECK(fd > 2 && read(fd, target, 31) == 5 && memcmp(target, "fixed", 5) == 0);
    close(fd);
    FAILS(open("/fixed/file", O_RDWR), EROFS);
    FAILS(open("/fixed/new", O_CREAT | O_WRONLY, 0666), EROFS);
    FAILS(unlink("/fixed/file"), EROFS);
    FAILS(rename("/data/text", "/fixed/text"), EROFS);
    FAILS(link("/fixed/file", "/data/alias"), EROFS);
    FAILS(truncate("/fixed/file", 0), EROFS);
}

static void streams(void) {
    char word[16];
    CHECK(scanf("%15s", word) == 1 && strcmp(word, "input") == 0 && getchar() == '\n' && getchar() == EOF);
    CHECK(!isatty(0) && !isatty(1));
    struct pollfd polled = {.fd = 1, .events = POLLOUT};
    CHECK(poll(&polled, 1, 1000) == 1 && polled.revents == POLLOUT);
    struct timespec before, after, nap = {0, 5000000};
    CHECK(clock_gettime(CLOCK_MONOTONIC, &before) == 0 && nanosleep(&nap, NULL) == 0);
    CHECK(clock_gettime(CLOCK_MONOTONIC, &after) == 0);
    CHECK((after.tv_sec - before.tv_sec) * 1000000000ll + after.tv_nsec - before.tv_nsec >= 5000000);
    CHECK(time(NULL) > 1700000000);
    unsigned char bytes[64] = {0};
    CHECK(getentropy(bytes, sizeof bytes) == 0);
    int zeros = 0;
    for (int i = 0; i < 64; i++) zeros += bytes[i] == 0;
    CHECK(zeros < 10);
    FAILS(lseek(1, 0, SEEK_CUR), ESPIPE);
}

int main(int argc, char **argv) {
    CHECK(argc == 3 && strcmp(argv[0], "libc") == 0 && strcmp(argv[2], "two words") == 0 && argv[3] == NULL);
    CHECK(getenv("NAME") && strcmp(getenv("NAME"), "value") == 0 && !getenv("OTHER"));
    files();
    directories();
    links();
    streams();
    printf("%d failures", failures);
    exit(failures);
}
