/* keeper.c - see keeper.h.
 *
 * Two pipes. A request is a Head, the path, and with SAVE the chat; an answer is a Head and, as its
 * bytes, the chat that was asked for or the sentence of an error.
 *
 * Thread: as keeper.h. */
#include "cli/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "cage/cage.h"

struct HthKeeper {
    pid_t child;
    int to, from; /* requests, answers */
};

typedef enum Verb { SAVE, LOAD } Verb;

typedef struct Head {
    uint32_t what; /* Verb; in an answer HthStatus */
    uint32_t path_n; /* bytes of the path; 0 in an answer */
    uint64_t n; /* bytes that follow the path */
} Head;

/* ---- pipes ---------------------------------------------------------------------------------- */

static bool put(int fd, const void *bytes, size_t n) {
    for (const char *p = bytes; n > 0;) {
        const ssize_t wrote = write(fd, p, n);
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote <= 0) return false;
        p += wrote;
        n -= (size_t)wrote;
    }
    return true;
}

static bool get(int fd, void *out, size_t n) {
    for (char *p = out; n > 0;) {
        const ssize_t got = read(fd, p, n);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return false;
        p += got;
        n -= (size_t)got;
    }
    return true;
}

/* Sets buf to n bytes from the pipe. */
static bool get_buf(int fd, HthBuf *buf, uint64_t n) {
    hth_buf_clear(buf);
    if (n == 0) return true;
    if (n > buf->max || hth_buf_reserve(buf, n, NULL) != HTH_OK) return false;
    if (!get(fd, buf->p, n)) return false;
    buf->n = n;
    buf->p[n] = '\0';
    return true;
}

/* ---- the keeper ----------------------------------------------------------------------------- */

static HthStatus check_chat(HthStr text, const char *path, HthErr *err) {
    json_t *o = NULL;
    HthStatus st = hth_json_parse(&o, text, HTH_CHAT_FILE_MAX, NULL);
    if (st != HTH_OK || !hth_chat_is_saved(o))
        st = HTH_FAIL(err, HTH_EINVAL, "%s holds no chat saved by hearth", path);
    json_decref(o);
    return st;
}

static HthStatus load(const char *path, HthBuf *out, HthErr *err) {
    hth_buf_clear(out);
    HTH_TRY(hth_file_read(out, path, err));
    return check_chat(hth_buf_str(out), path, err);
}

/* Only a saved chat gives way to another. */
static HthStatus may_replace(const char *path, HthErr *err) {
    struct stat st;
    HthBuf old;
    if (stat(path, &st) != 0 || (S_ISREG(st.st_mode) && st.st_size == 0)) return HTH_OK;
    HTH_REQUIRE(S_ISREG(st.st_mode), err, HTH_EINVAL, "%s is not a regular file", path);
    hth_buf_init(&old, HTH_CHAT_FILE_MAX);
    HthStatus status = load(path, &old, err);
    hth_buf_drop(&old);
    HTH_REQUIRE(status == HTH_OK, err, HTH_EINVAL,
                "%s is there and holds no chat saved by hearth; it is not replaced", path);
    return HTH_OK;
}

static HthStatus save(const char *path, HthStr chat, HthErr *err) {
    HTH_TRY(check_chat(chat, "this conversation", err));
    HTH_TRY(may_replace(path, err));
    return hth_file_write(path, chat.p, chat.n, 0600, err);
}

/* One request; false: whoever asked is gone, or makes no sense. */
static bool serve(int requests, int answers, HthBuf *bytes) {
    char path[PATH_MAX];
    Head head;
    HthErr err = { 0 };
    if (!get(requests, &head, sizeof head) || head.path_n >= sizeof path || head.what > LOAD ||
        !get(requests, path, head.path_n) || !get_buf(requests, bytes, head.n))
        return false;
    path[head.path_n] = '\0';
    const HthStatus st =
        head.what == SAVE ? save(path, hth_buf_str(bytes), &err) : load(path, bytes, &err);
    HthStr text = hth_buf_str(bytes);
    if (st != HTH_OK)
        text = hth_str(err.text);
    else if (head.what == SAVE)
        text = HTH_STR("");
    const Head answer = { (uint32_t)st, 0, text.n };
    return put(answers, &answer, sizeof answer) && put(answers, text.p, text.n);
}

/* Its cage leaves files as they are: it is there to open them. */
static _Noreturn void keep(int requests, int answers) {
    static const HthCagePlace all = { "/", HTH_CAGE_READ | HTH_CAGE_WRITE | HTH_CAGE_MAKE };
    const HthCageCfg cfg = { HTH_CAGE_ENGINE, &all, 1 };
    HthErr err = { 0 };
    HthBuf bytes;
    (void)signal(SIGINT, SIG_IGN); /* Ctrl-C ends an answer, not this */
    const HthStatus st = hth_cage_enter(&cfg, NULL, &err);
    const Head ready = { (uint32_t)st, 0, strlen(err.text) };
    hth_buf_init(&bytes, HTH_CHAT_FILE_MAX);
    bool more = put(answers, &ready, sizeof ready) && put(answers, err.text, ready.n);
    while (st == HTH_OK && more) more = serve(requests, answers, &bytes);
    _exit(0);
}

/* ---- whom it keeps for ---------------------------------------------------------------------- */

static HthStatus gone(HthErr *err) {
    return HTH_FAIL(err, HTH_EIO, "the process that keeps saved chats has ended");
}

/* The answer; `out` NULL: none but a sentence is wanted. */
static HthStatus answer(HthKeeper *k, HthBuf *out, HthErr *err) {
    Head head;
    char text[sizeof err->text];
    if (!get(k->from, &head, sizeof head)) return gone(err);
    const HthStatus st = (HthStatus)head.what;
    if (st == HTH_OK && out != NULL) return get_buf(k->from, out, head.n) ? HTH_OK : gone(err);
    if (head.n >= sizeof text || !get(k->from, text, head.n)) return gone(err);
    text[head.n] = '\0';
    return st == HTH_OK ? HTH_OK : HTH_FAIL(err, st, "%s", text);
}

static HthStatus ask(HthKeeper *k, Verb verb, const char *path, HthStr bytes, HthErr *err) {
    const Head head = { verb, (uint32_t)strlen(path), bytes.n };
    struct sigaction quiet = { .sa_handler = SIG_IGN }, before;
    (void)sigaction(SIGPIPE, &quiet, &before); /* a keeper that died is an error, not our end */
    const bool asked = put(k->to, &head, sizeof head) && put(k->to, path, head.path_n) &&
                       put(k->to, bytes.p, bytes.n);
    (void)sigaction(SIGPIPE, &before, NULL);
    return asked ? HTH_OK : gone(err);
}

HthStatus hth_keeper_save(HthKeeper *k, const char *path, HthStr chat, HthErr *err) {
    HTH_TRY(ask(k, SAVE, path, chat, err));
    return answer(k, NULL, err);
}

HthStatus hth_keeper_load(HthKeeper *k, const char *path, HthBuf *out, HthErr *err) {
    HTH_TRY(ask(k, LOAD, path, HTH_STR(""), err));
    return answer(k, out, err);
}

static HthStatus start(HthKeeper *k, int requests[2], int answers[2], HthErr *err) {
    (void)fflush(NULL); /* what waits to be written is ours to write, and once */
    k->child = fork();
    HTH_REQUIRE(k->child >= 0, err, HTH_EIO, "cannot make a process that keeps saved chats: %s",
                strerror(errno));
    if (k->child == 0) {
        close(requests[1]);
        close(answers[0]);
        keep(requests[0], answers[1]);
    }
    close(requests[0]);
    close(answers[1]);
    requests[0] = answers[1] = -1;
    k->to = requests[1];
    k->from = answers[0];
    return answer(k, NULL, err);
}

static void close_both(int fds[2]) {
    for (int i = 0; i < 2; i++)
        if (fds[i] >= 0) close(fds[i]);
}

HthStatus hth_keeper_open(HthKeeper **out, HthErr *err) {
    int requests[2] = { -1, -1 }, answers[2] = { -1, -1 };
    HthKeeper *k = hth_calloc(1, sizeof *k);
    HTH_REQUIRE(k != NULL, err, HTH_ENOMEM, "out of memory for keeping chats");
    k->to = k->from = -1;
    HthStatus st = pipe2(requests, O_CLOEXEC) == 0 && pipe2(answers, O_CLOEXEC) == 0
                       ? start(k, requests, answers, err)
                       : HTH_FAIL(err, HTH_EIO, "cannot make a pipe: %s", strerror(errno));
    if (st == HTH_OK) {
        *out = k;
        return HTH_OK;
    }
    close_both(requests);
    close_both(answers);
    if (k->child > 0) (void)waitpid(k->child, NULL, 0);
    hth_free(k);
    return st;
}

void hth_keeper_close(HthKeeper **keeper) {
    HthKeeper *k = *keeper;
    if (k == NULL) return;
    close(k->to); /* the end of its requests is the end of it */
    close(k->from);
    while (waitpid(k->child, NULL, 0) < 0 && errno == EINTR) continue;
    hth_free(k);
    *keeper = NULL;
}
