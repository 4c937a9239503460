/* access_log.c - one line of JSON for each request: see access_log.h.
 *
 * One mutex and one condition: whoever adds leaves bytes behind, the log's thread writes them.
 *
 * Thread: any for adding. */
#include "serve/access_log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"

enum { WAITING_MAX = 1 << 20 };

struct HthAccessLog {
    char *path; /* owned */
    int fd;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t some;
    HthBuf waiting;
    uint64_t lost;
    bool stop;
};

/* ---- a line ---------------------------------------------------------------------------------- */

static const char *common_method(HthStr method) {
    static const char *const common[] = {
        "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"
    };
    for (size_t i = 0; i < HTH_COUNT(common); i++)
        if (hth_str_eq(method, hth_str(common[i]))) return common[i];
    return "other"; /* a client's own word is a client's text */
}

static double ms_between(uint64_t from_ns, uint64_t to_ns) {
    return to_ns > from_ns ? (double)((to_ns - from_ns) / 1000) / 1000.0 : 0.0;
}

/* A text as JSON has it. */
static HthStatus add_text(HthBuf *out, const char *name, HthStr value, HthErr *err) {
    HTH_TRY(hth_buf_printf(out, err, ",\"%s\":", name));
    json_t *v = json_stringn(value.n ? value.p : "", value.n);
    HTH_REQUIRE(v, err, HTH_ENOMEM, "No memory for a line of the log.");
    const HthStatus st = hth_json_write(out, v, 0, err);
    json_decref(v);
    return st;
}

HthStatus hth_access_line(HthBuf *out, const HthAccess *a, HthErr *err) {
    const HthXResult *r = &a->result;
    const size_t before = out->n;
    char when[HTH_CLOCK_TEXT];
    (void)hth_clock_text(when, a->unix_s);
    HthStatus st = hth_buf_printf(out, err, "{\"time\":\"%s.%03uZ\",\"method\":\"%s\"", when,
                                  a->ms_part % 1000, common_method(a->method));
    if (st == HTH_OK) st = add_text(out, "route", a->note->route, err);
    if (st == HTH_OK)
        st = hth_buf_printf(out, err,
                            ",\"status\":%d,\"whole\":%s,\"in\":%llu,\"out\":%llu,\"ms\":%.3f,"
                            "\"first_ms\":%.3f",
                            r->status, r->whole ? "true" : "false", (unsigned long long)r->bytes_in,
                            (unsigned long long)r->bytes_out, ms_between(r->began_ns, r->ended_ns),
                            ms_between(r->began_ns, r->first_ns));
    if (st == HTH_OK && (a->note->tokens_in || a->note->tokens_out))
        st = hth_buf_printf(out, err, ",\"tokens_in\":%u,\"tokens_out\":%u", a->note->tokens_in,
                            a->note->tokens_out);
    if (st == HTH_OK) st = add_text(out, "user", hth_str(a->note->user), err);
    if (st == HTH_OK) st = add_text(out, "from", hth_str(a->from), err);
    if (st == HTH_OK && a->lost)
        st = hth_buf_printf(out, err, ",\"lost\":%llu", (unsigned long long)a->lost);
    if (st == HTH_OK) st = hth_buf_add_str(out, HTH_STR("}\n"), err);
    if (st != HTH_OK) { /* a line or none */
        out->n = before;
        if (out->p) out->p[before] = '\0';
    }
    return st;
}

/* ---- the log --------------------------------------------------------------------------------- */

static HthStatus open_file(int *fd, const char *path, HthErr *err) {
    *fd = strcmp(path, "-") ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)
                            : fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    HTH_REQUIRE(*fd >= 0, err, HTH_EIO, "%s: cannot write a log there: %s.", path, strerror(errno));
    return HTH_OK;
}

static void put_all(int fd, const char *p, size_t n) {
    while (n) {
        const ssize_t put = write(fd, p, n);
        if (put < 0 && errno == EINTR) continue;
        if (put <= 0) return; /* a log that cannot be written stops nothing */
        p += put;
        n -= (size_t)put;
    }
}

static void *write_lines(void *payload) {
    HthAccessLog *log = payload;
    pthread_mutex_lock(&log->mutex);
    while (!log->stop || log->waiting.n) {
        if (!log->waiting.n) {
            pthread_cond_wait(&log->some, &log->mutex);
            continue;
        }
        HthBuf out = log->waiting;
        const int fd = fcntl(log->fd, F_DUPFD_CLOEXEC, 3); /* reopening closes the other */
        hth_buf_init(&log->waiting, WAITING_MAX);
        pthread_mutex_unlock(&log->mutex);
        if (fd >= 0) {
            put_all(fd, out.p, out.n);
            close(fd);
        }
        hth_buf_drop(&out);
        pthread_mutex_lock(&log->mutex);
    }
    pthread_mutex_unlock(&log->mutex);
    return NULL;
}

HthStatus hth_access_log_open(HthAccessLog **out, const char *path, HthErr *err) {
    sigset_t all, before;
    hth_json_init();
    HthAccessLog *log = hth_calloc(1, sizeof *log);
    char *copy = hth_strdup(path);
    int fd = -1;
    HthStatus st = HTH_OK;
    if (!log || !copy) st = HTH_FAIL(err, HTH_ENOMEM, "No memory for the log.");
    if (st == HTH_OK) st = open_file(&fd, path, err);
    if (st != HTH_OK) {
        hth_free(log);
        hth_free(copy);
        return st;
    }
    log->path = copy;
    log->fd = fd;
    hth_buf_init(&log->waiting, WAITING_MAX);
    pthread_mutex_init(&log->mutex, NULL);
    pthread_cond_init(&log->some, NULL);
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    const int e = pthread_create(&log->thread, NULL, write_lines, log);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (e) {
        log->stop = true;
        close(fd);
        hth_free(copy);
        hth_free(log);
        return HTH_FAIL(err, HTH_EIO, "The system gives the log no thread.");
    }
    *out = log;
    return HTH_OK;
}

void hth_access_log_close(HthAccessLog **log_io) {
    HthAccessLog *log = *log_io;
    *log_io = NULL;
    if (!log) return;
    pthread_mutex_lock(&log->mutex);
    log->stop = true;
    pthread_cond_signal(&log->some);
    pthread_mutex_unlock(&log->mutex);
    pthread_join(log->thread, NULL);
    close(log->fd);
    hth_buf_drop(&log->waiting);
    pthread_cond_destroy(&log->some);
    pthread_mutex_destroy(&log->mutex);
    hth_free(log->path);
    hth_free(log);
}

HthStatus hth_access_log_reopen(HthAccessLog *log, HthErr *err) {
    int fd = -1;
    HTH_TRY(open_file(&fd, log->path, err));
    pthread_mutex_lock(&log->mutex);
    close(log->fd);
    log->fd = fd;
    pthread_mutex_unlock(&log->mutex);
    return HTH_OK;
}

void hth_access_log_add(HthAccessLog *log, const HthX *x) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    HthAccess a = { .unix_s = now.tv_sec,
                    .ms_part = (uint32_t)(now.tv_nsec / 1000000),
                    .method = hth_x_method(x),
                    .result = hth_x_result(x),
                    .note = hth_x_noted(x),
                    .from = hth_x_from(x) };
    pthread_mutex_lock(&log->mutex);
    a.lost = log->lost;
    if (hth_access_line(&log->waiting, &a, NULL) == HTH_OK)
        log->lost = 0;
    else
        log->lost++;
    pthread_cond_signal(&log->some);
    pthread_mutex_unlock(&log->mutex);
}
