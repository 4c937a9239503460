/* life_test.c - addresses, handed sockets, signals, and what the service manager is told. */
#include "serve/life.h"

#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <sys/wait.h>

#include "support/http_app.h"

#include "support/folder.h"

static void addresses(void **state) {
    static const struct {
        const char *text, *host; /* host NULL: refused */
        uint16_t port;
        bool said;
    } cases[] = {
        { "", "127.0.0.1", 11434, false },
        { "localhost", "127.0.0.1", 11434, false },
        { "127.0.0.1", "127.0.0.1", 11434, false },
        { "127.0.0.1:11434", "127.0.0.1", 11434, true },
        { "0.0.0.0", "0.0.0.0", 11434, false },
        { "0.0.0.0:80", "0.0.0.0", 80, true },
        { ":8080", "127.0.0.1", 8080, true },
        { "::1", "::1", 11434, false },
        { "::", "::", 11434, false },
        { "[::1]", "::1", 11434, false },
        { "[::1]:9", "::1", 9, true },
        { "http://localhost:1234", "127.0.0.1", 1234, true },
        { "http://127.0.0.1:1234/", "127.0.0.1", 1234, true },
        { "http://127.0.0.1", "127.0.0.1", 80, true },
        { "https://[::1]/", "::1", 443, true },
        { " 10.0.0.1:5 ", "10.0.0.1", 5, true },
        { "example.com", NULL, 0, false },
        { "example.com:80", NULL, 0, false },
        { "127.0.0.1:65536", NULL, 0, false },
        { "127.0.0.1:x", NULL, 0, false },
        { "127.0.0.1/path", NULL, 0, false },
        { "127.1", NULL, 0, false },
        { "ftp://127.0.0.1", NULL, 0, false },
        { "[::1", NULL, 0, false },
        { ":99999", NULL, 0, false },
        { ":", NULL, 0, false },
    };
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(cases); i++) {
        HthErr err = { 0 };
        HthAddress a = { 0 };
        const HthStatus st = hth_life_address(&a, hth_str(cases[i].text), &err);
        if ((st == HTH_OK) != (cases[i].host != NULL))
            fail_msg("\"%s\": %s", cases[i].text, err.text);
        if (st != HTH_OK) {
            assert_int_equal(st, HTH_EINVAL);
            continue;
        }
        assert_string_equal(a.host, cases[i].host);
        assert_int_equal(a.port, cases[i].port);
        assert_int_equal(a.port_said, cases[i].said);
    }
}

static int clear_environment(void **state) {
    static const char *const names[] = { "HEARTH_HOST",   "OLLAMA_HOST", "XDG_RUNTIME_DIR",
                                         "LISTEN_PID",    "LISTEN_FDS",  "NOTIFY_SOCKET",
                                         "WATCHDOG_USEC", "WATCHDOG_PID" };
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(names); i++) unsetenv(names[i]);
    return 0;
}

static void where_it_listens(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthLife *life = NULL;
    size_t n = 0;
    HthLifeCfg cfg = { .port = -1, .state_folder = "/state" };
    assert_ok(hth_life_open(&life, &cfg, &err), err);
    const HthListen *l = hth_life_listens(life, &n);
    assert_int_equal(n, 2);
    assert_string_equal(l[0].host, "127.0.0.1");
    assert_int_equal(l[0].port, 11434);
    assert_string_equal(l[1].unix_path, "/state/hearth.sock");
    hth_life_close(&life);
    setenv("OLLAMA_HOST", "0.0.0.0:1", 1);
    setenv("XDG_RUNTIME_DIR", "/run/user/1", 1);
    cfg.cert_file = "c", cfg.key_file = "k";
    assert_ok(hth_life_open(&life, &cfg, &err), err);
    l = hth_life_listens(life, &n);
    assert_string_equal(l[0].host, "0.0.0.0");
    assert_string_equal(l[0].cert_file, "c");
    assert_string_equal(l[1].unix_path, "/run/user/1/hearth.sock");
    assert_null(l[1].cert_file);
    hth_life_close(&life);
    setenv("HEARTH_HOST", "127.0.0.2", 1); /* ours before theirs; options before both */
    cfg.port = 5;
    assert_ok(hth_life_open(&life, &cfg, &err), err);
    l = hth_life_listens(life, &n);
    assert_string_equal(l[0].host, "127.0.0.2");
    assert_int_equal(l[0].port, 5);
    hth_life_close(&life);
    cfg.host = "::1";
    cfg.unix_path = "";
    assert_ok(hth_life_open(&life, &cfg, &err), err);
    l = hth_life_listens(life, &n);
    assert_int_equal(n, 1);
    assert_string_equal(l[0].host, "::1");
    hth_life_close(&life);
    cfg.host = "nowhere";
    assert_status(hth_life_open(&life, &cfg, &err), HTH_EINVAL, err);
    assert_null(life);
    clear_environment(NULL);
}

/* The usual port is taken: the next one; a port that was asked for is not exchanged. */
static void a_port_that_is_taken(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthLife *life = NULL;
    HthHttp *http = NULL;
    App app;
    char host[32];
    app_open(&app, NULL);
    const HthHttpCfg cfg = { .handle = app_handle, .payload = &app };
    HthLifeCfg where = { .port = app.port, .unix_path = "" };
    assert_ok(hth_life_open(&life, &where, &err), err);
    assert_status(hth_life_serve(life, &http, &cfg, &err), HTH_EAGAIN, err);
    hth_life_close(&life);
    snprintf(host, sizeof host, "127.0.0.1:%u", app.port);
    where = (HthLifeCfg){ .host = host, .port = -1, .unix_path = "" };
    assert_ok(hth_life_open(&life, &where, &err), err);
    assert_status(hth_life_serve(life, &http, &cfg, &err), HTH_EAGAIN, err);
    hth_life_close(&life);
    /* Whoever has 11434 here, one of the next twenty is free. */
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    const struct sockaddr_in usual = { .sin_family = AF_INET,
                                       .sin_port = htons(11434),
                                       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    const int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (!bind(fd, (const struct sockaddr *)&usual, sizeof usual))
        assert_int_equal(listen(fd, 1), 0);
    where = (HthLifeCfg){ .port = -1, .unix_path = "" };
    assert_ok(hth_life_open(&life, &where, &err), err);
    assert_ok(hth_life_serve(life, &http, &cfg, &err), err);
    assert_true(hth_life_moved(life));
    assert_in_range(hth_http_port(http, 0), 11435, 11434 + HTH_LIFE_PORTS_TRIED);
    hth_http_close(&http);
    hth_life_close(&life);
    close(fd);
    app_close(&app);
}

/* The rest happens in children: signals and environments are theirs. */
static int child(int (*body)(void *), void *ctx) {
    const pid_t pid = fork();
    int status = 0;
    assert_true(pid >= 0);
    if (!pid) _exit(body(ctx));
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Each line of this returns its own number when it is not so. */
#define CHECK(cond)                                                                                \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            fprintf(stderr, "life_test.c:%d: %s\n", __LINE__, #cond);                              \
            return 1;                                                                              \
        }                                                                                          \
    } while (0)

static int handed(void *ctx) {
    const struct sockaddr_in here = { .sin_family = AF_INET,
                                      .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    const int wrong_pid = *(int *)ctx;
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    char pid[16];
    HthErr err = { 0 };
    HthLife *life = NULL;
    size_t n = 0;
    CHECK(!bind(fd, (const struct sockaddr *)&here, sizeof here) && !listen(fd, 5));
    CHECK(fd == 3 || dup2(fd, 3) == 3);
    snprintf(pid, sizeof pid, "%d", getpid() + wrong_pid);
    setenv("LISTEN_PID", pid, 1);
    setenv("LISTEN_FDS", "1", 1);
    const HthLifeCfg cfg = { .port = -1, .unix_path = "" };
    CHECK(hth_life_open(&life, &cfg, &err) == HTH_OK);
    const HthListen *l = hth_life_listens(life, &n);
    CHECK(n == 1 && !getenv("LISTEN_FDS"));
    if (wrong_pid) {
        CHECK(l[0].fd == -1 && l[0].port == 11434);
        return 0;
    }
    CHECK(l[0].fd == 3);
    CHECK(fcntl(3, F_GETFD) & FD_CLOEXEC);
    App app = { 0 };
    HthHttp *http = NULL;
    HthBuf in;
    hth_buf_init(&in, 1 << 16);
    const HthHttpCfg http_cfg = { .handle = app_handle, .payload = &app };
    CHECK(hth_life_serve(life, &http, &http_cfg, &err) == HTH_OK);
    CHECK(client_once(hth_http_port(http, 0), "GET /echo HTTP/1.1\r\nHost: localhost\r\n\r\n",
                      &in) == 200);
    hth_http_close(&http);
    hth_life_close(&life);
    return 0;
}

static int handed_rubbish(void *ctx) {
    char pid[16];
    HthErr err = { 0 };
    HthLife *life = NULL;
    const HthLifeCfg cfg = { .port = -1, .unix_path = "" };
    (void)ctx;
    close(3);
    CHECK(open("/dev/null", O_RDONLY) == 3);
    snprintf(pid, sizeof pid, "%d", getpid());
    setenv("LISTEN_PID", pid, 1);
    setenv("LISTEN_FDS", "1", 1);
    CHECK(hth_life_open(&life, &cfg, &err) == HTH_EINVAL && !life);
    setenv("LISTEN_PID", pid, 1);
    setenv("LISTEN_FDS", "9", 1);
    CHECK(hth_life_open(&life, &cfg, &err) == HTH_ELIMIT && !life);
    return 0;
}

static void handed_sockets(void **state) {
    (void)state;
    int wrong_pid = 0;
    assert_int_equal(child(handed, &wrong_pid), 0);
    wrong_pid = 1;
    assert_int_equal(child(handed, &wrong_pid), 0);
    assert_int_equal(child(handed_rubbish, NULL), 0);
}

/* ---- signals --------------------------------------------------------------------------------- */

typedef struct Signals {
    int notify_fd, second; /* second: SIGTERM again, as the deadline is an hour away */
    char notify_path[80];
} Signals;

typedef struct Sender {
    bool twice;
    _Atomic bool over;
    _Atomic int reloads;
} Sender;

static HthStatus on_reload(void *payload, HthErr *err) {
    return ++((Sender *)payload)->reloads == 2 ? HTH_FAIL(err, HTH_EINVAL, "Not this time.")
                                               : HTH_OK;
}

static void *send_signals(void *payload) {
    Sender *s = payload;
    for (int i = 0; i < 2; i++) { /* one after the other: two that wait are one */
        kill(getpid(), SIGHUP);
        while (s->reloads == i) app_sleep_ms(1);
        app_sleep_ms(60); /* long for the watchdog: it is fed at the latest with the next signal */
    }
    kill(getpid(), SIGTERM);
    while (s->twice && !s->over) app_sleep_ms(20), kill(getpid(), SIGTERM);
    return NULL;
}

/* A stream that never ends keeps the server busy; or one that does ends well. */
static int live(void *ctx) {
    const Signals *s = ctx;
    HthErr err = { 0 };
    HthLife *life = NULL;
    HthHttp *http = NULL;
    App app = { 0 };
    HthBuf in;
    Sender sender = { .twice = s->second };
    pthread_t thread;
    hth_buf_init(&in, 1 << 20);
    setenv("NOTIFY_SOCKET", s->notify_path, 1);
    setenv("WATCHDOG_USEC", "40000", 1);
    const HthLifeCfg cfg = { .host = "127.0.0.1:0", .port = 0, .unix_path = "" };
    const HthHttpCfg http_cfg = { .handle = app_handle, .payload = &app };
    const HthLifeHooks hooks = { .reload = on_reload,
                                 .payload = &sender,
                                 .drain_ms = s->second ? 3600000 : 20000 };
    CHECK(hth_life_open(&life, &cfg, &err) == HTH_OK);
    CHECK(hth_life_serve(life, &http, &http_cfg, &err) == HTH_OK);
    const int fd = client_tcp(hth_http_port(http, 0));
    CHECK(client_say(fd, s->second ? "GET /silent?ping=5 HTTP/1.1\r\nHost: localhost\r\n\r\n"
                                   : "GET /stream?n=100&ms=3 HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    CHECK(client_recv(fd, &in, DEADLINE_MS) > 0);
    CHECK(!pthread_create(&thread, NULL, send_signals, &sender));
    const bool whole = hth_life_run(life, http, &hooks);
    sender.over = true;
    pthread_join(thread, NULL);
    hth_http_close(&http);
    CHECK(whole == !s->second);
    CHECK(sender.reloads == 2);
    if (whole) client_until(fd, &in, "data: 99\n");
    hth_life_close(&life);
    return 0;
}

typedef struct Notes {
    int fd, status; /* status: the child's, when it has ended */
    pid_t pid;
    bool over, fed;
    char got[1024];
} Notes;

/* What the service manager hears, in order, but for the watchdog's food. */
static void read_notes(Notes *n) {
    for (;;) {
        char line[256];
        struct pollfd p = { .fd = n->fd, .events = POLLIN };
        const bool last = n->over;
        n->over = last || waitpid(n->pid, &n->status, WNOHANG) == n->pid;
        if (poll(&p, 1, 10) <= 0) {
            if (last) return;
            continue;
        }
        const ssize_t len = recv(n->fd, line, sizeof line - 1, 0);
        if (len <= 0) return;
        line[len] = '\0';
        line[strcspn(line, "\n")] = '\0';
        const size_t at = strlen(n->got);
        if (strcmp(line, "WATCHDOG=1") != 0)
            snprintf(n->got + at, sizeof n->got - at, "%s ", line);
        else
            n->fed = true;
    }
}

/* A manager that never reads does not hold anybody up. */
static void deaf_manager(void **state) {
    (void)state;
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    char path[64];
    const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    snprintf(path, sizeof path, "@hearth-deaf-%d", getpid());
    memcpy(a.sun_path, path, strlen(path));
    a.sun_path[0] = '\0';
    const socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
    assert_int_equal(bind(fd, (struct sockaddr *)&a, len), 0);
    setenv("NOTIFY_SOCKET", path, 1);
    const HthLifeCfg cfg = { .port = -1, .unix_path = "" };
    HthErr err = { 0 };
    HthLife *life = NULL;
    assert_ok(hth_life_open(&life, &cfg, &err), err);
    int sent = 0;
    while (sent < 100000 && hth_life_notify(life, "WATCHDOG=1")) sent++;
    assert_in_range(sent, 1, 99999); /* until its queue is full, and here we are */
    hth_life_hush(life);
    assert_false(hth_life_notify(life, "WATCHDOG=1"));
    hth_life_close(&life);
    close(fd); /* nobody is there any more */
    assert_ok(hth_life_open(&life, &cfg, &err), err);
    assert_false(hth_life_notify(life, "READY=1"));
    hth_life_close(&life);
    clear_environment(NULL);
}

static int clear_and_make(void **state) {
    return clear_environment(state) ? -1 : test_folder_make(state);
}

static void signals_and_notes(void **state) {
    (void)state;
    for (int round = 0; round < 2; round++) {
        Signals s = { .second = round };
        struct sockaddr_un a = { .sun_family = AF_UNIX };
        socklen_t len;
        s.notify_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (round) { /* an abstract name */
            snprintf(s.notify_path, sizeof s.notify_path, "@hearth-life-%d", getpid());
            snprintf(a.sun_path, sizeof a.sun_path, "%s", s.notify_path);
            len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(a.sun_path));
            a.sun_path[0] = '\0';
        } else {
            snprintf(s.notify_path, sizeof s.notify_path, "%s/n", test_folder);
            snprintf(a.sun_path, sizeof a.sun_path, "%s", s.notify_path);
            len = sizeof a;
        }
        assert_int_equal(bind(s.notify_fd, (struct sockaddr *)&a, len), 0);
        Notes n = { .fd = s.notify_fd, .pid = fork() };
        assert_true(n.pid >= 0);
        if (!n.pid) _exit(live(&s));
        read_notes(&n);
        assert_true(WIFEXITED(n.status) && !WEXITSTATUS(n.status));
        assert_string_equal(n.got, "READY=1 RELOADING=1 READY=1 RELOADING=1 READY=1 STOPPING=1 ");
        assert_true(n.fed);
        close(s.notify_fd);
    }
}

static HthStatus open_once(void *ctx) {
    const HthLifeCfg cfg = { .port = -1, .state_folder = "/s", .cert_file = "c", .key_file = "k" };
    HthLife *life = NULL;
    (void)ctx;
    const HthStatus st = hth_life_open(&life, &cfg, NULL);
    hth_life_close(&life);
    return st;
}

static void without_memory(void **state) {
    (void)state;
    assert_int_equal(test_torture(open_once, NULL, 10), 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses),
        cmocka_unit_test_setup(where_it_listens, clear_environment),
        cmocka_unit_test_setup(a_port_that_is_taken, clear_environment),
        cmocka_unit_test_setup(handed_sockets, clear_environment),
        cmocka_unit_test_setup(deaf_manager, clear_environment),
        cmocka_unit_test_setup_teardown(signals_and_notes, clear_and_make, test_folder_drop),
        cmocka_unit_test_setup(without_memory, clear_environment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
