/* own.h - a file that is being made, and that nobody else is making: locked, read and written at
 * places, with whole reads and writes.  Private to eval.
 *
 * Thread: one owner. */
#ifndef HTH_EVAL_OWN_H
#define HTH_EVAL_OWN_H

#include "base/err.h"

#include <limits.h>

typedef struct HthOwn {
    int fd; /* -1: closed */
    char path[PATH_MAX];
} HthOwn;

/* Opens path, made if need be: a regular file with that name alone, locked. EAGAIN: another process
 * has it; EINVAL: it is a link, or no file; EIO. */
HTH_MUST_CHECK HthStatus hth_own_open(HthOwn *f, const char *path, HthErr *err);
void hth_own_close(HthOwn *f); /* fine on a closed one */
HTH_MUST_CHECK HthStatus hth_own_size(const HthOwn *f, uint64_t *out, HthErr *err);
HTH_MUST_CHECK HthStatus hth_own_cut(HthOwn *f, uint64_t size, HthErr *err);
HTH_MUST_CHECK HthStatus hth_own_write(HthOwn *f, uint64_t at, const void *bytes, size_t n,
                                       HthErr *err);
/* EFORMAT: it ends before. */
HTH_MUST_CHECK HthStatus hth_own_read(const HthOwn *f, uint64_t at, void *to, size_t n,
                                      HthErr *err);
/* Synced, renamed to `to` in the same folder, the folder synced. */
HTH_MUST_CHECK HthStatus hth_own_move(HthOwn *f, const char *to, HthErr *err);
void hth_own_remove(HthOwn *f); /* from the folder, and closed */

/* Little-endian numbers of both files. */
void hth_own_put32(uint8_t *at, uint32_t v);
void hth_own_put64(uint8_t *at, uint64_t v);
void hth_own_put_f64(uint8_t *at, double v);
double hth_own_f64(const uint8_t *at);

#endif
