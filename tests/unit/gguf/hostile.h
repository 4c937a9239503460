/* hostile.h - one bad file, the status and the words it must be answered with.
 *
 * Every row of a table is made, opened whole, and opened again cut at every length, so that nothing
 * past the bytes given is read (the copy is exactly as long as the file, for the sanitisers).
 *
 * Thread: one owner. */
#ifndef HTH_TESTS_GGUF_HOSTILE_H
#define HTH_TESTS_GGUF_HOSTILE_H

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/mem.h"
#include "gguf/gguf.h"
#include "support/gguf_build.h"

typedef struct Hostile {
    const char *what;
    void (*make)(Gb *g);
    HthStatus status;
    const char *says; /* a part of the sentence */
} Hostile;

static inline HthStatus open_copy(HthGguf **out, const uint8_t *bytes, size_t n, uint8_t **copy,
                                  HthErr *err) {
    *copy = hth_calloc(1, n ? n : 1);
    if (*copy == NULL) abort();
    memcpy(*copy, bytes, n);
    return hth_gguf_open_mem(out, *copy, n, "dir/test.gguf", err);
}

/* With HEARTH_SEEDS naming a folder, every small bad file is left there: seeds for gguf_fuzz. */
static inline void hostile_seed(const Hostile *row, const Gb *g) {
    char path[512];
    HthErr err;
    const char *folder = getenv("HEARTH_SEEDS");
    if (folder == NULL || g->n > 2048) return;
    size_t at = (size_t)snprintf(path, sizeof path, "%s/bad-", folder);
    for (const char *p = row->what; *p && at < sizeof path - 1; p++)
        path[at++] = isalnum((unsigned char)*p) ? *p : '-';
    path[at] = '\0';
    if (hth_file_write(path, g->b, g->n, 0644, &err) != HTH_OK) fail_msg("%s", err.text);
}

static inline void hostile_row(const Hostile *row, Gb *g) {
    HthGguf *file = NULL;
    HthErr err = { 0 };
    uint8_t *copy = NULL;
    uint64_t live = hth_mem_live();
    row->make(g);
    hostile_seed(row, g);
    HthStatus status = open_copy(&file, g->b, g->n, &copy, &err);
    if (status != row->status || strstr(err.text, row->says) == NULL)
        fail_msg("%s: got %s \"%s\", want %s \"%s\"", row->what, hth_status_name(status), err.text,
                 hth_status_name(row->status), row->says);
    assert_int_equal(err.status, status);
    assert_memory_equal(err.text, "test.gguf: ", 11);
    assert_null(file);
    hth_free(copy);
    assert_true(hth_mem_live() == live);
    for (size_t n = 0; n < g->n && n < 600; n++) {
        assert_int_not_equal(open_copy(&file, g->b, n, &copy, &err), HTH_OK);
        hth_free(copy);
    }
    assert_true(hth_mem_live() == live);
}

static inline void hostile_table(const Hostile *rows, size_t count) {
    Gb *g = hth_calloc(1, sizeof *g);
    assert_non_null(g);
    for (size_t i = 0; i < count; i++) hostile_row(&rows[i], g);
    hth_free(g);
}

#endif
