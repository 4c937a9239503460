/* prove.c - tries every way out of a cage, from children that are in one.
 *
 * Twice each. Once as it is: the call reaches the filter and, if the filter lets it, the system;
 * what it is aimed at are listeners here, which have to stay silent. And once with a second filter
 * below, under which no call that is tried is carried out but answers ENOSYS: what then comes back
 * as denied was denied by a rule, and not by the chance that this user, kernel or machine would not
 * have allowed it anyway. So a rule that is missing is seen everywhere.
 *
 * Thread: as cage.h. */
#include <errno.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cage/cage_int.h"

_Static_assert(sizeof(struct sockaddr_in) == HTH_TRY_ADDRESS, "an address has another size");

typedef enum Pass { PASS_FACT, PASS_RULE, PASSES } Pass;

typedef struct Shared { /* between a child and its parent */
    HthStatus status;
    HthErr err;
    HthCageState state;
    int answers[PASSES][HTH_CAGE_TRIES_MAX];
} Shared;

/* ---- sockets to try with -------------------------------------------------------------------- */

typedef struct Stage {
    int target, udp_target; /* held by the parent */
    struct sockaddr_in to, udp_to, nowhere;
    int listener, client, accepted, fresh, udp, pair[2]; /* held by a child, from before its cage */
    char byte, room[HTH_TRY_BUFFER_SIZE];
    struct iovec io;
    struct mmsghdr message, message_to;
    char control[CMSG_SPACE(sizeof(int))];
} Stage;

/* A socket on loopback, at a port of the system's choice. */
static int bound(int type, struct sockaddr_in *at) {
    socklen_t n = sizeof *at;
    *at = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return -1;
    if (bind(fd, (const struct sockaddr *)at, n) == 0 &&
        (type != SOCK_STREAM || listen(fd, 4) == 0) &&
        getsockname(fd, (struct sockaddr *)at, &n) == 0)
        return fd;
    close(fd);
    return -1;
}

static bool open_targets(Stage *s) {
    s->target = bound(SOCK_STREAM, &s->to);
    s->udp_target = bound(SOCK_DGRAM, &s->udp_to);
    return s->target >= 0 && s->udp_target >= 0;
}

static void close_fd(int fd) {
    if (fd >= 0) close(fd);
}

/* Nobody connected, and nothing was received. */
static bool targets_silent(const Stage *s) {
    char byte;
    const bool quiet = accept(s->target, NULL, NULL) < 0 && errno == EAGAIN;
    return quiet && recv(s->udp_target, &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

/* A descriptor on its way through the pair: the one that reads. */
static bool post_descriptor(Stage *s) {
    struct msghdr m = { .msg_iov = &s->io,
                        .msg_iovlen = 1,
                        .msg_control = s->control,
                        .msg_controllen = sizeof s->control };
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    *c = (struct cmsghdr){ .cmsg_level = SOL_SOCKET,
                           .cmsg_type = SCM_RIGHTS,
                           .cmsg_len = CMSG_LEN(sizeof(int)) };
    memcpy(CMSG_DATA(c), &s->udp, sizeof s->udp);
    return sendmsg(s->pair[1], &m, 0) == 1;
}

static bool open_leftovers(Stage *s) {
    struct sockaddr_in at;
    s->byte = 'x';
    s->io = (struct iovec){ &s->byte, 1 };
    s->nowhere = (struct sockaddr_in){ .sin_family = AF_UNSPEC };
    s->message.msg_hdr = (struct msghdr){ .msg_iov = &s->io, .msg_iovlen = 1 };
    s->message_to.msg_hdr = (struct msghdr){
        .msg_name = &s->to, .msg_namelen = sizeof s->to, .msg_iov = &s->io, .msg_iovlen = 1
    };
    s->listener = bound(SOCK_STREAM, &at);
    s->client = socket(AF_INET, SOCK_STREAM, 0);
    s->fresh = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    s->udp = socket(AF_INET, SOCK_DGRAM, 0);
    if (s->listener < 0 || s->client < 0 || s->fresh < 0 || s->udp < 0 ||
        socketpair(AF_UNIX, SOCK_STREAM, 0, s->pair) != 0 ||
        connect(s->client, (const struct sockaddr *)&at, sizeof at) != 0)
        return false;
    s->accepted = accept4(s->listener, NULL, NULL, SOCK_NONBLOCK);
    return s->accepted >= 0 && post_descriptor(s);
}

static long resolve(Stage *s, long arg) {
    const long values[HTH_TRY_END - HTH_TRY_ACCEPTED] = {
        s->accepted,       s->listener,          s->fresh,         s->udp,
        s->pair[0],        (long)&s->to,         (long)&s->udp_to, (long)&s->nowhere,
        (long)&s->message, (long)&s->message_to, (long)&s->byte,   (long)s->room
    };
    if (arg < HTH_TRY_ACCEPTED || arg >= HTH_TRY_END) return arg;
    return values[arg - HTH_TRY_ACCEPTED];
}

/* ---- in the cage ---------------------------------------------------------------------------- */

/* In a process of its own, with a cage of its own: it may not come back. */
static int try_apart(const HthCageCfg *cfg, int drop, long (*run)(void)) {
    int st = 0;
    pid_t child = fork();
    if (child == 0) {
        if (hth_cage_enter_but(cfg, drop, NULL, NULL) != HTH_OK) _exit(EAGAIN);
        const long rc = run();
        _exit(rc >= 0 ? 0 : errno);
    }
    if (child < 0 || waitpid(child, &st, 0) != child) return EAGAIN;
    return WIFSIGNALED(st) ? -WTERMSIG(st) : WEXITSTATUS(st);
}

static int try_call(Stage *s, const HthTryCall *t) {
    long a[6];
    for (size_t i = 0; i < 6; i++) a[i] = resolve(s, t->args[i]);
    memset(s->room, 0, sizeof s->room);
    const long rc = syscall(t->nr, a[0], a[1], a[2], a[3], a[4], a[5]);
    return rc >= 0 ? 0 : errno;
}

/* Every call that is tried answers ENOSYS, unless a filter above it denies it: nobody traces. */
static int put_nothing_below(void) {
    struct sock_filter f[2 * HTH_CAGE_TRIES_MAX + 2];
    uint32_t n = 0;
    const HthTryCall *t;
    f[n++] =
        (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (size_t i = 0; (t = hth_try_at(i)) != NULL; i++) {
        if (t->run != NULL) continue;
        f[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)t->nr, 0, 1);
        f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE);
    }
    f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    return hth_cage_load(f, n);
}

static HthStatus try_all(Stage *s, const HthCageCfg *cfg, int drop, Pass pass, Shared *out) {
    const unsigned kind = 1u << cfg->kind;
    const HthTryCall *t;
    HTH_REQUIRE(open_leftovers(s), &out->err, HTH_EIO,
                "the cage cannot be tried: no sockets on loopback: %s", strerror(errno));
    for (size_t i = 0; (t = hth_try_at(i)) != NULL; i++)
        if (t->kinds & kind && t->run != NULL) out->answers[pass][i] = try_apart(cfg, drop, t->run);
    HTH_TRY(hth_cage_enter_but(cfg, drop, &out->state, &out->err));
    const int why = pass == PASS_RULE ? put_nothing_below() : 0;
    HTH_REQUIRE(why == 0, &out->err, HTH_EIO, "the cage cannot be tried: no second filter: %s",
                strerror(why));
    for (size_t i = 0; (t = hth_try_at(i)) != NULL; i++)
        if (t->kinds & kind && t->run == NULL) out->answers[pass][i] = try_call(s, t);
    return HTH_OK;
}

static HthStatus run_pass(const HthCageCfg *cfg, int drop, Pass pass, Stage *stage, Shared *shared,
                          HthErr *err) {
    int st = 0;
    shared->status = HTH_EIO;
    (void)fflush(NULL); /* what waits to be written is ours to write, and once */
    pid_t child = fork();
    if (child == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        shared->status = try_all(stage, cfg, drop, pass, shared);
        _exit(0);
    }
    HTH_REQUIRE(child > 0, err, HTH_EIO, "the cage cannot be tried: no process: %s",
                strerror(errno));
    while (waitpid(child, &st, 0) < 0 && errno == EINTR) continue;
    HTH_REQUIRE(WIFEXITED(st), err, HTH_EIO, "the cage cannot be tried: its process died (%d)",
                WIFSIGNALED(st) ? WTERMSIG(st) : 0);
    if (shared->status != HTH_OK && err != NULL) *err = shared->err;
    return shared->status;
}

/* ---- outside -------------------------------------------------------------------------------- */

static void collect(const HthCageCfg *cfg, const Shared *shared, HthCageProof *out) {
    const HthTryCall *t;
    out->state = shared->state;
    for (size_t i = 0; (t = hth_try_at(i)) != NULL; i++) {
        if (!(t->kinds & 1u << cfg->kind)) continue;
        const int fact = shared->answers[PASS_FACT][i], rule = shared->answers[PASS_RULE][i];
        out->tries[out->count++] = (HthCageTry){ t->name, t->want, rule, fact };
        out->denied += fact == t->want && rule == t->want;
    }
}

HthStatus hth_cage_prove_but(const HthCageCfg *cfg, int drop, HthCageProof *out, HthErr *err) {
    Stage stage = { .target = -1, .udp_target = -1 };
    HTH_ASSERT(hth_try_at(HTH_CAGE_TRIES_MAX) == NULL);
    Shared *shared =
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    HTH_REQUIRE(shared != MAP_FAILED, err, HTH_ENOMEM, "out of memory to try the cage");
    HthStatus st =
        open_targets(&stage)
            ? HTH_OK
            : HTH_FAIL(err, HTH_EIO, "the cage cannot be tried: no listener on loopback: %s",
                       strerror(errno));
    for (int pass = 0; st == HTH_OK && pass < PASSES; pass++)
        st = run_pass(cfg, drop, (Pass)pass, &stage, shared, err);
    if (st == HTH_OK) {
        memset(out, 0, sizeof *out);
        collect(cfg, shared, out);
        out->silent = targets_silent(&stage);
    }
    close_fd(stage.target);
    close_fd(stage.udp_target);
    munmap(shared, sizeof *shared);
    return st;
}

HthStatus hth_cage_prove(const HthCageCfg *cfg, HthCageProof *out, HthErr *err) {
    return hth_cage_prove_but(cfg, HTH_CAGE_DROP_NONE, out, err);
}

bool hth_cage_held(const HthCageProof *proof) {
    return proof->count > 0 && proof->denied == proof->count && proof->silent;
}

/* ---- in words ------------------------------------------------------------------------------- */

void hth_cage_answer(char *out, size_t n, int answer) {
    if (answer == 0)
        snprintf(out, n, "LET THROUGH");
    else if (answer < 0)
        snprintf(out, n, "killed (SIG%s)", sigabbrev_np(-answer) ? sigabbrev_np(-answer) : "?");
    else
        snprintf(out, n, "denied (%s)", strerrorname_np(answer) ? strerrorname_np(answer) : "?");
}

HthStatus hth_cage_proof_text(const HthCageProof *p, HthBuf *out, HthErr *err) {
    struct utsname machine;
    char fact[48], rule[48];
    HTH_REQUIRE(uname(&machine) == 0, err, HTH_EIO, "this machine has no name");
    HTH_TRY(hth_buf_printf(out, err, "hearth cage proof 1\nkind %s\nmachine %s\nrules %u\n",
                           hth_cage_kind_name(p->state.kind), machine.machine, p->state.rules));
    HTH_TRY(hth_buf_printf(out, err, "instructions %u\nnamespace %s\nlandlock %d\n",
                           p->state.instructions, p->state.namespace ? "yes" : "no",
                           p->state.landlock_abi));
    for (uint32_t i = 0; i < p->count; i++) {
        hth_cage_answer(rule, sizeof rule, p->tries[i].rule);
        hth_cage_answer(fact, sizeof fact, p->tries[i].fact);
        HTH_TRY(hth_buf_printf(out, err, "%s\t%s\t%s\n", p->tries[i].name, rule, fact));
    }
    return hth_buf_printf(out, err, "denied %u of %u\nsilent %s\n", p->denied, p->count,
                          p->silent ? "yes" : "no");
}
