/* sqlite_mem.c - SQLite's heap is base/mem.h's: counted, and failing when a test wants it.
 *
 * And what it keeps to undo a statement stays there, never in a temporary file.
 *
 * Thread: any; once for the process, before SQLite is first used. */
#include <pthread.h>
#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "vault/db.h"

enum { HEAD = 16 }; /* the size lies in front of a block, which stays aligned to 16 */

static uint8_t *front(void *p) {
    return (uint8_t *)p - HEAD;
}

static void *with_size(uint8_t *block, int n) {
    if (!block) return NULL;
    memcpy(block, &n, sizeof n);
    return block + HEAD;
}

static void *mem_malloc(int n) {
    return with_size(hth_calloc(1, (size_t)n + HEAD), n);
}

static void mem_free(void *p) {
    if (p) hth_free(front(p));
}

static void *mem_realloc(void *p, int n) {
    return with_size(hth_realloc(front(p), 1, (size_t)n + HEAD), n);
}

static int mem_size(void *p) {
    int n = 0;
    if (p) memcpy(&n, front(p), sizeof n);
    return n;
}

static int mem_roundup(int n) {
    return (n + 7) & ~7;
}

static int mem_init(void *unused) {
    (void)unused;
    return SQLITE_OK;
}

static void mem_shutdown(void *unused) {
    (void)unused;
}

static void configure(void) {
    static const sqlite3_mem_methods methods = { mem_malloc,  mem_free, mem_realloc,  mem_size,
                                                 mem_roundup, mem_init, mem_shutdown, NULL };
    (void)sqlite3_config(SQLITE_CONFIG_MALLOC, &methods); /* too late: the system's heap, then */
    (void)sqlite3_config(SQLITE_CONFIG_STMTJRNL_SPILL, -1);
}

void hth_sqlite_use_mem(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, configure);
}
