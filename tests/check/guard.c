/* guard.c - memory that tells, and calls that may crash.
 *
 * Thread: main. */
#include "check/check.h"

#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { CANARY = 64, CANARY_BYTE = 0xa5 };

static Guard map_open(size_t n) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE), room = (n + page - 1) / page * page + page;
    void *map = mmap(NULL, room + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED || mprotect((uint8_t *)map + room, page, PROT_NONE) != 0) {
        perror("hearth-check: mmap");
        exit(71);
    }
    return (Guard){ (uint8_t *)map + room - n, n, map, room + page };
}

Guard guard_open(size_t n) {
    return map_open(n);
}

Guard canary_open(size_t n, size_t align) {
    size_t room = n + 2 * CANARY + align;
    Guard g = map_open(room);
    uintptr_t at = ((uintptr_t)g.p + CANARY + align - 1) / align * align;
    memset(g.p, CANARY_BYTE, room);
    g.p = (uint8_t *)at;
    g.n = n;
    memset(g.p, 0, n);
    return g;
}

bool canary_whole(const Guard *g) {
    for (int i = 1; i <= CANARY; i++)
        if (g->p[-i] != CANARY_BYTE || g->p[g->n + (size_t)i - 1] != CANARY_BYTE) return false;
    return true;
}

void guard_close(Guard *g) {
    if (g->map != NULL) munmap(g->map, g->map_n);
    *g = (Guard){ NULL, 0, NULL, 0 };
}

static sigjmp_buf rescue;

static void on_signal(int sig) {
    siglongjmp(rescue, sig);
}

bool survives(void (*fn)(void *ctx), void *ctx) {
    static const int signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP };
    struct sigaction act, old[HTH_COUNT(signals)];
    memset(&act, 0, sizeof act);
    act.sa_handler = on_signal;
    sigemptyset(&act.sa_mask);
    for (size_t i = 0; i < HTH_COUNT(signals); i++) sigaction(signals[i], &act, &old[i]);
    bool ok = sigsetjmp(rescue, 1) == 0;
    if (ok) fn(ctx);
    for (size_t i = 0; i < HTH_COUNT(signals); i++) sigaction(signals[i], &old[i], NULL);
    return ok;
}
