/* pty.c - drives a program on a pseudo-terminal: a person's hands and eyes for the CLI tests.
 *
 *   pty [-w COLUMNS] PROGRAM ARGUMENTS... < script
 *
 * Script lines:  send TEXT   types it (\n return, \e escape, \cC control-C, \\ backslash)
 *                expect TEXT waits until it appears after the last match (20 s, then fails)
 *                stall       looks away until the program, its output full, computes no more
 *                exit CODE   waits for the end and compares the exit code
 *                log FILE    from now on copies everything the terminal shows
 * Nothing depends on time but the limit. Exit: 0 all as scripted, 1 not.
 *
 * Thread: main. */
#include <errno.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { SEEN_MAX = 1 << 20, LIMIT_MS = 20000 };

static char seen[SEEN_MAX + 1]; /* what the terminal showed since the last match */
static size_t seen_n;
static FILE *log_file;

static size_t unescape(const char *in, char *out) {
    size_t n = 0;
    for (; *in != '\0'; in++) {
        if (*in != '\\' || in[1] == '\0') {
            out[n++] = *in;
            continue;
        }
        in++;
        if (*in == 'n')
            out[n++] = '\r';
        else if (*in == 'e')
            out[n++] = 27;
        else if (*in == 'c' && in[1] != '\0')
            out[n++] = (char)(*++in & 31);
        else
            out[n++] = *in;
    }
    return n;
}

static long long now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (long long)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Reads what is there; false at the end of the terminal or when the deadline has passed. */
static bool pump(int fd, long long deadline) {
    long long left = deadline - now_ms();
    struct pollfd p = { .fd = fd, .events = POLLIN };
    char part[4096];
    if (left <= 0 || poll(&p, 1, (int)left) <= 0) return false;
    ssize_t n = read(fd, part, sizeof part);
    if (n <= 0) return false;
    if (log_file != NULL) fwrite(part, 1, (size_t)n, log_file);
    for (ssize_t i = 0; i < n; i++)
        if (part[i] != '\0' && seen_n < SEEN_MAX) seen[seen_n++] = part[i];
    seen[seen_n] = '\0';
    return true;
}

static bool expect(int fd, const char *text) {
    long long deadline = now_ms() + LIMIT_MS;
    for (;;) {
        const char *at = strstr(seen, text);
        if (at != NULL) {
            size_t used = (size_t)(at - seen) + strlen(text);
            memmove(seen, seen + used, seen_n - used + 1);
            seen_n -= used;
            return true;
        }
        if (pump(fd, deadline)) continue;
        printf("pty: never saw '%s'; the terminal shows:\n%s\n", text, seen);
        return false;
    }
}

static bool ends_with(int fd, pid_t pid, int want) {
    long long deadline = now_ms() + LIMIT_MS;
    int status = 0;
    while (pump(fd, deadline)) {
    }
    if (now_ms() >= deadline) (void)kill(pid, SIGKILL);
    if (waitpid(pid, &status, 0) != pid) return false;
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    if (code != want) printf("pty: exit code %d, wanted %d; it showed:\n%s\n", code, want, seen);
    return code == want;
}

/* Too early where the machine is so busy that the program gets nothing to compute: then a case that
 * waits for this shows less, and fails no more. */
static bool stall(pid_t pid) {
    const struct timespec look = { .tv_nsec = 300000000 };
    const long long deadline = now_ms() + LIMIT_MS;
    struct timespec before = { 0 }, now = { 0 };
    clockid_t clock;
    if (clock_getcpuclockid(pid, &clock)) return false;
    do {
        before = now;
        (void)nanosleep(&look, NULL);
        if (clock_gettime(clock, &now)) return false;
    } while (memcmp(&now, &before, sizeof now) != 0 && now_ms() < deadline);
    return true;
}

static bool step(int fd, pid_t pid, const char *line, bool *ended) {
    char text[8192];
    if (strlen(line) >= sizeof text) return false;
    if (strncmp(line, "send ", 5) == 0) {
        size_t n = unescape(line + 5, text);
        return write(fd, text, n) == (ssize_t)n;
    }
    if (strncmp(line, "expect ", 7) == 0) {
        text[unescape(line + 7, text)] = '\0';
        return expect(fd, text);
    }
    if (strcmp(line, "stall") == 0) return stall(pid);
    if (strncmp(line, "log ", 4) == 0) return (log_file = fopen(line + 4, "wb")) != NULL;
    if (strncmp(line, "exit ", 5) == 0) {
        *ended = true;
        return ends_with(fd, pid, (int)strtol(line + 5, NULL, 10));
    }
    printf("pty: what is '%s'?\n", line);
    return false;
}

int main(int argc, char **argv) {
    struct winsize size = { .ws_row = 30, .ws_col = 100 };
    char line[8192];
    int fd = -1, first = 1;
    if (argc > 2 && strcmp(argv[1], "-w") == 0) {
        size.ws_col = (unsigned short)strtol(argv[2], NULL, 10);
        first = 3;
    }
    if (argc <= first) return 2;
    pid_t pid = forkpty(&fd, NULL, NULL, &size);
    if (pid < 0) return perror("pty: forkpty"), 2;
    if (pid == 0) {
        execvp(argv[first], argv + first);
        perror("pty: exec");
        _exit(127);
    }
    bool ok = true, ended = false;
    while (ok && fgets(line, sizeof line, stdin) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (line[0] == '\0' || line[0] == '#') continue;
        ok = step(fd, pid, line, &ended);
        if (!ok) printf("pty: failed at: %s\n", line);
    }
    if (log_file != NULL) fclose(log_file);
    if (!ended) {
        (void)kill(pid, SIGKILL);
        (void)waitpid(pid, NULL, 0);
    }
    return !ok;
}
