/* caged_test.c - the server in a front's cage: HTTP, TLS and the store of conversations work there.
 *
 * A child opens its listeners, closes the cage, and only then starts the HTTP library and opens the
 * store; the test is its client, from outside. */
#include "support/cage.h"

#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "cage/cage.h"
#include "support/folder.h"
#include "support/http_app.h"
#include "support/tls.h"
#include "vault/chats.h"

static char cert[96], key[96], path[96];

typedef struct Front { /* seen from outside */
    pid_t pid;
    uint16_t plain, tls;
    int stop; /* closed: it ends */
} Front;

static int listener(uint16_t *port) {
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t n = sizeof a;
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, n) || listen(fd, 16) ||
        getsockname(fd, (struct sockaddr *)&a, &n))
        return -1;
    *port = ntohs(a.sin_port);
    return fd;
}

static int unix_listener(void) {
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return fd >= 0 && !bind(fd, (struct sockaddr *)&a, sizeof a) && !listen(fd, 16) ? fd : -1;
}

/* A conversation goes in and comes out, in a database made in the cage. */
static bool keeps_chats(void) {
    char file[128];
    HthChats *chats = NULL;
    HthErr err = { 0 };
    HthBuf out;
    bool conflict = true, there = false;
    int64_t updated;
    snprintf(file, sizeof file, "%s/chats.db", test_folder);
    const HthChatsCfg cfg = { .path = file };
    json_t *chat = json_pack("{s:s, s:s, s:[], s:n}", "id", "a", "title", "seen in a cage",
                             "messages", "head");
    hth_buf_init(&out, 1 << 16);
    HthStatus st = hth_chats_open(&chats, &cfg, &err);
    if (st == HTH_OK)
        st = hth_chats_put(chats, 7, HTH_STR("a"), chat, -1, 1000, &updated, &conflict, &err);
    if (st == HTH_OK) st = hth_chats_get(chats, 7, HTH_STR("a"), &out, &there, &err);
    const bool found = hth_str_find(hth_buf_str(&out), HTH_STR("seen in a cage")) != SIZE_MAX;
    if (st != HTH_OK) fprintf(stderr, "%s\n", err.text);
    hth_chats_close(&chats);
    hth_buf_drop(&out);
    json_decref(chat);
    return st == HTH_OK && there && !conflict && found;
}

static _Noreturn void serve(int stop, int say) {
    uint16_t ports[2] = { 0, 0 };
    const int plain = listener(&ports[0]), tls = listener(&ports[1]), local = unix_listener();
    const HthListen listens[] = { { .fd = plain },
                                  { .fd = tls, .cert_file = cert, .key_file = key },
                                  { .fd = local } };
    const HthHttpCfg http = { .listens = listens, .listen_count = 3 };
    const unsigned all = HTH_CAGE_READ | HTH_CAGE_WRITE | HTH_CAGE_MAKE;
    const HthCagePlace places[] = { { test_folder, all },
                                    { "/usr", HTH_CAGE_READ },
                                    { "/etc", HTH_CAGE_READ },
                                    { "/proc/self", HTH_CAGE_READ },
                                    { "/dev/urandom", HTH_CAGE_READ } };
    const HthCageCfg cage = { HTH_CAGE_FRONT, places, HTH_COUNT(places) };
    HthErr err = { 0 };
    App app;
    char byte;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (plain < 0 || tls < 0 || local < 0) _exit(2);
    if (hth_cage_enter(&cage, NULL, &err) != HTH_OK) _exit(3);
    if (!keeps_chats()) _exit(4);
    app_open(&app, &http);
    if (write(say, ports, sizeof ports) != sizeof ports) _exit(5);
    while (read(stop, &byte, 1) < 0 && errno == EINTR) continue;
    if (socket(AF_INET, SOCK_STREAM, 0) >= 0 || errno != EPERM) _exit(6);
    app_close(&app);
    _exit(0);
}

static void front_open(Front *f) {
    int stop[2], say[2];
    uint16_t ports[2];
    assert_true(pipe(stop) == 0 && pipe(say) == 0);
    f->pid = fork();
    if (f->pid == 0) {
        close(stop[1]);
        serve(stop[0], say[1]);
    }
    close(stop[0]);
    close(say[1]);
    const ssize_t got = read(say[0], ports, sizeof ports);
    close(say[0]);
    f->stop = stop[1];
    if (got != sizeof ports) {
        int st = 0;
        waitpid(f->pid, &st, 0);
        fail_msg("the front did not come up: %d", WIFEXITED(st) ? WEXITSTATUS(st) : -WTERMSIG(st));
    }
    f->plain = ports[0];
    f->tls = ports[1];
}

static void front_close(Front *f) {
    int st = 0;
    close(f->stop);
    assert_int_equal(waitpid(f->pid, &st, 0), f->pid);
    assert_true(WIFEXITED(st));
    assert_int_equal(WEXITSTATUS(st), 0);
}

#define GET(what) "GET " what " HTTP/1.1\r\nHost: localhost\r\n\r\n"

static void test_answers(void **state) {
    (void)state;
    Front f;
    HthBuf in;
    Tls t;
    hth_buf_init(&in, 1 << 24);
    front_open(&f);
    assert_int_equal(client_once(f.plain, GET("/what"), &in), 200);
    assert_non_null(strstr(in.p, "from=127.0.0.1"));
    int fd = client_tcp(f.plain);
    hth_buf_clear(&in);
    assert_true(client_say(fd, GET("/stream?n=20&ms=1")));
    client_until(fd, &in, "data: 19\n\n\r\n0\r\n\r\n");
    hth_buf_clear(&in);
    assert_true(client_say(fd, GET("/flood?n=2000")));
    client_until(fd, &in, "\r\n0\r\n\r\n");
    assert_true(in.n > 2000 << 10);
    close(fd);
    fd = client_unix(path);
    hth_buf_clear(&in);
    assert_true(client_say(fd, GET("/what")));
    client_until(fd, &in, "known=1");
    close(fd);
    assert_int_equal(tls_connect(&t, f.tls, cert, "NORMAL"), 0);
    hth_buf_clear(&in);
    tls_say(&t, GET("/what"));
    tls_until(&t, &in, "tls=1 from=127.0.0.1");
    tls_say(&t, GET("/stream?n=50&ms=1"));
    tls_until(&t, &in, "data: 49\n\n\r\n0\r\n\r\n");
    hth_buf_clear(&in);
    tls_say(&t, GET("/flood?n=2000"));
    tls_until(&t, &in, "\r\n0\r\n\r\n");
    tls_close(&t);
    front_close(&f);
    hth_buf_drop(&in);
}

static int setup(void **state) {
    if (test_folder_make(state)) return -1;
    snprintf(cert, sizeof cert, "%s/cert.pem", test_folder);
    snprintf(key, sizeof key, "%s/key.pem", test_folder);
    snprintf(path, sizeof path, "%s/socket", test_folder);
    tls_make_cert(cert, key);
    return 0;
}

int main(void) {
    cage_or_exit();
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_answers) };
    return cmocka_run_group_tests(tests, setup, test_folder_drop);
}
