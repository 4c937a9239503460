/* serve_run.c - hearth serve's first process: starts the other two, and ends with them.
 *
 * It parses nothing, and when both run it closes a cage in which it can only wait, write to what is
 * open, and remove the server's socket. Whatever ends one of the three ends all: children hear the
 * end of their parent from the kernel and from a pipe.
 *
 * Thread: the main thread. */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "cli/caged.h"
#include "cli/serve_parts.h"
#include "cli/state.h"
#include "crypt/secret.h"

enum { FDS_MAX = 1 << 16, RELOAD_MS = 10000, FRONT_END_MS = 10000, ENGINE_END_MS = 60000 };

typedef struct Child {
    const char *name;
    pid_t pid; /* 0: there is none */
    int say, orders; /* our ends */
    int code; /* when it has ended */
} Child;

typedef struct Run {
    HthServe *s;
    Child engine, front;
    int code;
    bool over; /* one of them has ended before it was asked to */
    ino_t socket;
} Run;

/* ---- in the children ------------------------------------------------------------------------- */

static pid_t main_pid;

void hth_serve_parent(void) {
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (getppid() != main_pid) _exit(HTH_EXIT_INTERNAL); /* too late to be told */
}

/* All but these, whatever the limit is now: one may have been set lower after they were opened. */
static void close_others(const int *keep, size_t n) {
    for (unsigned from = 3, next = 0; next != UINT_MAX; from = next + 1) {
        next = UINT_MAX;
        for (size_t i = 0; i < n; i++)
            if (keep[i] >= (int)from && (unsigned)keep[i] < next) next = (unsigned)keep[i];
        if (next == from || syscall(SYS_close_range, from, next - 1, 0) == 0) continue;
        for (unsigned fd = from; fd < next && fd < FDS_MAX; fd++) close((int)fd); /* before 5.9 */
    }
}

void hth_serve_child(const int *keep, size_t n) {
    hth_serve_parent();
    close_others(keep, n);
}

int hth_serve_order(int orders, int wait_ms) {
    struct pollfd p = { .fd = orders, .events = POLLIN };
    char order = 0;
    const int there = poll(&p, 1, wait_ms);
    if (there <= 0) return 0;
    const ssize_t n = read(orders, &order, 1);
    if (n < 0) return errno == EINTR || errno == EAGAIN ? 0 : HTH_SERVE_QUIT;
    return n ? order : HTH_SERVE_QUIT;
}

bool hth_serve_say(int say, const void *bytes, size_t n) {
    return write(say, bytes, n) == (ssize_t)n; /* small: in one piece */
}

/* ---- children -------------------------------------------------------------------------------- */

static HthStatus start(Run *r, Child *c, const char *name, int (*process)(HthServe *, int, int),
                       HthErr *err) {
    int say[2] = { -1, -1 }, orders[2] = { -1, -1 };
    c->name = name;
    c->say = c->orders = -1;
    const bool pipes = !pipe(say) && !pipe(orders);
    (void)fflush(NULL);
    c->pid = pipes ? fork() : -1;
    if (c->pid == 0) {
        hth_life_hush(r->s->the_life);
        const int code = process(r->s, say[1], orders[0]);
        hth_link_unmake(&r->s->map);
        hth_life_close(&r->s->the_life);
        hth_serve_drop(r->s);
        exit(code);
    }
    if (say[1] >= 0) close(say[1]);
    if (orders[0] >= 0) close(orders[0]);
    c->say = say[0];
    c->orders = orders[1];
    if (c->pid < 0) c->pid = 0;
    HTH_REQUIRE(c->pid, err, HTH_EIO, "cannot start the server's second process: %s",
                strerror(errno));
    return HTH_OK;
}

static void has_ended(Child *c, int status) {
    c->pid = 0;
    c->code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    if (WIFSIGNALED(status) && WTERMSIG(status) != SIGINT && WTERMSIG(status) != SIGTERM)
        fprintf(stderr, "hearth: the %s's process ended (signal %d)\n", c->name, WTERMSIG(status));
    else if (WIFSIGNALED(status))
        c->code = HTH_EXIT_INTERRUPTED;
}

static bool is_there(Child *c) {
    int status = 0;
    if (c->pid && waitpid(c->pid, &status, WNOHANG) == c->pid) has_ended(c, status);
    return c->pid != 0;
}

static void order(const Child *c, HthServeOrder what) {
    const char byte = (char)what;
    if (c->pid) (void)hth_serve_say(c->orders, &byte, 1);
}

static void end_child(Child *c, uint32_t ms) {
    const uint64_t end = hth_clock_ns() + (uint64_t)ms * 1000000u;
    order(c, HTH_SERVE_QUIT);
    if (c->orders >= 0) close(c->orders);
    while (is_there(c) && hth_clock_ns() < end) (void)hth_life_signal(20);
    if (c->pid) { /* in its cage this process can end nobody: the kernel does, when it leaves */
        fprintf(stderr, "hearth: the %s's process did not end in time\n", c->name);
        c->code = HTH_EXIT_INTERNAL;
    }
    if (c->say >= 0) close(c->say);
    c->say = c->orders = -1;
}

/* Its word that it is ready; false: it has ended, or somebody has asked us to. */
static bool ready(Run *r, Child *c, HthServeReady *out) {
    struct pollfd p = { .fd = c->say, .events = POLLIN };
    while (poll(&p, 1, 100) <= 0) {
        const int sig = hth_life_signal(0);
        if (sig == SIGTERM || sig == SIGINT) {
            (void)kill(c->pid, SIGKILL); /* it may be reading a model for long */
            r->code = HTH_EXIT_OK;
            return false;
        }
    }
    if (read(c->say, out, sizeof *out) == sizeof *out) return true;
    while (is_there(c)) (void)hth_life_signal(20);
    r->code = c->code;
    return false;
}

/* ---- telling where it is --------------------------------------------------------------------- */

/* The first TCP listener; 0: none. */
static uint16_t tcp_port(const HthServe *s, const HthServeReady *front, const HthListen **which) {
    size_t n = 0;
    const HthListen *listens = hth_life_listens(s->the_life, &n);
    for (size_t i = 0; i < n; i++) {
        if (front->ports[i] == 0) continue;
        *which = &listens[i];
        return front->ports[i];
    }
    return 0;
}

static void tell_addresses(const HthServe *s, const HthServeReady *front) {
    size_t n = 0;
    const HthListen *listens = hth_life_listens(s->the_life, &n);
    if (front->moved)
        fputs("hearth: port 11434 is taken (by Ollama, perhaps); listening on the next free one\n",
              stderr);
    for (size_t i = 0; i < n; i++) {
        const uint16_t port = front->ports[i];
        if (listens[i].unix_path)
            fprintf(stderr, "hearth: listening on unix:%s\n", listens[i].unix_path);
        else if (port)
            fprintf(stderr, "hearth: listening on %s://%s:%u\n",
                    listens[i].cert_file ? "https" : "http",
                    listens[i].host ? listens[i].host : "127.0.0.1", port);
    }
}

static void tell_link(const HthServe *s, const HthServeReady *front, HthServeReady *engine) {
    const HthListen *at = NULL;
    const uint16_t port = tcp_port(s, front, &at);
    engine->token[sizeof engine->token - 1] = '\0';
    if (!s->open || port == 0) return;
    printf("%s://127.0.0.1:%u/login?t=", at->cert_file ? "https" : "http", port);
    hth_cli_print_safe(stdout, hth_str(engine->token));
    fputc('\n', stdout);
    fflush(stdout);
    fputs("hearth: this link lets one browser in, once, within five minutes\n", stderr);
}

static HthStatus tell_port(const HthServe *s, const HthServeReady *front, HthErr *err) {
    char text[16];
    const HthListen *at = NULL;
    if (!s->port_file) return HTH_OK;
    int n = snprintf(text, sizeof text, "%u\n", tcp_port(s, front, &at));
    return hth_file_write(s->port_file, text, (size_t)n, 0644, err);
}

/* The front may not remove its socket: it would have to be let into the folder. */
static const char *socket_path(const HthServe *s) {
    size_t n = 0;
    const HthListen *listens = hth_life_listens(s->the_life, &n);
    for (size_t i = 0; i < n; i++)
        if (listens[i].unix_path) return listens[i].unix_path;
    return NULL;
}

static ino_t socket_inode(const HthServe *s) {
    struct stat st;
    const char *path = socket_path(s);
    return path && !stat(path, &st) && S_ISSOCK(st.st_mode) ? st.st_ino : 0;
}

/* ---- while it runs --------------------------------------------------------------------------- */

static void drain(void *payload) {
    Run *r = payload;
    order(&r->front, HTH_SERVE_DRAIN);
}

static bool alive(void *payload) {
    Run *r = payload;
    const bool front = is_there(&r->front), engine = is_there(&r->engine);
    if (r->over || (front && engine)) return front && engine;
    r->over = true;
    const Child *gone = r->front.pid ? &r->engine : &r->front;
    fprintf(stderr, "hearth: the %s has ended, and the server ends with it\n", gone->name);
    r->code = gone->code && gone->code < 128 ? gone->code : HTH_EXIT_INTERNAL;
    return false;
}

static bool busy(void *payload) {
    Run *r = payload;
    return is_there(&r->front) && is_there(&r->engine);
}

static HthStatus reload(void *payload, HthErr *err) {
    Run *r = payload;
    Child *const both[] = { &r->front, &r->engine };
    bool ok = true;
    for (size_t i = 0; i < HTH_COUNT(both); i++) order(both[i], HTH_SERVE_RELOAD);
    for (size_t i = 0; i < HTH_COUNT(both); i++) {
        struct pollfd p = { .fd = both[i]->say, .events = POLLIN };
        char answer = 0;
        ok &= poll(&p, 1, RELOAD_MS) == 1 && read(p.fd, &answer, 1) == 1 && answer == 'r';
    }
    HTH_REQUIRE(ok, err, HTH_EIO, "a process of the server did not read anew");
    return HTH_OK;
}

/* ---- all of it ------------------------------------------------------------------------------- */

static HthStatus open_main(HthServe *s, HthErr *err) {
    HTH_TRY(hth_secret_process(err));
    HTH_TRY(hth_state_folder(&s->state, true, err));
    HTH_TRY(hth_state_file(&s->chats_path, "chats.db", true, err));
    HTH_TRY(hth_store_home(&s->home, err));
    s->life.state_folder = hth_buf_str(&s->state).p;
    HTH_TRY(hth_life_open(&s->the_life, &s->life, err));
    main_pid = getpid();
    size_t n = 0; /* looked at here: the engine will not have them */
    const HthListen *listens = hth_life_listens(s->the_life, &n);
    HTH_TRY(hth_auth_check_listens(listens, n, 1, err));
    (void)!hth_auth_check_listens(listens, n, 0, &s->keyless);
    return hth_link_make(&s->map, err);
}

/* And whatever it was started with: who started it may have left it sockets. */
static HthStatus close_cage(const Run *r, HthErr *err) {
    const HthServe *s = r->s;
    const int keep[] = { r->engine.say, r->engine.orders, r->front.say, r->front.orders,
                         hth_life_manager(s->the_life) };
    char folder[HTH_LIFE_PATH_MAX] = ".";
    const char *path = socket_path(s), *slash = path ? strrchr(path, '/') : NULL;
    if (slash) snprintf(folder, sizeof folder, "%.*s", (int)(slash - path) + 1, path);
    const HthCaged c = { .main = true, .off = s->no_cage, .removes = path ? folder : NULL };
    close_others(keep, HTH_COUNT(keep));
    if (hth_caged_off(c.off)) return HTH_OK; /* the engine has said what that means */
    (void)prctl(PR_SET_DUMPABLE, 1, 0, 0, 0); /* to make a namespace; the cage forbids it again */
    HTH_REQUIRE(hth_caged(&c) == HTH_EXIT_OK, err, HTH_EIO, "the server does not start");
    return HTH_OK;
}

static HthStatus run(Run *r, HthErr *err) {
    HthServe *s = r->s;
    HthServeReady engine = { 0 }, front = { 0 };
    HTH_TRY(open_main(s, err));
    HTH_TRY(start(r, &r->engine, "engine", hth_serve_engine, err));
    if (!ready(r, &r->engine, &engine)) return HTH_OK;
    HTH_TRY(start(r, &r->front, "front", hth_serve_front, err));
    hth_life_leave(s->the_life);
    hth_link_unmake(&s->map); /* theirs alone */
    if (!ready(r, &r->front, &front)) return HTH_OK;
    r->socket = socket_inode(s);
    tell_addresses(s, &front);
    tell_link(s, &front, &engine);
    HTH_TRY(tell_port(s, &front, err)); /* last: who waits for it may look at the rest */
    HTH_TRY(close_cage(r, err));
    const HthLifeHooks hooks = {
        .reload = reload, .drain = drain, .busy = busy, .alive = alive, .payload = r
    };
    (void)hth_life_run(s->the_life, NULL, &hooks);
    return HTH_OK;
}

int hth_serve_run(HthServe *s) {
    Run r = { .s = s, .engine = { .say = -1, .orders = -1 }, .front = { .say = -1, .orders = -1 } };
    HthErr err = { 0 };
    if (run(&r, &err) != HTH_OK) r.code = hth_cli_fail(&err);
    end_child(&r.front, FRONT_END_MS);
    end_child(&r.engine, ENGINE_END_MS);
    if (!r.over && !r.code) r.code = r.front.code ? r.front.code : r.engine.code;
    if (s->the_life && r.socket && socket_inode(s) == r.socket) (void)unlink(socket_path(s));
    hth_link_unmake(&s->map);
    hth_life_close(&s->the_life);
    return r.code;
}

void hth_serve_init(HthServe *s) {
    s->life.port = -1;
    s->house.web = true;
    s->audit_content = HTH_CONTENT_COMMIT;
    s->house.keep_alive_s = HTH_KEEP_DEFAULT;
    hth_buf_init(&s->state, 4096);
    hth_buf_init(&s->home, 4096);
    hth_buf_init(&s->chats_path, 4096);
}

void hth_serve_drop(HthServe *s) {
    hth_buf_drop(&s->state);
    hth_buf_drop(&s->home);
    hth_buf_drop(&s->chats_path);
    hth_lora_drop(&s->loras);
}
