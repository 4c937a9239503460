/* life.c - a server's life: signals, and what it tells the service manager.
 *
 * The protocol of notification is a datagram to $NOTIFY_SOCKET, and no library is needed for it.
 * The socket is connected once and then only written to: a cage lets nobody do more.
 *
 * Thread: main. */
#include "serve/life.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "serve/life_int.h"

#define NS_PER_MS 1000000u

int hth_life_find_manager(void) {
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    const size_t n = path ? strlen(path) : 0;
    if (n < 2 || n >= sizeof a.sun_path || (path[0] != '/' && path[0] != '@')) return -1;
    memcpy(a.sun_path, path, n);
    if (path[0] == '@') a.sun_path[0] = '\0'; /* an abstract name */
    const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    const socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
    if (fd < 0 || !connect(fd, (const struct sockaddr *)&a, len)) return fd;
    close(fd);
    return -1;
}

int hth_life_manager(const HthLife *life) {
    return life->manager;
}

void hth_life_hush(HthLife *life) {
    if (life->manager >= 0) close(life->manager);
    life->manager = -1;
}

bool hth_life_notify(const HthLife *life, const char *message) {
    const ssize_t n = (ssize_t)strlen(message);
    if (life->manager < 0) return false;
    /* A manager that does not read must not keep us from ending: a few tries, then without it. */
    const struct timespec moment = { 0, 10 * (long)NS_PER_MS };
    bool sent = false;
    for (int i = 0; i < 20 && !sent; i++) {
        if (i) nanosleep(&moment, NULL);
        sent = write(life->manager, message, (size_t)n) == n;
        if (!sent && errno != EAGAIN && errno != EINTR) break;
    }
    return sent;
}

/* ---- waiting --------------------------------------------------------------------------------- */

static const int signals[] = { SIGTERM, SIGINT, SIGHUP, SIGCHLD };

static sigset_t our_signals(void) {
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < HTH_COUNT(signals); i++) sigaddset(&set, signals[i]);
    return set;
}

void hth_life_block_signals(HthLife *life) {
    const sigset_t ours = our_signals();
    pthread_sigmask(SIG_BLOCK, &ours, &life->signals_before);
    signal(SIGPIPE, SIG_IGN); /* a client that left is an error of its write */
}

void hth_life_unblock_signals(HthLife *life) {
    const sigset_t ours = our_signals();
    const struct timespec none = { 0, 0 };
    while (sigtimedwait(&ours, NULL, &none) > 0) {
    } /* asked for the third time: it is ending */
    pthread_sigmask(SIG_SETMASK, &life->signals_before, NULL);
}

/* Half the time the service manager gives us, or 0: it does not watch. */
static uint64_t watchdog_ns(void) {
    const char *us = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
    uint64_t v = 0, p = 0;
    if (!us || !hth_str_u64(hth_str(us), &v) || v > (uint64_t)1 << 40) return 0;
    if (pid && (!hth_str_u64(hth_str(pid), &p) || p != (uint64_t)getpid())) return 0;
    return v * 1000 / 2;
}

int hth_life_signal(uint32_t ms) {
    const sigset_t ours = our_signals();
    const struct timespec t = { ms / 1000, (long)(ms % 1000) * (long)NS_PER_MS };
    const int sig = sigtimedwait(&ours, NULL, &t);
    return sig > 0 ? sig : 0;
}

static void reload(const HthLife *life, const HthLifeHooks *hooks) {
    HthErr err = { 0 };
    char message[80];
    snprintf(message, sizeof message, "RELOADING=1\nMONOTONIC_USEC=%llu",
             (unsigned long long)(hth_clock_ns() / 1000));
    hth_life_notify(life, message);
    if (hooks->reload && hooks->reload(hooks->payload, &err) != HTH_OK)
        hth_log(HTH_LOG_ERROR, "serve: reloading failed: %s", err.text);
    hth_life_notify(life, "READY=1");
}

static bool is_busy(HthHttp *http, const HthLifeHooks *hooks) {
    return http ? hth_http_busy(http) > 0 : hooks->busy(hooks->payload);
}

static bool drain(const HthLife *life, HthHttp *http, const HthLifeHooks *hooks) {
    const uint32_t drain_ms = hooks->drain_ms ? hooks->drain_ms : 30000;
    const uint64_t end = hth_clock_ns() + (uint64_t)drain_ms * NS_PER_MS;
    hth_life_notify(life, "STOPPING=1");
    if (http)
        hth_http_drain(http);
    else
        hooks->drain(hooks->payload);
    while (is_busy(http, hooks)) {
        if (hth_clock_ns() >= end) {
            hth_log(HTH_LOG_WARN, "serve: requests are cut: they had %u ms to end", drain_ms);
            return false;
        }
        const int sig = hth_life_signal(20);
        if (sig && sig != SIGHUP && sig != SIGCHLD) return false; /* asked twice: now */
    }
    return true;
}

bool hth_life_run(HthLife *life, HthHttp *http, const HthLifeHooks *hooks) {
    const uint64_t watch = watchdog_ns();
    uint64_t fed = hth_clock_ns(), ticked = fed;
    hth_life_notify(life, "READY=1");
    for (;;) {
        const uint32_t wait_ms = watch && watch < 1000u * NS_PER_MS ? 1 + watch / NS_PER_MS : 1000;
        const int sig = hth_life_signal(wait_ms);
        const uint64_t now = hth_clock_ns();
        if (sig == SIGHUP)
            reload(life, hooks);
        else if (sig && sig != SIGCHLD)
            return drain(life, http, hooks);
        if (hooks->alive && !hooks->alive(hooks->payload)) return false;
        if (watch && now - fed >= watch / 2) {
            hth_life_notify(life, "WATCHDOG=1");
            fed = now;
        }
        if (hooks->tick && now - ticked >= 900u * NS_PER_MS) {
            hooks->tick(hooks->payload);
            ticked = now;
        }
    }
}
